package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/remote"
)

// outgoing is what the remote's branch lacks: commits on top of its tip, oldest
// first, up to what is held back.
type outgoing struct {
	*replica
	commits []plumbing.Hash
	ids     []event.ID // zero for a commit that brought no event, as the root

	to    plumbing.ReferenceName // the branch, or this machine's inbox
	lease plumbing.Hash          // where the inbox is
	there map[event.ID]bool      // what is in it already
}

// update pushes the first n commits.
func (o *outgoing) update(n int) remote.Update {
	return remote.Update{Branch: o.to, New: o.commits[n-1], Lease: o.lease}
}

// push brings to the remote what it lacks and does not refuse; again tells that
// somebody was faster, or that an answer got lost.
func (r *syncRun) push(ctx context.Context, a *arrival, branches []*replica) (again bool, err error) {
	var updates []remote.Update
	outs := map[plumbing.ReferenceName]*outgoing{}
	for _, b := range branches {
		l, u, err := r.update(ctx, a, b)
		if err != nil {
			return false, err
		}
		if !u.New.IsZero() {
			updates, outs[u.Branch] = append(updates, u), l
		}
	}
	if len(updates) == 0 {
		return false, nil
	}
	r.o.tell("pushing")
	outcome, err := r.send(ctx, a, updates...)
	again = isUnknown(err)
	for _, u := range updates {
		refused, told := outcome[u.Branch]
		if !told {
			continue // err says why
		}
		raced, serr := r.settle(ctx, a, outs[u.Branch], u, refused, len(updates) == 1)
		again, err = again || raced, errors.Join(err, serr)
	}
	if again && err == nil {
		err = fmt.Errorf("others kept pushing first, %d times; sync again", r.report.Pushes)
	}
	return again, err
}

func (r *syncRun) send(ctx context.Context, a *arrival, updates ...remote.Update) (map[plumbing.ReferenceName]error, error) {
	r.report.Pushes++
	return r.w.push(ctx, a, updates)
}

// update says what is to be pushed of a branch; the zero Update is nothing. Of
// one that is not clean there are no commits, since ours is not built on it.
func (r *syncRun) update(ctx context.Context, a *arrival, b *replica) (*outgoing, remote.Update, error) {
	if cut, err := r.cutOff(ctx, b); err != nil || cut {
		return nil, remote.Update{}, err
	}
	if b.clean() {
		out, err := r.outgoing(ctx, b)
		if err == nil && len(out.commits) == 0 && r.holds.open[b.ref.Short()] {
			err = r.holds.liftBar(b.ref) // the next event finds out whether it still holds
		}
		if err != nil || len(out.commits) == 0 {
			return out, remote.Update{}, err
		}
		if bar := r.holds.barred(b.ref); bar != nil && bar.Inbox == "" {
			r.report.Held = append(r.report.Held, bar.String())
			return out, remote.Update{}, nil
		} else if bar != nil {
			err = errors.Join(r.redirect(a, out), r.holds.moveInbox(b.ref, out.to.Short()))
		}
		u := out.update(len(out.commits))
		if err != nil || u.New == out.lease {
			u = remote.Update{}
		}
		return out, u, err
	}
	ours, err := r.s.tip(b.ref)
	if err != nil || ours == b.tip {
		return nil, remote.Update{}, err
	}
	if !r.o.Repair {
		r.report.Held = append(r.report.Held, heldSentence(b))
		return nil, remote.Update{}, nil
	}
	return &outgoing{replica: b, to: b.ref}, remote.Update{Branch: b.ref, New: ours, Lease: b.tip}, nil
}

func heldSentence(r *replica) string {
	return fmt.Sprintf("branch %s: nothing is pushed, because the remote holds what skein refuses (%s); update skein if a newer one wrote it, take it off the remote, or sync with --repair to replace the remote's branch", r.ref.Short(), r.refused[0])
}

// settle notes what became of the push of a branch, and looks for what is wrong
// with it if the remote refuses it. alone tells that nothing else was pushed
// with it, so that it is the branch's fault.
func (r *syncRun) settle(ctx context.Context, a *arrival, l *outgoing, u remote.Update, refused error, alone bool) (again bool, err error) {
	switch {
	case refused == nil && len(l.commits) == 0:
		r.noteReplaced(l.replica)
		return false, r.s.pushed(ctx, u)
	case refused == nil:
		return false, r.landed(ctx, l, len(l.commits))
	case isRace(refused):
		return true, nil
	case mayNotReplace(l, refused):
		return true, r.another(l)
	case len(l.commits) == 0:
		r.report.Held = append(r.report.Held, refused.Error())
		return false, nil
	}
	search := &isolation{syncRun: r, a: a, out: l, reason: refused}
	if bar := r.holds.bar(l.ref); l.to == l.ref && (bar != nil && bar.Inbox != "" || alone && saysProtected(refused)) {
		if stop, err := search.turn(ctx); stop || err != nil {
			return false, err
		}
	} else if alone {
		search.bad, search.sure = len(l.commits), true
	}
	return search.run(ctx)
}

func isRace(err error) bool {
	var e *remote.Error
	return errors.As(err, &e) && e.Kind == remote.Race
}

// landed notes that the remote has the first n commits of what goes out, which
// then begins behind them.
func (r *syncRun) landed(ctx context.Context, l *outgoing, n int) error {
	for _, id := range l.ids[:n] {
		if !id.IsZero() && !l.there[id] {
			r.report.Pushed++
		}
		if l.to != l.ref {
			l.there[id] = true
		}
	}
	if err := r.holds.landed(l.ids[:n]); err != nil {
		return err
	}
	tip := l.commits[n-1]
	l.commits, l.ids = l.commits[n:], l.ids[n:]
	if l.to != l.ref {
		l.lease = tip
		return r.s.pushed(ctx, remote.Update{Branch: l.to, New: tip})
	}
	l.tip = tip
	if err := r.holds.liftBar(l.ref); err != nil {
		return err
	}
	return r.s.pushed(ctx, remote.Update{Branch: l.to, New: tip})
}

// outgoing returns what is to be pushed of a branch. What lies on top of something
// that is held back is put below it first.
func (r *syncRun) outgoing(ctx context.Context, b *replica) (*outgoing, error) {
	l, mixed, err := r.readOutgoing(ctx, b)
	if err != nil || !mixed {
		return l, err
	}
	if _, err := r.replay(ctx, b.ref, b.tip); err != nil {
		return nil, err
	}
	r.s.committed()
	l, _, err = r.readOutgoing(ctx, b) // what comes on top meanwhile is for the next sync
	return l, err
}

// readOutgoing reads what goes out of a branch; mixed tells that something that
// may be pushed lies on top of something that is held back.
func (r *syncRun) readOutgoing(ctx context.Context, b *replica) (l *outgoing, mixed bool, err error) {
	at, err := r.s.tip(b.ref)
	if err != nil {
		return nil, false, err
	}
	past, err := r.s.ancestry()
	if err != nil {
		return nil, false, err
	}
	l = &outgoing{replica: b, to: b.ref}
	free := false // something that may be pushed lies above
	for at != b.tip {
		if at.IsZero() {
			return nil, false, fmt.Errorf("branch %s was moved by another program while it was synced; sync again", b.ref.Short())
		}
		if err := ctx.Err(); err != nil {
			return nil, false, context.Cause(ctx)
		}
		c, err := past.info(at)
		if err != nil {
			return nil, false, err
		}
		if r.holds.has(c.id) {
			mixed = mixed || free
			l.commits, l.ids = nil, nil
		} else {
			free = true
			l.commits, l.ids = append(l.commits, at), append(l.ids, c.id)
		}
		at = c.parent
	}
	slices.Reverse(l.commits)
	slices.Reverse(l.ids)
	return l, mixed, nil
}
