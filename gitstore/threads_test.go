package gitstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

func TestThreadFilters(t *testing.T) {
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: ticking(testDay, time.Second)})
	ctx := context.Background()
	mustJoin(t, s, "ann", "bob")
	resolved := event.StatusResolved
	for i, u := range []ThreadUpdate{
		{Thread: "axon/a", Add: []string{"bob"}},
		{Thread: "axon/b", Status: &resolved},
		{Thread: "bureau/a", Add: []string{"ann", "bob"}},
		{Thread: "bureau/a", Remove: []string{"ann"}},
	} {
		u.From = "ann"
		if _, err := s.UpdateThread(ctx, u); err != nil {
			t.Fatal(i, err)
		}
	}
	mustPost(t, s, Post{From: "ann", Thread: "axon/b", Body: "later than all"})
	for _, c := range []struct {
		f    ThreadFilter
		want string
	}{
		{ThreadFilter{}, "axon/b bureau/a axon/a"},
		{ThreadFilter{Limit: 2}, "axon/b bureau/a"},
		{ThreadFilter{Project: "AXON"}, "axon/b axon/a"},
		{ThreadFilter{Project: "nothing"}, ""},
		{ThreadFilter{Status: "resolved"}, "axon/b"},
		{ThreadFilter{Status: "Active", Project: "axon"}, "axon/a"},
		{ThreadFilter{Member: "bob"}, "bureau/a axon/a"},
		{ThreadFilter{Member: "ann"}, ""},
	} {
		threads, err := s.Threads(ctx, c.f)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, th := range threads {
			got = append(got, th.Ref.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
	for _, f := range []ThreadFilter{{Status: "open"}, {Project: ".."}, {Member: "?"}} {
		if _, err := s.Threads(ctx, f); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

// TestThreadsAreTheCallers: what Threads returns can be changed.
func TestThreadsAreTheCallers(t *testing.T) {
	s := openTest(t, quiet)
	mustJoin(t, s, "bob")
	if _, err := s.UpdateThread(context.Background(), ThreadUpdate{From: "ann", Thread: "axon/a", Add: []string{"bob"}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		th, err := s.Thread(context.Background(), "a")
		if err != nil || th.Members[0] != "bob" {
			t.Fatalf("%+v, %v", th, err)
		}
		th.Members[0] = "mallory"
	}
}

// TestThreadsFollow sees in a store that is open what another process does.
func TestThreadsFollow(t *testing.T) {
	a := openTest(t, quiet)
	b := openTest(t, Options{Dir: a.Dir(), NoSync: true, NoMirror: true})
	for i := 1; i <= 200; i++ {
		fill(t, b, 1, func(int) string { return "axon/a" })
		th, err := a.Thread(context.Background(), "axon/a")
		if err != nil || th.Messages != i {
			t.Fatalf("after %d messages: %+v, %v", i, th, err)
		}
	}
	th, err := a.Thread(context.Background(), "axon/a")
	if want := loadModel(t, a); err != nil || !th.Last.Equal(want.messages[199].At) {
		t.Errorf("%+v, %v", th, err)
	}
}

func TestProjects(t *testing.T) {
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: ticking(testDay, time.Second)})
	ctx := context.Background()
	title := "The Axon"
	if _, err := s.UpdateThread(ctx, ThreadUpdate{From: "ann", Project: "axon", Title: &title}); err != nil {
		t.Fatal(err)
	}
	// Enough projects and threads that their directories fan out.
	for i := range 150 {
		mustPost(t, s, Post{From: "ann", Thread: fmt.Sprintf("p%d/t", i), Body: "x"})
		mustPost(t, s, Post{From: "ann", Thread: fmt.Sprintf("axon/t%d", i), Body: "x"})
	}
	projects, err := s.Projects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(projects) != 151 || projects[0].Name != "axon" || projects[0].Title != title || projects[0].Threads != 150 || projects[0].Messages != 150 {
		t.Errorf("%d projects, the newest %+v", len(projects), projects[0])
	}
	last := loadModel(t, s).messages[299]
	if !projects[0].Last.Equal(last.At) {
		t.Errorf("last active %s, want %s", projects[0].Last, last.At)
	}
	for i := range 150 {
		if want := fmt.Sprintf("p%d", 149-i); projects[1+i].Name != want {
			t.Fatalf("project %d is %s, want %s", 1+i, projects[1+i].Name, want)
		}
	}
	if threads, err := s.Threads(ctx, ThreadFilter{Project: "axon"}); err != nil || len(threads) != 150 {
		t.Errorf("%d threads, %v", len(threads), err)
	}
}

func TestAgents(t *testing.T) {
	now := testDay
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return now }})
	ctx := context.Background()
	mustJoin(t, s, "zoe@host", "ann")
	now = testDay.Add(time.Hour)
	m := mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "x"})
	now = testDay.Add(2 * time.Hour)
	if _, err := s.Acknowledge(ctx, "zoe@host", []string{m.ID.String()}, event.StateRead); err != nil {
		t.Fatal(err)
	}
	profile := &event.Event{Kind: event.KindProfile, From: "ann", Status: "thinking", Payload: json.RawMessage(`{"a":1}`)}
	r := newRequest(home{agent: "ann"}, profile)
	if err := s.append(ctx, r); err != nil {
		t.Fatal(err)
	}
	now = testDay.Add(3 * time.Hour)
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "y"})
	agents, err := s.Agents(ctx)
	if err != nil || len(agents) != 2 {
		t.Fatalf("%+v, %v", agents, err)
	}
	ann, zoe := agents[0], agents[1]
	if ann.Name != "ann" || ann.Status != "thinking" || string(ann.Metadata) != `{"a":1}` || !ann.LastSeen.Equal(now) || ann.Joined.After(testDay.Add(time.Second)) {
		t.Errorf("%+v", ann)
	}
	if zoe.Name != "zoe@host" || !zoe.LastSeen.Equal(testDay.Add(2*time.Hour)) {
		t.Errorf("%+v", zoe)
	}
}

// TestEmptyStore: nothing there is an answer, not an error.
func TestEmptyStore(t *testing.T) {
	s := openTest(t, quiet)
	ctx := context.Background()
	threads, err1 := s.Threads(ctx, ThreadFilter{})
	projects, err2 := s.Projects(ctx)
	agents, err3 := s.Agents(ctx)
	in, err4 := s.Inbox(ctx, InboxQuery{Agent: "bob", MarkRead: true})
	found, err5 := s.Search(ctx, SearchQuery{Text: "word"})
	log, err6 := s.Log(ctx, 5)
	for _, err := range []error{err1, err2, err3, err4, err5, err6} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(threads)+len(projects)+len(agents)+in.Total+len(in.Messages)+found.Total != 0 || len(log) != 1 || log[0].ID != "" {
		t.Errorf("%v %v %v %+v %+v %+v", threads, projects, agents, in, found, log)
	}
	if report, err := s.Verify(ctx, nil); err != nil || len(report.Problems) > 0 || report.Commits != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}
