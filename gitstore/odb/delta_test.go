package odb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"pgregory.net/rapid"
)

// FuzzDelta: whatever base and target are, the delta makes one of the other,
// for us and for go-git alike.
func FuzzDelta(f *testing.F) {
	tree := bytes.Repeat([]byte("100644 21-101503-claude-code-7k3q9x2m.md\x00abcdefghijklmnopqrst"), 20)
	for _, pair := range [][2][]byte{
		{nil, nil}, {nil, []byte("x")}, {[]byte("x"), nil},
		{tree, tree}, {tree, tree[:800]}, {tree[:800], tree},
		{tree, slices.Concat(tree[:300], []byte("0123456789"), tree[310:600], tree[660:])},
		{bytes.Repeat([]byte("ab"), 70_000), bytes.Repeat([]byte("ba"), 70_000)},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, base, target []byte) {
		var d differ
		delta := d.delta(nil, base, target)
		got, err := applyDelta(base, delta)
		if err != nil || !bytes.Equal(got, target) {
			t.Fatalf("%v; %d bytes of %d", err, len(got), len(target))
		}
		if again := d.delta(nil, base, target); !bytes.Equal(again, delta) {
			t.Fatal("a differ that was used before makes another delta")
		}
		if len(base) == 0 || len(target) == 0 {
			return // of nothing, or to nothing, go-git makes none; nor do we where it matters
		}
		if theirs, err := packfile.PatchDelta(base, delta); err != nil || !bytes.Equal(theirs, target) {
			t.Fatalf("go-git: %v", err)
		}
	})
}

// FuzzApplyDelta: no delta makes the decoder panic, or make more than it says.
func FuzzApplyDelta(f *testing.F) {
	base := []byte("a base of some thirty-two bytes.")
	f.Add(base, new(differ).delta(nil, base, []byte("some thirty-two bytes and a base of")))
	f.Add(base, []byte("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x90\x20"))
	f.Add(base, []byte("\x20\x20\x90"))
	f.Add(base, []byte("\x20\x05\x00abcde"))
	f.Add(base, []byte("\x20\x40\x91\x01\x20"))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		got, err := applyDelta(base, delta)
		if err != nil {
			return
		}
		theirs, err := packfile.PatchDelta(base, delta)
		if err == nil && !bytes.Equal(got, theirs) {
			t.Fatalf("go-git makes %q of it, not %q", theirs, got)
		}
	})
}

// TestDeltaSizes: the deltas of which a packed store consists are small.
func TestDeltaSizes(t *testing.T) {
	entry := func(i int) []byte {
		h := hashObject(plumbing.BlobObject, fmt.Append(nil, i))
		return append(fmt.Appendf(nil, "100644 21-101503-claude-code-%08d.md\x00", i), h[:]...)
	}
	var tree []byte
	for i := range 60 {
		tree = append(tree, entry(i)...)
	}
	size := len(entry(0))
	other := slices.Clone(tree)
	copy(other[31*size-20:], entry(99)[size-20:])
	third := slices.Clone(other)
	copy(third[50*size-20:], entry(98)[size-20:])
	var d differ
	for _, c := range []struct {
		name         string
		base, target []byte
		most         int
	}{
		{"a file less", tree, tree[:59*size], 10},
		{"a file more", tree[:59*size], tree, size + 10},
		{"another object", tree, other, 35},
		{"two other objects", tree, third, 62},
		{"the same", tree, tree, 10},
	} {
		if n := len(d.delta(nil, c.base, c.target)); n > c.most {
			t.Errorf("%s: %d bytes, want at most %d", c.name, n, c.most)
		}
	}
}

// TestHostilePacks: deltas that lead round in a circle, to nowhere, or say a
// size that is not theirs are errors of the read.
func TestHostilePacks(t *testing.T) {
	target := []byte("what is to be made")
	h := hashObject(plumbing.BlobObject, target)
	other := hashObject(plumbing.BlobObject, []byte("other"))
	delta := new(differ).delta(nil, nil, target)
	lies := slices.Clone(delta)
	lies[1]++
	for _, c := range []struct {
		name    string
		entries func(w *hostile)
	}{
		{"a delta on itself", func(w *hostile) { w.ref(h, h, delta) }},
		{"two deltas on each other", func(w *hostile) { w.ref(h, other, delta); w.ref(other, h, delta) }},
		{"a base that is nowhere", func(w *hostile) { w.ref(h, other, delta) }},
		{"a base before the pack", func(w *hostile) { w.offset(h, 1<<20, delta) }},
		{"a base at itself", func(w *hostile) { w.offset(h, 0, delta) }},
		{"another size than the delta makes", func(w *hostile) { w.whole(other, nil); w.ref(h, other, lies) }},
		{"a size beyond all", func(w *hostile) { w.entry(h, plumbing.BlobObject, 1<<40, nil, target) }},
		{"a size that the bytes cannot have", func(w *hostile) { w.entry(h, plumbing.BlobObject, 1<<29, nil, target) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, newRepo(t), Options{Logger: quiet()})
			w := &hostile{newPackWriter()}
			c.entries(w)
			w.write(t, s)
			if _, data, err := s.Get(h); err == nil {
				t.Errorf("it was read: %q", data)
			}
		})
	}
}

// TestHostileCircle: a circle through packs, of which there are several copies,
// ends soon.
func TestHostileCircle(t *testing.T) {
	s := open(t, newRepo(t), Options{Logger: quiet()})
	a, b := plumbing.NewHash("aa"), plumbing.NewHash("bb")
	for i := range 6 {
		for _, on := range [][2]plumbing.Hash{{a, b}, {b, a}} {
			w := &hostile{newPackWriter()}
			w.ref(on[0], on[1], fmt.Append(nil, i))
			w.write(t, s)
		}
	}
	if _, _, err := s.Get(a); err == nil {
		t.Error("it was read")
	}
}

// hostile writes packs that no git writes.
type hostile struct{ *packWriter }

func (w *hostile) entry(h plumbing.Hash, kind plumbing.ObjectType, size int, base, data []byte) {
	at := len(w.buf)
	w.buf = appendEntryHeader(w.buf, kind, size)
	w.buf = append(w.buf, base...)
	w.buf = appendStored(w.buf, data)
	w.entries = append(w.entries, entry{h, 0, int64(at)})
}

func (w *hostile) whole(h plumbing.Hash, data []byte) {
	w.entry(h, plumbing.BlobObject, len(data), nil, data)
}

func (w *hostile) ref(h, base plumbing.Hash, delta []byte) {
	w.entry(h, plumbing.REFDeltaObject, len(delta), base[:], delta)
}

func (w *hostile) offset(h plumbing.Hash, back int64, delta []byte) {
	w.entry(h, plumbing.OFSDeltaObject, len(delta), appendOffset(nil, back), delta)
}

func (w *hostile) write(t *testing.T, s *Storage) {
	t.Helper()
	pack, index, name := w.finish()
	must(t, os.WriteFile(filepath.Join(s.packDir(), name+".pack"), pack, 0o600))
	must(t, os.WriteFile(filepath.Join(s.packDir(), name+".idx"), index, 0o600))
}

// TestDeltaRandom makes deltas of texts that were edited at random.
func TestDeltaRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		base := make([]byte, rapid.IntRange(0, 5000).Draw(t, "size"))
		for i := range base {
			base[i] = byte(r.IntN(1 + r.IntN(256)))
		}
		target := slices.Clone(base)
		for range rapid.IntRange(0, 6).Draw(t, "edits") {
			from := r.IntN(len(target) + 1)
			to := from + r.IntN(len(target)-from+1)
			target = slices.Concat(target[:from], base[:r.IntN(len(base)+1)], target[to:])
		}
		var d differ
		got, err := applyDelta(base, d.delta(nil, base, target))
		if err != nil || !bytes.Equal(got, target) {
			t.Fatalf("%d bytes of %d: %v", len(got), len(target), err)
		}
	})
}
