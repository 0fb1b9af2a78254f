package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func genHash(t *rapid.T, label string) (h plumbing.Hash) {
	copy(h[:], rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, label))
	return h
}

func genRecord(t *rapid.T) record {
	r := record{
		generation: rapid.Uint64().Draw(t, "generation"),
		seq:        rapid.Uint64().Draw(t, "seq"),
		boot:       rapid.Uint64().Draw(t, "boot"),
		previous:   rapid.Uint32().Draw(t, "previous"),
		pack:       rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "pack"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "moves") {
		name := plumbing.ReferenceName(rapid.StringN(0, 40, 80).Draw(t, "ref"))
		r.moves = append(r.moves, move{name, genHash(t, "old"), genHash(t, "new")})
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genRecord(t)
		data := encodeRecord(want)
		if int64(len(data)) != recordSize(want.moves, want.pack) {
			t.Fatalf("%d bytes, not %d", len(data), recordSize(want.moves, want.pack))
		}
		got, size, err := readRecord(bytes.NewReader(data), 0)
		if err != nil || got == nil || size != int64(len(data)) {
			t.Fatalf("%v, %d bytes, %v", got, size, err)
		}
		want.sum = recordSum(data)
		if diff := cmp.Diff(want, *got, cmp.AllowUnexported(record{}, move{})); diff != "" {
			t.Fatal(diff)
		}
		// Nothing is read from a record that is cut short or changed.
		cut := rapid.IntRange(0, len(data)-1).Draw(t, "cut")
		if r, _, err := readRecord(bytes.NewReader(data[:cut]), 0); r != nil || err != nil {
			t.Fatalf("cut to %d bytes: %v, %v", cut, r, err)
		}
		data[cut] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if r, _, err := readRecord(bytes.NewReader(data), 0); r != nil || err != nil {
			t.Fatalf("changed at %d: %v, %v", cut, r, err)
		}
	})
}

func FuzzScanRecords(f *testing.F) {
	one := encodeRecord(record{generation: 7, seq: 1})
	f.Add(one)
	f.Add(append(one, encodeRecord(record{generation: 7, seq: 2, previous: recordSum(one), pack: []byte(journalMagic)})...))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := scanRecords(data)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range records {
			if i > 0 && r.seq <= records[i-1].seq {
				t.Fatal("records out of order")
			}
		}
	})
}

// TestScanSkipsOthers: records of another generation, and those that stand in a
// batch's own bytes, are no records of the journal.
func TestScanSkipsOthers(t *testing.T) {
	encode := func(r record) []byte { return encodeRecord(r) }
	fake := encode(record{generation: 8, seq: 99})
	a := encode(record{generation: 7, seq: 1})
	b := encode(record{generation: 7, seq: 2, previous: recordSum(a), pack: fake})
	lost := encode(record{generation: 7, seq: 3, previous: recordSum(b), pack: bytes.Repeat(fake, 3)})
	d := encode(record{generation: 7, seq: 4, previous: recordSum(lost)})
	e := encode(record{generation: 7, seq: 5, previous: recordSum(d)})
	old := encode(record{generation: 6, seq: 1000})
	stale := encode(record{generation: 7, seq: 2})
	lost[recordHeader] ^= 1
	records, err := scanRecords(slices.Concat(a, b, lost, d, e, old, fake, stale))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprint(r.seq, r.stray))
	}
	if want := []string{"1 false", "2 false", "4 true", "5 true"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestStaleSuccessor: a record that was replaced by one of the same length does
// not bring back what had followed it.
func TestStaleSuccessor(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{Boot: "boot"})
	for _, id := range []string{"a", "b", "c"} {
		mustPost(t, s, mainRef, 0, id)
	}
	records, err := s.journal.records()
	if err != nil {
		t.Fatal(err)
	}
	// The second record is damaged, so the next batch is written in its place,
	// and the third record follows it, whole and with the right number.
	at := recordSize(records[0].moves, nil) + recordSize(records[1].moves, records[1].pack)
	flip(int(at)+recordHeader)(t, s.journal.path)
	other := open(t, dir, Options{Boot: "boot"})
	if err := withLock(other, func() error {
		if err := other.journal.catchUp(); err != nil {
			return err
		}
		if other.journal.end != at {
			t.Fatalf("the journal ends at %d, not %d", other.journal.end, at)
		}
		data, err := other.journal.append(records[3].moves, records[3].pack)
		if err != nil {
			return err
		}
		other.journal.step(records[3].moves, recordSum(data), int64(len(data)))
		return other.journal.catchUp()
	}); err != nil {
		t.Fatal(err)
	}
	if got := other.journal.end - at; got != recordSize(records[2].moves, records[2].pack) {
		t.Errorf("a stale record was believed: %d bytes", got)
	}
}

// TestJournalShared has two storages take turns, over several full journals.
func TestJournalShared(t *testing.T) {
	dir := newRepo(t)
	both := []*Storage{open(t, dir, Options{Boot: "boot"}), open(t, dir, Options{Boot: "boot"})}
	var ids []string
	rounds, last := 0, int64(0)
	for i := 0; rounds < 3; i++ {
		s := both[i*i%7%2]
		id := fmt.Sprint("turn", i)
		mustPost(t, s, mainRef, 150_000+i, id)
		ids = append(ids, id)
		if s.journal.end < last {
			rounds++
		}
		last = s.journal.end
		if i%5 == 0 {
			again := open(t, dir, Options{Boot: "boot"})
			if err := withLock(again, again.journal.catchUp); err != nil {
				t.Fatal(err)
			}
			if again.journal.end != s.journal.end || again.journal.next != s.journal.next || again.journal.sum != s.journal.sum {
				t.Fatalf("batch %d: a third process is at %d, not %d", i, again.journal.end, s.journal.end)
			}
		}
	}
	wantHistory(t, open(t, dir, Options{Boot: "another"}), mainRef, ids...)
}

// TestJournalRemoved: somebody removes what belongs to this machine while
// processes have it open.
func TestJournalRemoved(t *testing.T) {
	dir := newRepo(t)
	a, b := open(t, dir, Options{Boot: "boot"}), open(t, dir, Options{Boot: "boot"})
	mustPost(t, a, mainRef, 0, "a1")
	mustPost(t, b, mainRef, 0, "b1")
	if err := os.RemoveAll(filepath.Join(dir, "skein")); err != nil {
		t.Fatal(err)
	}
	mustPost(t, a, mainRef, 0, "a2")
	mustPost(t, b, mainRef, 0, "b2")
	mustPost(t, a, mainRef, 0, "a3")
	records, err := a.journal.records()
	if err != nil || len(records) != 4 {
		t.Errorf("the new journal has %d records (%v)", len(records), err)
	}
	wantHistory(t, open(t, dir, Options{Boot: "another"}), mainRef, "a1", "b1", "a2", "b2", "a3")
}

// TestCheckpointBounded: with thousands of branches a checkpoint still leaves
// room for batches.
func TestCheckpointBounded(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{Boot: "boot"})
	mustPost(t, s, mainRef, 0, "a")
	tip, err := s.Ref(mainRef)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		must(t, os.WriteFile(s.refPath(plumbing.ReferenceName(fmt.Sprintf("refs/heads/branch-with-a-name-%d", i))), []byte(tip.String()+"\n"), 0o600))
	}
	if err := withLock(s, s.checkpoint); err != nil {
		t.Fatal(err)
	}
	if s.journal.end > maxCheckpoint {
		t.Errorf("the checkpoint has %d bytes", s.journal.end)
	}
	mustPost(t, s, mainRef, MaxBatch-2000, "b")
	wantHistory(t, open(t, dir, Options{Boot: "another"}), mainRef, "a", "b")
}

// TestVoid: a batch that is taken back after its record was written leaves the
// records before it alone, and does not come back.
func TestVoid(t *testing.T) {
	dir := newRepo(t)
	fail := ""
	s := open(t, dir, Options{Boot: "boot", FS: hooked(OS, func(call, name string) outcome {
		if fail != "" && call == fail && filepath.Base(name) == "main" {
			return outcome{err: errKilled}
		}
		return outcome{}
	})})
	mustPost(t, s, mainRef, 0, "a")
	mustPost(t, s, mainRef, 0, "b")
	fail = "rename"
	if err := post(s, mainRef, 0, "c"); err == nil {
		t.Fatal("the rename did not fail")
	}
	fail = ""
	wantHistory(t, s, mainRef, "a", "b")
	wantHistory(t, open(t, copyRepo(t, dir), Options{Boot: "another"}), mainRef, "a", "b")
	mustPost(t, s, mainRef, 0, "d")
	wantHistory(t, open(t, copyRepo(t, dir), Options{Boot: "another"}), mainRef, "a", "b", "d")
}

// TestKilledBeforePack: a writer is killed when its record is in the journal
// and of its pack there is nothing. The next writer makes the pack, and has git
// leave it alone, before it moves the ref.
func TestKilledBeforePack(t *testing.T) {
	dir := newRepo(t)
	mustPost(t, open(t, dir, Options{}), mainRef, 0, "a")
	recorded, dead := make(chan struct{}), atomic.Bool{}
	dying := open(t, dir, Options{FS: hookFS{OS, func(call, name string) outcome {
		switch {
		case strings.HasSuffix(name, ".keep") && call == "open":
			<-recorded
			dead.Store(true)
		case filepath.Base(name) == "journal" && call == "sync" && !dead.Load():
			close(recorded)
			return outcome{}
		}
		if dead.Load() {
			return outcome{err: errKilled}
		}
		return outcome{}
	}}})
	if err := post(dying, mainRef, 0, "killed"); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	moves := 0
	next := open(t, dir, Options{Logger: quiet(), FS: hooked(OS, func(call, name string) outcome {
		if call == "rename" && filepath.Base(name) == "main" {
			moves++
			packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
			if err != nil || len(packs) < 2 {
				t.Errorf("the ref moves and there are %v (%v)", packs, err)
			}
			for _, pack := range packs {
				if !exists(strings.TrimSuffix(pack, "pack") + "keep") {
					t.Errorf("the ref moves and git may remove %s", pack)
				}
			}
		}
		return outcome{}
	})})
	mustPost(t, next, mainRef, 0, "b")
	wantHistory(t, next, mainRef, "a", "killed", "b")
	if moves != 2 {
		t.Errorf("the ref moved %d times, want to the killed writer's commit and to the next", moves)
	}
	fsck(t, dir)
}

// TestOrder: order finds out who is before whom at the cost of the distance.
func TestOrder(t *testing.T) {
	s := open(t, newRepo(t), Options{NoSync: true})
	unlock, err := s.Lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	var all []plumbing.Hash
	b := s.NewBatch()
	tip := plumbing.ZeroHash
	for i := range 200 {
		tip = addCommit(b, tip, fmt.Sprint("c", i), 0)
		all = append(all, tip)
	}
	side := addCommit(b, all[50], "side", 0)
	b.Move(mainRef, plumbing.ZeroHash, tip)
	b.Move(otherRef, plumbing.ZeroHash, side)
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a, b plumbing.Hash
		want int
	}{
		{all[3], all[150], -1}, {all[150], all[3], 1}, {all[0], tip, -1}, {all[50], side, -1},
		{side, tip, 0}, {tip, side, 0}, {all[0], plumbing.NewHash("11"), 0},
	} {
		if got := s.order(c.a, c.b); got != c.want {
			t.Errorf("order(%s, %s) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
