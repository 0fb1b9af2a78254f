package index

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skein/gitstore/event"
)

func TestBitmap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		places := rapid.SliceOfN(rapid.Int64Range(0, blockSize-1), 0, 400).Draw(rt, "places")
		var b, read bitmap
		want := map[int64]bool{}
		for _, p := range places {
			b.set(p)
			want[p] = true
		}
		rest, err := read.cut(append(b.append(nil), 7))
		if err != nil || len(rest) != 1 || read != b {
			rt.Fatalf("read back %v, %v", rest, err)
		}
		same(rt, "places", slices.Concat(slices.Sorted(maps.Keys(want))), slices.Concat(slices.Collect(b.places())))
		if b.count() != len(want) || b.empty() != (len(want) == 0) {
			rt.Fatalf("counts %d of %d", b.count(), len(want))
		}
		from := rapid.Int64Range(0, blockSize).Draw(rt, "from")
		b.from(from)
		for p := range want {
			if b.has(p) != (p >= from) {
				rt.Fatalf("from %d: %d", from, p)
			}
		}
		if _, err := read.cut(b.append(nil)[:1]); err == nil {
			rt.Fatal("a cut bitmap was read")
		}
	})
}

// TestManyBlocks fills several blocks, one message in twenty late by up to a
// month, in several updates, and follows inboxes to their ends.
func TestManyBlocks(t *testing.T) {
	n := 3*blockSize + 1000
	if testing.Short() {
		n = blockSize + 500
	}
	x := openTest(t, filepath.Join(t.TempDir(), "index"), Options{Now: func() time.Time { return testStart }})
	c := newCorpus(n)
	var all []Change
	for i := range n {
		all = append(all, c.message(i))
	}
	seen := map[string]map[event.ID]bool{}
	late := slices.DeleteFunc(slices.Clone(all), func(m Change) bool { return m.Event.ID[15]%20 != 0 })
	onTime := slices.DeleteFunc(slices.Clone(all), func(m Change) bool { return m.Event.ID[15]%20 == 0 })
	state := State{}
	step := func(changes ...Change) {
		next := stepState(stepOf(state) + 1)
		if err := x.Update(context.Background(), state, next, yield(changes)); err != nil {
			t.Fatal(err)
		}
		state = next
	}
	for part := range slices.Chunk(onTime, 2500) {
		end := slices.IndexFunc(late, func(m Change) bool { return m.Event.ID.Compare(part[0].Event.ID) > 0 })
		step(slices.Concat(part, late[:max(end, 0)])...)
		late = late[max(end, 0):]
	}
	step(late...)
	for i := range 3 {
		name := benchAgent(i)
		seen[name] = map[event.ID]bool{}
		step(profile(i, c))
		for k, m := range all {
			if i == 0 || k%7 == i {
				seen[name][m.Event.ID] = true
			}
		}
		ids := slices.SortedFunc(maps.Keys(seen[name]), event.ID.Compare)
		for part := range slices.Chunk(ids, 1000) {
			step(c.read(i, part[0], part))
		}
	}
	for i := range 4 {
		checkManyBlocks(t, x, all, benchAgent(i), seen[benchAgent(i)])
	}
}

func checkManyBlocks(t *testing.T, x *Index, all []Change, agent string, seen map[event.ID]bool) {
	t.Helper()
	now := all[len(all)-1].Event.At
	var want, got []event.ID
	since := testStart.AddDate(0, 0, -7)
	if seen == nil { // never joined
		since = now.AddDate(0, 0, -7)
	}
	for _, m := range all {
		e := m.Event
		if e.From != agent && !seen[e.ID] && (slices.Contains(e.To, agent) || len(e.To) == 0 && !e.ID.Time().Before(since)) {
			want = append(want, e.ID)
		}
	}
	v := viewTest(t, x)
	defer v.Close()
	q := InboxQuery{Agent: agent, Limit: 400, Now: now}
	for {
		in, err := v.Inbox(q)
		if err != nil || in.Total != len(want) {
			t.Fatalf("%s: total %d, want %d, %v", agent, in.Total, len(want), err)
		}
		got = append(got, idsIn(in.Messages)...)
		if !in.More {
			break
		}
		q.After = got[len(got)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: inbox of %d differs", agent, len(want))
	}
}

// TestOpenedAgain takes back the event that closed a thread, when the block of
// its messages is full and everyone has read it.
func TestOpenedAgain(t *testing.T) {
	x := openTest(t, filepath.Join(t.TempDir(), "index"), Options{Now: func() time.Time { return testStart }})
	m := &maker{}
	at := func(e *event.Event, ref event.ThreadRef) Change {
		m.seq++
		e.ID = firstID(testStart.Add(time.Duration(m.seq) * time.Second).UnixMilli())
		e.ID[15] = 1
		e.At = e.ID.Time()
		return filed1(Change{Event: e, Thread: ref})
	}
	ref := testThreads[0]
	joined := at(&event.Event{Kind: event.KindProfile, From: "ann"}, event.ThreadRef{})
	closed := at(&event.Event{Kind: event.KindThread, From: "bob", Add: []string{"bob"}}, ref)
	inside := at(&event.Event{From: "cy", Body: []byte("for members")}, ref)
	other := at(&event.Event{From: "cy", To: []string{"ann"}, Body: []byte("for ann")}, testThreads[2])
	read := at(&event.Event{Kind: event.KindReceipt, From: "ann", State: event.StateRead, Messages: []event.ID{other.Event.ID}}, event.ThreadRef{})
	later := at(&event.Event{From: "ann", Body: []byte("next block")}, testThreads[2])
	opened := closed
	opened.Op = Remove
	for i, step := range [][]Change{{joined, closed, inside}, {other}, {read, later}, {opened}} {
		if i == 1 {
			jump(t, x, 1)
		}
		if err := x.Update(context.Background(), stepState(i), stepState(i+1), yield(step)); err != nil {
			t.Fatal(err)
		}
	}
	v := viewTest(t, x)
	defer v.Close()
	in, err := v.Inbox(InboxQuery{Agent: "ann", Limit: 9, Now: later.Event.At})
	if err != nil || fmt.Sprint(idsIn(in.Messages)) != fmt.Sprint([]event.ID{inside.Event.ID}) {
		t.Fatalf("%+v, %v", in, err)
	}
}

// TestReceiptOfALateMessage: a message that comes after so many receipts that
// ids are looked up in whole blocks is found there as well.
func TestReceiptOfALateMessage(t *testing.T) {
	x := openTest(t, filepath.Join(t.TempDir(), "index"), Options{Now: func() time.Time { return testStart }})
	c := newCorpus(fewFinds + 10)
	var changes []Change
	var ids []event.ID
	for i := range fewFinds + 10 {
		changes = append(changes, c.message(i))
		ids = append(ids, changes[i].Event.ID)
	}
	late, reader := changes[0], 1
	changes = append(changes[1:], profile(reader, c))
	changes = append(changes, c.read(reader, ids[1], ids[1:]))
	for len(changes) < groupSize { // so that what follows is another group
		changes = append(changes, c.read(reader, ids[1], ids[1:2]))
	}
	changes = append(changes, late, c.read(reader, ids[0], ids[:1]))
	if err := x.Update(context.Background(), State{}, stepState(1), yield(changes)); err != nil {
		t.Fatal(err)
	}
	v := viewTest(t, x)
	defer v.Close()
	receipts, err := v.Receipts(ids...)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if len(receipts[id]) == 0 {
			t.Errorf("message %d has no receipt", i)
		}
	}
}
