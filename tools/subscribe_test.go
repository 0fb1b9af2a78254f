package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skein/gitstore"
)

// awaitGoroutines waits until so many goroutines are in a function.
func awaitGoroutines(t *testing.T, function string, n int) {
	t.Helper()
	buf := make([]byte, 1<<20)
	for limit := time.Now().Add(20 * time.Second); ; runtime.Gosched() { // the limit only ends a test that has failed
		stacks := string(buf[:runtime.Stack(buf, true)])
		if got := strings.Count(stacks, "."+function+"("); got == n {
			return
		} else if time.Now().After(limit) {
			t.Fatalf("%d goroutines are in %s, want %d:\n%s", got, function, n, stacks)
		}
	}
}

// subscriber is a session of codex with its server, which looks at once when
// the store first changes, and then not before gap has passed. The process has
// one channel for notifications, so that it waits until others are done.
func subscriber(t *testing.T, st *gitstore.Store, gap time.Duration, uris ...string) (*Server, *session) {
	t.Helper()
	awaitGoroutines(t, "handleNotifications", 0)
	srv := New(given(st), Options{Agent: "codex", Shared: true})
	srv.lookGap, srv.countGrace = gap, time.Minute
	s := connect(t, srv, "c")
	t.Cleanup(func() {
		s.in.Close()
		go io.Copy(io.Discard, s.out)
		s.ended()
		srv.Close()
	})
	for _, uri := range uris {
		s.request("resources/subscribe", fmt.Sprintf(`{"uri":%q}`, uri))
	}
	return srv, s
}

// told reads the next line, which must be of a change, and returns whose.
func (s *session) told() string {
	s.t.Helper()
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	var n struct {
		Method string
		Params struct{ URI string }
	}
	if err := json.Unmarshal(line, &n); err != nil || n.Method != "notifications/resources/updated" {
		s.t.Fatalf("not of a change: %s", line)
	}
	return n.Params.URI
}

func sets(t testing.TB, st *gitstore.Store, key string) {
	t.Helper()
	if _, err := st.SetState(t.Context(), "desktop", key, []byte("1")); err != nil {
		t.Fatal(err)
	}
}

// TestSubscribe: what another process posts is told, and what this one does.
func TestSubscribe(t *testing.T) {
	dir := t.TempDir()
	st, err := opens(dir)()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	_, s := subscriber(t, st, time.Millisecond, inboxURI)
	other := process(t, dir)
	other.Stdin = strings.NewReader(handshake("c") + callLine(1, "post_message", `{"to":["codex"],"thread":"axon/model","body":"hello","queue":true}`) + "\n")
	if out, err := other.Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if uri := s.told(); uri != inboxURI {
		t.Errorf("told of %s", uri)
	}
	mustContain(t, s.show(inboxURI), "> hello")

	s.request("resources/unsubscribe", `{"uri":"skein://inbox"}`)
	s.request("resources/subscribe", `{"uri":"skein://threads/axon/model"}`)
	s.write(callLine(90, "post_message", `{"thread":"axon/model","body":"mine"}`))
	var lines strings.Builder
	for range 2 { // in either order
		line, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		lines.WriteString(line)
	}
	mustContain(t, lines.String(), "posted", `"method":"notifications/resources/updated","params":{"uri":"skein://threads/axon/model"}`)
}

// TestASubscriberIsExpected: after a long silence, in which the remote is hardly
// looked at, a client that begins to listen is told of what another machine
// writes.
func TestASubscriberIsExpected(t *testing.T) {
	remote, later := bareRemote(t), atomic.Int64{}
	st, err := gitstore.Open(t.Context(), gitstore.Options{Dir: t.TempDir(), NoSync: true, NoMirror: true, Now: func() time.Time {
		return time.Now().Add(time.Duration(later.Load()))
	}})
	if err != nil {
		t.Fatal(err)
	}
	other := newStore(t)
	for _, s := range []*gitstore.Store{st, other} {
		if err := s.SetRemote(t.Context(), remote); err != nil {
			t.Fatal(err)
		}
		syncs(t, s)
	}
	syncs(t, st)
	later.Store(int64(24 * time.Hour))
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		st.KeepSynced(ctx, gitstore.Pace{Gap: time.Millisecond, Every: time.Hour, Idle: time.Hour, AtEnd: -1})
	})
	t.Cleanup(func() { stop(); keeping.Wait(); st.Close() })
	for looked := false; !looked; time.Sleep(time.Millisecond) { // when it started; the note is a file that nobody watches
		state, err := st.RemoteState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		looked = state.LastTry.After(time.Now().Add(time.Hour))
	}
	send(t, other, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: "are you there?"})
	syncs(t, other)
	_, s := subscriber(t, st, time.Millisecond, inboxURI)
	defer time.AfterFunc(20*time.Second, func() { s.in.Close() }).Stop() // only ends a test that has failed
	if uri := s.told(); uri != inboxURI {
		t.Errorf("told of %s", uri)
	}
}

func syncs(t *testing.T, st *gitstore.Store) {
	t.Helper()
	if _, err := st.Sync(t.Context(), gitstore.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestTold: those whose resource it changes are told of a change, once, and
// nobody else.
func TestTold(t *testing.T) {
	post := func(from, thread, to string) func(*testing.T, *gitstore.Store) {
		return func(t *testing.T, st *gitstore.Store) {
			send(t, st, gitstore.Post{From: from, Thread: thread, To: []string{to}, Body: "x"})
		}
	}
	set := func(key string) func(*testing.T, *gitstore.Store) {
		return func(t *testing.T, st *gitstore.Store) { sets(t, st, key) }
	}
	read := func(t *testing.T, st *gitstore.Store) {
		if box, err := st.Inbox(t.Context(), gitstore.InboxQuery{Agent: "codex", MarkRead: true}); err != nil || len(box.Messages) == 0 {
			t.Fatalf("%+v, %v", box, err)
		}
	}
	join := func(t *testing.T, st *gitstore.Store) {
		if err := st.Join(t.Context(), "newcomer"); err != nil {
			t.Fatal(err)
		}
	}
	const model, last = "skein://threads/axon/model", "skein://state/last"
	for _, c := range []struct {
		name, uri string
		change    func(*testing.T, *gitstore.Store)
		tells     bool
	}{
		{"mail", inboxURI, post("desktop", "axon/other", "codex"), true},
		{"own mail", inboxURI, post("codex", "axon/other", "desktop"), false},
		{"read elsewhere", inboxURI, read, true},
		{"in the thread", model, post("desktop", "axon/model", "codex"), true},
		{"in another thread", model, post("desktop", "axon/other", "codex"), false},
		{"a thread to come", "skein://threads/axon/to-come", post("desktop", "axon/to-come", "codex"), true},
		{"any thread", threadsURI, post("desktop", "axon/other", "codex"), true},
		{"no thread", threadsURI, set("other"), false},
		{"an agent", agentsURI, join, true},
		{"the key", "skein://state/a%2Fb", set("a/b"), true},
		{"another key", "skein://state/a%2Fb", set("a/c"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStore(t)
			post("desktop", "axon/model", "codex")(t, st)
			srv, s := subscriber(t, st, time.Hour, c.uri, last)
			c.change(t, st)
			srv.tellSubscribed(t.Context(), st)
			srv.tellSubscribed(t.Context(), st)
			sets(t, st, "last")
			srv.tellSubscribed(t.Context(), st)
			want := []string{last}
			if c.tells {
				want = []string{c.uri, last}
			}
			for _, uri := range want {
				if got := s.told(); got != uri {
					t.Fatalf("told of %s, want %s", got, uri)
				}
			}
		})
	}
}

// TestNobodySubscribed: nothing watches for a client that has not subscribed,
// or not any more.
func TestNobodySubscribed(t *testing.T) {
	const follows, watches = "followSubscribed", "(*watcher).run"
	_, s := subscriber(t, newStore(t), time.Hour)
	s.show(inboxURI)
	awaitGoroutines(t, follows, 0)
	awaitGoroutines(t, watches, 0)
	for _, uri := range []string{inboxURI, threadsURI, inboxURI} {
		s.request("resources/subscribe", fmt.Sprintf(`{"uri":%q}`, uri))
	}
	awaitGoroutines(t, follows, 1)
	awaitGoroutines(t, watches, 1)
	for _, uri := range []string{inboxURI, agentsURI} {
		s.request("resources/unsubscribe", fmt.Sprintf(`{"uri":%q}`, uri))
	}
	awaitGoroutines(t, follows, 1)
	s.request("resources/unsubscribe", fmt.Sprintf(`{"uri":%q}`, threadsURI))
	awaitGoroutines(t, follows, 0)
	awaitGoroutines(t, watches, 0)
}

// TestUntoldIsOwed: a client that does not read is told once it does.
func TestUntoldIsOwed(t *testing.T) {
	const uri = "skein://state/k"
	st := newStore(t)
	srv, s := subscriber(t, st, time.Hour, uri)
	told := func() digest {
		srv.tellSubscribed(t.Context(), st)
		srv.subscribed.mu.Lock()
		defer srv.subscribed.mu.Unlock()
		return srv.subscribed.seen[uri]
	}
	sent, last := 0, told()
	for range 110 { // more than the library keeps for a client
		sets(t, st, "k")
		if now := told(); now != last {
			sent, last = sent+1, now
		}
	}
	if sent == 110 {
		t.Fatal("the client is taken for told, but nobody has told it")
	}
	for range sent {
		s.told()
	}
	if told() == last {
		t.Error("the client is not told, though it reads again")
	}
	s.told()
}

func TestSubscribeErrors(t *testing.T) {
	st, broken := newStore(t), true
	awaitGoroutines(t, "handleNotifications", 0)
	srv := New(func() (*gitstore.Store, error) {
		if broken {
			return nil, errors.New("the disk is full")
		}
		return st, nil
	}, Options{Agent: "codex"})
	t.Cleanup(func() { srv.Close() })
	s := connect(t, srv, "c")
	mustContain(t, s.refuse("resources/subscribe", `{"uri":"skein://inbox"}`), "the disk is full")
	broken = false
	for _, uri := range []string{"", "skein://", "skein://nothing", "skein://threads/a/b/c", "skein://threads//b", "skein://state/%zz", "skein://Inbox", "file:///etc/passwd"} {
		mustContain(t, s.refuse("resources/subscribe", fmt.Sprintf(`{"uri":%q}`, uri)), "there is no resource", "there are skein://inbox, ")
	}
	for i := range maxSubscriptions {
		s.request("resources/subscribe", fmt.Sprintf(`{"uri":"skein://state/k%d"}`, i))
	}
	mustContain(t, s.refuse("resources/subscribe", `{"uri":"skein://inbox"}`), "there are 100 subscriptions already")
	s.request("resources/subscribe", `{"uri":"skein://state/k0"}`)
	s.write(`{"jsonrpc":"2.0","id":90,"method":"resources\/subscribe","params":{"uri":"skein:\/\/nothing"}}`)
	if r := s.read(); r.Error == nil {
		t.Error("a method with an escape in it is not checked")
	}
}
