package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"strings"

	"skein/gitstore"
	"skein/gitstore/event"
)

// shown is how many messages of a thread a cold read prints.
const shown = 20

// coldReads holds a whole process that prints the end of a thread against git
// doing the same.
func coldReads(ctx context.Context, b *bench) ([]row, error) {
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return nil, err
	}
	threads, err := pickThreads(ctx, store)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, t := range threads {
		r, err := b.coldRead(ctx, store, t)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, b.drop(store)
}

// chosen is a thread and where it lies in the tree.
type chosen struct {
	ref      string
	dir      string
	messages int
	last     string // stands in its last message and nowhere else
}

// mark is the number that every paragraph of a body has.
var mark = regexp.MustCompile(`[0-9a-f]{8}`)

// pickThreads picks a busy thread, of about 200 messages, and the busiest.
func pickThreads(ctx context.Context, dir string) ([]chosen, error) {
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	threads, err := s.Threads(ctx, gitstore.ThreadFilter{})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	var picked []chosen
	for _, t := range []event.Thread{nearest(threads, 200), nearest(threads, 1<<40)} {
		c, err := locate(ctx, s, t)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		picked = append(picked, c)
	}
	return picked, s.Close()
}

// nearest is the thread whose number of messages is nearest to n.
func nearest(threads []event.Thread, n int) event.Thread {
	off := func(t event.Thread) int { return max(t.Messages-n, n-t.Messages) }
	best := threads[0]
	for _, t := range threads {
		if off(t) < off(best) {
			best = t
		}
	}
	return best
}

func locate(ctx context.Context, s *gitstore.Store, t event.Thread) (chosen, error) {
	page, err := s.Read(ctx, gitstore.ReadQuery{Thread: t.Ref.String(), Limit: 1})
	if err != nil {
		return chosen{}, err
	}
	m := page.Messages[0]
	dir, _, ok := strings.Cut(m.Path, "/"+t.Ref.Thread+"/")
	if !ok {
		return chosen{}, fmt.Errorf("%s is not below its thread", m.Path)
	}
	return chosen{
		ref: t.Ref.String(), dir: path.Join(dir, t.Ref.Thread), messages: t.Messages,
		last: mark.FindString(string(m.Body)),
	}, nil
}

func (b *bench) coldRead(ctx context.Context, store string, t chosen) (row, error) {
	ours := func() error {
		out, err := exec.CommandContext(ctx, b.skein, "read", t.ref, "--limit", fmt.Sprint(shown), "--store", store, "--agent", "bench").Output()
		return t.check("skein read", string(out), err)
	}
	theirs := func() error {
		out, err := lastWithGit(ctx, store, t.dir, shown)
		return t.check("git cat-file", out, err)
	}
	skein, base, err := alternate(ctx, b.runs, 2, ours, theirs)
	if err != nil {
		return row{}, err
	}
	what := fmt.Sprintf("cold `skein read` of the last %d in a thread of %s, %s messages in all", shown, thousands(t.messages), thousands(b.large))
	return atMost(what, skein, base, "git ls-tree + cat-file", 1.5), nil
}

// check makes sure that both sides print the thread's end.
func (t chosen) check(who, out string, err error) error {
	if err == nil && !strings.Contains(out, t.last) {
		err = fmt.Errorf("%q is not in its output", t.last)
	}
	if err != nil {
		return fmt.Errorf("%s of %s: %w", who, t.ref, err)
	}
	return nil
}
