package gitstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// Where a remote lets a machine push to other branches but not to main, or not to
// agents, what is new there goes to a branch of the machine's own, its inbox. It
// is the same line of commits as would go to the branch. Whoever may push there
// takes it in (SyncOptions.Fold). No one but its machine moves an inbox.

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

const (
	inboxPrefix  = "inbox/"
	agentsSuffix = ".agents" // of an inbox of what belongs to agents
)

// inboxes are the inboxes of all machines.
const inboxes = plumbing.ReferenceName("refs/heads/" + inboxPrefix + "*")

func inboxRef(name string) plumbing.ReferenceName { return plumbing.NewBranchReferenceName(name) }

// inboxName names a replica's n-th inbox for a branch.
func inboxName(id string, n int, ref plumbing.ReferenceName) string {
	name := inboxPrefix + id
	if n > 1 {
		name += "-" + strconv.Itoa(n)
	}
	if ref == agentsRef {
		name += agentsSuffix
	}
	return name
}

// inboxNumber returns which of a replica's inboxes for a branch has a name; 0 if
// none has.
func inboxNumber(name, id string, ref plumbing.ReferenceName) int {
	number, ok := strings.CutPrefix(strings.TrimSuffix(name, agentsSuffix), inboxPrefix+id+"-")
	n := 1
	if ok {
		n, _ = strconv.Atoi(number)
	}
	if n < 1 || inboxName(id, n, ref) != name {
		return 0
	}
	return n
}

// inbox names this machine's inbox for a branch.
func (r *syncRun) inbox(ref plumbing.ReferenceName) string {
	if bar := r.holds.bar(ref); bar != nil && inboxNumber(bar.Inbox, r.id, ref) > 0 {
		return bar.Inbox
	}
	return inboxName(r.id, 1, ref)
}

// fetched are the branches that a sync asks for.
func (r *syncRun) fetched() []plumbing.ReferenceName {
	refs := slices.Clone(syncBranches)
	if r.o.Fold {
		return append(refs, inboxes)
	}
	for _, ref := range syncBranches {
		if bar := r.holds.bar(ref); bar != nil && bar.Inbox != "" {
			refs = append(refs, inboxRef(r.inbox(ref)))
		}
	}
	return refs
}

// redirect has what goes out go to this machine's inbox. An inbox that holds
// what this store has never had is that of another store with the same id, as
// on a machine that was copied whole: this one then takes another.
func (r *syncRun) redirect(a *arrival, out *outgoing) error {
	out.to, out.there = inboxRef(r.inbox(out.ref)), map[event.ID]bool{}
	out.lease = a.tips[out.to]
	if out.lease.IsZero() || !a.fresh(out.lease) {
		return r.count(out)
	}
	id, err := r.s.newReplicaID()
	if err != nil {
		return err
	}
	r.s.log.Warn("another store pushes to the inbox of this one, as after a machine was copied; it goes on as a replica of its own", "store", r.s.dir)
	r.id = id
	out.to, out.lease = inboxRef(r.inbox(out.ref)), plumbing.ZeroHash
	return nil
}

// mayNotReplace tells whether a push to an inbox was refused because it is not
// built on what is there, and the remote lets no branch be replaced.
func mayNotReplace(l *outgoing, refused error) bool {
	return refused != nil && l.to != l.ref && !l.lease.IsZero() && saysProtected(refused)
}

// another has this machine take another inbox for a branch, where its present one
// may not be replaced. What waits there stays, and comes once more in the other.
func (r *syncRun) another(l *outgoing) error {
	n := inboxNumber(l.to.Short(), r.id, l.ref)
	return r.holds.moveInbox(l.ref, inboxName(r.id, n+1, l.ref))
}

// count finds which events of what goes out the inbox has already.
func (r *syncRun) count(out *outgoing) error {
	past, err := r.s.ancestry()
	if err != nil {
		return err
	}
	at := out.lease
	for range out.ids {
		if at.IsZero() {
			break
		}
		c, err := past.info(at)
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
	for _, ref := range r.inboxesOf(a) {
		in, err := r.lookInto(ctx, a, ref)
		if err != nil {
			return err
		}
		n, err := r.s.pick(ctx, &replica{inspection: in})
		if err != nil {
			return fmt.Errorf("take in branch %s: %w", ref.Short(), err)
		}
		r.report.Fetched += n
		if n > 0 {
			r.noteDone(fmt.Sprintf("%d of what came waited in branch %s", n, ref.Short()))
		}
	}
	return nil
}

// lookInto looks at an inbox. Of one that is unfit, which is noted, nothing is to
// be taken in.
func (r *syncRun) lookInto(ctx context.Context, a *arrival, ref plumbing.ReferenceName) (*inspection, error) {
	of := mainRef
	if strings.HasSuffix(ref.Short(), agentsSuffix) {
		of = agentsRef
	}
	in, err := r.s.inspectAt(ctx, a, of, ref)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		r.note(fmt.Sprintf("branch %s is left alone: %v", ref.Short(), err))
		return newInspection(r.s, a, of, ref, plumbing.ZeroHash), nil
	}
	r.noteRefused(in)
	return in, nil
}

// inboxesOf lists the inboxes that came, but for one's own.
func (r *syncRun) inboxesOf(a *arrival) (refs []plumbing.ReferenceName) {
	for ref := range a.tips {
		own := slices.ContainsFunc(syncBranches, func(of plumbing.ReferenceName) bool { return inboxNumber(ref.Short(), r.id, of) > 0 })
		if strings.HasPrefix(ref.Short(), inboxPrefix) && !own {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}
