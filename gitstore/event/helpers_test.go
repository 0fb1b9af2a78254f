package event

import (
	"strings"
	"testing"
	"time"
)

// mustID returns an id from its text.
func mustID(t testing.TB, text string) ID {
	t.Helper()
	id, err := ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// numbered returns the id with that number as its time in seconds.
func numbered(n int) ID {
	id := ID{15: 1}
	ms := uint64(n) * 1000
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}

// message returns a valid message.
func message(t testing.TB) *Event {
	t.Helper()
	return &Event{
		ID:         mustID(t, "01m7ysmc6k48v7n2m57k3q9x2m"),
		From:       "claude-code",
		To:         []string{"desktop"},
		At:         time.Date(2026, 11, 21, 10, 15, 3, 123e6, time.UTC),
		Title:      "Recursion bound",
		ReplyTo:    mustID(t, "01m7yrxpg52c9e0w1hzr4t8bnd"),
		Tags:       []string{"question"},
		Priority:   PriorityUrgent,
		Expires:    time.Date(2026, 11, 21, 11, 15, 3, 0, time.UTC),
		RequireAck: true,
		Payload:    []byte(`{"commit":"abc123"}`),
		Body:       []byte("Should the recursion be bounded?"),
	}
}

// minimal returns the least that a valid message needs.
func minimal(t testing.TB) *Event {
	t.Helper()
	return &Event{ID: mustID(t, "01m7ysmc6k48v7n2m57k3q9x2m"), From: "a", At: time.UnixMilli(0)}
}

// wantError fails unless err is one sentence that holds want.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("no error, want one with %q", want)
	case !strings.Contains(err.Error(), want):
		t.Errorf("error %q, want one with %q", err, want)
	case strings.ContainsAny(err.Error(), "\n\x00\x1b"):
		t.Errorf("error %q has control characters", err)
	case len(err.Error()) > 400:
		t.Errorf("error of %d bytes: %s", len(err.Error()), err)
	}
}
