package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var axon = ThreadRef{"axon", "constraint-model"}

// at returns an event of second n.
func at(n int, e Event) *Event {
	e.ID, e.At = numbered(n), time.Unix(int64(n), 0).UTC()
	if e.From == "" {
		e.From = "claude"
	}
	return &e
}

func TestFoldThread(t *testing.T) {
	events := []*Event{
		at(10, Event{Kind: KindThread, From: "desktop", Title: "Old", Add: []string{"claude", "codex"}}),
		at(20, Event{From: "claude"}),
		at(30, Event{Kind: KindThread, Title: "New", Remove: []string{"codex"}, Add: []string{"gemini"}}),
		at(40, Event{From: "gemini"}),
		at(50, Event{Kind: KindThread, Status: StatusResolved, Description: "D"}),
		at(60, Event{Kind: KindReceipt}),
		at(20, Event{From: "claude"}),
	}
	want := Thread{
		Ref: axon, Title: "New", Status: StatusResolved, Description: "D", Members: []string{"claude", "gemini"}, Closed: true,
		Messages: 2, First: time.Unix(10, 0).UTC(), Last: time.Unix(40, 0).UTC(), LastFrom: "gemini", Opened: "desktop",
	}
	if diff := cmp.Diff(want, FoldThread(axon, events)); diff != "" {
		t.Errorf("(-want +got) %s", diff)
	}
	want = Thread{Ref: axon, Status: StatusActive}
	if diff := cmp.Diff(want, FoldThread(axon, nil)); diff != "" {
		t.Errorf("no events (-want +got) %s", diff)
	}
	opened := FoldThread(axon, events[:1])
	if opened.Last != time.Unix(10, 0).UTC() || opened.LastFrom != "desktop" || opened.Messages != 0 {
		t.Errorf("a thread without messages: %+v", opened)
	}
}

func TestFoldThreadOfTheSameIDTwice(t *testing.T) {
	a, b := at(1, Event{Kind: KindThread, Title: "A"}), at(1, Event{Kind: KindThread, Title: "B"})
	for _, events := range [][]*Event{{a, b}, {b, a}, {b, a, b, a}} {
		if got := FoldThread(axon, events); got.Title != "B" {
			t.Errorf("title %q", got.Title)
		}
	}
}

func TestRecipient(t *testing.T) {
	open := Thread{}
	closed := Thread{Closed: true, Members: []string{"claude", "desktop"}}
	emptied := Thread{Closed: true}
	toAll, toCodex, toNobody := &Event{From: "claude", To: []string{"*"}}, &Event{From: "claude", To: []string{"codex"}}, &Event{From: "claude"}
	for _, c := range []struct {
		thread Thread
		agent  string
		m      *Event
		want   bool
	}{
		{open, "desktop", toNobody, true},
		{open, "claude", toNobody, false},
		{open, "claude", toAll, false},
		{open, "desktop", toCodex, false},
		{open, "codex", toCodex, true},
		{closed, "desktop", toNobody, true},
		{closed, "codex", toNobody, false},
		{closed, "codex", toAll, true},
		{closed, "codex", toCodex, true},
		{closed, "desktop", toCodex, false},
		{emptied, "desktop", toNobody, false},
		{open, "desktop", &Event{Kind: KindThread, From: "claude"}, false},
		{open, "claude", &Event{From: "claude", To: []string{"claude"}}, false},
	} {
		if got := c.thread.Recipient(c.agent, c.m); got != c.want {
			t.Errorf("%+v reaches %s: %v", c.m, c.agent, got)
		}
	}
}

func TestFoldProject(t *testing.T) {
	events := []*Event{
		at(2, Event{Kind: KindProject, Title: "Axon"}),
		at(1, Event{Kind: KindProject, Title: "Old", Description: "D"}),
		at(3, Event{Kind: KindThread, Title: "not mine"}),
	}
	threads := []Thread{{Messages: 2, Last: time.Unix(9, 0)}, {Messages: 3, Last: time.Unix(8, 0)}}
	want := Project{Name: "axon", Title: "Axon", Description: "D", Threads: 2, Messages: 5, Opened: events[1].At, Last: time.Unix(9, 0)}
	if diff := cmp.Diff(want, FoldProject("axon", events, threads...)); diff != "" {
		t.Errorf("(-want +got) %s", diff)
	}
}

func TestFoldAgent(t *testing.T) {
	events := []*Event{
		at(3, Event{Kind: KindProfile, Status: "reviewing"}),
		at(1, Event{Kind: KindProfile, Payload: json.RawMessage(`{"model":"opus"}`)}),
		at(9, Event{Kind: KindProfile, From: "mallory", Status: "taken over"}),
		at(5, Event{Kind: KindProfile}),
		at(7, Event{Kind: KindReceipt}),
	}
	want := Agent{Name: "claude", Status: "reviewing", Metadata: json.RawMessage(`{"model":"opus"}`), Joined: time.Unix(1, 0).UTC(), LastSeen: time.Unix(5, 0).UTC()}
	if diff := cmp.Diff(want, FoldAgent("claude", events)); diff != "" {
		t.Errorf("(-want +got) %s", diff)
	}
	events = append(events, at(6, Event{Kind: KindProfile, Payload: json.RawMessage("null")}))
	if got := FoldAgent("claude", events); got.Metadata != nil {
		t.Errorf("metadata %s", got.Metadata)
	}
	if got := FoldAgent("nobody", events); !got.Joined.IsZero() || got.Status != "" {
		t.Errorf("nobody is %+v", got)
	}
}

func TestFoldReceipts(t *testing.T) {
	receipts := []*Event{
		at(3, Event{Kind: KindReceipt, State: StateAcknowledged, Messages: []ID{numbered(1)}}),
		at(4, Event{Kind: KindReceipt, State: StateRead, Messages: []ID{numbered(1), numbered(2)}}),
		at(5, Event{Kind: KindReceipt, From: "mallory", State: StateAcknowledged, Messages: []ID{numbered(2)}}),
		at(6, Event{Kind: KindMessage, State: StateAcknowledged, Messages: []ID{numbered(3)}}),
	}
	want := Receipts{numbered(1): StateAcknowledged, numbered(2): StateRead}
	if diff := cmp.Diff(want, FoldReceipts("claude", receipts)); diff != "" {
		t.Errorf("(-want +got) %s", diff)
	}
}

// genEvent draws an event of any kind from few ids and names, so that events
// contradict each other.
func genEvent(t *rapid.T) *Event {
	agents := []string{"claude", "codex", "desktop"}
	some := func(label string) []string { return rapid.SliceOfN(rapid.SampledFrom(agents), 0, 2).Draw(t, label) }
	text := rapid.SampledFrom([]string{"", "a", "b", "c"})
	e := at(rapid.IntRange(1, 6).Draw(t, "second"), Event{From: rapid.SampledFrom(agents).Draw(t, "from")})
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		e.Kind, e.Title, e.Description, e.Add, e.Remove = KindThread, text.Draw(t, "title"), text.Draw(t, "description"), some("add"), some("remove")
		e.Status = rapid.SampledFrom([]string{"", StatusActive, StatusArchived}).Draw(t, "status")
	case 1:
		e.Kind, e.Title, e.Description = KindProject, text.Draw(t, "title"), text.Draw(t, "description")
	case 2:
		e.Kind, e.Status, e.Payload = KindProfile, text.Draw(t, "status"), rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage("1"), json.RawMessage("null")}).Draw(t, "payload")
	case 3:
		e.Kind, e.State, e.Messages = KindReceipt, rapid.SampledFrom([]string{StateRead, StateAcknowledged}).Draw(t, "state"), []ID{numbered(rapid.IntRange(1, 3).Draw(t, "message"))}
	default:
		e.To, e.Body = some("to"), []byte(text.Draw(t, "body"))
	}
	return e
}

func TestFoldsDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(genEvent), 0, 12).Draw(t, "events")
		// Some arrive twice, as copies.
		shuffled := slices.Clone(events)
		for _, e := range events {
			if rapid.Bool().Draw(t, "again") {
				again := *e
				shuffled = append(shuffled, &again)
			}
		}
		shuffled = rapid.Permutation(shuffled).Draw(t, "shuffled")
		folds := func(events []*Event) []any {
			thread := FoldThread(axon, events)
			return []any{thread, FoldProject("axon", events, thread), FoldAgent("claude", events), FoldReceipts("claude", events)}
		}
		if diff := cmp.Diff(folds(events), folds(shuffled)); diff != "" {
			t.Fatalf("(-in order +shuffled) %s", diff)
		}
	})
}

func ExampleFoldThread() {
	opened := at(1, Event{Kind: KindThread, Title: "Recursion bound", From: "desktop"})
	answered := at(2, Event{From: "claude"})
	thread := FoldThread(ThreadRef{"axon", "constraint-model"}, []*Event{answered, opened})
	fmt.Println(thread.Ref, thread.Title, thread.Status, thread.Messages, thread.Opened)
	// Output: axon/constraint-model Recursion bound active 1 desktop
}
