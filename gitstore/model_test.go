package gitstore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"skein/gitstore/event"
)

// world is a store under test, whose clock the test turns.
type world struct {
	tb     testing.TB
	dir    string
	s      *Store // has an index
	walker *Store // walks the tree, and keeps its views from step to step
	clock  time.Time
	posted []string // ids
	lates  byte     // messages that came late
	said   indexLog
}

var (
	worldAgents  = []string{"ann", "bob@axon", "cy", "dee.1"}
	worldThreads = []string{"axon/model", "axon/build", "general/hall", "2026-11/2026-12"}
	worldTags    = []string{"question", "Answer"}
)

func newWorld(tb testing.TB, dir string) *world {
	w := &world{tb: tb, dir: dir, clock: testDay}
	w.s, w.walker = w.open(false), w.open(true)
	return w
}

func (w *world) close() {
	_ = w.s.Close()
	_ = w.walker.Close()
}

// open opens the store once more: one that has seen nothing yet.
func (w *world) open(noIndex bool) *Store {
	s, err := Open(context.Background(), Options{Dir: w.dir, NoSync: true, NoMirror: true, NoIndex: noIndex, Logger: w.said.logger(), Now: func() time.Time { return w.clock }})
	if err != nil {
		w.tb.Fatal(err)
	}
	return s
}

// step does something at random. Errors are allowed: what is refused changes
// nothing.
func (w *world) step(t *rapid.T) {
	w.clock = w.clock.Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 700, 60_000, 86_400_000, 12 * 86_400_000}).Draw(t, "ms")) * time.Millisecond)
	ctx := context.Background()
	agent := rapid.SampledFrom(worldAgents)
	thread := rapid.SampledFrom(worldThreads)
	switch rapid.SampledFrom([]string{"post", "post", "post", "update", "ack", "inbox", "join", "burst", "late", "profile"}).Draw(t, "do") {
	case "post":
		p := Post{From: agent.Draw(t, "from"), Thread: thread.Draw(t, "thread"), Queue: true,
			Title:     rapid.SampledFrom([]string{"", "Bound", `"quoted": 50%`}).Draw(t, "title"),
			Body:      rapid.SampledFrom([]string{"the recursion\n bound", "Straße 你好世界", "---\nC++ and a_b"}).Draw(t, "body"),
			To:        rapid.SliceOfNDistinct(rapid.SampledFrom(append([]string{"*"}, worldAgents...)), 0, 2, rapid.ID).Draw(t, "to"),
			Tags:      rapid.SliceOfNDistinct(rapid.SampledFrom(worldTags), 0, 2, rapid.ID).Draw(t, "tags"),
			ExpiresIn: rapid.SampledFrom([]time.Duration{0, 0, time.Minute, 100 * 24 * time.Hour}).Draw(t, "ttl"), RequireAck: rapid.Bool().Draw(t, "ack")}
		if m, err := w.s.Post(ctx, p); err == nil {
			w.posted = append(w.posted, m.ID.String())
		}
	case "update":
		u := ThreadUpdate{From: agent.Draw(t, "from"), Thread: thread.Draw(t, "thread"),
			Add:    rapid.SliceOfN(agent, 0, 1).Draw(t, "add"),
			Remove: rapid.SliceOfN(agent, 0, 1).Draw(t, "remove")}
		if rapid.Bool().Draw(t, "resolve") {
			status := event.StatusResolved
			u.Status = &status
		}
		_, _ = w.s.UpdateThread(ctx, u)
	case "ack":
		if len(w.posted) > 0 {
			state := rapid.SampledFrom([]string{event.StateRead, event.StateAcknowledged}).Draw(t, "state")
			_, _ = w.s.Acknowledge(ctx, agent.Draw(t, "by"), []string{rapid.SampledFrom(w.posted).Draw(t, "message")}, state)
		}
	case "inbox":
		if _, err := w.s.Inbox(ctx, InboxQuery{Agent: agent.Draw(t, "agent"), MarkRead: true, Limit: 3}); err != nil {
			t.Fatal(err)
		}
	case "join":
		if err := w.s.Join(ctx, agent.Draw(t, "agent")); err != nil {
			t.Fatal(err)
		}
	case "late":
		w.late(thread.Draw(t, "thread"), time.Duration(rapid.Int64Range(0, 60*24*3600).Draw(t, "seconds ago"))*time.Second)
	case "profile":
		r := newRequest(home{agent: worldAgents[0]}, &event.Event{Kind: event.KindProfile, From: worldAgents[0], Status: "here"})
		if err := w.s.append(ctx, r); err != nil {
			t.Fatal(err)
		}
	case "burst":
		ref := thread.Draw(t, "thread")
		fill(w.tb, w.s, rapid.IntRange(1, 150).Draw(t, "n"), func(int) string { return ref })
	}
}

// late commits a message with an id of the past, as another machine may bring
// it.
func (w *world) late(thread string, ago time.Duration) {
	ref, err := event.ParseThreadRef(thread)
	if err != nil {
		w.tb.Fatal(err)
	}
	id := idAt(w.clock.Add(-ago), w.lates)
	w.lates++
	r := newRequest(threadHome(ref), &event.Event{ID: id, At: id.Time(), From: "filler", Body: []byte("late")})
	r.spooled = true // keeps its id
	if r.file, err = r.event.Marshal(); err != nil {
		w.tb.Fatal(err)
	}
	if err := w.s.append(context.Background(), r); err != nil {
		w.tb.Fatal(err)
	}
}

// rewind takes the last commits of a branch away, as a replay by sync does.
func (w *world) rewind(t *rapid.T) {
	branch := rapid.SampledFrom([]string{"main", "agents"}).Draw(t, "branch")
	n := len(lines(git(w.tb, w.dir, "rev-list", branch)))
	back := rapid.IntRange(0, min(n-1, 80)).Draw(t, "back")
	git(w.tb, w.dir, "update-ref", "refs/heads/"+branch, fmt.Sprintf("%s~%d", branch, back))
}

// check compares all that readers say with the model: those that have an
// index, those that have kept their views, and those that begin anew.
func (w *world) check() {
	m := loadModel(w.tb, w.s)
	fresh := w.open(true)
	defer fresh.Close()
	for _, s := range []*Store{w.s, w.walker, fresh} {
		checkInboxes(w.tb, s, m, w.clock)
		checkThreads(w.tb, s, m)
		checkReads(w.tb, s, m)
		checkIDs(w.tb, s, m)
	}
	mustAnswer(w.tb, w.s)
	if said := w.said.String(); said != "" {
		w.tb.Fatalf("the index did not answer: %s", said)
	}
}

func same(tb testing.TB, what string, want, got any) {
	tb.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		tb.Fatalf("%s differs (-want +got):\n%s", what, diff)
	}
}

func checkInboxes(tb testing.TB, s *Store, m *model, now time.Time) {
	tb.Helper()
	for _, agent := range append([]string{"never-joined"}, worldAgents...) {
		for _, all := range []bool{false, true} {
			got := everything(tb, s, InboxQuery{Agent: agent, IncludeRead: all, Limit: 7})
			same(tb, fmt.Sprintf("inbox of %s, all %t", agent, all), m.inbox(agent, now, all), got)
		}
	}
}

func checkThreads(tb testing.TB, s *Store, m *model) {
	tb.Helper()
	got, err := s.Threads(context.Background(), ThreadFilter{})
	if err != nil {
		tb.Fatal(err)
	}
	var want []event.Thread
	for _, ref := range m.refs() {
		want = append(want, event.FoldThread(ref, m.threads[ref]))
	}
	slices.SortStableFunc(want, func(a, b event.Thread) int { return b.Last.Compare(a.Last) })
	if len(want)+len(got) > 0 {
		same(tb, "threads", want, got)
	}
}

func checkReads(tb testing.TB, s *Store, m *model) {
	tb.Helper()
	for _, ref := range m.refs() {
		want := m.thread(ref)
		same(tb, "backwards through "+ref.String(), want, readBack(tb, s, ref.String(), 7))
		same(tb, "forwards through "+ref.String(), want, readOn(tb, s, ref.String(), 60))
	}
}

// readBack reads a thread from its end to its beginning.
func readBack(tb testing.TB, s *Store, thread string, limit int) (ids []event.ID) {
	tb.Helper()
	q := ReadQuery{Thread: thread, Limit: limit}
	for {
		page, err := s.Read(context.Background(), q)
		if err != nil {
			tb.Fatal(err)
		}
		ids = append(messageIDs(page.Messages), ids...)
		if want := page.Thread.Messages - len(ids); page.Remaining != want || (page.Older == "") != (want == 0) {
			tb.Fatalf("%d remain, cursor %q; want %d", page.Remaining, page.Older, want)
		}
		if q.Cursor = page.Older; q.Cursor == "" {
			return ids
		}
	}
}

// readOn reads a thread from its beginning to its end.
func readOn(tb testing.TB, s *Store, thread string, limit int) (ids []event.ID) {
	tb.Helper()
	q := ReadQuery{Thread: thread, Limit: limit, Since: "2000-01-01"}
	for {
		page, err := s.Read(context.Background(), q)
		if err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, messageIDs(page.Messages)...)
		if want := page.Thread.Messages - len(ids); page.Remaining != want || (page.Next == "") != (want == 0) {
			tb.Fatalf("%d remain, cursor %q; want %d", page.Remaining, page.Next, want)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return ids
		}
	}
}

// checkIDs finds some messages by their ids and compares their receipts.
func checkIDs(tb testing.TB, s *Store, m *model) {
	tb.Helper()
	for i := 0; i < len(m.messages); i += 1 + len(m.messages)/5 {
		want := m.messages[i]
		for _, name := range []string{want.ID.String(), want.ID.Short()} {
			got, err := s.MessageByID(context.Background(), name)
			if err != nil {
				tb.Fatalf("message %s: %v", name, err)
			}
			same(tb, "message "+name, want.ID.String()+want.Path+want.Thread.String(), got.ID.String()+got.Path+got.Thread.String())
			same(tb, "receipts of "+name, m.receipts(want.ID), states(got.Receipts))
			if want := m.commits[want.ID.String()]; got.Commit.String() != want {
				tb.Fatalf("commit of %s is %s, want %s", name, got.Commit, want)
			}
		}
	}
}

func (m *model) receipts(id event.ID) map[string]string {
	by := map[string]string{}
	for agent, events := range m.agents {
		if state := event.FoldReceipts(agent, events)[id]; state != "" {
			by[agent] = state
		}
	}
	return by
}

func states(receipts []Receipt) map[string]string {
	by := map[string]string{}
	for _, r := range receipts {
		by[r.Agent] = r.State
	}
	return by
}

// TestReadersAgreeWithModel runs random histories and holds every reader
// against a fold over all events.
func TestReadersAgreeWithModel(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapidly(t, "20", func(rt *rapid.T) {
		n++
		w := newWorld(t, filepath.Join(root, fmt.Sprint(n)))
		defer w.close()
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				w.step(rt)
			}
			if rapid.IntRange(0, 3).Draw(rt, "rewind?") == 0 {
				w.rewind(rt)
			}
			w.check()
		}
	})
}
