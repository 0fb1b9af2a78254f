package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"skein/gitstore/event"
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
	if n, err := s.Import(ctx, slices.Values(past)); err != nil || n != len(past) {
		t.Fatalf("%d of %d: %v", n, len(past), err)
	}
	tips := git(t, s.Dir(), "rev-parse", "main", "agents")
	if n, err := s.Import(ctx, slices.Values(past)); err != nil || n != len(past) || git(t, s.Dir(), "rev-parse", "main", "agents") != tips {
		t.Errorf("the second time: %d, %v, or the branches moved", n, err)
	}
	other := openTest(t, quiet)
	if _, err := other.Import(ctx, slices.Values(past)); err != nil || git(t, other.Dir(), "rev-parse", "main", "agents") != tips {
		t.Errorf("another store differs: %v", err)
	}
	m, err := s.Post(ctx, Post{From: "tom", Thread: "old/thread-1", Body: "now"})
	if err != nil {
		t.Fatal(err)
	}
	late := records(t, 3, 2)[1:]
	if n, err := s.Import(ctx, slices.Values(late)); err != nil || n != 2 {
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
			n, err := s.Import(context.Background(), slices.Values(past))
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
	if n, err := s.Import(ctx, slices.Values(records(t, 3, 1))); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %d, %v", n, err)
	}
}
