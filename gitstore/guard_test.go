package gitstore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// guardedTest opens a store with a clock of its own.
func guardedTest(t *testing.T, o Options) (s *Store, pass func(time.Duration)) {
	now := testDay
	var mu sync.Mutex
	o.NoSync, o.NoMirror = true, true
	o.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Millisecond)
		return now
	}
	return openTest(t, o), func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
}

// TestDuplicates: what is said again within a moment is the same message,
// whoever asks; what differs in anything, or comes later, is not.
func TestDuplicates(t *testing.T) {
	s, pass := guardedTest(t, Options{Duplicates: 30 * time.Second})
	p := Post{From: "ann", Thread: "axon/x", Body: "hello", Tags: []string{"a"}, ExpiresIn: time.Hour, Payload: []byte(`{"a": 1}`)}
	first := mustPost(t, s, p)
	if again := mustPost(t, s, p); again.ID != first.ID || again.Commit != first.Commit {
		t.Errorf("posted again as %s, %s", again.ID, again.Commit)
	}
	other := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, Now: s.now, Duplicates: 30 * time.Second})
	if again := mustPost(t, other, p); again.ID != first.ID {
		t.Error("another process posted it again")
	}
	for name, change := range map[string]func(*Post){
		"sender": func(p *Post) { p.From = "bob" },
		"body":   func(p *Post) { p.Body = "hello " },
		"title":  func(p *Post) { p.Title = "T" },
		"thread": func(p *Post) { p.Thread = "axon/y" },
		"to":     func(p *Post) { p.To = []string{"*"} },
		"tags":   func(p *Post) { p.Tags = nil },
		"expiry": func(p *Post) { p.ExpiresIn = 0 },
		"answer": func(p *Post) { p.ReplyTo = first.ID.String() },
	} {
		q := p
		change(&q)
		if m := mustPost(t, s, q); m.ID == first.ID {
			t.Errorf("a message with another %s is taken for the first", name)
		}
	}
	pass(time.Minute)
	if later := mustPost(t, s, p); later.ID == first.ID {
		t.Error("a minute later it is still the first")
	}
}

func TestDuplicatesAtOnce(t *testing.T) {
	s, _ := guardedTest(t, Options{Duplicates: 30 * time.Second})
	var group sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		group.Go(func() {
			m, err := s.Post(context.Background(), Post{From: "ann", Thread: "axon/x", Body: fmt.Sprint("message ", i%2)})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = m.ID.String()
		})
	}
	group.Wait()
	for i := range ids {
		if ids[i] != ids[i%2] {
			t.Errorf("message %d was posted more than once", i%2)
		}
	}
	if len(s.guard.busy) != 0 {
		t.Errorf("%d are still at it", len(s.guard.busy))
	}
}

func TestRoster(t *testing.T) {
	s := openTest(t, Options{NoSync: true, NoMirror: true, Roster: []string{"desktop", "codex"}})
	mustJoin(t, s, "stranger")
	mustPost(t, s, Post{From: "ann", To: []string{"desktop"}, Body: "not joined, but listed"})
	for name, queue := range map[string]bool{"stranger": false, "descktop": true} {
		_, err := s.Post(t.Context(), Post{From: "ann", To: []string{name}, Queue: queue, Body: "x"})
		if err == nil || !strings.Contains(err.Error(), `no agent named "`+name+`"`) || !strings.Contains(err.Error(), "desktop, codex") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.UpdateThread(t.Context(), ThreadUpdate{From: "ann", Thread: "p/t", Add: []string{"stranger"}}); err == nil {
		t.Error("a name that is not listed was made a member")
	}
}

func TestPending(t *testing.T) {
	m := &Message{Receipts: []Receipt{{Agent: "bob", State: "read"}}}
	m.From, m.To = "ann", []string{"bob", "carol", "ann", "*"}
	if got := m.Pending(); len(got) != 1 || got[0] != "carol" {
		t.Errorf("pending %q", got)
	}
}
