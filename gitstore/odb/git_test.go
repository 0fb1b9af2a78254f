package odb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage"
)

// TestBesideGit has git's own maintenance run in a loop beside processes that
// commit, read and merge.
func TestBesideGit(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	mustPost(t, s, mainRef, 0, "root")
	mustPost(t, s, otherRef, 0, "root")

	var writers, others []*process
	for i := range 3 {
		writers = append(writers, spawn(t, "post", dir, fmt.Sprint("writer", i)))
	}
	others = append(others, spawn(t, "read", dir, "reader"), spawn(t, "merge", dir, "merger"))

	stop := make(chan struct{})
	var gits sync.WaitGroup
	for _, loop := range [][]string{
		{"gc", "--prune=now", "--quiet"},
		{"repack", "-a", "-d", "-q"},
		{"pack-refs", "--all"},
		{"update-ref", "refs/heads/aside", "HEAD"},
		{"fsck", "--no-dangling", "--connectivity-only"},
	} {
		gits.Go(func() { loopGit(t, dir, stop, loop) })
	}
	for i, w := range writers {
		w.wait(times(700, 50_000) + i)
	}
	close(stop)
	gits.Wait()
	var printed [][]string
	for _, w := range writers {
		printed = append(printed, w.finish())
	}
	for _, p := range others {
		p.finish()
	}
	checkAcknowledged(t, dir, printed...)
}

// loopGit runs a git command again and again. It may fail where it gives up
// before a lock or a pack that is gone; it must not find damage.
func loopGit(t *testing.T, dir string, stop chan struct{}, args []string) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		out, err := gitCommand(dir, args...).CombinedOutput()
		if err == nil {
			continue
		}
		for _, bad := range []string{"missing", "broken", "corrupt", "invalid sha1", "bad object", "mismatch"} {
			if strings.Contains(string(out), bad) && !passing(string(out)) {
				t.Errorf("git %s: %v\n%s", strings.Join(args, " "), err, out)
				return
			}
		}
	}
}

// passing says whether git complains of a pack that went while it ran, as it
// does beside a repack of its own.
func passing(out string) bool {
	for _, ok := range []string{"cannot be accessed", "packfile index unavailable", "could not be loaded", "unable to open", "No such file"} {
		if strings.Contains(out, ok) {
			return true
		}
	}
	return false
}

// TestMergeBesideRepack has a git repack come to its three moments at any steps
// of a merge: it lists the packs, it writes a new one of all objects that no
// kept pack has, and it removes those of the listed packs that were not kept.
func TestMergeBesideRepack(t *testing.T) {
	template := newRepo(t)
	ids := manyPacks(t, template)
	all := mergeSteps(t, copyRepo(t, template))
	steps := []int{1, 2, 3, 4, 5, 6, 30, all - 1, all}
	if soak() {
		steps = steps[:0]
		for n := 1; n <= all; n += 3 {
			steps = append(steps, n)
		}
	}
	tried := 0
	for i, list := range steps {
		for j, write := range steps[i:] {
			for _, drop := range steps[i+j:] {
				dir := copyRepo(t, template)
				mergeBeside(t, dir, list, write, drop)
				s := open(t, dir, Options{})
				got, err := history(s, mainRef)
				if err != nil || len(got) != len(ids) {
					t.Fatalf("packs listed at step %d of %d, written at %d, removed at %d: %d commits, %v", list, all, write, drop, len(got), err)
				}
				tried++
				s.Close()
				os.RemoveAll(dir)
			}
		}
	}
	t.Logf("%d orders were tried", tried)
}

// mergeSteps returns how many renames, removals and new files a merge takes.
func mergeSteps(t *testing.T, dir string) (n int) {
	maintainWith(t, dir, func(int) { n++ })
	return n
}

func maintainWith(t *testing.T, dir string, before func(step int)) {
	step := 0
	s := open(t, dir, Options{Boot: "boot", FS: hooked(OS, func(call, name string) outcome {
		if strings.Contains(name, "objects/pack") && (call == "rename" || call == "remove" || call == "open") {
			step++
			before(step)
		}
		return outcome{}
	})})
	defer s.Close()
	if err := s.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mergeBeside(t *testing.T, dir string, list, write, drop int) {
	t.Helper()
	var listed []string
	packs := filepath.Join(dir, "objects", "pack")
	maintainWith(t, dir, func(step int) {
		if step == list {
			indexes, _ := filepath.Glob(filepath.Join(packs, "*.idx"))
			for _, index := range indexes {
				if base := strings.TrimSuffix(index, ".idx"); !exists(base + ".keep") {
					listed = append(listed, base)
				}
			}
		}
		if step == write {
			cmd := gitCommand(dir, "pack-objects", "--honor-pack-keep", "--non-empty", "--all", "-q", filepath.Join(packs, "pack"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git pack-objects: %v\n%s", err, out)
			}
		}
		if step == drop {
			for _, base := range listed {
				os.Remove(base + ".idx")
				os.Remove(base + ".pack")
			}
		}
	})
}

// TestGoGit reads a store through go-git.
func TestGoGit(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	ids := names("c", 40)
	for _, id := range ids {
		mustPost(t, s, mainRef, 500, id)
	}
	git(t, dir, "gc", "--quiet")
	mustPost(t, s, mainRef, 0, "last")
	repo, err := gogit.Open(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	commits, err := repo.Log(&gogit.LogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = commits.ForEach(func(c *object.Commit) error {
		n++
		f, err := c.File("file")
		if err == nil {
			_, err = f.Contents()
		}
		return err
	})
	if err != nil || n != len(ids)+1 {
		t.Fatalf("%d commits: %v", n, err)
	}
	blobs, err := repo.BlobObjects()
	if err != nil {
		t.Fatal(err)
	}
	n = 0
	if err := blobs.ForEach(func(*object.Blob) error { n++; return nil }); err != nil || n != len(ids)+1 {
		t.Errorf("%d blobs: %v", n, err)
	}
	refs, err := repo.References()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	_ = refs.ForEach(func(r *plumbing.Reference) error { all = append(all, r.Name().String()); return nil })
	if strings.Join(all, " ") != "HEAD refs/heads/main" {
		t.Errorf("refs: %v", all)
	}
}

func TestSetReference(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	mustPost(t, s, mainRef, 0, "a", "b")
	tip, _ := s.Ref(mainRef)
	_, parent, err := readCommit(s, tip)
	if err != nil {
		t.Fatal(err)
	}
	ref := func(h plumbing.Hash) *plumbing.Reference { return plumbing.NewHashReference("refs/tags/x", h) }
	for _, step := range []struct {
		set, old plumbing.Hash
		want     error
	}{
		{set: tip},
		{set: parent}, // back is allowed to whoever says so
		{set: tip, old: tip, want: storage.ErrReferenceHasChanged},
		{set: tip, old: parent},
		{set: plumbing.NewHash(strings.Repeat("1", 40)), want: errors.New("not in the store")},
	} {
		before, _ := s.Ref("refs/tags/x")
		if step.old.IsZero() {
			err = s.SetReference(ref(step.set))
		} else {
			err = s.CheckAndSetReference(ref(step.set), ref(step.old))
		}
		if (err == nil) != (step.want == nil) || err != nil && !errors.Is(err, step.want) && !strings.Contains(err.Error(), step.want.Error()) {
			t.Errorf("set %s from %s: %v, want %v", step.set, step.old, err, step.want)
		}
		want := step.set
		if step.want != nil {
			want = before
		}
		if got, err := s.Ref("refs/tags/x"); err != nil || got != want {
			t.Errorf("it is %s (%v), want %s", got, err, want)
		}
	}
	if err := s.SetReference(plumbing.NewSymbolicReference("HEAD", otherRef)); err == nil {
		t.Error("HEAD was changed")
	}
	if err := s.RemoveReference(mainRef); err == nil {
		t.Error("a ref was removed")
	}
}

// TestPackedRefs: git packs refs and prunes the loose ones; so do tags and
// symbolic refs appear.
func TestPackedRefs(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	mustPost(t, s, mainRef, 0, "a")
	git(t, dir, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
	git(t, dir, "tag", "-a", "-m", "x", "v1", "main")
	git(t, dir, "pack-refs", "--all", "--prune")
	if _, err := os.Stat(filepath.Join(dir, "refs/heads/main")); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("git left the loose ref")
	}
	wantHistory(t, s, mainRef, "a")
	wantHistory(t, s, "refs/remotes/origin/HEAD", "a")
	mustPost(t, s, mainRef, 0, "b")
	wantHistory(t, open(t, dir, Options{}), mainRef, "a", "b")
	if got := strings.TrimSpace(git(t, dir, "rev-list", "--count", "main")); got != "2" {
		t.Errorf("git counts %s commits", got)
	}
	iter, err := s.IterReferences()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[plumbing.ReferenceName]int{}
	_ = iter.ForEach(func(r *plumbing.Reference) error { seen[r.Name()]++; return nil })
	for _, name := range []plumbing.ReferenceName{"HEAD", mainRef, "refs/tags/v1", "refs/remotes/origin/HEAD"} {
		if seen[name] != 1 {
			t.Errorf("%s is listed %d times", name, seen[name])
		}
	}
}

// TestOutsiders: other programs move our refs, in every way they can.
func TestOutsiders(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{Logger: quiet()})
	mustPost(t, s, mainRef, 0, "a")
	mustPost(t, s, mainRef, 0, "b", "c")

	git(t, dir, "update-ref", mainRef.String(), "main~2")
	mustPost(t, s, mainRef, 0, "after")
	want := []string{"a", "b", "c", "after"}
	ids, err := history(s, mainRef)
	if err != nil || len(ids) != 4 || ids[2] != "c" {
		t.Fatalf("moved back, main has %v, want %v (%v)", ids, want, err)
	}

	tree := strings.TrimSpace(git(t, dir, "rev-parse", "main^{tree}"))
	forward := strings.TrimSpace(git(t, dir, "commit-tree", "-p", "main", "-m", "after 0", tree))
	git(t, dir, "update-ref", mainRef.String(), forward)
	mustPost(t, s, mainRef, 0, "f")
	if ids, err = history(s, mainRef); err != nil || len(ids) != 6 {
		t.Fatalf("moved forward, main has %v (%v)", ids, err)
	}

	tip, _ := s.Ref(mainRef)
	lone := strings.TrimSpace(git(t, dir, "commit-tree", "-m", "after 0", tree))
	git(t, dir, "update-ref", mainRef.String(), lone)
	mustPost(t, s, mainRef, 0, "g")
	if ids, err = history(s, mainRef); err != nil || len(ids) != 2 {
		t.Fatalf("replaced, main has %v (%v)", ids, err)
	}
	if kept, err := s.Ref(plumbing.ReferenceName("refs/skein/rescue/" + tip.String())); err != nil || kept != tip {
		t.Errorf("what main had is not kept: %v", err)
	}

	git(t, dir, "update-ref", "-d", mainRef.String())
	if ids, err = history(s, mainRef); err != nil || len(ids) != 2 {
		t.Fatalf("removed, main has %v (%v)", ids, err)
	}
	git(t, dir, "update-ref", "-d", mainRef.String())
	mustPost(t, s, mainRef, 0, "h")
	if ids, err = history(s, mainRef); err != nil || len(ids) != 3 {
		t.Fatalf("removed, main has %v (%v)", ids, err)
	}
	fsck(t, dir)
}

// TestLiveLock: git's lock on a ref is waited for, and never broken.
func TestLiveLock(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	mustPost(t, s, mainRef, 0, "a")
	lock := s.refPath(mainRef) + ".lock"
	for _, text := range []string{"", strings.Repeat("1", 40) + "\n"} {
		if err := os.WriteFile(lock, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var released atomic.Bool
		timer := time.AfterFunc(time.Duration(200+rand.IntN(200))*time.Millisecond, func() {
			released.Store(true)
			if err := os.Remove(lock); err != nil {
				t.Error(err)
			}
		})
		mustPost(t, s, mainRef, 0, fmt.Sprint("b", len(text)))
		if timer.Stop() || !released.Load() {
			t.Error("the lock was not respected")
		}
	}
	wantHistory(t, s, mainRef, "a", "b0", "b41")
}

// TestLocksLeft: a lock that a killed writer left is no hindrance, whatever the
// next writer writes, and however much of the lock it had written.
func TestLocksLeft(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{Logger: quiet()})
	both := []plumbing.ReferenceName{mainRef, otherRef}
	if err := withLock(s, func() error { return commitTo(s, both, []string{"a"}, 0) }); err != nil {
		t.Fatal(err)
	}
	for n, short := 1, false; n < 30; n, short = n+1, !short {
		calls := 0
		dying := open(t, dir, Options{FS: hooked(OS, func(string, string) outcome {
			if calls++; calls < n {
				return outcome{}
			}
			return outcome{err: errKilled, short: short && calls == n}
		})})
		err := withLock(dying, func() error { return commitTo(dying, both, []string{fmt.Sprint("killed", n)}, 0) })
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		start := time.Now()
		mustPost(t, s, both[n%2], 0, fmt.Sprint("next", n))
		mustPost(t, s, both[(n+1)%2], 0, fmt.Sprint("next", n))
		if took := time.Since(start); took > staleEmpty {
			t.Errorf("killed at call %d, the next writers waited %v", n, took)
		}
	}
	locks, err := filepath.Glob(filepath.Join(dir, "refs", "heads", "*.lock"))
	if len(locks) > 0 || err != nil {
		t.Errorf("left: %v (%v)", locks, err)
	}
	fsck(t, dir)
}

func TestLockEnds(t *testing.T) {
	dir := newRepo(t)
	s, other := open(t, dir, Options{}), open(t, dir, Options{})
	unlock, err := s.Lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, waiter := range []*Storage{s, other} {
		if _, ok, err := waiter.TryLock(); ok || err != nil {
			t.Fatalf("TryLock: %v, %v", ok, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		failed := make(chan error)
		go func() { _, err := waiter.Lock(ctx); failed <- err }()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	unlock()
	for _, s := range []*Storage{s, other} {
		unlock, err := s.Lock(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
}
