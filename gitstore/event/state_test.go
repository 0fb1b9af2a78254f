package event

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFoldState(t *testing.T) {
	set := func(n int, key, value string) *Event {
		return at(n, Event{Kind: KindState, Key: key, Payload: json.RawMessage(value)})
	}
	events := []*Event{set(20, "build", "2"), set(10, "build", "1"), set(30, "other", "3"), at(40, Event{})}
	want := State{Key: "build", Value: json.RawMessage("2"), At: time.Unix(20, 0).UTC(), By: "claude"}
	if diff := cmp.Diff(want, FoldState("build", events)); diff != "" {
		t.Errorf("(-want +got) %s", diff)
	}
	gone := FoldState("build", append(events, set(50, "build", "null")))
	if gone.Value != nil || gone.At.Unix() != 50 {
		t.Errorf("after null: %+v", gone)
	}
	if diff := cmp.Diff(State{Key: "none"}, FoldState("none", events)); diff != "" {
		t.Errorf("never set (-want +got) %s", diff)
	}
}

// TestStateOrder: the same events in any order give the same value, also where
// two machines made one id.
func TestStateOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []*Event
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			events = append(events, at(rapid.IntRange(1, 3).Draw(t, "second"), Event{Kind: KindState, Key: "k",
				Payload: json.RawMessage(rapid.SampledFrom([]string{"1", "2", "null"}).Draw(t, "value"))}))
		}
		want := FoldState("k", events)
		if got := FoldState("k", rapid.Permutation(events).Draw(t, "order")); !bytes.Equal(got.Value, want.Value) || got.At != want.At {
			t.Fatalf("%+v in another order is %+v", want, got)
		}
	})
}

func TestKeyDir(t *testing.T) {
	for key, want := range map[string]string{
		"build":                 "build",
		"build.lock":            "build.lock",
		"Build":                 "build-",
		"axon/lock":             "axon-lock-",
		"con":                   "con-",
		"aux.x":                 "",
		"a..b":                  "",
		"日本":                    "",
		"../../escape":          "",
		"..":                    "",
		strings.Repeat("x", 48): strings.Repeat("x", 48),
		strings.Repeat("x", 49): strings.Repeat("x", 41) + "-",
	} {
		got := KeyDir(key)
		if !strings.HasPrefix(got, want) || want == key && got != key {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}

// TestKeyDirIsSafe: whatever the key, its directory has the name of a slug,
// and keys that look alike do not share it.
func TestKeyDirIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		if slug, err := Slug(KeyDir(key)); err != nil || slug != KeyDir(key) {
			t.Fatalf("%q: directory %q, as a slug %q, %v", key, KeyDir(key), slug, err)
		}
	})
	dirs := map[string]string{}
	for _, key := range []string{"a b", "a-b", "A b", "a  b", "a/b", "a_b", "é", "è"} {
		if other, taken := dirs[KeyDir(key)]; taken {
			t.Errorf("%q and %q are both %q", key, other, KeyDir(key))
		}
		dirs[KeyDir(key)] = key
	}
}

func TestClear(t *testing.T) {
	events := []*Event{
		at(10, Event{Kind: KindThread, Title: "T", Description: "D"}),
		at(20, Event{Kind: KindThread, Clear: []string{"description"}}),
	}
	if got := FoldThread(axon, events); got.Title != "T" || got.Description != "" {
		t.Errorf("thread %+v", got)
	}
	for _, e := range events {
		e.Kind = KindProject
	}
	if got := FoldProject("axon", events); got.Title != "T" || got.Description != "" {
		t.Errorf("project %+v", got)
	}
	a := FoldAgent("claude", []*Event{
		at(10, Event{Kind: KindProfile, Status: "busy", Person: true, Notifications: NotificationsOff}),
		at(20, Event{Kind: KindProfile, Clear: []string{"status"}}),
	})
	if a.Status != "" || !a.Person || !a.Quiet {
		t.Errorf("agent %+v", a)
	}
}

func TestRedact(t *testing.T) {
	e := message(t)
	hidden := FoldRedactions([]*Event{
		at(30, Event{Kind: KindRedaction, From: "bob", Messages: []ID{e.ID}}),
		at(20, Event{Kind: KindRedaction, From: "mary", Messages: []ID{e.ID}, Description: "a\ntoken"}),
	})
	r := hidden[e.ID]
	if want := (Redaction{"mary", time.Unix(20, 0).UTC(), "a\ntoken"}); r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
	e.Redact(r)
	if got := string(e.Body); got != "(redacted by mary, 1970-01-01 00:00Z: a token)" {
		t.Errorf("body %q", got)
	}
	if e.Title != "" || e.Payload != nil || e.Tags != nil || !slices.Equal(e.To, []string{"desktop"}) {
		t.Errorf("what is left: %+v", e)
	}
}
