package gitstore

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skein/gitstore/event"
)

// model is every event of a store in memory: what a naive reader would hold.
type model struct {
	messages []*Message
	threads  map[event.ThreadRef][]*event.Event // with the messages
	agents   map[string][]*event.Event
	commits  map[string]string // by id
}

// loadModel reads a store with git alone, sharing no code with the readers
// but the codec.
func loadModel(tb testing.TB, s *Store) *model {
	tb.Helper()
	m := &model{threads: map[event.ThreadRef][]*event.Event{}, agents: map[string][]*event.Event{}, commits: map[string]string{}}
	for _, line := range lines(git(tb, s.Dir(), "log", "--format=%H %(trailers:key=Skein-Id,valueonly,separator=%x20)", "main")) {
		hash, id, _ := strings.Cut(line, " ")
		m.commits[id] = hash
	}
	for path, e := range gitEvents(tb, s, "main") {
		parts := slices.DeleteFunc(strings.Split(path, "/"), func(p string) bool { return len(p) == 2 && p[0] == '_' })
		if parts[0] != "projects" || parts[2] == "_project" {
			continue
		}
		ref := event.ThreadRef{Project: parts[1], Thread: parts[2]}
		m.threads[ref] = append(m.threads[ref], e)
		if e.Kind == event.KindMessage {
			m.messages = append(m.messages, &Message{Event: *e, Thread: ref, Path: path})
		}
	}
	for _, e := range gitEvents(tb, s, "agents") {
		m.agents[e.From] = append(m.agents[e.From], e)
	}
	slices.SortFunc(m.messages, func(a, b *Message) int { return a.ID.Compare(b.ID) })
	return m
}

// gitEvents returns the events of a branch by path.
func gitEvents(tb testing.TB, s *Store, branch string) map[string]*event.Event {
	tb.Helper()
	events := map[string]*event.Event{}
	var paths []string
	var batch strings.Builder
	for _, line := range lines(git(tb, s.Dir(), "ls-tree", "-r", branch)) {
		info, path, _ := strings.Cut(line, "\t")
		if strings.Contains(path, "/") {
			paths = append(paths, path)
			batch.WriteString(strings.Fields(info)[2] + "\n")
		}
	}
	out := gitInput(tb, s.Dir(), batch.String(), "cat-file", "--batch")
	for _, path := range paths {
		head, rest, _ := bytes.Cut(out, []byte("\n"))
		var size int
		if _, err := fmt.Sscanf(string(head), "%s blob %d", new(string), &size); err != nil {
			tb.Fatalf("cat-file says %q: %v", head, err)
		}
		e, err := event.Parse(rest[:size])
		if err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		events[path], out = e, rest[size+1:]
	}
	return events
}

// rapidly is rapid.Check with fewer rounds, for properties whose rounds make a
// store each; -rapid.checks asks for more.
func rapidly(t *testing.T, rounds string, property func(*rapid.T)) {
	t.Helper()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := flag.Set("rapid.checks", rounds); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = flag.Set("rapid.checks", checks.DefValue) }()
	}
	rapid.Check(t, property)
}

// gitInput runs git with something to read.
func gitInput(tb testing.TB, dir, input string, args ...string) []byte {
	tb.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// inbox is the rule of who receives a message, told as plainly as possible.
func (m *model) inbox(agent string, now time.Time, includeRead bool) (ids []event.ID) {
	seen := event.FoldReceipts(agent, m.agents[agent])
	joined := event.FoldAgent(agent, m.agents[agent]).Joined
	if joined.IsZero() {
		joined = now
	}
	for _, msg := range m.messages {
		t := event.FoldThread(msg.Thread, m.threads[msg.Thread])
		named := slices.Contains(msg.To, agent) || len(msg.To) == 0 && slices.Contains(t.Members, agent)
		everyone := slices.Contains(msg.To, event.Everyone) || len(msg.To) == 0 && !t.Closed
		recent := !msg.At.Before(joined.Add(-7 * 24 * time.Hour))
		expired := !msg.Expires.IsZero() && !msg.Expires.After(now) && !msg.RequireAck
		if msg.From != agent && (named || everyone && recent) && !expired && (includeRead || seen[msg.ID] == "") {
			ids = append(ids, msg.ID)
		}
	}
	return ids
}

// thread returns the messages of a thread, oldest first.
func (m *model) thread(ref event.ThreadRef) (ids []event.ID) {
	for _, msg := range m.messages {
		if msg.Thread == ref {
			ids = append(ids, msg.ID)
		}
	}
	return ids
}

func (m *model) refs() []event.ThreadRef {
	return slices.SortedFunc(maps.Keys(m.threads), func(a, b event.ThreadRef) int { return strings.Compare(a.String(), b.String()) })
}

func messageIDs(messages []*Message) (ids []event.ID) {
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}

// everything follows an inbox to its end.
func everything(tb testing.TB, s *Store, q InboxQuery) (ids []event.ID) {
	tb.Helper()
	for {
		in, err := s.Inbox(context.Background(), q)
		if err != nil {
			tb.Fatal(err)
		}
		if in.Skipped != 0 {
			tb.Fatalf("%d files skipped in a sound store", in.Skipped)
		}
		ids = append(ids, messageIDs(in.Messages)...)
		if q.Cursor = in.Next; q.Cursor == "" {
			return ids
		}
	}
}
