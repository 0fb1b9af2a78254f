package gitstore

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

// eventually waits until what another goroutine or process does has happened.
func eventually(tb testing.TB, what string, happened func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("it never came to this: %s", what)
		}
	}
}

// queueFiles lists the requests of a store.
func queueFiles(tb testing.TB, dir string) []string {
	tb.Helper()
	files, err := os.ReadDir(filepath.Join(gitDir(dir), "skein", "queue"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		tb.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func checkQueueEmpty(tb testing.TB, dir string) {
	tb.Helper()
	for _, name := range queueFiles(tb, dir) {
		if filepath.Ext(name) != queueTemp && name != queueAnswers {
			tb.Errorf("%s was left in the queue", name)
		}
	}
}

// twoStores opens one store twice, as two processes would.
func twoStores(tb testing.TB) (a, b *Store) {
	tb.Helper()
	a = openTest(tb, quiet)
	mustJoin(tb, a, "waiter", "holder")
	b = openTest(tb, Options{Dir: a.Dir(), NoSync: true, NoMirror: true})
	mustJoin(tb, b, "waiter", "holder")
	return a, b
}

// outcome is what a call of Post in the background came to.
type outcome struct {
	m   *Message
	err error
}

// postWhileLocked has s post while another process holds the lock and returns
// when its request lies in the queue.
func postWhileLocked(ctx context.Context, tb testing.TB, s *Store) <-chan outcome {
	tb.Helper()
	before := len(queueFiles(tb, s.Dir()))
	done := make(chan outcome, 1)
	go func() {
		m, err := s.Post(ctx, Post{From: "waiter", Thread: "p/t", Body: "please"})
		done <- outcome{m, err}
	}()
	eventually(tb, "a request is in the queue", func() bool {
		files := queueFiles(tb, s.Dir())
		return len(files) > before && !slices.ContainsFunc(files, func(f string) bool { return filepath.Ext(f) == queueTemp })
	})
	return done
}

func lock(tb testing.TB, s *Store) (unlock func()) {
	tb.Helper()
	unlock, err := s.db.Lock(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return unlock
}

// leadWith commits an event of the holder of the lock, and so what waits.
func leadWith(tb testing.TB, holder *Store, body string) {
	tb.Helper()
	r := newRequest(home{project: "p", thread: "t"}, &event.Event{From: "holder", Body: []byte(body)})
	if err := holder.stamp(r); err != nil {
		tb.Fatal(err)
	}
	holder.queue.add(r)
	if !holder.commitWaiting() || r.err != nil {
		tb.Fatalf("the holder committed nothing (%v)", r.err)
	}
}

func TestHolderCommitsForTheWaiter(t *testing.T) {
	waiter, holder := twoStores(t)
	unlock := lock(t, holder)
	done := postWhileLocked(t.Context(), t, waiter)
	leadWith(t, holder, "holder's own")
	h := checkStore(t, holder.Dir())
	unlock()
	got := <-done
	if got.err != nil || len(h.ids) != 2 || h.paths[got.m.ID.String()] != got.m.Path {
		t.Fatalf("the waiter got %+v, the holder committed %v", got, h.paths)
	}
	if commit := git(t, holder.Dir(), "log", "--format=%H", "--grep", got.m.ID.String(), "main"); commit != got.m.Commit.String() {
		t.Errorf("the commit is said to be %s and is %s", got.m.Commit, commit)
	}
	if a, _ := findAnswer(waiter.queue.readAnswers(math.MaxInt), got.m.ID); a.commit != got.m.Commit || a.path != got.m.Path {
		t.Errorf("the holder answered %+v", a)
	}
	checkQueueEmpty(t, holder.Dir())
}

func TestWaiterCommitsItself(t *testing.T) {
	waiter, holder := twoStores(t)
	unlock := lock(t, holder)
	done := postWhileLocked(t.Context(), t, waiter)
	unlock() // without looking at the queue, as one who is killed
	if got := <-done; got.err != nil {
		t.Fatal(got.err)
	}
	if h := checkStore(t, holder.Dir()); len(h.ids) != 1 {
		t.Errorf("the message is there %d times", len(h.ids))
	}
	checkQueueEmpty(t, holder.Dir())
}

func TestWaiterWithdraws(t *testing.T) {
	waiter, holder := twoStores(t)
	unlock := lock(t, holder)
	ctx, cancel := context.WithCancel(context.Background())
	done := postWhileLocked(ctx, t, waiter)
	cancel()
	if got := <-done; !errors.Is(got.err, context.Canceled) {
		t.Errorf("the waiter got %+v", got)
	}
	leadWith(t, holder, "holder's own")
	unlock()
	mustPost(t, waiter, Post{From: "waiter", Thread: "p/t", Body: "next"})
	if h := checkStore(t, holder.Dir()); len(h.ids) != 2 {
		t.Errorf("%d messages are there, want the holder's and the next", len(h.ids))
	}
	checkQueueEmpty(t, holder.Dir())
}

// take does what a leader does first, and no more.
func take(tb testing.TB, dir string) {
	tb.Helper()
	for _, name := range queueFiles(tb, dir) {
		if base, ok := strings.CutSuffix(name, queueRequest); ok {
			q := filepath.Join(gitDir(dir), "skein", "queue")
			if err := os.Rename(filepath.Join(q, name), filepath.Join(q, base+queueTaken)); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

func TestCancelledTooLateIsPosted(t *testing.T) {
	waiter, holder := twoStores(t)
	unlock := lock(t, holder)
	ctx, cancel := context.WithCancel(context.Background())
	done := postWhileLocked(ctx, t, waiter)
	take(t, holder.Dir())
	cancel()
	leadWith(t, holder, "holder's own")
	unlock()
	if got := <-done; got.err != nil || got.m == nil {
		t.Errorf("the waiter got %+v", got)
	}
	if h := checkStore(t, holder.Dir()); len(h.ids) != 2 {
		t.Errorf("%d messages are there, want the holder's and the waiter's", len(h.ids))
	}
	checkQueueEmpty(t, holder.Dir())
}

func TestCancelledWhileTakenAndNotCommitted(t *testing.T) {
	waiter, holder := twoStores(t)
	unlock := lock(t, holder)
	ctx, cancel := context.WithCancel(context.Background())
	done := postWhileLocked(ctx, t, waiter)
	take(t, holder.Dir())
	cancel()
	unlock() // the leader died
	if got := <-done; !errors.Is(got.err, context.Canceled) {
		t.Errorf("the waiter got %+v", got)
	}
	mustPost(t, holder, Post{From: "holder", Thread: "p/t", Body: "next"})
	if h := checkStore(t, holder.Dir()); len(h.ids) != 1 {
		t.Errorf("%d messages are there, want only the next", len(h.ids))
	}
	checkQueueEmpty(t, holder.Dir())
}

func TestCancelledWhileTheLeaderHangs(t *testing.T) {
	waiter, holder := twoStores(t)
	unlock := lock(t, holder)
	defer unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := postWhileLocked(ctx, t, waiter)
	take(t, holder.Dir())
	cancel()
	if got := <-done; !errors.Is(got.err, context.Canceled) || !strings.Contains(got.err.Error(), "may still commit it") {
		t.Errorf("the waiter got %+v", got)
	}
}

// orphan leaves a request whose owner is gone.
func orphan(tb testing.TB, s *Store, body string) event.ID {
	tb.Helper()
	r := newRequest(home{project: "p", thread: "t"}, &event.Event{From: "orphan", Body: []byte(body)})
	if err := s.stamp(r); err != nil {
		tb.Fatal(err)
	}
	if err := s.queue.write(r); err != nil {
		tb.Fatal(err)
	}
	return r.event.ID
}

func TestRequestOfADeadOwnerIsCommitted(t *testing.T) {
	s := openTest(t, quiet)
	id := orphan(t, s, "my last words")
	mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
	if h := checkQuiet(t, s); h.count(id.String()) != 1 || len(h.ids) != 2 {
		t.Errorf("the history is %v, want %s in it", h.ids, id)
	}
	checkQueueEmpty(t, s.Dir())
}

// A leader that died between its commit and the removal left the request.
func TestRequestThatIsCommittedAlready(t *testing.T) {
	s := openTest(t, quiet)
	for _, state := range []string{queueRequest, queueTaken} {
		id := orphan(t, s, "once")
		name := s.queue.path(id, queueRequest)
		copied, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
		if err := os.WriteFile(s.queue.path(id, state), copied, 0o600); err != nil {
			t.Fatal(err)
		}
		fill(t, s, 200, func(int) string { return "p/t" }) // its directory is full by now
		mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "y"})
		if h := checkQuiet(t, s); h.count(id.String()) != 1 {
			t.Errorf("a %s file brought the event %d times", state, h.count(id.String()))
		}
		checkQueueEmpty(t, s.Dir())
	}
}

// badRequests are request files that no skein would have written, by id.
func badRequests(t *testing.T, s *Store) map[string]string {
	t.Helper()
	encoded := func(change func(*request)) string {
		r := newRequest(home{project: "p", thread: "t"}, &event.Event{From: "a", Body: []byte("x")})
		if err := s.stamp(r); err != nil {
			t.Fatal(err)
		}
		change(r)
		var err error
		if r.file, err = r.event.Marshal(); err != nil {
			t.Fatal(err)
		}
		return string(encodeRequest(r))
	}
	whole := encoded(func(*request) {})
	later := event.ID{0x20} // in the year 3084
	bad := map[string]string{
		later.String(): encoded(func(r *request) { r.event.ID, r.event.At = later, later.Time() }),
		"not-an-id":    whole,
	}
	for _, text := range []string{
		"", "\x00\x01\x02", requestMagic + " main p/t a 0 00000000\n",
		whole[:len(whole)-3], whole + "x", strings.Replace(whole, "\nx\n", "\ny\n", 1), whole + strings.Repeat("x", maxRequest),
		strings.Replace(whole, requestMagic, "skein-request 2", 1),
		strings.Replace(whole, " main ", " trunk ", 1),
		strings.Replace(whole, " p/t ", " ../../etc ", 1),
		strings.Replace(whole, " p/t ", " P/t ", 1),
		strings.Replace(whole, " p/t ", " p/t/u ", 1),
		strings.Replace(whole, " main p/t ", " agents a ", 1),
		strings.Replace(whole, " a ", " b ", 1),
		encoded(func(r *request) { r.home.thread = "" }),
		encoded(func(r *request) { r.home = home{agent: "b"} }),
		encoded(func(r *request) {
			r.event = &event.Event{ID: r.event.ID, Kind: event.KindReceipt, From: "a", At: r.event.At,
				State: event.StateRead, Messages: []event.ID{r.event.ID}}
		}),
		encoded(func(*request) {}), // whose id is not that of the file
	} {
		id, err := s.clock.Next()
		if err != nil {
			t.Fatal(err)
		}
		bad[id.String()] = text
	}
	return bad
}

func TestBadRequestsAreSetAside(t *testing.T) {
	s := openTest(t, quiet)
	mustJoin(t, s, "a", "b")
	bad := badRequests(t, s)
	if err := os.MkdirAll(s.queue.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range bad {
		write(t, s.queue.dir, name+queueRequest, text)
	}
	write(t, s.queue.dir, "README", "hello")
	if err := os.Symlink("/etc/passwd", filepath.Join(s.queue.dir, "link"+queueRequest)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.queue.dir, "dir"+queueRequest), 0o700); err != nil {
		t.Fatal(err)
	}
	id := orphan(t, s, "good")
	m := mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "mine"})
	if h := checkQuiet(t, s); len(h.ids) != 2 || h.count(id.String()) != 1 || h.count(m.ID.String()) != 1 {
		t.Errorf("the history is %v, want %s and %s", h.paths, id, m.ID)
	}
	want := []string{"README", queueAnswers, "dir" + queueBad, "link" + queueBad}
	for name := range bad {
		want = append(want, name+queueBad)
	}
	slices.Sort(want)
	if left := queueFiles(t, s.Dir()); !slices.Equal(left, want) {
		t.Errorf("the queue holds %v, want %v", left, want)
	}
}

func TestStaleTemporaryFilesAreCleared(t *testing.T) {
	s := openTest(t, quiet)
	if err := os.MkdirAll(s.queue.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, s.queue.dir, "old"+queueTemp, "x")
	write(t, s.queue.dir, "new"+queueTemp, "x")
	long := time.Now().Add(-2 * staleTemp)
	if err := os.Chtimes(filepath.Join(s.queue.dir, "old"+queueTemp), long, long); err != nil {
		t.Fatal(err)
	}
	mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
	if got := queueFiles(t, s.Dir()); !slices.Equal(got, []string{"new" + queueTemp}) {
		t.Errorf("left are %v", got)
	}
}

// Without a queue everybody commits their own.
func TestQueueThatCannotBeWritten(t *testing.T) {
	a, b := twoStores(t)
	write(t, filepath.Dir(a.queue.dir), "queue", "in the way")
	unlock := lock(t, b)
	done := make(chan outcome, 1)
	go func() {
		m, err := a.Post(context.Background(), Post{From: "waiter", Thread: "p/t", Body: "x"})
		done <- outcome{m, err}
	}()
	unlock()
	if got := <-done; got.err != nil {
		t.Error(got.err)
	}
	checkQuiet(t, a)
}

func TestRequestFileRoundTrips(t *testing.T) {
	s := openTest(t, quiet)
	for _, h := range []home{{project: "p", thread: "t"}, {project: "p"}, {agent: "a"}} {
		e := &event.Event{From: "a", Body: []byte("x\n\n---\n")}
		switch {
		case h.agent != "":
			e = &event.Event{Kind: event.KindProfile, From: "a"}
		case h.thread == "":
			e = &event.Event{Kind: event.KindProject, From: "a", Title: "x"}
		}
		r := newRequest(h, e)
		if err := s.stamp(r); err != nil {
			t.Fatal(err)
		}
		back, err := decodeRequest(encodeRequest(r))
		if err != nil || back.home != h || string(back.file) != string(r.file) || back.event.ID != r.event.ID {
			t.Errorf("%v came back as %+v (%v)", h, back, err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(requestMagic + " main p/t a 0 00000000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := decodeRequest(data); err == nil && !bytes.Equal(encodeRequest(r), data) {
			t.Fatalf("%q is read as %q", data, encodeRequest(r))
		}
	})
}
