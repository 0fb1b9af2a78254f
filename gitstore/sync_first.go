package gitstore

import (
	"context"

	"skein/gitstore/remote"
)

// pushFirst pushes without a look at the remote, which is all it takes if the
// remote is where it was when we last knew: nobody has pushed, and there is
// nothing to fetch. done tells that it was so. Each branch is pushed with a
// lease, also one of which we have nothing new, so that a remote which has
// moved, lost a branch or refuses something, be it every push, is left for the
// long way.
func (r *syncRun) pushFirst(ctx context.Context) (done bool, err error) {
	if r.o.DryRun || r.o.Unshallow || r.o.Restore || r.o.Repair || r.o.Fold || len(r.holds.list)+len(r.holds.bars) > 0 {
		return false, nil
	}
	outs, updates := r.expected(ctx)
	if len(updates) == 0 {
		return false, nil
	}
	r.o.tell("pushing")
	outcome, err := r.send(ctx, nil, updates...)
	if ctx.Err() != nil {
		return false, err
	}
	done = true
	for _, l := range outs {
		refused, told := outcome[l.ref]
		if told && refused == nil && len(l.commits) > 0 {
			if err := r.landed(ctx, l, len(l.commits)); err != nil {
				return false, err
			}
		}
		done = done && told && refused == nil
	}
	return done, nil
}

// expected says what to push if the remote has not moved; nothing if it takes
// more than that. What cannot be read here is for the long way to report.
func (r *syncRun) expected(ctx context.Context) (outs []*outgoing, updates []remote.Update) {
	news := 0
	for _, ref := range syncBranches {
		tracked, known, err := r.s.knownTip(ref)
		if err != nil || known.IsZero() {
			return nil, nil
		}
		l, _, err := r.readOutgoing(ctx, &replica{inspection: &inspection{s: r.s, ref: ref, tip: known}, tracked: tracked, known: known})
		if err != nil {
			return nil, nil
		}
		u := remote.Update{Branch: ref, New: known, Lease: known}
		if n := len(l.commits); n > 0 {
			u.New = l.commits[n-1]
		}
		outs, updates, news = append(outs, l), append(updates, u), news+len(l.commits)
	}
	if news == 0 {
		return nil, nil
	}
	return outs, updates
}
