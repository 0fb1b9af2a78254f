package gitstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

// TestInboxRule posts one message a case and says who receives it. bob joined
// 30 days after ann began to write; cy is a member of axon/closed.
func TestInboxRule(t *testing.T) {
	now := testDay
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return now }})
	mustJoin(t, s, "ann", "cy")
	if _, err := s.UpdateThread(context.Background(), ThreadUpdate{From: "ann", Thread: "axon/closed", Add: []string{"cy", "ann"}}); err != nil {
		t.Fatal(err)
	}
	joined := testDay.AddDate(0, 0, 30)
	week := joined.Add(-7 * 24 * time.Hour)
	cases := []struct {
		name string
		at   time.Time
		post Post
		want string // who receives it
	}{
		{"to everyone, long ago", testDay, Post{}, "cy"},
		{"names bob, long ago", testDay, Post{To: []string{"bob"}, Queue: true}, "bob"},
		{"to members, long ago", testDay, Post{Thread: "axon/closed"}, "cy"},
		{"to everyone, just too old", week.Add(-time.Millisecond), Post{}, "cy"},
		{"to everyone, just a week before", week, Post{}, "bob cy"},
		{"the star", joined, Post{To: []string{"*"}}, "bob cy"},
		{"the star in a closed thread", joined, Post{Thread: "axon/closed", To: []string{"*"}}, "bob cy"},
		{"named in a closed thread", joined, Post{Thread: "axon/closed", To: []string{"bob"}, Queue: true}, "bob"},
		{"expired", joined, Post{ExpiresIn: time.Minute}, ""},
		{"expired, to be acknowledged", joined, Post{ExpiresIn: time.Minute, RequireAck: true}, "bob cy"},
		{"expires this moment", joined, Post{ExpiresIn: time.Hour}, ""},
		{"not yet expired", joined, Post{ExpiresIn: 2 * time.Hour}, "bob cy"},
		{"by cy", joined, Post{From: "cy"}, "ann bob"},
	}
	for _, c := range cases {
		now = c.at
		if c.post.From == "" {
			c.post.From = "ann"
		}
		if c.post.Thread == "" {
			c.post.Thread = "axon/open"
		}
		c.post.Body = c.name
		mustPost(t, s, c.post)
	}
	now = joined
	mustJoin(t, s, "bob")
	now = joined.Add(time.Hour)
	got := map[string][]string{}
	for _, agent := range []string{"ann", "bob", "cy"} {
		in, err := s.Inbox(context.Background(), InboxQuery{Agent: agent, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range in.Messages {
			got[string(m.Body)] = append(got[string(m.Body)], agent)
		}
	}
	for _, c := range cases {
		if who := strings.Join(got[c.name], " "); who != c.want {
			t.Errorf("%s: received by %q, want %q", c.name, who, c.want)
		}
	}
}

func TestInboxFilters(t *testing.T) {
	s := openTest(t, quiet)
	for _, p := range []Post{
		{From: "ann", Thread: "axon/model", Body: "1", Tags: []string{"Question", "x"}},
		{From: "cy@host", Thread: "axon/model", Body: "2"},
		{From: "ann", Thread: "axon/build", Body: "3", Tags: []string{"question"}},
	} {
		mustPost(t, s, p)
	}
	for _, c := range []struct {
		q    InboxQuery
		want string
	}{
		{InboxQuery{}, "1, 2, 3"},
		{InboxQuery{Thread: "model"}, "1, 2"},
		{InboxQuery{From: "ANN"}, "1, 3"},
		{InboxQuery{From: "cy@host"}, "2"},
		{InboxQuery{From: "nobody"}, ""},
		{InboxQuery{Tag: "question"}, "1, 3"},
		{InboxQuery{Tag: "quest"}, ""},
		{InboxQuery{Thread: "axon/model", From: "ann", Tag: "x"}, "1"},
	} {
		c.q.Agent = "bob"
		in, err := s.Inbox(context.Background(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := bodies(in.Messages); got != c.want || in.Total != len(in.Messages) {
			t.Errorf("%+v: got %q of %d, want %q", c.q, got, in.Total, c.want)
		}
	}
	for _, q := range []InboxQuery{{Agent: ""}, {Agent: "b_b"}, {Agent: "bob", From: "?"}, {Agent: "bob", Thread: "a/b/c"}, {Agent: "bob", Cursor: "x"}} {
		if _, err := s.Inbox(context.Background(), q); err == nil {
			t.Errorf("%+v is taken", q)
		}
	}
	var unknown *UnknownError
	if _, err := s.Inbox(context.Background(), InboxQuery{Agent: "bob", Thread: "axon/modell"}); !errors.As(err, &unknown) {
		t.Errorf("an unknown thread is %v", err)
	}
}

// TestInboxMarkRead marks exactly what it returns, with one receipt, and
// leaves the rest for the next call.
func TestInboxMarkRead(t *testing.T) {
	s := openTest(t, quiet)
	ctx := context.Background()
	fill(t, s, 10, func(int) string { return "axon/model" })
	mustJoin(t, s, "bob")
	receipts := func() int {
		n := 0
		for _, e := range loadModel(t, s).agents["bob"] {
			if e.Kind == event.KindReceipt {
				n++
			}
		}
		return n
	}
	for round, want := range []int{4, 4, 2, 0} {
		in, err := s.Inbox(ctx, InboxQuery{Agent: "bob", MarkRead: true, Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		if len(in.Messages) != want || in.Total != 10-4*min(round, 2)-2*(round/3) {
			t.Errorf("round %d: %d messages of %d", round, len(in.Messages), in.Total)
		}
		if got := receipts(); got != min(round+1, 3) {
			t.Errorf("round %d: %d receipts", round, got)
		}
	}
	in, err := s.Inbox(ctx, InboxQuery{Agent: "bob", MarkRead: true, IncludeRead: true, Limit: 100})
	if err != nil || len(in.Messages) != 10 {
		t.Errorf("%d messages with those read, %v", len(in.Messages), err)
	}
	if got := receipts(); got != 3 {
		t.Errorf("what was read already made a receipt: %d", got)
	}
	if other, err := s.Inbox(ctx, InboxQuery{Agent: "cy"}); err != nil || other.Total != 10 {
		t.Errorf("what bob read is gone for cy: %d, %v", other.Total, err)
	}
}

// TestInboxWhileMessagesArrive pages while somebody writes and another process
// reads: each message is shown exactly once.
func TestInboxWhileMessagesArrive(t *testing.T) {
	for _, mark := range []bool{false, true} {
		t.Run(fmt.Sprint("mark=", mark), func(t *testing.T) {
			s := openTest(t, quiet)
			other := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true})
			fill(t, s, 90, threadName)
			q := InboxQuery{Agent: "bob", Limit: 8, MarkRead: mark}
			var seen []event.ID
			for n := 0; ; n++ {
				in, err := s.Inbox(context.Background(), q)
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, messageIDs(in.Messages)...)
				if q.Cursor = in.Next; q.Cursor == "" {
					break
				}
				if n < 5 {
					fill(t, other, 2, threadName)
				}
			}
			same(t, "what was shown", messageIDs(loadModel(t, s).messages), seen)
		})
	}
}

// TestInboxKeepsOrder: an urgent message waits its turn, marked as urgent.
func TestInboxKeepsOrder(t *testing.T) {
	s := openTest(t, quiet)
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "1"})
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "2", Priority: "urgent"})
	in, err := s.Inbox(context.Background(), InboxQuery{Agent: "bob"})
	if err != nil || bodies(in.Messages) != "1, 2" || in.Messages[1].Priority != event.PriorityUrgent {
		t.Errorf("%v, %v", bodies(in.Messages), err)
	}
}

// TestMessagesAreTheCallers: what a call returns can be changed without
// anybody else seeing it.
func TestMessagesAreTheCallers(t *testing.T) {
	s := openTest(t, quiet)
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "untouched"})
	for range 2 {
		in, err := s.Inbox(context.Background(), InboxQuery{Agent: "bob"})
		if err != nil || string(in.Messages[0].Body) != "untouched" {
			t.Fatalf("%v, %v", bodies(in.Messages), err)
		}
		copy(in.Messages[0].Body, "scribbled")
		in.Messages[0].Title = "changed"
	}
}
