package gitstore

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"skein/gitstore/event"
)

func mustSet(t *testing.T, s *Store, from, key, value string) event.State {
	t.Helper()
	st, err := s.SetState(t.Context(), from, key, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// listed returns the keys and values as text.
func listed(t *testing.T, s *Store, prefix string) string {
	t.Helper()
	all, err := s.States(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, st := range all {
		lines = append(lines, st.Key+"="+string(st.Value))
	}
	return strings.Join(lines, " ")
}

// verified fails unless the store has nothing to report.
func verified(t *testing.T, s *Store) {
	t.Helper()
	report, err := s.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range report.Problems {
		t.Error(problem)
	}
}

func TestState(t *testing.T) {
	s := openTest(t, quiet)
	other := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true})
	if st, err := s.State(t.Context(), "build"); err != nil || !st.At.IsZero() {
		t.Fatalf("before anything is set: %+v, %v", st, err)
	}
	mustSet(t, s, "ann", "build", ` {"by": "ann"} `)
	mustSet(t, other, "bob", "build", `"free"`)
	mustSet(t, s, "ann", "axon/lock", "1")
	mustSet(t, s, "ann", "axon/lock 2", "2")
	mustSet(t, s, "ann", "Axon/lock", "3")
	st, err := s.State(t.Context(), " build ")
	if err != nil || string(st.Value) != `"free"` || st.By != "bob" || st.At.IsZero() {
		t.Errorf("got %+v, %v", st, err)
	}
	if got, want := listed(t, s, ""), `Axon/lock=3 axon/lock=1 axon/lock 2=2 build="free"`; got != want {
		t.Errorf("all: %s, want %s", got, want)
	}
	if got, want := listed(t, s, "axon/"), `axon/lock=1 axon/lock 2=2`; got != want {
		t.Errorf("axon/: %s, want %s", got, want)
	}
	if st := mustSet(t, s, "ann", "build", "null"); st.Value != nil || st.At.IsZero() {
		t.Errorf("taken away: %+v", st)
	}
	if got := listed(t, s, "bu"); got != "" {
		t.Errorf("a key that was taken away is listed: %s", got)
	}
	log, err := s.StateLog(t.Context(), "build", 2)
	if err != nil || len(log) != 2 || log[0].Value != nil || string(log[1].Value) != `"free"` {
		t.Errorf("log: %+v, %v", log, err)
	}
	verified(t, s)
	if subject := git(t, s.Dir(), "log", "-1", "--format=%s", "main"); subject != "state build: ann: null" {
		t.Errorf("subject %q", subject)
	}
}

// TestStateOfManyChanges: a directory that is full does not hide the newest.
func TestStateOfManyChanges(t *testing.T) {
	s := openTest(t, quiet)
	for i := range maxFiles + 6 {
		mustSet(t, s, "ann", "n", fmt.Sprint(i))
		mustSet(t, s, "ann", fmt.Sprint("key-", i), fmt.Sprint(i))
	}
	if st, err := s.State(t.Context(), "n"); err != nil || string(st.Value) != fmt.Sprint(maxFiles+5) {
		t.Errorf("got %s, %v", st.Value, err)
	}
	if log, err := s.StateLog(t.Context(), "n", 1000); err != nil || len(log) != maxFiles+6 || string(log[maxFiles+5].Value) != "0" {
		t.Errorf("%d changes, %v", len(log), err)
	}
	if n := strings.Count(listed(t, s, "key-"), "="); n != maxFiles+6 {
		t.Errorf("%d keys listed", n)
	}
	verified(t, s)
}

func TestStateRefuses(t *testing.T) {
	s := openTest(t, quiet)
	before := git(t, s.Dir(), "rev-parse", "main", "agents")
	for want, c := range map[string][2]string{
		"key: is empty":                     {" ", "1"},
		"key: has more than one line":       {"a\nb", "1"},
		"key: longer than 200 characters":   {strings.Repeat("x", 201), "1"},
		"value: is not valid JSON":          {"k", "free"},
		"value: is larger than 32 KiB":      {"k", `"` + strings.Repeat("x", 40000) + `"`},
		`value: has the key "a" twice`:      {"k", `{"a":1,"a":2}`},
		"value: is not valid JSON; send on": {"k", ""},
	} {
		if _, err := s.SetState(context.Background(), "ann", c[0], []byte(c[1])); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", c, err, want)
		}
	}
	if after := git(t, s.Dir(), "rev-parse", "main", "agents"); after != before {
		t.Error("something was written")
	}
	if _, err := s.StateLog(t.Context(), "", 1); err == nil {
		t.Error("the log of no key")
	}
}

// TestStateFromTheQueue: a leader of another process commits a state too, and
// takes none to a place that is not its key's.
func TestStateFromTheQueue(t *testing.T) {
	s := openTest(t, quiet)
	for _, h := range []home{{key: event.KeyDir("a b")}, {redactions: true}} {
		e := &event.Event{Kind: event.KindState, From: "ann", Key: "a b", Payload: []byte("1")}
		if h.redactions {
			e = &event.Event{Kind: event.KindRedaction, From: "ann", Messages: []event.ID{{15: 1}}}
		}
		r := newRequest(h, e)
		if err := s.stamp(r); err != nil {
			t.Fatal(err)
		}
		back, err := decodeRequest(encodeRequest(r))
		if err != nil || back.home != h {
			t.Errorf("%+v came back as %+v, %v", h, back, err)
		}
		r.home.key, r.home.redactions = "other", false
		if _, err := decodeRequest(encodeRequest(r)); err == nil {
			t.Errorf("%s event accepted in %s", e.Kind, r.home)
		}
	}
}
