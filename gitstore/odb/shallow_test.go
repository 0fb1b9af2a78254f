package odb

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestShallowIsAsGitHasIt: what git writes is read, also by who has read it
// before, and git reads what is written.
func TestShallowIsAsGitHasIt(t *testing.T) {
	from := newRepo(t)
	s := open(t, from, Options{NoSync: true})
	mustPost(t, s, mainRef, 10, "a", "b", "c", "d")
	tip, err := s.Ref(mainRef)
	if err != nil {
		t.Fatal(err)
	}
	parent, err := s.parent(tip)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.Shallow(); err != nil || list != nil {
		t.Fatal(list, err)
	}
	isShallow := func(commit plumbing.Hash, want bool) {
		t.Helper()
		if is, err := s.IsShallow(commit); err != nil || is != want {
			t.Fatalf("%s is shallow: %v, %v", commit, is, err)
		}
	}
	isShallow(parent, false)
	if err := s.SetShallow([]plumbing.Hash{parent}); err != nil {
		t.Fatal(err)
	}
	isShallow(parent, true)
	isShallow(tip, false)
	if n := strings.TrimSpace(git(t, from, "rev-list", "--count", mainRef.String())); n != "2" {
		t.Fatalf("git sees %s commits", n)
	}
	if older, err := s.parent(parent); err != nil || !older.IsZero() {
		t.Fatal(older, err)
	}
	err = s.ChangeShallow(func(is []plumbing.Hash) []plumbing.Hash { return slices.Concat(is, []plumbing.Hash{tip}) })
	if list, lerr := s.Shallow(); err != nil || lerr != nil || len(list) != 2 {
		t.Fatal(list, err, lerr)
	}
	isShallow(tip, true)
	if err := s.SetShallow(nil); err != nil {
		t.Fatal(err)
	}
	isShallow(tip, false)
	if n := strings.TrimSpace(git(t, from, "rev-list", "--count", mainRef.String())); n != "4" {
		t.Fatalf("git sees %s commits", n)
	}
	if left, _ := filepath.Glob(filepath.Join(from, "shallow*")); len(left) > 0 {
		t.Fatal(left)
	}
}

// TestAShallowListIsWhole: whichever call of a change fails, the list is as it
// was or as it is to be, and git's lock is let go of.
func TestAShallowListIsWhole(t *testing.T) {
	was, is := []plumbing.Hash{plumbing.NewHash(strings.Repeat("a", 40))}, []plumbing.Hash{plumbing.NewHash(strings.Repeat("b", 40))}
	for _, to := range [][]plumbing.Hash{is, nil} {
		for _, how := range []outcome{{}, {short: true}, {late: true}} {
			for n, failed := 1, true; failed; n++ {
				dir := newRepo(t)
				if err := open(t, dir, Options{NoSync: true}).SetShallow(was); err != nil {
					t.Fatal(err)
				}
				calls, where := 0, ""
				s := open(t, dir, Options{NoSync: true, FS: hooked(OS, func(call, name string) outcome {
					if calls++; calls != n {
						return outcome{}
					}
					where = call + " " + filepath.Base(name)
					return outcome{err: errKilled, short: how.short, late: how.late}
				})})
				failed = calls == 0 // opening has changed nothing
				if !failed {
					t.Fatal("opening a store writes")
				}
				err := s.SetShallow(to)
				if failed = where != ""; failed != (err != nil) {
					t.Fatalf("call %d (%s) fails, %+v: %v", n, where, how, err)
				}
				list, lerr := s.Shallow()
				if lerr != nil || !slices.Equal(list, to) && (err == nil || !slices.Equal(list, was)) {
					t.Fatalf("call %d (%s) fails, %+v: %v, %v", n, where, how, list, lerr)
				}
				_, there := os.Stat(filepath.Join(dir, "shallow.lock"))
				if there == nil && where != "remove shallow.lock" && !(how.late && where == "open shallow.lock") {
					t.Fatalf("call %d (%s) fails, %+v: the lock is still there", n, where, how)
				}
			}
		}
	}
}

// TestADamagedShallowListIsRefused: a history would look whole that is not.
func TestADamagedShallowListIsRefused(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{NoSync: true})
	if err := os.WriteFile(filepath.Join(dir, "shallow"), []byte("no commit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.IsShallow(plumbing.ZeroHash); err == nil || !strings.Contains(err.Error(), "which is no commit") {
		t.Fatal(err)
	}
}
