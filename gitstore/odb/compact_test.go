package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"
)

// forest is a store's history as messages make it: a tree of directories in
// which every commit adds a file.
type forest struct {
	s     *Storage
	files map[string]plumbing.Hash // path → blob
	tip   plumbing.Hash
	n     int
}

// grow commits n files in one batch, each its own commit, into one of the
// directories.
func (f *forest) grow(t testing.TB, n int, dirs ...string) {
	t.Helper()
	must(t, withLock(f.s, func() error {
		b := f.s.NewBatch()
		old := f.tip
		for range n {
			f.n++
			text := fmt.Sprintf("---\nid: %026d\nfrom: agent-%d\n---\n\nmessage %d of the forest\n", f.n, f.n%3, f.n*f.n)
			path := fmt.Sprintf("%s/%06d.md", dirs[f.n%len(dirs)], f.n)
			f.files[path] = b.Add(plumbing.BlobObject, []byte(text))
			commit := fmt.Sprintf("tree %s\n", f.tree(b, ""))
			if !f.tip.IsZero() {
				commit += fmt.Sprintf("parent %s\n", f.tip)
			}
			who := fmt.Sprintf("agent-%d <a@skein> %d +0000", f.n%3, 1_700_000_000+f.n)
			f.tip = b.Add(plumbing.CommitObject, fmt.Appendf(nil, "%sauthor %s\ncommitter %s\n\nmessage %d\n", commit, who, who, f.n))
		}
		b.Move(mainRef, old, f.tip)
		return b.Commit()
	}))
}

// tree adds the trees below a directory to a batch.
func (f *forest) tree(b *Batch, dir string) plumbing.Hash {
	entries := map[string]string{} // name, as git sorts it → entry
	for path, h := range f.files {
		rest, below := strings.CutPrefix(path, dir)
		if !below {
			continue
		}
		name, _, isDir := strings.Cut(rest, "/")
		if !isDir {
			entries[name] = "100644 " + name + "\x00" + string(h[:])
		} else if _, there := entries[name+"/"]; !there {
			sub := f.tree(b, dir+name+"/")
			entries[name+"/"] = "40000 " + name + "\x00" + string(sub[:])
		}
	}
	var data []byte
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		data = append(data, entries[name]...)
	}
	return b.Add(plumbing.TreeObject, data)
}

// plant makes a forest of some hundred commits in many batches.
func plant(t testing.TB, dir string, batches int) *forest {
	f := &forest{s: open(t, dir, Options{}), files: map[string]plumbing.Hash{}}
	for i := range batches {
		f.grow(t, 1+i%7, "p/one/2026-11", "p/two/2026-11", "p/a-thread/2026-10", "q/x")
	}
	return f
}

func packNames(t testing.TB, s *Storage) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(s.packDir(), "*.pack"))
	must(t, err)
	return all
}

// TestCompact: one pack is left, no larger than git's, which git finds sound
// and from which everything can be read, by us and by git; chains are bounded.
func TestCompact(t *testing.T) {
	dir := newRepo(t)
	f := plant(t, dir, 60)
	theirs := copyRepo(t, dir)
	before := objectsOf(t, f.s)
	var shown []int
	r, err := f.s.Compact(t.Context(), func(done, total int) { shown = append(shown, done*100/total) })
	must(t, err)
	if r.After.Packs != 1 || r.After.Objects != len(before) || r.Before.Packs != 60 || r.After.Bytes >= r.Before.Bytes/3 {
		t.Errorf("%+v", r)
	}
	if !slices.IsSorted(shown) || shown[len(shown)-1] != 100 {
		t.Errorf("progress: %v", shown)
	}
	if r.Replaced.Packs != 60 || len(packNames(t, f.s)) != 61 {
		t.Errorf("what was replaced is gone at once: %+v", r.Replaced)
	}
	fsck(t, dir)
	must(t, f.s.reap(0))
	if got := objectsOf(t, open(t, dir, Options{})); !maps.Equal(got, before) {
		t.Errorf("%d objects, there were %d", len(got), len(before))
	}
	checkGit(t, dir, f)
	if again, err := f.s.Compact(t.Context(), nil); err != nil || again.After != r.After {
		t.Errorf("once more: %+v (%v)", again, err)
	}
	keeps, _ := filepath.Glob(filepath.Join(theirs, "objects", "pack", "*.keep"))
	for _, k := range keeps {
		must(t, os.Remove(k))
	}
	git(t, theirs, "repack", "-a", "-d", "-f", "-q")
	packs, _ := filepath.Glob(filepath.Join(theirs, "objects", "pack", "*.pack"))
	if size := packBytes(strings.TrimSuffix(packs[0], ".pack")); float64(r.After.Bytes) > 1.1*float64(size) {
		t.Errorf("%d bytes, git makes %d", r.After.Bytes, size)
	}
}

// checkGit has git read the only pack of a store, and copy it.
func checkGit(t *testing.T, dir string, f *forest) {
	t.Helper()
	fsck(t, dir)
	out := git(t, dir, "verify-pack", "-v", firstIndex(t, f.s))
	for line := range strings.Lines(out) {
		var depth, n int
		if _, err := fmt.Sscanf(line, "chain length = %d: %d object", &depth, &n); err == nil && depth > maxDepth {
			t.Errorf("git: %s", line)
		}
	}
	clone := filepath.Join(t.TempDir(), "clone.git")
	git(t, dir, "clone", "-q", "--bare", "--no-local", dir, clone)
	fsck(t, clone)
	if n := strings.Count(git(t, clone, "log", "--format=%h", "main"), "\n"); n != f.n {
		t.Errorf("git log of a clone has %d commits of %d", n, f.n)
	}
}

// objectsOf returns all objects that can be read, with their bytes.
func objectsOf(t testing.TB, s *Storage) map[plumbing.Hash]string {
	t.Helper()
	all, err := s.Objects()
	must(t, err)
	objects := map[plumbing.Hash]string{}
	for _, h := range all {
		kind, data, err := s.Get(h)
		must(t, err)
		objects[h] = kind.String() + " " + string(data)
	}
	return objects
}

// TestCompactAgain: compacting, posting and compacting again stays small, and
// takes in what git, a fetch or go-git left: packs with deltas, loose objects.
func TestCompactAgain(t *testing.T) {
	dir := newRepo(t)
	f := plant(t, dir, 40)
	_, err := f.s.Compact(t.Context(), nil)
	must(t, err)
	for i := range 3 {
		f.grow(t, 40, "p/one/2026-11", "q/x")
		lone := strings.TrimSpace(git(t, dir, "commit-tree", "-p", "main", "-m", fmt.Sprint("loose ", i), "main^{tree}"))
		git(t, dir, "update-ref", fmt.Sprint("refs/heads/loose", i), lone)
		if i == 1 {
			keeps, _ := filepath.Glob(filepath.Join(f.s.packDir(), "*.keep"))
			for _, k := range keeps {
				must(t, os.Remove(k))
			}
			git(t, dir, "gc", "-q", "--prune=now")
		}
		before := objectsOf(t, f.s)
		r, err := f.s.Compact(t.Context(), nil)
		must(t, err)
		must(t, f.s.reap(0))
		if r.After.Packs != 1 || r.After.Loose != 0 || len(packNames(t, f.s)) != 1 {
			t.Errorf("%+v", r)
		}
		if got := objectsOf(t, open(t, dir, Options{})); !maps.Equal(got, before) {
			t.Fatalf("%d objects, there were %d", len(got), len(before))
		}
		fsck(t, dir)
	}
}

// TestGrace: what was replaced can be read by name until the grace period is
// over, however processes come and go, and is removed then; under load sooner.
func TestGrace(t *testing.T) {
	dir := newRepo(t)
	ids := manyPacks(t, dir)
	s := open(t, dir, Options{})
	clock := time.Now()
	s.now = func() time.Time { return clock }
	old := packNames(t, s)
	must(t, s.Maintain(t.Context()))
	if len(s.packs.packs) != 1 || len(packNames(t, s)) != len(old)+1 {
		t.Fatalf("%d packs are looked at, %d are there", len(s.packs.packs), len(packNames(t, s)))
	}
	for _, p := range old {
		git(t, dir, "verify-pack", p)
	}
	next := open(t, dir, Options{})
	next.now = s.now
	wantHistory(t, next, mainRef, ids...)
	if len(next.packs.packs) != 1 {
		t.Errorf("another process looks at %d packs", len(next.packs.packs))
	}
	clock = clock.Add(grace - time.Minute)
	must(t, next.Maintain(t.Context()))
	if len(packNames(t, s)) != len(old)+1 {
		t.Error("packs were removed before the grace period was over")
	}
	clock = clock.Add(2 * time.Minute)
	must(t, next.Maintain(t.Context()))
	if files := listing(t, s.packDir()); strings.Count(files, "\n") != 3 {
		t.Errorf("left:\n%s", files)
	}
	wantHistory(t, s, mainRef, ids...)
	fsck(t, dir)
}

// TestNameComesBack: a pack that has the name of one that was replaced is not
// taken for it.
func TestNameComesBack(t *testing.T) {
	dir := newRepo(t)
	ids := manyPacks(t, dir)
	s := open(t, dir, Options{})
	must(t, s.Maintain(t.Context()))
	merged := s.packs.packs[0]
	must(t, s.retire(merged)) // as if a process had died between the two: the sources are there too
	for _, p := range packNames(t, s) {
		base := strings.TrimSuffix(p, ".pack")
		marks, _ := filepath.Glob(base + "." + retiredMark + "*")
		if base != merged.path {
			must(t, os.Rename(marks[0], base+".keep"))
		}
	}
	again := open(t, dir, Options{})
	must(t, again.Maintain(t.Context()))
	must(t, again.reap(0))
	wantHistory(t, open(t, dir, Options{}), mainRef, ids...)
	fsck(t, dir)
}

// TestCompactBeside compacts beside writers, readers and git, in one process
// and in others.
func TestCompactBeside(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	mustPost(t, s, mainRef, 0, "root")
	mustPost(t, s, otherRef, 0, "root")
	writers := []*process{spawn(t, "post", dir, "a"), spawn(t, "post", dir, "b")}
	others := []*process{spawn(t, "compact", dir, "c"), spawn(t, "compact", dir, "d"), spawn(t, "read", dir, "r")}
	stop := make(chan struct{})
	var gits sync.WaitGroup
	for _, loop := range [][]string{
		{"gc", "--prune=now", "--quiet"},
		{"repack", "-a", "-d", "-f", "-q"},
		{"fsck", "--no-dangling", "--connectivity-only"},
	} {
		gits.Go(func() { loopGit(t, dir, stop, loop) })
	}
	for _, w := range writers {
		w.wait(times(150, 20_000))
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

// TestRepackBetween has a whole git repack or gc run between any two steps of a
// compaction of packs of ours, a pack of git's and loose objects.
func TestRepackBetween(t *testing.T) {
	template := newRepo(t)
	f := plant(t, template, 3)
	removeKeeps(t, f.s)
	git(t, template, "repack", "-a", "-d", "-q")
	f.grow(t, 3, "p/one")
	lone := strings.TrimSpace(git(t, template, "commit-tree", "-p", "main", "-m", "loose", "main^{tree}"))
	git(t, template, "update-ref", "refs/heads/loose", lone)
	f.grow(t, 2, "p/one", "q")
	want := objectsOf(t, f.s)
	steps := repackAt(t, copyRepo(t, template), 0, nil)
	stride := times(2, 1)
	for i, cmd := range [][]string{{"repack", "-a", "-d", "-f", "-q"}, {"gc", "--prune=now", "-q"}} {
		for n := 1 + i; n <= steps; n += stride {
			dir := copyRepo(t, template)
			repackAt(t, dir, n, cmd)
			if got := objectsOf(t, open(t, dir, Options{})); !maps.Equal(got, want) {
				t.Fatalf("git %s at step %d of %d: %d objects of %d", cmd[0], n, steps, len(got), len(want))
			}
			fsck(t, dir)
			os.RemoveAll(dir)
		}
	}
	t.Logf("%d steps", steps)
}

// repackAt compacts a store and removes what was replaced, with a git command
// before step n, and returns how many steps there were.
func repackAt(t *testing.T, dir string, n int, cmd []string) (steps int) {
	t.Helper()
	s := open(t, dir, Options{Logger: quiet(), FS: hookFS{OS, func(call, name string) outcome {
		if !strings.Contains(name, "objects") || call == "write" {
			return outcome{}
		}
		if steps++; steps == n {
			git(t, dir, cmd...)
		}
		return outcome{}
	}}})
	defer s.Close()
	if err := compactAndReap(s); err != nil {
		t.Fatalf("%v at step %d: %v", cmd, n, err)
	}
	return steps
}

// TestCompactKilled ends a compaction at every call that changes the disk.
// Everything is there, and the next one does what was left.
func TestCompactKilled(t *testing.T) {
	template := newRepo(t)
	f := plant(t, template, 12)
	want := objectsOf(t, f.s)
	for n := 1; ; n++ {
		dir := copyRepo(t, template)
		calls := 0
		dying := open(t, dir, Options{FS: hookFS{OS, func(string, string) outcome {
			if calls++; calls >= n {
				return outcome{err: errKilled, short: calls == n}
			}
			return outcome{}
		}}})
		err := compactAndReap(dying)
		if n%5 == 0 {
			fsck(t, dir)
		}
		s := open(t, dir, Options{})
		if got := objectsOf(t, s); !maps.Equal(got, want) {
			t.Fatalf("ended at call %d: %d objects of %d", n, len(got), len(want))
		}
		must(t, compactAndReap(s))
		if got := objectsOf(t, open(t, dir, Options{})); !maps.Equal(got, want) || len(s.packs.packs) != 1 {
			t.Fatalf("ended at call %d: then %d objects of %d in %d packs", n, len(got), len(want), len(s.packs.packs))
		}
		os.RemoveAll(dir)
		if err == nil {
			t.Logf("%d calls", n-1)
			return
		}
	}
}

// TestCompactInterrupted: cancelled at any moment, it leaves everything as it
// was.
func TestCompactInterrupted(t *testing.T) {
	dir := newRepo(t)
	f := plant(t, dir, 120)
	before := listing(t, f.s.packDir())
	for _, at := range []int{0, 1, 2} {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		if at == 0 {
			cancel()
		}
		_, err := f.s.Compact(ctx, func(int, int) {
			if calls++; calls == at {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled at %d: %v", at, err)
		}
		if after := listing(t, f.s.packDir()); after != before {
			t.Errorf("cancelled at %d:\n%s\nbefore:\n%s", at, after, before)
		}
		cancel()
	}
}

// TestCompactDamaged: an object that cannot be believed is not handed on.
func TestCompactDamaged(t *testing.T) {
	for _, offset := range []int{packHeader + 1, 200} {
		dir := newRepo(t)
		s := open(t, dir, Options{NoSync: true}) // without a journal that has it again
		mustPost(t, s, mainRef, 5000, "a")
		mustPost(t, s, mainRef, 5000, "b")
		flip(offset)(t, packNames(t, s)[0])
		before := listing(t, s.packDir())
		if _, err := open(t, dir, Options{NoSync: true, Logger: quiet()}).Compact(t.Context(), nil); err == nil {
			t.Errorf("a byte at %d was changed, and it compacted the store", offset)
		}
		if after := listing(t, s.packDir()); after != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
	}
}

// TestCompactSome: in the background full tiers become packs with deltas, and
// few packs are left however many batches there were.
func TestCompactSome(t *testing.T) {
	dir := newRepo(t)
	f := &forest{s: open(t, dir, Options{NoSync: true}), files: map[string]plumbing.Hash{}}
	for i := range smallPacks * tierPacks {
		f.grow(t, 1, "p/one", "p/two")
		if i%smallPacks == smallPacks-1 {
			must(t, f.s.Maintain(t.Context()))
		}
	}
	before := objectsOf(t, f.s)
	if !f.s.CompactionDue() {
		t.Fatalf("%d packs, and nothing to compact", len(f.s.packs.packs))
	}
	must(t, f.s.CompactSome(t.Context()))
	if f.s.CompactionDue() || len(f.s.packs.packs) != 1 || f.s.packs.packs[0].keep != compactKeep {
		t.Errorf("left: %d packs", len(f.s.packs.packs))
	}
	must(t, f.s.reap(0))
	if got := objectsOf(t, open(t, dir, Options{})); !maps.Equal(got, before) {
		t.Errorf("%d objects, there were %d", len(got), len(before))
	}
	checkGit(t, dir, f)
}

// TestAnyObjects: whatever objects there are, in whatever packs, they are read
// back byte for byte, by us and by git.
func TestAnyObjects(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := newRepo(t)
		s := open(t, dir, Options{NoSync: true})
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		want := map[plumbing.Hash]string{}
		for range rapid.IntRange(1, 5).Draw(rt, "packs") {
			must(t, withLock(s, func() error { return anyBatch(s, r, want) }))
		}
		how := rapid.SampledFrom([]string{"compact", "merge", "git first"}).Draw(rt, "how")
		if how == "git first" {
			removeKeeps(t, s)
			git(t, dir, "repack", "-a", "-d", "-f", "-q", "-k")
		}
		if how == "merge" {
			must(t, s.replaceAll(t.Context(), onceAll(s), func() *compaction { return &compaction{encoders: 1, copy: true} }))
		}
		must(t, compactAndReap(s))
		fresh := open(t, dir, Options{})
		if got := objectsOf(t, fresh); !maps.Equal(got, want) {
			rt.Fatalf("%d objects of %d", len(got), len(want))
		}
		checkObjects(t, fresh)
	})
}

// onceAll names all packs, once.
func onceAll(s *Storage) func() []*pack {
	done := false
	return func() []*pack {
		if done {
			return nil
		}
		done = true
		return s.packs.matching((*pack).mergeable)
	}
}

// anyBatch commits objects that look like trees and commits to a varying
// degree.
func anyBatch(s *Storage, r *rand.Rand, want map[plumbing.Hash]string) error {
	b := s.NewBatch()
	known := slices.SortedFunc(maps.Keys(want), func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	add := func(t plumbing.ObjectType, data []byte) {
		h := b.Add(t, data)
		want[h] = t.String() + " " + string(data)
		known = append(known, h)
	}
	pick := func() plumbing.Hash {
		if len(known) == 0 {
			return plumbing.NewHash("11")
		}
		return known[r.IntN(len(known))]
	}
	for range 1 + r.IntN(30) {
		switch r.IntN(4) {
		case 0:
			add(plumbing.BlobObject, bytes.Repeat([]byte{byte(r.IntN(4))}, r.IntN(1<<r.IntN(18))))
		case 1:
			var tree []byte
			for i := range r.IntN(20) {
				h := pick()
				mode := []string{"40000", "100644"}[r.IntN(2)]
				tree = append(fmt.Appendf(tree, "%s name%02d\x00", mode, i), h[:]...)
			}
			add(plumbing.TreeObject, tree)
		case 2:
			text := fmt.Sprintf("tree %s\n", pick())
			for range r.IntN(3) {
				text += fmt.Sprintf("parent %s\n", pick())
			}
			add(plumbing.CommitObject, fmt.Appendf(nil, "%sauthor a <a@b> 1 +0000\n\n%d\n", text, r.IntN(100)))
		case 3:
			add(plumbing.TagObject, fmt.Appendf(nil, "object %s\ntype commit\ntag x\n\n%d\n", pick(), r.IntN(100)))
		}
	}
	return b.Commit()
}
