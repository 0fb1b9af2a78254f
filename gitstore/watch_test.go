package gitstore

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

// woken waits for a value; the limit only ends a test that has failed.
func woken(tb testing.TB, changes <-chan struct{}) {
	tb.Helper()
	select {
	case _, open := <-changes:
		if !open {
			tb.Fatal("the channel is closed")
		}
	case <-time.After(20 * time.Second):
		tb.Fatal("nothing was told of a change")
	}
}

// TestWatch is woken by a change of either branch, of this process or another,
// also where git packs the refs.
func TestWatch(t *testing.T) {
	s := openTest(t, quiet)
	other := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true})
	m := mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "x"})
	for _, change := range []struct {
		name string
		make func(t *testing.T)
	}{
		{"own post", func(t *testing.T) { mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "y"}) }},
		{"another's receipt", func(t *testing.T) {
			if _, err := other.Acknowledge(context.Background(), "ann", []string{m.ID.String()}, event.StateRead); err != nil {
				t.Fatal(err)
			}
		}},
		{"git", func(t *testing.T) { git(t, s.Dir(), "update-ref", "refs/heads/main", "main~1") }},
		{"packed by git", func(t *testing.T) {
			git(t, s.Dir(), "pack-refs", "--all")
			mustPost(t, other, Post{From: "ann", Thread: "axon/model", Body: "z"})
		}},
	} {
		t.Run(change.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			changes, err := s.Watch(ctx)
			if err != nil {
				t.Fatal(err)
			}
			change.make(t)
			woken(t, changes)
			cancel()
			for range changes { // ends when it is closed
			}
		})
	}
}

// TestWatchMissesNothing lets a reader look whenever it is woken: in the end
// it has seen everything.
func TestWatchMissesNothing(t *testing.T) {
	s := openTest(t, quiet)
	other := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	changes, err := s.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const n = 100
	go func() {
		for range n {
			if _, err := other.Post(ctx, Post{From: "ann", Thread: "axon/model", Body: "x"}); err != nil {
				t.Error(err)
			}
		}
	}()
	for seen := 0; seen < n; {
		woken(t, changes)
		in, err := s.Inbox(ctx, InboxQuery{Agent: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		seen = in.Total
	}
}

// watchers counts those that run in this process.
func watchers() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), ".(*watcher).run(")
}

func awaitNoWatcher(t *testing.T) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); watchers() > 0; runtime.Gosched() { // the limit only ends a test that has failed
		if time.Now().After(limit) {
			t.Fatal("a watcher runs on, though nobody watches")
		}
	}
}

// TestWatchesShareOne: however many watch, the system is asked to once, until
// the last of them has left.
func TestWatchesShareOne(t *testing.T) {
	s := openTest(t, quiet)
	awaitNoWatcher(t) // of earlier tests
	var all [3]<-chan struct{}
	var leave [3]context.CancelFunc
	for i := range all {
		var ctx context.Context
		var err error
		ctx, leave[i] = context.WithCancel(context.Background())
		defer leave[i]()
		if all[i], err = s.Watch(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for left := range all {
		mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "x"})
		for _, changes := range all[left:] {
			woken(t, changes)
		}
		if n := watchers(); n != 1 {
			t.Errorf("%d watchers for %d who watch", n, len(all)-left)
		}
		leave[left]()
		for range all[left] { // ends when it is closed
		}
	}
	awaitNoWatcher(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	again, err := s.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "x"})
	woken(t, again)
}

// TestWatchWithoutTheSystem looks for changes itself.
func TestWatchWithoutTheSystem(t *testing.T) {
	s := openTest(t, quiet)
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{s: s, out: make(chan struct{}, 1), every: time.Millisecond}
	var err error
	if w.last, err = s.heads(); err != nil {
		t.Fatal(err)
	}
	go w.run(ctx, nil)
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "x"})
	woken(t, w.out)
	cancel()
	for range w.out {
	}
}

// TestWatchTellsOnce: one change, one value, however often it is looked for.
func TestWatchTellsOnce(t *testing.T) {
	s := openTest(t, quiet)
	w := &watcher{s: s, out: make(chan struct{}, 1)}
	var err error
	if w.last, err = s.heads(); err != nil {
		t.Fatal(err)
	}
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "x"})
	for i, want := range []int{1, 0, 0} {
		w.compare()
		if len(w.out) != want {
			t.Errorf("look %d: %d values", i, len(w.out))
		}
		for len(w.out) > 0 {
			<-w.out
		}
	}
}

func TestWatchOfLostBranch(t *testing.T) {
	s := openTest(t, quiet)
	git(t, s.Dir(), "update-ref", "-d", "refs/heads/agents")
	if _, err := s.Watch(context.Background()); err == nil {
		t.Error("a store without a branch is watched")
	}
}
