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

// maxIsolating is how many pushes a sync may spend on finding what the remote
// refuses of a branch: enough for two among a thousand.
const maxIsolating = 24

// isolation looks for the events for which the remote refuses a push, by halving
// what is pushed. What arrives on the way has arrived; an event that is refused
// alone is held back, and the rest goes on without it.
type isolation struct {
	*syncRun
	a      *arrival
	out    *outgoing
	reason error // why the remote refused last
	bad    int   // the first so many commits hold something that is refused; 0: not known
	sure   bool  // they were refused by themselves

	tries   int        // pushes to the present branch
	arrived bool       // something has
	refused []event.ID // each alone
	first   error      // why the first of these was
	turned  bool       // from the branch to its inbox
}

func (i *isolation) run(ctx context.Context) (again bool, err error) {
	for stop := false; len(i.out.commits) > 0; {
		switch {
		case i.sure && i.bad == 1:
			stop, err = i.single(ctx)
		case i.tries == maxIsolating:
			stop, err = i.exhausted(ctx)
		default:
			again, err = i.try(ctx, i.next())
		}
		if again || err != nil {
			return again, err
		}
		if stop {
			break
		}
	}
	if i.turned {
		return i.branchAgain(ctx)
	}
	return false, nil
}

// branchAgain tells at last whether it is the branch to which nothing may be
// pushed: it takes or refuses what the inbox has taken.
func (i *isolation) branchAgain(ctx context.Context) (again bool, err error) {
	if bar := i.holds.bar(i.out.ref); !i.arrived {
		if bar.Tries == 1 {
			return false, i.holds.liftBar(i.out.ref) // it was the events
		}
		return false, nil
	}
	has, there := i.out.lease, i.out.there
	if i.out, err = i.outgoing(ctx, i.out.replica); err != nil || saysProtected(i.first) {
		return false, err
	}
	i.out.there = there
	if at := slices.Index(i.out.commits, has); at >= 0 {
		return i.try(ctx, at+1)
	}
	return false, nil
}

// exhausted ends a search that takes too long.
func (i *isolation) exhausted(ctx context.Context) (stop bool, err error) {
	if !i.arrived {
		return i.turn(ctx)
	}
	i.report.Held = append(i.report.Held, fmt.Sprintf("branch %s: the remote refuses some of %d events, and %d attempts were too few to find out which; the next sync goes on (%v)",
		i.out.to.Short(), len(i.out.commits), maxIsolating, i.reason))
	return true, nil
}

// few is how many events a branch must refuse one by one, and take none, before the
// inbox is tried.
const few = 3

// single goes on from a commit that was refused alone. That may be for what it
// brings, or because nothing may be pushed to the branch, as the next few show,
// or the inbox.
func (i *isolation) single(ctx context.Context) (stop bool, err error) {
	if len(i.refused) == 0 {
		i.first = i.reason
	}
	id := i.out.ids[0]
	unheard := len(i.out.commits) == 1 && i.holds.find(id) < 0
	doubtful := i.out.to == i.out.ref && !i.arrived && (unheard || len(i.refused) == few-1)
	if id.IsZero() || doubtful {
		return i.turn(ctx)
	}
	return false, i.holdFirst(ctx)
}

// turn gives up a branch to which nothing may be pushed for this machine's inbox,
// and the inbox until later.
func (i *isolation) turn(ctx context.Context) (stop bool, err error) {
	i.report.HeldBack = slices.DeleteFunc(i.report.HeldBack, func(h Held) bool { return slices.Contains(i.refused, h.ID) })
	if err := i.holds.landed(i.refused); err != nil {
		return false, err
	}
	if i.first == nil {
		i.first = i.reason
	}
	why := reasonOf(i.first)
	i.refused, i.bad, i.sure, i.tries = nil, 0, false, 0
	if i.out.to != i.out.ref {
		if err := i.holds.setBar(i.out.ref, "", why); err != nil {
			return false, err
		}
		i.report.Held = append(i.report.Held, i.holds.bar(i.out.ref).String())
		return true, nil
	}
	if i.out, err = i.outgoing(ctx, i.out.replica); err != nil {
		return false, err
	}
	i.turned = true
	if err := i.redirect(i.a, i.out); err != nil {
		return false, err
	}
	i.arrived = i.out.update(len(i.out.commits)).New == i.out.lease
	return i.arrived, i.holds.setBar(i.out.ref, i.out.to.Short(), why)
}

// saysProtected tells whether a refusal is about the branch.
func saysProtected(err error) bool {
	var e *remote.Error
	return errors.As(err, &e) && e.Protected
}

// next is how many commits to push: half of those among which is one that is
// refused, else all.
func (i *isolation) next() int {
	if i.bad == 0 {
		return len(i.out.commits)
	}
	return max(1, i.bad/2)
}

// try pushes the first n commits.
func (i *isolation) try(ctx context.Context, n int) (again bool, err error) {
	i.o.tell("looking for what the remote refuses")
	i.tries++
	u := i.out.update(n)
	outcome, err := i.send(ctx, i.a, u)
	refused, told := outcome[u.Branch]
	switch {
	case !told:
		return isUnknown(err), err
	case isRace(refused):
		return true, nil
	case mayNotReplace(i.out, refused):
		return true, i.another(i.out)
	case refused != nil:
		i.bad, i.sure, i.reason = n, true, refused
		if u.Branch == i.out.ref && saysProtected(refused) && !i.turned {
			_, err = i.turn(ctx)
		}
		return false, err
	}
	i.bad, i.sure, i.arrived = max(0, i.bad-n), false, true
	return false, i.landed(ctx, i.out, n)
}

// holdFirst holds back the event of the first commit.
func (i *isolation) holdFirst(ctx context.Context) error {
	i.refused = append(i.refused, i.out.ids[0])
	if err := i.hold(ctx, i.out, i.out.commits[0], reasonOf(i.reason)); err != nil {
		return err
	}
	rest, err := i.outgoing(ctx, i.out.replica)
	if err != nil {
		return err
	}
	rest.to, rest.lease, rest.there = i.out.to, i.out.lease, i.out.there
	i.out, i.bad, i.sure = rest, 0, false
	return nil
}

// reasonOf is what a remote says of a refusal, without its address.
func reasonOf(err error) string {
	var e *remote.Error
	if errors.As(err, &e) {
		return e.Text
	}
	return err.Error()
}

// hold holds back the event of a commit.
func (r *syncRun) hold(ctx context.Context, l *outgoing, commit plumbing.Hash, reason string) error {
	c, err := r.s.commitInfo(commit)
	if err != nil {
		return err
	}
	held := Held{Branch: l.ref.Short(), ID: c.id, Reason: reason}
	if f, err := r.s.addedBy(ctx, c); err == nil {
		held.From, held.What = r.s.describe(l.ref, f)
	}
	isNew, err := r.holds.add(held)
	if isNew {
		r.report.HeldBack = append(r.report.HeldBack, r.holds.list[len(r.holds.list)-1])
	}
	return err
}

// describe tells who wrote an event and what it is, for people.
func (s *Store) describe(ref plumbing.ReferenceName, f leaf) (from, what string) {
	g, err := s.graftOf(ref, f)
	if err != nil {
		return "", f.path()
	}
	return g.event.From, event.Subject(g.home.threadRef(), g.event)
}
