package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// Report says what Verify looked at and what it found.
type Report struct {
	Objects  int // that the branches need, each as often as a commit brought it
	Commits  int // of both branches
	Messages int
	Packs    int
	Shallow  bool // older commits are not here, and were not looked at
	// Problems are sentences: what is wrong, where, and what to do.
	Problems []string
	// Repaired says what was wrong and has been put right.
	Repaired []string
}

// maxProblems bounds a report: one damaged file can make thousands of messages
// unreadable.
const maxProblems = 200

// Verify checks the store: every pack and index, every commit of both branches
// with what it added, every event, every id, the queue, the files beside
// .git, which are rebuilt if they differ, and the index, which is built anew. What is wrong stands in the report;
// an error means that Verify could not look. progress, if not nil, is told how
// many commits of how many are done; calls do not overlap. Memory is bounded
// by some 40 bytes a commit.
func (s *Store) Verify(ctx context.Context, progress func(done, total int)) (*Report, error) {
	v := &verifier{s: s, report: &Report{}, progress: progress, known: map[string]bool{}}
	for _, check := range []func(context.Context) error{v.packs, v.history, v.uniqueIDs, v.queue, v.export, v.index} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}
	if v.more > 0 {
		v.report.Problems = append(v.report.Problems, fmt.Sprintf("%d more problems are not listed; repair these and verify again", v.more))
	}
	return v.report, nil
}

// verifier collects a report. Its methods are safe for concurrent use.
type verifier struct {
	s        *Store
	progress func(done, total int)

	mu          sync.Mutex
	report      *Report
	done, total int
	known       map[string]bool // problems in the report
	more        int             // problems left out
	ids         []event.ID      // of all events
}

// problem adds a sentence to the report, once.
func (v *verifier) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.known[text]:
	case len(v.report.Problems) >= maxProblems:
		v.more++
	default:
		v.known[text] = true
		v.report.Problems = append(v.report.Problems, text)
	}
}

// unreadable reports that something could not be read because it is damaged.
// It returns err if it is about anything else.
func (v *verifier) unreadable(what string, err error) error {
	if !damage(err) {
		return err
	}
	remedy := "; restore the repository from a backup, or from another clone with git fetch"
	if errors.As(err, new(*odb.DamagedError)) {
		remedy = "" // it says so itself
	}
	v.problem("%s cannot be read: %v%s", what, err, remedy)
	return nil
}

// tally adds to the counts what one worker has done.
func (v *verifier) tally(w *historian) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Objects += w.objects
	v.report.Messages += w.messages
	v.ids = append(v.ids, w.ids...)
	v.done += w.commits
	w.objects, w.messages, w.commits, w.ids = 0, 0, 0, w.ids[:0]
	if v.progress != nil {
		v.progress(v.done, v.total)
	}
}

// branch is a branch's history.
type branch struct {
	ref     plumbing.ReferenceName
	past    ancestry
	commits []plumbing.Hash // newest first
	whole   bool            // the last one is the first that there is
}

// history checks both branches.
func (v *verifier) history(ctx context.Context) error {
	branches := []*branch{{ref: mainRef}, {ref: agentsRef}}
	for _, b := range branches {
		if err := v.list(ctx, b); err != nil {
			return err
		}
		v.total += len(b.commits)
	}
	v.report.Commits = v.total
	for _, b := range branches {
		if err := v.branch(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// list walks from the tip of a branch to its root.
func (v *verifier) list(ctx context.Context, b *branch) error {
	h, err := v.s.db.Ref(b.ref)
	if err != nil {
		v.problem("branch %s cannot be read: %v; restore the repository from a backup, or from another clone", b.ref.Short(), err)
		return nil
	}
	if b.past, err = v.s.ancestry(); err != nil {
		return err
	}
	for !h.IsZero() {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.commits = append(b.commits, h)
		_, c, err := b.commit(h)
		if err != nil {
			b.commits = b.commits[:len(b.commits)-1]
			return v.unreadable(fmt.Sprintf("commit %s of branch %s, with all that is older,", h, b.ref.Short()), err)
		}
		h = c.parent
		v.report.Shallow = v.report.Shallow || c.cut
	}
	b.whole = true
	return nil
}

// commit reads a commit.
func (b *branch) commit(h plumbing.Hash) (raw []byte, c commitInfo, err error) {
	t, raw, err := b.past.s.db.Get(h)
	if err != nil {
		return nil, c, err
	}
	if t != plumbing.CommitObject {
		return nil, c, &brokenError{fmt.Errorf("it is a %s", t)}
	}
	if c, err = parseCommit(raw); err != nil {
		return nil, c, &brokenError{err}
	}
	b.past.cut(h, &c)
	return raw, c, nil
}

const (
	stretch    = 2048 // commits that a worker takes at a time
	tallyEvery = 128  // commits after which it tells how far it is
)

// branch checks the commits of a branch on all processors.
func (v *verifier) branch(ctx context.Context, b *branch) error {
	n := (len(b.commits) + stretch - 1) / stretch
	return v.s.newSummer(ctx).each(n, func(i int) error {
		w := &historian{v: v, b: b}
		defer v.tally(w)
		for at := min((i+1)*stretch, len(b.commits)) - 1; at >= i*stretch; at-- {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := w.check(ctx, at); err != nil {
				return err
			}
			if w.commits == tallyEvery {
				v.tally(w)
			}
		}
		return nil
	})
}

// uniqueIDs reports ids that more than one event has.
func (v *verifier) uniqueIDs(ctx context.Context) error {
	slices.SortFunc(v.ids, event.ID.Compare)
	for i := 1; i < len(v.ids); i++ {
		id := v.ids[i]
		if id != v.ids[i-1] || i > 1 && id == v.ids[i-2] {
			continue
		}
		paths, err := v.pathsOf(ctx, id)
		if err != nil {
			return err
		}
		v.problem("id %s stands in more than one file (%s); readers show one of them: the other should be posted again", id, paths)
	}
	return nil
}

// pathsOf lists the files that have an id in their names.
func (v *verifier) pathsOf(ctx context.Context, id event.ID) (paths string, err error) {
	var mu sync.Mutex
	var found []string
	match := idMatch{prefixes: []string{id.Short()}}
	w := walk{s: v.s, visit: func(_ int, f leaf) error {
		if name, err := event.ParseFileName(f.name); err == nil && match.short(name.Short) {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, f.path())
		}
		return nil
	}}
	projects, err := v.s.projects()
	if err != nil {
		return "", err
	}
	agents, err := v.s.agents()
	if err != nil {
		return "", err
	}
	_, err = w.run(ctx, projects, agents)
	slices.Sort(found)
	return fmt.Sprint(found), err
}
