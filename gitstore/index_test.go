package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// indexLog is a logger that keeps what is said about the index: nothing, as
// long as it answers.
type indexLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *indexLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(line, []byte("index")) {
		l.text.Write(line)
	}
	return len(line), nil
}

func (l *indexLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *indexLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.text.String())
}

// mustAnswer fails unless the index answers now.
func mustAnswer(tb testing.TB, s *Store) {
	tb.Helper()
	ok, err := s.fromIndex(context.Background(), func(*index.View) error { return nil })
	if !ok || err != nil {
		tb.Fatalf("the index does not answer (%v)", err)
	}
}

// TestIndexAgreesWithTree asks random stores the same with the index and
// without, and expects the same, to the byte of a cursor.
func TestIndexAgreesWithTree(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapidly(t, "15", func(rt *rapid.T) {
		n++
		w := newWorld(t, filepath.Join(root, fmt.Sprint(n)))
		defer w.close()
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				w.step(rt)
			}
			if len(w.posted) > 0 && rapid.Bool().Draw(rt, "redact") {
				ids := rapid.SliceOfN(rapid.SampledFrom(w.posted), 1, 3).Draw(rt, "hidden")
				if _, err := w.s.Redact(context.Background(), worldAgents[0], ids, ""); err != nil {
					rt.Fatal(err)
				}
			}
			for range 12 {
				w.agree(rt, drawQuestion(rt, w))
			}
		}
		mustAnswer(t, w.s)
		if said := w.said.String(); said != "" {
			t.Fatalf("the index did not answer: %s", said)
		}
	})
}

// question is something to ask a store; cursor goes on from an earlier answer.
type question struct {
	what string
	ask  func(s *Store, cursor string) (answer any, next string, err error)
}

// agree asks both ways, page by page, with the cursors in turn from the one
// and the other.
func (w *world) agree(rt *rapid.T, q question) {
	cursor := ""
	for page := 0; ; page++ {
		fast, next, errFast := q.ask(w.s, cursor)
		slow, nextSlow, errSlow := q.ask(w.walker, cursor)
		same(w.tb, fmt.Sprintf("page %d of %s: the error", page, q.what), fmt.Sprint(errSlow), fmt.Sprint(errFast))
		same(w.tb, fmt.Sprintf("page %d of %s", page, q.what), slow, fast)
		same(w.tb, fmt.Sprintf("the cursor behind page %d of %s", page, q.what), nextSlow, next)
		if cursor = next; cursor == "" {
			return
		}
		if rt != nil && rapid.IntRange(0, 9).Draw(rt, "post between pages?") == 0 {
			fill(w.tb, w.s, 2, func(int) string { return worldThreads[0] })
		}
	}
}

func drawQuestion(rt *rapid.T, w *world) question {
	ctx := context.Background()
	maybe := func(name string, from ...string) string {
		return rapid.SampledFrom(append([]string{"", ""}, from...)).Draw(rt, name)
	}
	limit := rapid.SampledFrom([]int{1, 3, 7, 100, 250}).Draw(rt, "limit")
	switch rapid.SampledFrom([]string{"search", "search", "search", "inbox", "threads", "projects", "agents", "ids"}).Draw(rt, "ask") {
	case "inbox":
		q := InboxQuery{Agent: rapid.SampledFrom(worldAgents).Draw(rt, "agent"), Thread: maybe("thread", append(worldThreads, "axon/none")...), From: maybe("from", append(worldAgents, "filler")...),
			Tag: maybe("tag", "QUESTION", "answer"), IncludeRead: rapid.Bool().Draw(rt, "read"), Open: rapid.Bool().Draw(rt, "open"), Newest: rapid.Bool().Draw(rt, "newest"), Limit: limit}
		if n := len(w.posted); n > 0 && rapid.Bool().Draw(rt, "bounded") {
			q.Since, q.Before = w.at(rt, "since"), w.at(rt, "before")
		}
		return w.inboxQuestion(q)
	case "threads":
		f := ThreadFilter{Project: maybe("project", "axon", "none"), Status: maybe("status", "Resolved", "active"), Member: maybe("member", worldAgents...), Limit: rapid.IntRange(0, 3).Draw(rt, "most")}
		return question{fmt.Sprintf("%+v", f), func(s *Store, _ string) (any, string, error) {
			all, err := s.Threads(ctx, f)
			return append([]event.Thread{}, all...), "", err
		}}
	case "projects":
		return question{"projects", func(s *Store, _ string) (any, string, error) {
			all, err := s.Projects(ctx)
			return append([]event.Project{}, all...), "", err
		}}
	case "agents":
		return question{"agents", func(s *Store, _ string) (any, string, error) {
			all, err := s.Agents(ctx)
			return append([]event.Agent{}, all...), "", err
		}}
	case "ids":
		id := rapid.SampledFrom(append(w.posted, "0000", "zzzzzzzz")).Draw(rt, "id")
		id = id[len(id)-min(len(id), rapid.SampledFrom([]int{4, 8, 26}).Draw(rt, "digits")):]
		return question{"message " + id, func(s *Store, _ string) (any, string, error) {
			m, err := s.MessageByID(ctx, id)
			return m, "", err
		}}
	}
	q := SearchQuery{Text: drawText(rt), Project: maybe("project", "axon"), Status: maybe("status", "resolved"), Member: maybe("member", worldAgents...), Tag: maybe("tag", "question"), Limit: limit}
	return w.searchQuestion(q)
}

// at is when a message was written, or no time.
func (w *world) at(rt *rapid.T, name string) time.Time {
	text := rapid.SampledFrom(append(w.posted, "")).Draw(rt, name)
	id, err := event.ParseID(text)
	if err != nil {
		return time.Time{}
	}
	return id.Time()
}

func (w *world) inboxQuestion(q InboxQuery) question {
	return question{fmt.Sprintf("%+v", q), func(s *Store, cursor string) (any, string, error) {
		q.Cursor = cursor
		in, err := s.Inbox(context.Background(), q)
		if err != nil {
			return nil, "", err
		}
		return in, in.Next, nil
	}}
}

func (w *world) searchQuestion(q SearchQuery) question {
	return question{fmt.Sprintf("%+v", q), func(s *Store, cursor string) (any, string, error) {
		q.Cursor = cursor
		found, err := s.Search(context.Background(), q)
		if err != nil {
			return nil, "", err
		}
		return found, found.Next, nil
	}}
}

// drawText draws the text of a query: mostly good ones.
func drawText(rt *rapid.T) string {
	words := []string{"recursion", "bound", "Bound", "boun*", "message", `"the recursion bound"`, "straße", "你好", "c++", "50", "late", "here", "*", `"open`}
	filters := []string{"from:ann", "from:filler", "to:*", "to:cy", "project:axon", "thread:axon/model", "thread:hall", "thread:none", "tag:answer", "status:active", "since:30d", "before:1h", "since:10m", "form:ann"}
	words = rapid.SliceOfN(rapid.SampledFrom(words[:rapid.SampledFrom([]int{5, 12, len(words)}).Draw(rt, "words")]), 0, 2).Draw(rt, "words")
	if rapid.Bool().Draw(rt, "filter") {
		words = append(words, rapid.SampledFrom(filters).Draw(rt, "filter"))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// TestVerifyRepairsIndex: verify finds an index that lacks something, builds it
// anew, and fails for nothing that is wrong with it.
func TestVerifyRepairsIndex(t *testing.T) {
	s := openTest(t, quiet)
	fill(t, s, 200, threadName)
	mustAnswer(t, s)
	tx, unlock, err := lockIndex(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("DELETE FROM messages WHERE n = 100"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	unlock()
	report, err := s.Verify(context.Background(), nil)
	if err != nil || len(report.Problems) > 0 || len(report.Repaired) != 1 || !strings.Contains(report.Repaired[0], "the index") {
		t.Fatalf("verify: %+v, %v", report, err)
	}
	mustAnswer(t, s)
	if found, err := s.Search(context.Background(), SearchQuery{Text: "message"}); err != nil || found.Total != 200 {
		t.Errorf("search: %+v, %v", found, err)
	}
	dir := filepath.Join(s.Dir(), ".git", "skein", "index")
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if report, err := s.Verify(context.Background(), nil); err != nil || len(report.Problems)+len(report.Repaired) > 0 {
		t.Errorf("verify without room for an index: %+v, %v", report, err)
	}
	if in, err := s.Inbox(context.Background(), InboxQuery{Agent: "ann"}); err != nil || in.Total != 200 {
		t.Errorf("inbox without room for an index: %+v, %v", in, err)
	}
}

// TestIndexTakesWhatWasPutBack: a file that could not be read when the index
// was built is in it once the file is put back.
func TestIndexTakesWhatWasPutBack(t *testing.T) {
	s := openTest(t, Options{NoSync: true, NoMirror: true, NoIndex: true})
	m := mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: strings.Repeat("message ", 20)})
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "sound"})
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(s.Dir())); err != nil {
		t.Fatal(err)
	}
	corrupt(t, s.Dir(), git(t, s.Dir(), "rev-parse", "main:"+m.Path))
	damaged := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true})
	if in, err := damaged.Inbox(context.Background(), InboxQuery{Agent: "bob"}); err != nil || in.Total != 1 || in.Skipped != 1 {
		t.Fatalf("inbox of a damaged store: %+v, %v", in, err)
	}
	mustAnswer(t, damaged)
	objects := filepath.Join(".git", "objects")
	if err := errors.Join(os.RemoveAll(filepath.Join(s.Dir(), objects)), os.CopyFS(filepath.Join(s.Dir(), objects), os.DirFS(filepath.Join(backup, objects)))); err != nil {
		t.Fatal(err)
	}
	whole := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true})
	for range 2 { // the first call notices, the second one has it
		if in, err := whole.Inbox(context.Background(), InboxQuery{Agent: "bob"}); err != nil || in.Total != 2 || in.Skipped != 0 {
			t.Errorf("inbox of the store put right: %+v, %v", in, err)
		}
	}
	mustAnswer(t, whole)
}
