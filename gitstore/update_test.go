package gitstore

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"skein/gitstore/event"
)

func text(s string) *string { return &s }

func TestUpdateThread(t *testing.T) {
	s := openTest(t, quiet)
	mustJoin(t, s, "ann", "ben", "cyd")
	ctx := context.Background()
	opened, err := s.UpdateThread(ctx, ThreadUpdate{From: "ann", Thread: "axon/plans", Title: text(" Plans "), Add: []string{"Ben", "ann", "ben"}})
	if err != nil || opened.Title != "Plans" || !slices.Equal(opened.Members, []string{"ann", "ben"}) || opened.Opened != "ann" {
		t.Fatalf("opening gives %+v (%v)", opened, err)
	}
	changed, err := s.UpdateThread(ctx, ThreadUpdate{From: "ben", Thread: "plans", Status: text("Resolved"), Remove: []string{"ben"}})
	if err != nil || changed.Title != "Plans" || changed.Status != event.StatusResolved || !slices.Equal(changed.Members, []string{"ann"}) {
		t.Errorf("changing gives %+v (%v)", changed, err)
	}
	empty, err := s.UpdateThread(ctx, ThreadUpdate{From: "ann", Thread: "axon/empty"})
	if err != nil || empty.Status != event.StatusActive || empty.Opened != "ann" {
		t.Errorf("opening without more gives %+v (%v)", empty, err)
	}
	checkQuiet(t, s)
}

func TestUpdateProject(t *testing.T) {
	s := openTest(t, quiet)
	ctx := context.Background()
	for _, c := range []struct {
		update                  ThreadUpdate
		title, description, dir string
	}{
		{ThreadUpdate{Project: "Axon Core"}, "Axon Core", "", "projects/axon-core/_project/"},
		{ThreadUpdate{Project: "axon-core", Description: text("Solver")}, "Axon Core", "Solver", "projects/axon-core/_project/"},
		{ThreadUpdate{Project: "axon-core", Title: text("Axon")}, "Axon", "Solver", "projects/axon-core/_project/"},
	} {
		c.update.From = "ann"
		p, err := s.UpdateThread(ctx, c.update)
		if err != nil || p.Title != c.title || p.Description != c.description || p.Ref != (event.ThreadRef{Project: "axon-core"}) {
			t.Errorf("%+v gives %+v (%v)", c.update, p, err)
		}
	}
	h := checkQuiet(t, s)
	for _, path := range h.paths {
		if !strings.HasPrefix(path, "projects/axon-core/_project/") || !strings.HasSuffix(path, ".project.md") {
			t.Errorf("a project event lies at %s", path)
		}
	}
}

func TestRefusedUpdatesWriteNothing(t *testing.T) {
	s := openTest(t, quiet)
	mustJoin(t, s, "ann")
	mustPost(t, s, Post{From: "ann", Thread: "p/t", Body: "x"})
	if _, err := s.UpdateThread(t.Context(), ThreadUpdate{From: "ann", Project: "p"}); err != nil {
		t.Fatal(err)
	}
	before := git(t, s.Dir(), "for-each-ref")
	for says, u := range map[string]ThreadUpdate{
		"nothing to change; give a title, description": {Thread: "p/t"},
		"nothing to change; give the project":          {Project: "p"},
		"thread: is missing; give":                     {},
		"thread: is missing; a project has":            {Project: "p", Status: text("active")},
		"status: cannot be made empty":                 {Thread: "p/t", Status: text(" ")},
		"status":                                       {Thread: "p/t", Status: text("done")},
		`no agent named "bob"`:                         {Thread: "p/t", Add: []string{"bob"}},
		"add: agent name":                              {Thread: "p/t", Add: []string{"no one"}},
		"also in add":                                  {Thread: "p/t", Add: []string{"new"}, Remove: []string{"new"}},
		"agent name":                                   {From: "..", Thread: "p/t", Title: text("x")},
	} {
		if u.From == "" {
			u.From = "new"
		}
		if _, err := s.UpdateThread(t.Context(), u); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: the error is %v, want %q", u, err, says)
		}
	}
	if after := git(t, s.Dir(), "for-each-ref"); after != before {
		t.Errorf("a refused update moved\n%s\nto\n%s", before, after)
	}
}

func TestClearing(t *testing.T) {
	s := openTest(t, quiet)
	for _, u := range []ThreadUpdate{{Thread: "p/t"}, {Project: "p"}} {
		u.From, u.Title, u.Description = "ann", text("Old"), text("D")
		if _, err := s.UpdateThread(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		u.Title, u.Description = nil, text("")
		now, err := s.UpdateThread(t.Context(), u)
		if err != nil || now.Title != "Old" || now.Description != "" {
			t.Errorf("%+v, %v", now, err)
		}
	}
	verified(t, s)
}

func TestAcknowledge(t *testing.T) {
	s := openTest(t, quiet)
	ctx := context.Background()
	a := mustPost(t, s, Post{From: "ann", Thread: "p/t", Body: "one"})
	b := mustPost(t, s, Post{From: "ann", Thread: "p/t", Body: "two"})
	receipts := func() (n int) {
		for path := range gitEvents(t, s, "agents") {
			if strings.HasSuffix(path, ".receipt.md") {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		ids      []string
		state    string
		receipts int
	}{
		{[]string{a.ID.Short(), a.ID.String(), b.ID.String()}, event.StateRead, 1},
		{[]string{a.ID.String()}, event.StateRead, 1},
		{[]string{a.ID.String()}, event.StateAcknowledged, 2},
		{[]string{a.ID.String(), b.ID.String()}, event.StateAcknowledged, 3},
		{[]string{a.ID.String(), b.ID.String()}, event.StateRead, 3},
	} {
		got, err := s.Acknowledge(ctx, "Ben", step.ids, step.state)
		if err != nil || len(got) != len(step.ids) || got[0].ID != a.ID {
			t.Errorf("%+v gives %v (%v)", step, got, err)
		}
		if n := receipts(); n != step.receipts {
			t.Errorf("%+v: there are %d receipts", step, n)
		}
	}
	states, err := s.receiptsOf(ctx, "ben")
	if err != nil || states[a.ID] != event.StateAcknowledged || states[b.ID] != event.StateAcknowledged {
		t.Errorf("the receipts are %v (%v)", states, err)
	}
	checkQuiet(t, s)
}

func TestRefusedAcknowledgements(t *testing.T) {
	s := openTest(t, quiet)
	m := mustPost(t, s, Post{From: "ann", Thread: "p/t", Body: "one"})
	before := git(t, s.Dir(), "for-each-ref")
	for says, c := range map[string]struct {
		agent, state string
		ids          []string
	}{
		"state:":         {"ben", "seen", []string{m.ID.String()}},
		"ids: is empty":  {"ben", event.StateRead, nil},
		"ids: no messag": {"ben", event.StateRead, []string{m.ID.String(), "zzzzzzzz"}},
		"agent name":     {"", event.StateRead, []string{m.ID.String()}},
	} {
		if _, err := s.Acknowledge(t.Context(), c.agent, c.ids, c.state); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the error is %v, want %q", err, says)
		}
	}
	if after := git(t, s.Dir(), "for-each-ref"); after != before {
		t.Errorf("a refused receipt moved\n%s\nto\n%s", before, after)
	}
}

func TestJoinOnce(t *testing.T) {
	a := openTest(t, quiet)
	b := openTest(t, Options{Dir: a.Dir(), NoSync: true, NoMirror: true})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := a.Join(context.Background(), "Ann"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	mustJoin(t, b, "ann")
	mustPost(t, b, Post{From: "ann", Thread: "p/t", Body: "x"})
	events := gitEvents(t, a, "agents")
	if len(events) != 1 {
		t.Errorf("the branch agents holds %v", events)
	}
	for path, e := range events {
		if e.Kind != event.KindProfile || e.From != "ann" || !strings.HasPrefix(path, "agents/ann/") {
			t.Errorf("%s says %+v", path, e)
		}
	}
	checkQuiet(t, a)
}

func TestNearest(t *testing.T) {
	names := []string{"desktop", "claude-code", "codex", "gemini", "claude-code@axon", "claude-code@brain", "claude-code-2"}
	for name, want := range map[string][]string{
		"desktpo": {"desktop"}, "claude": {"claude-code", "claude-code-2", "claude-code@axon"}, "codx": {"codex"},
		"zzz": {}, "gemni": {"gemini"}, "d": {}, "": {},
	} {
		if got := nearest(name, names); !slices.Equal(got, want) {
			t.Errorf("nearest to %q are %q, want %q", name, got, want)
		}
	}
}
