package remote

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// busy is a pack of so many objects of that size, of a few bytes each, in which
// git would read for minutes.
func busy(t *testing.T, objects, size int) (tip plumbing.Hash, pack []byte) {
	t.Helper()
	p := newPacking(&Remote{}, true)
	fan(t, p, objects, size)
	return root(t, p), p.finish()
}

// unfinished checks that git has not come to the end of a pack.
func unfinished(t *testing.T, dir string) {
	t.Helper()
	if found, _ := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.idx")); len(found) > 0 {
		t.Errorf("git was let finish %v", found)
	}
}

// TestGitIsNotLetReadForEver: what has no end that anybody could wait for is
// found out while git is at it.
func TestGitIsNotLetReadForEver(t *testing.T) {
	if testing.Short() {
		t.Skip("a pack is made in which git would read for minutes, which takes seconds")
	}
	tip, pack := busy(t, 20_000, 8<<20)
	ours := repository(t)
	r := &Remote{URL: hostile(t, tip, pack), Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours), Transport: Git, patience: time.Millisecond}
	into := filepath.Join(t.TempDir(), "q")
	_, err := r.Fetch(t.Context(), into, mainBranch)
	if kindOf(err) != TooLarge || !strings.Contains(err.Error(), "unpacks to more than") {
		t.Fatal(err)
	}
	unfinished(t, into)
}

// TestACancelledFetchEnds at whatever it is: here, at what has come.
func TestACancelledFetchEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("a pack is made in which git would read for minutes, which takes seconds")
	}
	transports(t, func(t *testing.T, by Transport) {
		tip, pack := busy(t, 20_000, 8<<20)
		if by == BuiltIn { // which would refuse that
			tip, pack = busy(t, 20*tellObjects, 8)
		}
		ours := repository(t)
		ctx, cancel := context.WithCancel(t.Context())
		later := 0
		r := &Remote{URL: hostile(t, tip, pack), Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours), Transport: by,
			Progress: func(line string) {
				if strings.HasPrefix(line, "Indexing") || strings.HasPrefix(line, "Resolving") {
					later++
					cancel()
				}
			}}
		into := filepath.Join(t.TempDir(), "q")
		_, err := r.Fetch(ctx, into, mainBranch)
		if !errors.Is(err, context.Canceled) || later == 0 || by == BuiltIn && later > 1 {
			t.Fatal(err, later)
		}
		unfinished(t, into)
	})
}
