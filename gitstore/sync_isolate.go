package gitstore

import (
	"context"
	"errors"
	"fmt"

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
}

func (i *isolation) run(ctx context.Context) (again bool, err error) {
	for tries := 0; len(i.out.commits) > 0; {
		if i.sure && i.bad == 1 {
			if err := i.holdFirst(ctx); err != nil {
				return false, err
			}
			continue
		}
		if tries++; tries > maxIsolating {
			i.report.Held = append(i.report.Held, fmt.Sprintf("branch %s: the remote refuses some of %d events, and %d attempts were too few to find out which; the next sync goes on (%v)",
				i.out.ref.Short(), len(i.out.commits), maxIsolating, i.reason))
			return false, nil
		}
		if again, err := i.try(ctx, i.next()); again || err != nil {
			return again, err
		}
	}
	return false, nil
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
	u := remote.Update{Branch: i.out.ref, New: i.out.commits[n-1]}
	outcome, err := i.send(ctx, i.a, u)
	refused, told := outcome[u.Branch]
	switch {
	case !told:
		return isUnknown(err), err
	case isRace(refused):
		return true, nil
	case refused != nil:
		i.bad, i.sure, i.reason = n, true, refused
		return false, nil
	}
	i.bad, i.sure = max(0, i.bad-n), false
	return false, i.landed(ctx, i.out, n)
}

// holdFirst holds back the event of the first commit.
func (i *isolation) holdFirst(ctx context.Context) error {
	commit := i.out.commits[0]
	if i.out.ids[0].IsZero() {
		i.report.Held = append(i.report.Held, i.reason.Error())
		i.out.commits = nil
		return nil
	}
	if err := i.hold(ctx, i.out, commit, reasonOf(i.reason)); err != nil {
		return err
	}
	rest, err := i.outgoing(ctx, i.out.replica)
	i.out, i.bad, i.sure = rest, 0, false
	return err
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
