package gitstore

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

func TestLog(t *testing.T) {
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: ticking(testDay, time.Second)})
	mustJoin(t, s, "bob")
	first := mustPost(t, s, Post{From: "ann", Thread: "axon/model", Title: "Recursion bound", Body: "x", To: []string{"bob"}})
	second := mustPost(t, s, Post{From: "bob", Thread: "axon/model", Body: "yes\nno"})
	log, err := s.Log(context.Background(), 2)
	if err != nil || len(log) != 2 {
		t.Fatalf("%+v, %v", log, err)
	}
	same(t, "log", []LogEntry{
		{second.Commit, second.At.Truncate(time.Second), "bob", "axon/model: bob: yes", second.ID.String()},
		{first.Commit, first.At.Truncate(time.Second), "ann", "axon/model: ann → bob: Recursion bound", first.ID.String()},
	}, log)
	fill(t, s, 30, threadName)
	for n, want := range map[int]int{0: 20, 5: 5, 1000: 33} {
		if log, err := s.Log(context.Background(), n); err != nil || len(log) != want {
			t.Errorf("%d: %d entries, %v", n, len(log), err)
		}
	}
}

func TestShow(t *testing.T) {
	s := openTest(t, quiet)
	ctx := context.Background()
	mustJoin(t, s, "bob")
	m := mustPost(t, s, Post{From: "ann", Thread: "axon/model", Title: "Recursion bound", Body: "x"})
	if _, err := s.Acknowledge(ctx, "bob", []string{m.ID.Short()}, event.StateRead); err != nil {
		t.Fatal(err)
	}
	title := "The model"
	if _, err := s.UpdateThread(ctx, ThreadUpdate{From: "bob", Thread: "axon/model", Title: &title}); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 100, func(int) string { return "axon/model" })
	hash := m.Commit.String()
	for _, name := range []string{m.ID.String(), strings.ToUpper(m.ID.Short()), hash, hash[:12], strings.ToUpper(hash)} {
		got, err := s.Show(ctx, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.ID != m.ID || got.Commit != m.Commit || got.Path != m.Path || got.Thread != m.Thread || len(got.Receipts) != 1 || string(got.Body) != "x" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	log, err := s.Log(ctx, 102)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := s.Show(ctx, log[100].Hash.String())
	if err != nil || changed.Kind != event.KindThread || changed.Title != title || changed.Thread.String() != "axon/model" {
		t.Errorf("the thread's event: %+v, %v", changed, err)
	}
	root := lines(git(t, s.Dir(), "rev-list", "main"))
	for name, want := range map[string]string{
		"zzzzzzzz":                   `no message named "zzzzzzzz"`,
		"":                           "is not a message id",
		"abc":                        "is not a message id",
		strings.Repeat("f", 40):      "no message or commit named",
		"fffffff":                    "no message or commit named",
		root[len(root)-1]:            "brought no event",
		strings.Repeat("no hash", 9): "is not a message id",
	} {
		if _, err := s.Show(ctx, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

// TestResolveSeveral finds full ids, whose time narrows the search down to
// single directories, beside abbreviations, whose does not.
func TestResolveSeveral(t *testing.T) {
	s := openTest(t, atPlantTime)
	var names []string
	var want []event.ID
	for i, depth := range []int{0, 1, 2, 3, 4} {
		at := time.Date(2026, 11, 20+i, 23, 59, 59, 0, time.UTC)
		e, f := plantedEvent(t, idAt(at, byte(i)), "x")
		dirs := strings.Join(append([]string{filepath.Dir(f.path)}, event.Splits(e)[:depth]...), "/")
		f.path = dirs + "/" + event.FileName(e)
		plant(t, s, "main", trailer(e.ID), f)
		names, want = append(names, e.ID.String()), append(want, e.ID)
	}
	resolve := func(names ...string) []event.ID {
		t.Helper()
		found, err := s.resolveMessages(context.Background(), names)
		if err != nil {
			t.Fatal(names, err)
		}
		return messageIDs(found)
	}
	same(t, "full ids", want, resolve(names...))
	for i := range names {
		same(t, "one id", want[i:i+1], resolve(names[i]))
	}
	names[1], names[3] = want[1].Short(), want[3].Short()
	same(t, "with abbreviations", want, resolve(names...))
	if _, err := s.resolveMessages(context.Background(), []string{names[0], "zzzz"}); err == nil {
		t.Error("an id that is not there is resolved")
	}
}

func TestAmbiguousID(t *testing.T) {
	s := openTest(t, atPlantTime)
	a, b := idAt(plantTime, 1), idAt(plantTime.Add(time.Hour), 2)
	a[11], b[11] = 0xaa, 0xaa // the short ids begin alike
	_, f1 := plantedEvent(t, a, "one")
	_, f2 := plantedEvent(t, b, "two")
	plant(t, s, "main", trailer(a), f1)
	plant(t, s, "main", trailer(b), f2)
	check := func(what string) {
		t.Helper()
		_, err := s.MessageByID(context.Background(), a.Short()[:4])
		var ambiguous *AmbiguousError
		if !errors.As(err, &ambiguous) || len(ambiguous.Candidates) != 2 || ambiguous.Candidates[0] != a.Short()+" axon/model" {
			t.Errorf("%s: %v", what, err)
		}
		for _, id := range []event.ID{a, b} {
			if m, err := s.MessageByID(context.Background(), id.Short()); err != nil || m.ID != id || m.Commit.IsZero() {
				t.Errorf("%s: %v, %v", what, m, err)
			}
		}
	}
	check("by names")
	if _, err := s.Inbox(context.Background(), InboxQuery{Agent: "bob"}); err != nil {
		t.Fatal(err)
	}
	check("by the view")
}
