package gitstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// Where a remote lets a machine push to other branches but not to main, what is
// new there goes to a branch of the machine's own, its inbox. It is the same
// line of commits as would go to main. Whoever may push to main takes it in from
// there (SyncOptions.Fold). No one but its machine moves an inbox.

// Bar says that the remote does not let this machine push to a branch.
type Bar struct {
	Branch string    `json:"branch"`
	Inbox  string    `json:"inbox"`  // the branch that takes what is new instead; "" if none does
	Reason string    `json:"reason"` // what the remote says
	Tries  int       `json:"tries"`  // that the remote has refused
	Again  time.Time `json:"again"`  // when it is tried again by itself
}

func (b Bar) String() string {
	if b.Inbox == "" {
		return fmt.Sprintf(`branch %s: the remote refuses whatever is pushed to it (%s); it is tried again at %s, or by "skein sync --retry"`,
			b.Branch, b.Reason, b.Again.Local().Format("2006-01-02 15:04"))
	}
	return fmt.Sprintf(`the remote does not let this machine push to %s (%s): what is new waits in its branch %s until somebody who may push to %s runs "skein sync --fold"`,
		b.Branch, b.Reason, b.Inbox, b.Branch)
}

// trouble is String without what changes with each attempt.
func (b Bar) trouble() string {
	if b.Inbox == "" {
		return fmt.Sprintf("syncing with other machines fails: the remote refuses whatever is pushed to its branch %s: %s", b.Branch, b.Reason)
	}
	return b.String()
}

const inboxPrefix = "inbox/"

// inboxes are the inboxes of all machines.
const inboxes = plumbing.ReferenceName("refs/heads/" + inboxPrefix + "*")

func inboxRef(name string) plumbing.ReferenceName { return plumbing.NewBranchReferenceName(name) }

// fetched are the branches that a sync asks for.
func (r *syncRun) fetched() []plumbing.ReferenceName {
	refs := slices.Clone(syncBranches)
	if r.o.Fold {
		return append(refs, inboxes)
	}
	if bar := r.holds.bar(mainRef); bar != nil && bar.Inbox != "" {
		refs = append(refs, inboxRef(r.inbox))
	}
	return refs
}

// redirect has what goes out go to this machine's inbox. An inbox that holds
// what this store has never had is that of another store with the same id, as
// on a machine that was copied whole: this one then takes another.
func (r *syncRun) redirect(a *arrival, out *outgoing) error {
	out.to, out.lease, out.there = inboxRef(r.inbox), a.tips[inboxRef(r.inbox)], map[event.ID]bool{}
	if out.lease.IsZero() || !a.fresh(out.lease) {
		return r.count(out)
	}
	id, err := r.s.newReplicaID()
	if err != nil {
		return err
	}
	r.s.log.Warn("another store pushes to the inbox of this one, as after a machine was copied; it goes on as a replica of its own", "store", r.s.dir)
	r.inbox = inboxPrefix + id
	out.to, out.lease = inboxRef(r.inbox), plumbing.ZeroHash
	return nil
}

// count finds which events of what goes out the inbox has already.
func (r *syncRun) count(out *outgoing) error {
	at := out.lease
	for range out.ids {
		if at.IsZero() {
			break
		}
		c, err := r.s.commitInfo(at)
		if err != nil {
			return err
		}
		out.there[c.id] = true
		at = c.parent
	}
	return nil
}

// fold takes in what waits in the inboxes of other machines.
func (r *syncRun) fold(ctx context.Context, a *arrival) error {
	for _, ref := range inboxesOf(a, inboxRef(r.inbox)) {
		in, err := r.s.inspectAt(ctx, a, mainRef, ref)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			r.report.Notes = append(r.report.Notes, fmt.Sprintf("branch %s is left alone: %v", ref.Short(), err))
			continue
		}
		r.report.Refused = append(r.report.Refused, in.refused...)
		n, err := r.s.pick(ctx, &replica{inspection: in})
		if err != nil {
			return fmt.Errorf("take in branch %s: %w", ref.Short(), err)
		}
		r.report.Fetched += n
		if n > 0 {
			r.report.Notes = append(r.report.Notes, fmt.Sprintf("%d of what came waited in branch %s", n, ref.Short()))
		}
	}
	return nil
}

// inboxesOf lists the inboxes that came, but for one's own.
func inboxesOf(a *arrival, own plumbing.ReferenceName) (refs []plumbing.ReferenceName) {
	for ref := range a.tips {
		if strings.HasPrefix(ref.Short(), inboxPrefix) && ref != own {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}
