package gitstore

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestALook costs one request and writes nothing but a time stamp, by which
// other processes know that they need not look.
func TestALook(t *testing.T) {
	_, address := bareRemote(t)
	requests, through := counted(t, address)
	s := synced(t, through)
	say(t, s, "mary", "hello")
	sync1(t, s, SyncOptions{})
	text, err := os.ReadFile(s.syncStatePath())
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{s: s, pace: Pace{}.withDefaults()}
	defer k.forgetWire()
	now := time.Now().Add(time.Hour).Truncate(time.Second)
	s.now = func() time.Time { return now }
	requests.Store(0)
	k.noteChange(now) // by the sync
	k.run(t.Context())
	if n := requests.Load(); n != 1 {
		t.Errorf("a look took %d requests", n)
	}
	if after, err := os.ReadFile(s.syncStatePath()); err != nil || string(after) != string(text) {
		t.Errorf("it has written %s, %v", after, err)
	}
	if _, err := os.Stat(s.quarantineDir()); err == nil {
		t.Error("it has made a quarantine")
	}
	state, err := s.RemoteState(t.Context())
	if err != nil || !state.LastTry.Equal(now) || !state.LastSync.Equal(now) {
		t.Errorf("it is noted as %+v, %v, at %s", state, err, now)
	}
	if state.LastNews.IsZero() || state.LastNews.After(now.Add(-time.Minute)) || !state.LastPush.Equal(state.LastNews) {
		t.Errorf("the last push is noted as %+v", state)
	}
	if d := (&keeper{s: s, pace: Pace{}.withDefaults(), starts: true}).due(now.Add(time.Second)); d != 9*time.Second {
		t.Errorf("another process looks after %s", d)
	}
}

// TestALookFindsWhatIsNew, and what is wrong.
func TestALookFindsWhatIsNew(t *testing.T) {
	dir, address := bareRemote(t)
	a, b := synced(t, address), synced(t, address)
	say(t, a, "mary", "hello")
	sync1(t, a, SyncOptions{})
	sync1(t, b, SyncOptions{})
	now := time.Now().Add(time.Hour)
	b.now = func() time.Time { return now }
	k := &keeper{s: b, pace: Pace{}.withDefaults()}
	defer k.forgetWire()
	m := say(t, a, "mary", "more")
	sync1(t, a, SyncOptions{})
	k.run(t.Context())
	if _, err := b.MessageByID(t.Context(), m.ID.String()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	k.run(t.Context())
	if state, err := b.RemoteState(t.Context()); err != nil || state.Problem == "" || k.failures != 1 {
		t.Fatalf("%+v, %v", state, err)
	}
}

// TestWhoWaitsIsHeard: after a long silence, in which there are hardly any
// looks, whoever begins to wait gets what comes.
func TestWhoWaitsIsHeard(t *testing.T) {
	_, address := bareRemote(t)
	a, b := synced(t, address), synced(t, address)
	sync1(t, a, SyncOptions{})
	say(t, b, "john", "hello")
	sync1(t, b, SyncOptions{})
	state := b.readSyncState(address)
	state.LastNews = time.Now().Add(-24 * time.Hour)
	if err := b.writeSyncState(state); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		b.KeepSynced(ctx, Pace{Gap: 5 * time.Millisecond, Every: time.Hour, Idle: time.Hour, AtEnd: -1})
	})
	defer func() { stop(); keeping.Wait() }()
	eventually(t, "it has looked when it started", func() bool { return b.readSyncState(address).LastTry.After(state.LastTry) })
	if _, err := a.Post(t.Context(), Post{From: "mary", To: []string{"john"}, Body: "are you there?", Queue: true}); err != nil {
		t.Fatal(err)
	}
	sync1(t, a, SyncOptions{})
	end, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	in, err := b.AwaitInbox(t.Context(), InboxQuery{Agent: "john"}, end.Done())
	if err != nil || len(in.Messages) != 1 {
		t.Fatalf("%+v, %v", in, err)
	}
}

// counted is a server that passes on what another is asked, and counts it.
func counted(t *testing.T, address string) (requests *atomic.Int64, through string) {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	requests = &atomic.Int64{}
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: to.Scheme, Host: to.Host})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return requests, server.URL + to.Path
}

// TestWhenALookIsNotEnough: whatever there is to be done or to be found out, a
// sync does it.
func TestWhenALookIsNotEnough(t *testing.T) {
	dir := bareDirectory(t)
	s, other := synced(t, dir), synced(t, dir)
	say(t, s, "mary", "hello")
	sync1(t, s, SyncOptions{})
	sync1(t, other, SyncOptions{})
	good := s.readSyncState(dir)
	looks := func(name string, k *keeper, want bool) {
		t.Helper()
		k.s, k.pace = s, Pace{}.withDefaults()
		defer k.forgetWire()
		if got := k.nothingNew(t.Context(), dir); got != want {
			t.Errorf("%s: a look is enough: %v", name, got)
		}
	}
	with := func(change func(*RemoteState)) {
		t.Helper()
		state := *good
		change(&state)
		if err := s.writeSyncState(&state); err != nil {
			t.Fatal(err)
		}
	}
	looks("nothing", &keeper{}, true)
	looks("it has failed", &keeper{failures: 1}, false)
	looks("something is not seen yet", &keeper{unpushed: true}, false)
	with(func(r *RemoteState) { r.Problem = "no key" })
	looks("there was a problem", &keeper{}, false)
	with(func(r *RemoteState) { r.LastSync = time.Time{} })
	looks("it was never synced", &keeper{}, false)
	with(func(*RemoteState) {})
	unlock, err := s.lockSync(t.Context(), SyncOptions{})
	if err != nil {
		t.Fatal(err)
	}
	looks("another process syncs", &keeper{}, false)
	unlock()
	if err := other.Join(t.Context(), "bob"); err != nil { // moves agents, and not main
		t.Fatal(err)
	}
	sync1(t, other, SyncOptions{})
	looks("somebody has joined", &keeper{}, false)
	sync1(t, s, SyncOptions{})
	looks("nothing again", &keeper{}, true)
	say(t, s, "mary", "more")
	looks("there is something to push", &keeper{}, false)
}
