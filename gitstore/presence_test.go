package gitstore

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

// attendRole takes a name, prints it, and keeps it until its input ends.
func attendRole(args []string) error {
	s, err := Open(context.Background(), quietAt(args[0]))
	if err != nil {
		return err
	}
	seat, err := s.Attend(context.Background(), Arrival{Name: args[1], Session: args[2]})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, seat.Agent)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func quietAt(dir string) Options { return Options{Dir: dir, NoSync: true, NoMirror: true} }

func mustAttend(t *testing.T, s *Store, a Arrival) *Seat {
	t.Helper()
	seat, err := s.Attend(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = seat.lock.Unlock() })
	return seat
}

// here lists the names of those who are here.
func here(t *testing.T, s *Store) []string {
	t.Helper()
	all, err := s.Presences(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range all {
		if p.Alive {
			names = append(names, p.Agent)
		}
	}
	slices.Sort(names)
	return names
}

// TestPresenceOfProcesses: each process has a name of its own, one that is
// killed is away at once, and its name is free.
func TestPresenceOfProcesses(t *testing.T) {
	s := openTest(t, quiet)
	var ps []*process
	for i := range 3 {
		p := start(t, "attend", s.Dir(), "codex@axon", fmt.Sprint("session-", i))
		t.Cleanup(p.kill)
		ps = append(ps, p)
	}
	for _, p := range ps {
		p.waitFor(1)
	}
	if got, want := here(t, s), []string{"codex@axon", "codex@axon-2", "codex@axon-3"}; !slices.Equal(got, want) {
		t.Fatalf("here are %q, want %q", got, want)
	}
	ps[1].kill()
	lost, _ := ps[1].wait()
	if got := here(t, s); len(got) != 2 || slices.Contains(got, lost[0]) {
		t.Errorf("after %s was killed there are %q", lost[0], got)
	}
	if seat := mustAttend(t, s, Arrival{Name: "codex@axon", Session: "session-1"}); seat.Agent != lost[0] {
		t.Errorf("the same session was %s and is %s", lost[0], seat.Agent)
	}
}

// TestNamesAreKept: a session finds its name again, whoever comes first, and a
// session without a name of its own gets the first that is free.
func TestNamesAreKept(t *testing.T) {
	s := openTest(t, quiet)
	one := mustAttend(t, s, Arrival{Name: "codex@axon", Session: "one", Folder: "axon"})
	two := mustAttend(t, s, Arrival{Name: "codex@axon", Session: "two", Folder: "axon"})
	if one.Agent != "codex@axon" || two.Agent != "codex@axon-2" {
		t.Fatalf("%s and %s", one.Agent, two.Agent)
	}
	for _, seat := range []*Seat{one, two} {
		if err := seat.Leave(false); err != nil {
			t.Fatal(err)
		}
	}
	if again := mustAttend(t, s, Arrival{Name: "codex@axon", Session: "two", Folder: "axon"}); again.Agent != "codex@axon-2" {
		t.Errorf("session two is %s now", again.Agent)
	}
	if other := mustAttend(t, s, Arrival{Name: "codex@axon"}); other.Agent != "codex@axon" {
		t.Errorf("a session without a name is %s", other.Agent)
	}
	if elsewhere := mustAttend(t, s, Arrival{Name: "codex@bee", Session: "two", Folder: "bee"}); elsewhere.Agent != "codex@bee" {
		t.Errorf("the session in another folder is %s", elsewhere.Agent)
	}
}

// TestForgotten: a session that did nothing leaves what is known of the one
// before it.
func TestForgotten(t *testing.T) {
	s := openTest(t, quiet)
	for _, c := range []struct {
		session string
		forget  bool
	}{{"one", true}, {"two", false}, {"three", true}} {
		seat := mustAttend(t, s, Arrival{Name: "codex", Session: c.session})
		if err := seat.Leave(c.forget); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := s.Presences(t.Context()); err != nil || len(all) != 1 || all[0].Session != "two" {
		t.Errorf("left is %+v, %v", all, err)
	}
}

// TestTakingOver: an exact name is shared, and both know of each other.
func TestTakingOver(t *testing.T) {
	s := openTest(t, quiet)
	older := mustAttend(t, s, Arrival{Name: "desktop", Exact: true, Client: "a"})
	if rivals, err := older.Rivals(t.Context()); err != nil || len(rivals) != 0 {
		t.Fatalf("alone with %v, %v", rivals, err)
	}
	newer := mustAttend(t, s, Arrival{Name: "Desktop", Exact: true, Client: "b"})
	for seat, other := range map[*Seat]string{older: "b", newer: "a"} {
		if rivals, err := seat.Rivals(t.Context()); err != nil || len(rivals) != 1 || rivals[0].Client != other {
			t.Errorf("%s has the rivals %v, %v", seat.Client, rivals, err)
		}
	}
	if third := mustAttend(t, s, Arrival{Name: "desktop"}); third.Agent != "desktop-2" {
		t.Errorf("who does not insist is %s", third.Agent)
	}
	if err := newer.Leave(true); err != nil {
		t.Fatal(err)
	}
	if rivals, err := older.Rivals(t.Context()); err != nil || len(rivals) != 0 {
		t.Errorf("still %v, %v", rivals, err)
	}
}

func TestWho(t *testing.T) {
	now := time.Now().Add(-time.Hour)
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return now }})
	status := "reading"
	if _, err := s.SetProfile(t.Context(), ProfileUpdate{From: "ann", Status: &status}); err != nil {
		t.Fatal(err)
	}
	mustJoin(t, s, "bob")
	now = now.Add(time.Hour)
	seat := mustAttend(t, s, Arrival{Name: "codex", Exact: true})
	if err := seat.Touch(); err != nil {
		t.Fatal(err)
	}
	summary := func(within time.Duration) string {
		who, err := s.Who(t.Context(), within)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, a := range who {
			parts = append(parts, fmt.Sprint(a.Name, " ", a.Here, " ", a.Status))
		}
		return strings.Join(parts, ", ")
	}
	if got, want := summary(0), "codex true , ann false reading, bob false "; got != want && got != "codex true , bob false , ann false reading" {
		t.Errorf("%s, want %s", got, want)
	}
	if got := summary(time.Minute); got != "codex true " {
		t.Errorf("within a minute: %s", got)
	}
}

func TestPrunePresences(t *testing.T) {
	s := openTest(t, quiet)
	mustAttend(t, s, Arrival{Name: "here"})
	gone := mustAttend(t, s, Arrival{Name: "gone"})
	if err := gone.Leave(false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.presenceDir(), "broken.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := s.PrunePresences(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("%d of the last hour, %v", n, err)
	}
	if n, err := s.PrunePresences(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("%d were pruned, %v", n, err)
	}
	if all, err := s.Presences(t.Context()); err != nil || len(all) != 1 || all[0].Agent != "here" {
		t.Errorf("left are %v, %v", all, err)
	}
}

func TestNumberedName(t *testing.T) {
	long := strings.Repeat("a", event.MaxAgentName-3) + "@bc"
	for n, want := range map[int]string{2: strings.Repeat("a", event.MaxAgentName-3) + "-2", 12: long[:event.MaxAgentName-3] + "-12"} {
		if got := numberedName(long, n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
		if _, err := event.AgentName(numberedName(long, n)); err != nil {
			t.Error(err)
		}
	}
}

func TestSetProfile(t *testing.T) {
	s := openTest(t, Options{NoSync: true, NoMirror: true, Person: true})
	set := func(u ProfileUpdate) event.Agent {
		t.Helper()
		u.From = "ann"
		a, err := s.SetProfile(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	busy, none, off := " busy ", "", false
	if a := set(ProfileUpdate{Status: &busy, Metadata: json.RawMessage(`{"model": "x"}`)}); a.Status != "busy" || string(a.Metadata) != `{"model":"x"}` || !a.Person {
		t.Errorf("%+v", a)
	}
	if a := set(ProfileUpdate{Notifications: &off}); a.Status != "busy" || !a.Quiet {
		t.Errorf("%+v", a)
	}
	if a := set(ProfileUpdate{Status: &none, Metadata: json.RawMessage("null")}); a.Status != "" || a.Metadata != nil || !a.Quiet {
		t.Errorf("%+v", a)
	}
	before := git(t, s.Dir(), "rev-parse", "agents")
	long := strings.Repeat("x", 201)
	for want, u := range map[string]ProfileUpdate{
		"nothing to change":            {},
		"status: longer than 200":      {Status: &long},
		"metadata: is not valid JSON;": {Metadata: json.RawMessage("{")},
	} {
		u.From = "ann"
		if _, err := s.SetProfile(t.Context(), u); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if after := git(t, s.Dir(), "rev-parse", "agents"); after != before {
		t.Error("a refused profile was written")
	}
	verified(t, s)
}
