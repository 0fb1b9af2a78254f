package profiles

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"skein/gitstore"
)

// TestFollowedMailIsWaitedFor: whoever is told of mail is told soon of what comes
// from another machine, also after a long silence, in which a store that keeps
// itself in sync hardly looks at its remote.
func TestFollowedMailIsWaitedFor(t *testing.T) {
	remote := filepath.Join(t.TempDir(), "talk.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "-b", "main", remote).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	machine := func() *gitstore.Store {
		s, err := gitstore.Open(t.Context(), gitstore.Options{Dir: filepath.Join(t.TempDir(), "store"), NoSync: true, NoMirror: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		if err := s.SetRemote(t.Context(), remote); err != nil {
			t.Fatal(err)
		}
		return s
	}
	here, there := machine(), machine()
	syncs := func(s *gitstore.Store) {
		t.Helper()
		if _, err := s.Sync(t.Context(), gitstore.SyncOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	lastTry := func() time.Time {
		state, err := here.RemoteState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return state.LastTry
	}
	syncs(here) // of nothing, which is no news
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	var keeping sync.WaitGroup
	defer func() { stop(); keeping.Wait() }()
	began := lastTry()
	keeping.Go(func() {
		here.KeepSynced(ctx, gitstore.Pace{Gap: 5 * time.Millisecond, Every: time.Hour, Idle: time.Hour, AtEnd: -1})
	})
	for lastTry().Equal(began) {
		time.Sleep(time.Millisecond) // the note is a file that nobody watches
	}
	if _, err := there.Post(t.Context(), gitstore.Post{From: "mary", To: []string{"john"}, Body: "are you there?", Queue: true}); err != nil {
		t.Fatal(err)
	}
	syncs(there)
	told := make(chan *gitstore.Message, 1)
	keeping.Go(func() {
		followMail(ctx, here, "john", time.Time{}, func(m *gitstore.Message) { told <- m })
	})
	select {
	case m := <-told:
		if string(m.Body) != "are you there?" {
			t.Fatalf("%+v", m)
		}
	case <-ctx.Done():
		t.Fatal("nobody was told")
	}
}
