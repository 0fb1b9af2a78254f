package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"skein/gitstore/event"
	"skein/gitstore/remote"
)

const somewhere = "https://host.example/talk" // which these tests do not ask

// TestTroubles are what somebody must do something about: for everybody, and
// for whoever wrote what is held back.
func TestTroubles(t *testing.T) {
	s := synced(t, somewhere)
	id, err := s.clock.Next()
	if err != nil {
		t.Fatal(err)
	}
	held := Held{Branch: "main", ID: id, From: "mary", What: "axon/talk: mary: hello", Reason: "a secret"}
	closed, inbox := Bar{Branch: "main", Reason: "no"}, Bar{Branch: "main", Inbox: "inbox/x", Reason: "no"}
	const fails = "syncing with other machines fails: "
	ofHers := "a message of yours is not sent to other machines: " + held.String()
	for name, c := range map[string]struct {
		state RemoteState
		mary  []string
		bob   []string
	}{
		"nothing":              {},
		"what passes":          {RemoteState{Problem: "the line is dead"}, nil, nil},
		"what does not":        {RemoteState{Problem: "no key", Lasting: true}, []string{fails + "no key"}, []string{fails + "no key"}},
		"of another remote":    {RemoteState{URL: "https://other.example/talk", Problem: "no key", Lasting: true}, nil, nil},
		"a message":            {RemoteState{Held: []Held{held}}, []string{ofHers}, nil},
		"a branch":             {RemoteState{Barred: []Bar{inbox}}, []string{inbox.String()}, []string{inbox.String()}},
		"a branch that fails":  {RemoteState{Barred: []Bar{closed}, Problem: closed.String(), Lasting: true}, []string{closed.trouble()}, []string{closed.trouble()}},
		"a message, and it is": {RemoteState{Held: []Held{held}, Problem: "no key", Lasting: true}, []string{fails + "no key", ofHers}, []string{fails + "no key"}},
	} {
		if c.state.URL == "" {
			c.state.URL = somewhere
		}
		if err := s.writeSyncState(&c.state); err != nil {
			t.Fatal(err)
		}
		if got := s.Troubles("mary"); !slices.Equal(got, c.mary) {
			t.Errorf("%s: mary is told %q", name, got)
		}
		if got := s.Troubles("bob"); !slices.Equal(got, c.bob) {
			t.Errorf("%s: bob is told %q", name, got)
		}
	}
	if err := s.writeSyncState(&RemoteState{URL: somewhere, Held: []Held{held}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRemote(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if got := s.Troubles("mary"); got != nil {
		t.Errorf("without a remote: %q", got)
	}
}

// TestWhatLasts: a person is not troubled with what passes by itself.
func TestWhatLasts(t *testing.T) {
	for _, c := range []struct {
		failure error
		want    bool
	}{
		{&remote.Error{Kind: remote.Network}, false}, {&remote.Error{Kind: remote.Race}, false}, {&remote.Error{Kind: remote.Unable}, false},
		{&remote.Error{Kind: remote.Auth}, true}, {&remote.Error{Kind: remote.NotFound}, true}, {&remote.Error{Kind: remote.ReadOnly}, true},
		{fmt.Errorf("lock the store: %w", context.DeadlineExceeded), false}, {errors.New("the remote has lost its branch main"), true},
	} {
		if got := lasts(c.failure); got != c.want {
			t.Errorf("%+v: %v", c.failure, got)
		}
	}
}

// TestHowASyncEndedIsNoted, for people and for other processes.
func TestHowASyncEndedIsNoted(t *testing.T) {
	s := synced(t, somewhere)
	now := time.Now().UTC().Truncate(time.Second)
	s.now = func() time.Time { return now }
	for _, c := range []struct {
		name    string
		report  SyncReport
		failure error
		want    RemoteState // its times: of this sync, or zero
	}{
		{"nothing", SyncReport{}, nil, RemoteState{LastSync: now}},
		{"fetched", SyncReport{Fetched: 1}, nil, RemoteState{LastSync: now, LastNews: now}},
		{"pushed", SyncReport{Pushed: 1, Pushes: 1}, nil, RemoteState{LastSync: now, LastNews: now, LastPush: now}},
		{"a push in vain", SyncReport{Pushes: 1}, &remote.Error{Kind: remote.Network}, RemoteState{LastPush: now, Problem: "fails"}},
		{"nobody is let in", SyncReport{}, &remote.Error{Kind: remote.Auth}, RemoteState{Problem: "fails", Lasting: true}},
		{"held", SyncReport{Held: []string{"it is closed"}}, nil, RemoteState{Problem: "fails", Lasting: true}},
	} {
		if err := os.RemoveAll(s.syncStatePath()); err != nil {
			t.Fatal(err)
		}
		s.noteSync(somewhere, &c.report, c.failure)
		got := s.readSyncState(somewhere)
		if !got.LastTry.Equal(now) || !got.LastSync.Equal(c.want.LastSync) || !got.LastNews.Equal(c.want.LastNews) || !got.LastPush.Equal(c.want.LastPush) ||
			(got.Problem == "") != (c.want.Problem == "") || got.Lasting != c.want.Lasting {
			t.Errorf("%s: %+v", c.name, got)
		}
		later := now.Add(time.Minute) // whatever touches the file then, a sync that failed did not bring the two together
		if err := os.Chtimes(s.syncStatePath(), later, later); err != nil {
			t.Fatal(err)
		}
		if got := s.readSyncState(somewhere); !got.LastTry.Equal(later) || c.want.LastSync.IsZero() && !got.LastSync.IsZero() {
			t.Errorf("%s, and a look: %+v", c.name, got)
		}
	}
	s.noteSync(somewhere, &SyncReport{}, &remote.Error{Kind: remote.Auth})
	s.noteSync(somewhere, &SyncReport{}, nil)
	if got := s.readSyncState(somewhere); got.Problem != "" || got.Lasting {
		t.Errorf("after it went well: %+v", got)
	}
	if err := os.WriteFile(s.syncStatePath(), []byte(`{"url":"`+somewhere+`","problem":"of a newer skein","held":5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.readSyncState(somewhere); got.Problem != "" {
		t.Errorf("what cannot be read: %+v", got)
	}
}

// TestWhatOneRemoteHoldsBack says nothing of the next.
func TestWhatOneRemoteHoldsBack(t *testing.T) {
	s := synced(t, somewhere)
	holds, err := s.openHolds(SyncOptions{})
	if err == nil {
		_, err = holds.add(Held{Branch: "main", ID: event.ID{1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{somewhere: 1, "https://other.example/talk": 0} {
		if err := s.SetRemote(t.Context(), address); err != nil {
			t.Fatal(err)
		}
		if again, err := s.openHolds(SyncOptions{}); err != nil || len(again.list) != want {
			t.Errorf("%s: %+v, %v", address, again, err)
		}
	}
}
