package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"
)

// TestPackEncoding holds our packs and indexes against git's.
func TestPackEncoding(t *testing.T) {
	for name, sizes := range map[string][]int{
		"one empty":   {0},
		"sizes":       {0, 1, 15, 16, 2047, 2048, 65534, 65535, 65536, 131070, 131071, 300_000},
		"many":        slices.Repeat([]int{10}, 1),
		"one million": {1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPackWriter()
			for i, size := range sizes {
				w.add(plumbing.BlobObject, append(bytes.Repeat([]byte{byte(i)}, size), fmt.Sprint(i)...)[:size])
			}
			checkPackWriter(t, w)
		})
	}
	w := newPackWriter()
	for i := range 3000 {
		w.add(plumbing.BlobObject, fmt.Append(nil, i))
		w.add(plumbing.BlobObject, fmt.Append(nil, i)) // once is enough
	}
	checkPackWriter(t, w)
}

func checkPackWriter(t *testing.T, w *packWriter) {
	t.Helper()
	dir := t.TempDir()
	n := len(w.entries)
	data, index, name := w.finish()
	base := filepath.Join(dir, name)
	must(t, os.WriteFile(base+".pack", data, 0o600))
	must(t, os.WriteFile(base+".idx", index, 0o600))
	git(t, dir, "verify-pack", base+".idx")
	git(t, dir, "index-pack", "-o", filepath.Join(dir, "git.idx"), base+".pack")
	want, err := os.ReadFile(filepath.Join(dir, "git.idx"))
	must(t, err)
	if !bytes.Equal(index, want) {
		t.Error("git writes another index")
	}
	if rebuilt, err := indexPack(data); err != nil || !bytes.Equal(rebuilt, want) {
		t.Errorf("the index that heal writes differs (%v)", err)
	}
	p, err := openPack(base)
	must(t, err)
	defer p.close()
	if p.count != n {
		t.Errorf("%d objects, not %d", p.count, n)
	}
}

// TestLargeOffsets: an index has 8 bytes for offsets from 2 GiB on.
func TestLargeOffsets(t *testing.T) {
	var entries []entry
	for i := range 300 {
		h := hashObject(plumbing.BlobObject, fmt.Append(nil, i))
		entries = append(entries, entry{h, uint32(i), int64(i) * (1 << 26)})
	}
	want := slices.Clone(entries)
	p := &pack{}
	must(t, p.setIndex(encodeIndex(entries, make([]byte, 20))))
	for _, e := range want {
		i, ok := p.find(e.hash)
		off, err := p.offset(i)
		if !ok || err != nil || off != e.offset || p.crc(i) != e.crc {
			t.Fatalf("%s is at %d (%v, %v), not at %d", e.hash, off, ok, err, e.offset)
		}
	}
}

// TestIndexLookup: find agrees with a plain search, for ids that are there and
// for those that are not.
func TestIndexLookup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var entries []entry
		all := map[plumbing.Hash]bool{}
		for i := range rapid.IntRange(0, 60).Draw(t, "objects") {
			h := genHash(t, "id")
			if rapid.Bool().Draw(t, "crowded") {
				copy(h[:19], bytes.Repeat([]byte{h[0] % 3 * 127}, 19))
			}
			if !all[h] {
				all[h] = true
				entries = append(entries, entry{hash: h, offset: int64(i)})
			}
		}
		p := &pack{}
		if err := p.setIndex(encodeIndex(entries, make([]byte, 20))); err != nil {
			t.Fatal(err)
		}
		if !sort.SliceIsSorted(entries, func(i, j int) bool { return bytes.Compare(entries[i].hash[:], entries[j].hash[:]) < 0 }) {
			t.Fatal("entries are not sorted")
		}
		probe := genHash(t, "probe")
		if len(entries) > 0 && rapid.Bool().Draw(t, "near") {
			probe = entries[rapid.IntRange(0, len(entries)-1).Draw(t, "which")].hash
			probe[19] ^= byte(rapid.IntRange(0, 1).Draw(t, "off by one"))
		}
		if i, ok := p.find(probe); ok != all[probe] || ok && p.hash(i) != probe {
			t.Fatalf("find(%s) = %d, %v", probe, i, ok)
		}
		for i, e := range entries {
			if at, ok := p.find(e.hash); !ok || at != i {
				t.Fatalf("find(%s) = %d, %v, want %d", e.hash, at, ok, i)
			}
		}
	})
}

// TestStored: what appendStored writes is zlib to everybody, and readStored
// reads it and nothing else.
func TestStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(65530, 65540), rapid.IntRange(131060, 131080)).Draw(t, "size")
		data := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, n)
		stream := append(appendStored(nil, data), "behind"...)
		got, size, ok := readStored(stream, n)
		if !ok || !bytes.Equal(got, data) || size != len(stream)-len("behind") {
			t.Fatalf("%d bytes of %d, %v", len(got), n, ok)
		}
		if _, _, ok := readStored(stream, n+1); ok {
			t.Fatal("the wrong size is accepted")
		}
		stream[2+5*(1+n/0xffff)/2] ^= 1
		if got, err := inflate(stream, n); err == nil && !bytes.Equal(got, data) {
			t.Fatal("damage is not noticed")
		}
	})
}

// TestDeltas reads packs of git's, with deltas of both kinds, and holds every
// object against git cat-file.
func TestDeltas(t *testing.T) {
	for _, args := range [][]string{
		{"repack", "-a", "-d", "-f", "-q", "--depth=50", "--window=50"},
		{"-c", "repack.useDeltaBaseOffset=false", "repack", "-a", "-d", "-f", "-q", "--depth=50", "--window=50"},
		{"gc", "--aggressive", "--prune=now", "--quiet"},
	} {
		dir := newRepo(t)
		s := open(t, dir, Options{NoSync: true})
		deltaHistory(t, s)
		removeKeeps(t, s)
		git(t, dir, args...)
		if n := strings.Count(git(t, dir, "verify-pack", "-v", firstIndex(t, s)), "chain length"); n < 3 {
			t.Fatalf("git made %d lengths of delta chains", n)
		}
		checkObjects(t, open(t, dir, Options{}))
	}
}

// deltaHistory makes 200 versions of a growing tree and of a long file.
func deltaHistory(t *testing.T, s *Storage) {
	t.Helper()
	unlock, err := s.Lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	text := content("base", 30_000)
	var tree []byte
	tip := plumbing.ZeroHash
	for i := range 200 {
		b := s.NewBatch()
		text = slices.Concat(text[:i*100], fmt.Append(nil, "line ", i, "\n"), text[i*100:])
		blob := b.Add(plumbing.BlobObject, text)
		tree = append(tree, fmt.Sprintf("100644 file%03d\x00", i)...)
		tree = append(tree, blob[:]...)
		commit := fmt.Sprintf("tree %s\n", b.Add(plumbing.TreeObject, tree))
		if !tip.IsZero() {
			commit += fmt.Sprintf("parent %s\n", tip)
		}
		next := b.Add(plumbing.CommitObject, []byte(commit+"author a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n"))
		b.Move(mainRef, tip, next)
		must(t, b.Commit())
		tip = next
	}
}

func removeKeeps(t *testing.T, s *Storage) {
	keeps, _ := filepath.Glob(filepath.Join(s.packDir(), "*.keep"))
	for _, k := range keeps {
		must(t, os.Remove(k))
	}
}

func firstIndex(t *testing.T, s *Storage) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(s.packDir(), "*.idx"))
	if err != nil || len(all) != 1 {
		t.Fatalf("packs: %v", all)
	}
	return all[0]
}

// checkObjects holds all objects against git cat-file --batch-all-objects.
func checkObjects(t *testing.T, s *Storage) {
	t.Helper()
	want := strings.Fields(git(t, s.dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname):%(objecttype):%(objectsize)"))
	all, err := s.Objects()
	if err != nil || len(all) != len(want) {
		t.Fatalf("%d objects, git has %d (%v)", len(all), len(want), err)
	}
	rand.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
	for _, w := range want {
		h := plumbing.NewHash(w[:40])
		kind, data, err := s.Get(h) // which checks that it hashes to h
		if got := fmt.Sprintf("%s:%s:%d", h, kind, len(data)); err != nil || got != w {
			t.Fatalf("got %s (%v), git has %s", got, err, w)
		}
	}
}

// TestLooseObjects: git unpacks objects, and go-git stores single ones.
func TestLooseObjects(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	mustPost(t, s, mainRef, 70_000, "a")
	o := s.NewEncodedObject()
	o.SetType(plumbing.BlobObject)
	w, _ := o.Writer()
	fmt.Fprint(w, "alone")
	h, err := s.SetEncodedObject(o)
	must(t, err)
	if got := git(t, dir, "cat-file", "blob", h.String()); got != "alone" {
		t.Errorf("git reads %q", got)
	}
	removeKeeps(t, s)
	index := firstIndex(t, s)
	data, err := os.ReadFile(strings.TrimSuffix(index, ".idx") + ".pack")
	must(t, err)
	must(t, os.Remove(index))
	must(t, os.Remove(strings.TrimSuffix(index, ".idx")+".pack"))
	cmd := gitCommand(dir, "unpack-objects", "-q")
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	fresh := open(t, dir, Options{})
	wantHistory(t, fresh, mainRef, "a")
	checkObjects(t, fresh)
	if _, _, err := fresh.Get(plumbing.NewHash("11")); !errors.Is(err, plumbing.ErrObjectNotFound) {
		t.Errorf("a missing object: %v", err)
	}
	path := fresh.loosePath(h)
	flip(12)(t, path)
	var damaged *DamagedError
	if _, _, err := fresh.Get(h); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged object: %v %v", err, damaged)
	}
}

// TestTiers: however many batches there are, there are never many packs.
func TestTiers(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{NoSync: true})
	most, files, n := 0, 0, times(3000, 40_000)
	for i := range n {
		mustPost(t, s, mainRef, 0, fmt.Sprint("c", i))
		if s.MaintenanceDue() {
			must(t, s.Maintain(t.Context()))
		}
		if i%10 == 0 {
			all, _ := filepath.Glob(filepath.Join(s.packDir(), "*.pack"))
			most, files = max(most, len(s.packs.packs)), max(files, len(all))
		}
	}
	if most > 100 || files > 100+graceSmall*len(s.packs.tiers()) {
		t.Errorf("there were %d packs, and %d files of packs", most, files)
	}
	t.Logf("%d batches: at most %d packs, and %d with those that were replaced", n, most, files)
	ids, err := history(open(t, dir, Options{}), mainRef)
	if err != nil || len(ids) != n {
		t.Errorf("%d commits (%v)", len(ids), err)
	}
	fsck(t, dir)
}

// TestConcurrent reads from many goroutines while others commit and merge, all
// through one Storage.
func TestConcurrent(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{NoSync: true})
	mustPost(t, s, mainRef, 40_000, "first")
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := until(stop, func(int) error {
				_, err := history(s, mainRef)
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if err := until(stop, func(int) error { return s.Maintain(context.Background()) }); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() {
		if err := until(stop, func(int) error { _, err := s.Objects(); return err }); err != nil {
			t.Error(err)
		}
	})
	var writers sync.WaitGroup
	n := times(60, 1000)
	for w := range 2 {
		writers.Go(func() {
			for i := range n {
				if err := post(s, mainRef, i*50%9000, fmt.Sprintf("w%d.%d", w, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	all.Wait()
	if ids, err := history(s, mainRef); err != nil || len(ids) != 2*n+1 {
		t.Errorf("%d commits (%v)", len(ids), err)
	}
}

// TestForeignPacks: packs that somebody else keeps are left alone.
func TestForeignPacks(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	mustPost(t, s, mainRef, 0, "kept")
	keep := strings.TrimSuffix(firstIndex(t, s), ".idx") + ".keep"
	must(t, os.WriteFile(keep, []byte("fetch-pack 4711\n"), 0o600))
	s = open(t, dir, Options{})
	for _, id := range names("c", smallPacks) {
		mustPost(t, s, mainRef, 0, id)
	}
	must(t, s.Maintain(t.Context()))
	must(t, s.reap(0))
	if !exists(keep) || !exists(strings.TrimSuffix(keep, ".keep")+".pack") {
		t.Error("a pack that git keeps was merged")
	}
	if packs, _ := filepath.Glob(filepath.Join(s.packDir(), "*.pack")); len(packs) != 2 {
		t.Errorf("packs: %v", packs)
	}
	fsck(t, dir)
}

// TestMaintainInterrupted: an interrupted merge changes nothing.
func TestMaintainInterrupted(t *testing.T) {
	dir := newRepo(t)
	manyPacks(t, dir)
	s := open(t, dir, Options{})
	before := listing(t, s.packDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Maintain(ctx); err == nil {
		t.Error("it says that it is done")
	}
	if after := listing(t, s.packDir()); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
