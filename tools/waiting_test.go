package tools

import (
	"context"
	"testing"
	"time"

	"skein/gitstore"
)

func TestWithin(t *testing.T) {
	counted := make(chan int, 1)
	if n := within(t.Context(), 1, counted); n != 0 {
		t.Errorf("%d, though nothing came", n)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if n := within(ended, time.Hour, counted); n != 0 {
		t.Errorf("%d for a call that is over", n)
	}
	counted <- 3
	if n := within(t.Context(), time.Hour, counted); n != 3 {
		t.Errorf("%d, want 3", n)
	}
}

// TestWaitingSurvivesAnError: a count that fails says nothing and is logged.
func TestWaitingSurvivesAnError(t *testing.T) {
	var log logBuffer
	srv := New(given(nil), Options{Logger: log.logger()})
	st := newStore(t)
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	srv.countGrace = time.Hour
	if got := srv.waiting(t.Context(), st, "no/agent"); got != "" {
		t.Errorf("says %q", got)
	}
	mustContain(t, log.String(), "could not be counted")
}

func TestWaitingSurvivesAPanic(t *testing.T) {
	var log logBuffer
	srv := New(given(nil), Options{Logger: log.logger()})
	srv.countGrace = time.Hour
	if got := srv.waiting(t.Context(), nil, "codex"); got != "" { // a nil store panics
		t.Errorf("says %q", got)
	}
	mustContain(t, log.String(), "panicked while counting")
}

// TestCloseAwaitsCounts: a count that came too late for its call does not
// outlive the server.
func TestCloseAwaitsCounts(t *testing.T) {
	st := newStore(t)
	send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: "x"})
	srv := New(given(st), Options{})
	srv.countGrace = 0
	for range 20 {
		srv.waiting(t.Context(), st, "codex")
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
}
