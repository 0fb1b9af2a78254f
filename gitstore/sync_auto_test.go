package gitstore

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// brisk is a pace for tests, which wait for what happens and not for time.
var brisk = Pace{Debounce: time.Millisecond, Gap: 5 * time.Millisecond, Every: 50 * time.Millisecond, Idle: 50 * time.Millisecond, AtEnd: time.Minute}

// TestConversationAcrossMachines: two stores that keep themselves in sync talk
// to each other; nobody asks for anything.
func TestConversationAcrossMachines(t *testing.T) {
	dir, address := bareRemote(t)
	ctx, stop := context.WithCancel(t.Context())
	stores := []*Store{synced(t, address), synced(t, address)}
	var keeping sync.WaitGroup
	for _, s := range stores {
		keeping.Go(func() { s.KeepSynced(ctx, brisk) })
	}
	texts := []string{"are you there?", "yes", "good"}
	for i, text := range texts {
		from, to := stores[i%2], stores[(i+1)%2]
		m := say(t, from, "mary", text)
		await(t, to, func() bool {
			found, err := to.MessageByID(t.Context(), m.ID.String())
			return err == nil && string(found.Body) == text
		})
	}
	// What is said last goes out at the end.
	last := say(t, stores[0], "mary", "bye")
	stop()
	keeping.Wait()
	if log := git(t, dir, "log", "--format=%B", "main"); !strings.Contains(log, last.ID.String()) || strings.Count(log, idTrailer) != len(texts)+1 {
		t.Fatalf("the remote has:\n%s", log)
	}
}

// await returns when the condition holds, which is looked at after each change
// of the store.
func await(t *testing.T, s *Store, holds func() bool) {
	t.Helper()
	changes, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for !holds() {
		if _, open := <-changes; !open {
			t.Fatal("the test ended before that happened")
		}
	}
}

// TestAFailingRemoteIsNoted, and neither posts nor the end wait for it.
func TestAFailingRemoteIsNoted(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.git")
	s := synced(t, none)
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { s.KeepSynced(ctx, brisk) })
	say(t, s, "mary", "hello")
	for {
		state, err := s.RemoteState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if state.Problem != "" {
			if !strings.Contains(state.Problem, "there is no repository") || state.Unpushed != 2 {
				t.Fatalf("%+v", state)
			}
			break
		}
		time.Sleep(time.Millisecond) // the note is a file that nobody watches
	}
	git(t, filepath.Dir(none), "init", "-q", "--bare", "-b", "main", none)
	stop()
	keeping.Wait() // the last try finds the repository
	state, err := s.RemoteState(t.Context())
	if err != nil || state.Problem != "" || state.Unpushed != 0 {
		t.Fatalf("%+v, %v", state, err)
	}
}

// TestWatchedWithARemote: a store is watched as long as it has a remote.
func TestWatchedWithARemote(t *testing.T) {
	_, address := bareRemote(t)
	s := openTest(t, quiet)
	k := &keeper{s: s, pace: brisk}
	for _, set := range []string{"", address, ""} {
		if err := s.SetRemote(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		k.run(t.Context())
		if wait := k.due(time.Now()); set == "" && wait != k.pace.Every {
			t.Errorf("without a remote it is looked for after %s", wait)
		}
		if begun := k.watch(t.Context()); begun != (set != "") {
			t.Errorf("with remote %q: begun %v", set, begun)
		}
		if watched := k.changes != nil; watched != (set != "") {
			t.Errorf("with remote %q: watched %v", set, watched)
		}
	}
}

// TestAPostIsPushedSoon: what is posted goes out long before the next look.
func TestAPostIsPushedSoon(t *testing.T) {
	dir, address := bareRemote(t)
	s := synced(t, address)
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		s.KeepSynced(ctx, Pace{Debounce: time.Millisecond, Gap: time.Millisecond, Every: time.Hour, Idle: time.Hour})
	})
	defer func() { stop(); keeping.Wait() }()
	for _, text := range []string{"at the start", "as the watching begins", "later", "last"} {
		m := say(t, s, "mary", text)
		eventually(t, text+" is pushed", func() bool {
			return strings.Contains(git(t, dir, "log", "--all", "--format=%B"), m.ID.String())
		})
	}
}

// TestPaceOfPushes: no more than one push a gap, of all the processes of a
// machine, however many events there are; no event waits for those that come
// after it; and it is tried less often while it fails.
func TestPaceOfPushes(t *testing.T) {
	s := synced(t, "nowhere")
	k := &keeper{s: s, pace: Pace{}.withDefaults()}
	now := time.Now()
	k.tried = now // a look, which is no reason to wait
	say(t, s, "mary", "hello")
	k.noteChange(now)
	if d := k.due(now); d != 2*time.Second {
		t.Fatalf("the first event waits for %s", d)
	}
	k.noteChange(now.Add(time.Second))
	if d := k.due(now.Add(time.Second)); d != time.Second {
		t.Fatalf("another event, and the first one waits for %s more", d)
	}
	if err := s.writeSyncState(&RemoteState{URL: "nowhere", LastTry: now, LastPush: now}); err != nil {
		t.Fatal(err)
	}
	if d := k.due(now.Add(time.Second)); d != 9*time.Second {
		t.Fatalf("an event after a push of another process waits for %s", d)
	}
	if err := s.writeSyncState(&RemoteState{URL: "nowhere", LastTry: now.AddDate(1, 0, 0), LastPush: now.AddDate(1, 0, 0)}); err != nil {
		t.Fatal(err)
	}
	if d := k.due(now); d != longest {
		t.Fatalf("after the clock was put back a year: %s", d)
	}
	for range 12 {
		k.after, k.tried = now.Add(-time.Hour), now.Add(-time.Hour)
		if err := s.writeSyncState(&RemoteState{URL: "nowhere", LastTry: k.tried}); err != nil {
			t.Fatal(err)
		}
		k.run(t.Context())
		if d := k.due(s.now()); d <= k.pace.Every-time.Second || d > mostBetween {
			t.Fatalf("after %d failures: %s", k.failures, d)
		}
	}
	if k.failures != 12 {
		t.Fatalf("%d failures", k.failures)
	}
}

// TestAStartPushes what an earlier process has left, though another one has just
// looked, and what comes later waits as ever.
func TestAStartPushes(t *testing.T) {
	s := synced(t, bareDirectory(t))
	sync1(t, s, SyncOptions{})
	later := time.Now().Add(time.Minute)
	s.now = func() time.Time { return later }
	s.noteLook()
	k := &keeper{s: s, pace: Pace{}.withDefaults(), starts: true}
	defer k.forgetWire()
	for _, left := range []int{0, 1} {
		say(t, s, "mary", "hello")
		k.run(t.Context())
		if state, err := s.RemoteState(t.Context()); err != nil || min(state.Unpushed, 1) != left {
			t.Fatalf("%+v, %v", state, err)
		}
	}
	if k.starts {
		t.Error("it starts for ever")
	}
}

// TestPaceOfLooks follows the conversation.
func TestPaceOfLooks(t *testing.T) {
	s := synced(t, "nowhere")
	now := time.Now()
	waiting, stop := context.WithCancel(t.Context())
	defer stop()
	for name, c := range map[string]struct {
		silence time.Duration
		starts  bool
		problem string
		want    time.Duration
	}{
		"just now":                     {0, false, "", 10 * time.Second},
		"three minutes ago":            {3 * time.Minute, false, "", 10 * time.Second},
		"ten minutes ago":              {10 * time.Minute, false, "", 30 * time.Second},
		"an hour ago":                  {time.Hour, false, "", 3 * time.Minute},
		"yesterday":                    {24 * time.Hour, false, "", 5 * time.Minute},
		"by a clock that is ahead":     {-24 * time.Hour, false, "", 5 * time.Minute},
		"yesterday, and one starts":    {24 * time.Hour, true, "", 10 * time.Second},
		"just now, and something ails": {0, false, "it ails", time.Minute},
	} {
		k := &keeper{s: s, pace: Pace{}.withDefaults(), starts: c.starts}
		state := &RemoteState{LastNews: now.Add(-c.silence), Problem: c.problem}
		if d := k.between(now, state); d != c.want {
			t.Errorf("the last message was %s: a look every %s, want %s", name, d, c.want)
		}
	}
	odd := &keeper{s: s, pace: Pace{Gap: time.Minute, Idle: time.Second}.withDefaults()}
	if d := odd.between(now, &RemoteState{}); d != time.Minute {
		t.Errorf("with a pace that contradicts itself there is a look every %s", d)
	}
	s.Expect(waiting)
	k := &keeper{s: s, pace: Pace{}.withDefaults()}
	if d := k.between(now, &RemoteState{}); d != k.pace.Gap {
		t.Errorf("somebody waits, and there is a look every %s", d)
	}
	stop()
	eventually(t, "nobody waits any more", func() bool { return k.between(now, &RemoteState{}) == k.pace.Idle })
}

// TestAnotherRemote: what one remote has says nothing of the next.
func TestAnotherRemote(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		git(t, dir, "init", "-q", "--bare", "-b", "main")
	}
	s := synced(t, first)
	say(t, s, "mary", "hello")
	sync1(t, s, SyncOptions{})
	if err := s.SetRemote(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if state, err := s.RemoteState(t.Context()); err != nil || state.Unpushed != 2 || !state.LastSync.IsZero() {
		t.Fatalf("%+v, %v", state, err)
	}
	if r := sync1(t, s, SyncOptions{}); r.Pushed != 2 {
		t.Fatalf("%+v", r)
	}
	if _, err := os.Stat(s.quarantineDir()); err == nil {
		t.Fatal("the quarantine is still there")
	}
}
