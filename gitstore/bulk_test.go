package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// records makes n events of the past, a minute apart: a profile, then messages.
// The same seed gives the same ones.
func records(tb testing.TB, n int, seed byte) []Record {
	tb.Helper()
	clock := event.NewClock(ticking(testDay.AddDate(-1, 0, 0), time.Minute))
	clock.Entropy = rand.NewChaCha8([32]byte{seed})
	made := make([]Record, n)
	for i := range made {
		id, err := clock.Next()
		if err != nil {
			tb.Fatal(err)
		}
		made[i] = Record{Thread: event.ThreadRef{Project: "old", Thread: fmt.Sprint("thread-", i%7)},
			Event: &event.Event{ID: id, From: "mary", Body: fmt.Appendf(nil, "message %d", i)}}
	}
	made[0] = Record{Event: &event.Event{ID: made[0].Event.ID, Kind: event.KindProfile, From: "mary"}}
	return made
}

// TestImport: backdated events go into a store that has newer ones, one commit
// each, with their ids and times; a second import changes nothing, in another
// store it gives the same trees and commits, and posting goes on after it.
func TestImport(t *testing.T) {
	s := openTest(t, quiet)
	ctx := context.Background()
	past := records(t, 2*importAtOnce+10, 1)
	if n, err := s.Import(ctx, slices.Values(past), nil); err != nil || n != len(past) {
		t.Fatalf("%d of %d: %v", n, len(past), err)
	}
	tips := git(t, s.Dir(), "rev-parse", "main", "agents")
	if n, err := s.Import(ctx, slices.Values(past), nil); err != nil || n != len(past) || git(t, s.Dir(), "rev-parse", "main", "agents") != tips {
		t.Errorf("the second time: %d, %v, or the branches moved", n, err)
	}
	other := openTest(t, quiet)
	if _, err := other.Import(ctx, slices.Values(past), nil); err != nil || git(t, other.Dir(), "rev-parse", "main", "agents") != tips {
		t.Errorf("another store differs: %v", err)
	}
	m, err := s.Post(ctx, Post{From: "tom", Thread: "old/thread-1", Body: "now"})
	if err != nil {
		t.Fatal(err)
	}
	late := records(t, 3, 2)[1:]
	if n, err := s.Import(ctx, slices.Values(late), nil); err != nil || n != 2 {
		t.Fatalf("behind a newer message: %d, %v", n, err)
	}
	page, err := s.Read(ctx, ReadQuery{Thread: "old/thread-1", Limit: 1})
	if err != nil || page.Messages[0].ID != m.ID {
		t.Errorf("the newest message is %+v: %v", page, err)
	}
	if got := git(t, s.Dir(), "rev-list", "--count", "main"); got != fmt.Sprint(len(past)-1+1+2+1) { // without the profile; tom's, the late ones and the root
		t.Errorf("%s commits", got)
	}
	git(t, s.Dir(), "fsck", "--strict")
	if report, err := s.Verify(ctx, nil); err != nil || len(report.Problems) > 0 {
		t.Errorf("%v: %v", report.Problems, err)
	}
}

// TestImportRefuses: what is before a bad event is committed and counted,
// nothing of it or after it.
func TestImportRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Record){
		"no id":         func(r *Record) { r.Event.ID = event.ID{} },
		"another place": func(r *Record) { r.Thread = event.ThreadRef{} },
		"no slug":       func(r *Record) { r.Thread.Thread = "../x" },
		"the future":    func(r *Record) { r.Event.ID = records(t, 1, 2)[0].Event.ID; r.Event.ID[0] = 0x7f },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, Options{Dir: filepath.Join(t.TempDir(), "s"), NoSync: true, NoMirror: true})
			past := records(t, 20, 1)
			spoil(&past[10])
			n, err := s.Import(context.Background(), slices.Values(past), nil)
			if err == nil || n != 10 {
				t.Errorf("%d events, error %v", n, err)
			}
			if got := git(t, s.Dir(), "rev-list", "--count", "main"); got != "10" { // nine messages and the root
				t.Errorf("%s commits", got)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := openTest(t, quiet)
	if n, err := s.Import(ctx, slices.Values(records(t, 3, 1)), nil); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %d, %v", n, err)
	}
}

var past = time.Date(2024, 3, 31, 23, 30, 0, 0, time.UTC)

// bulkEvents is a small past: people, a project, a thread with members, and
// more messages than a directory takes.
func bulkEvents(n int) []Record {
	in := event.ThreadRef{Project: "old", Thread: "talk"}
	first := []*event.Event{
		{Kind: event.KindProfile, From: "ann", Status: "gone fishing"},
		{Kind: event.KindProfile, From: "bob"},
		{Kind: event.KindProject, From: "ann", Title: "The old project"},
		{Kind: event.KindThread, From: "ann", Title: "Talk", Add: []string{"ann", "bob"}},
	}
	var events []Record
	for i := range n {
		e := &event.Event{From: []string{"ann", "bob"}[i%2], Body: fmt.Appendf(nil, "line %d", i)}
		if i < len(first) {
			e = first[i]
		}
		e.At = past.Add(time.Duration(i) * 10 * time.Second)
		e.ID = pastID(e.At, uint64(i))
		events = append(events, pastRecord(e, in))
	}
	return events
}

// pastRecord is an event and its place.
func pastRecord(e *event.Event, in event.ThreadRef) Record {
	switch e.Kind {
	case event.KindProfile, event.KindReceipt, event.KindState:
		in = event.ThreadRef{}
	case event.KindProject:
		in.Thread = ""
	}
	return Record{in, e}
}

func appendAll(tb testing.TB, s *Store, events []Record) int {
	tb.Helper()
	added := 0
	n, err := s.Import(context.Background(), slices.Values(events), func(_, new int) { added = new })
	if err != nil || n != len(events) {
		tb.Fatalf("%d of %d: %v", n, len(events), err)
	}
	return added
}

// A second time adds nothing, whatever came in between and however far the
// first time got.
func TestImportTwice(t *testing.T) {
	events := bulkEvents(300)
	for _, first := range []int{0, 1, 150, 300} {
		s := openTest(t, quiet)
		appendAll(t, s, events[:first])
		mustPost(t, s, Post{From: "mary", Thread: "old/talk", Body: "between"})
		if added := appendAll(t, s, events); added != 300-first {
			t.Errorf("after the first %d, %d were added", first, added)
		}
		slices.Reverse(events)
		tip := git(t, s.Dir(), "rev-parse", "main", "agents")
		if added := appendAll(t, s, events); added != 0 || git(t, s.Dir(), "rev-parse", "main", "agents") != tip {
			t.Errorf("after the first %d, a second time added %d", first, added)
		}
		slices.Reverse(events)
		checkQuiet(t, s)
	}
}

// What is there of an id stays, though it says something else.
func TestImportSameID(t *testing.T) {
	s := openTest(t, quiet)
	events := bulkEvents(10)
	appendAll(t, s, events)
	other := *events[9].Event
	other.Body = []byte("an importer that knows more")
	if added := appendAll(t, s, []Record{{events[9].Thread, &other}}); added != 0 {
		t.Error("the event was written again")
	}
	twin := *events[8].Event
	twin.ID[6] ^= 0x40 // another id, of the same name
	more := *events[7].Event
	more.ID = pastID(more.At, 70)
	if added := appendAll(t, s, []Record{{events[8].Thread, &twin}, {events[7].Thread, &more}, {events[7].Thread, &more}}); added != 2 {
		t.Errorf("%d of two other events were added", added)
	}
	checkQuiet(t, s)
}

// Cancelling ends it after a group, and what was reported is there.
func TestImportCancelled(t *testing.T) {
	s := openTest(t, quiet)
	ctx, cancel := context.WithCancel(context.Background())
	reported := 0
	n, err := s.Import(ctx, backdated(1000, past), func(done, _ int) { reported = done; cancel() })
	if !errors.Is(err, context.Canceled) || n != reported || n == 0 || n == 1000 {
		t.Fatalf("%d are in and %d were reported: %v", n, reported, err)
	}
	if h := checkQuiet(t, s); len(h.ids) != n {
		t.Errorf("there are %d, want %d", len(h.ids), n)
	}
}

// Others can post meanwhile: they need not wait for the end.
func TestImportLetsOthersPost(t *testing.T) {
	s := openTest(t, quiet)
	p := start(t, "post-loop", s.Dir(), "poster", "now")
	defer p.kill()
	p.waitFor(1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		p.mu.Lock()
		before := len(p.lines)
		p.mu.Unlock()
		p.waitFor(before + 5)
		cancel()
	}()
	if added, err := s.Import(ctx, backdated(1_000_000, past), nil); !errors.Is(err, context.Canceled) {
		t.Fatal(added, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		t.Error("the other process did not post")
	}
}

// bulkRole appends the same past again and again, dying somewhere.
func bulkRole(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	disk := &dyingFS{FS: odb.OS}
	s, err := Open(context.Background(), Options{Dir: args[0], NoMirror: true, FS: disk})
	if err != nil {
		return err
	}
	disk.left.Store(int64(n))
	if _, err := s.Import(context.Background(), backdated(400, past), nil); err != nil {
		return err
	}
	return s.Close()
}

// Killed anywhere, the next run completes it, with nothing twice.
func TestImportKilled(t *testing.T) {
	s := openTest(t, Options{NoMirror: true})
	dir := s.Dir()
	for n := 1; n < 40; n += 3 {
		_, _ = start(t, "bulk", dir, strconv.Itoa(n)).wait()
	}
	if _, err := s.Import(context.Background(), backdated(400, past), nil); err != nil {
		t.Fatal(err)
	}
	h := checkQuiet(t, s)
	if len(h.ids) != 400 {
		t.Fatalf("main has %d events, want 400", len(h.ids))
	}
	for _, id := range h.ids {
		if h.count(id) != 1 {
			t.Errorf("%s is there %d times", id, h.count(id))
		}
	}
}
