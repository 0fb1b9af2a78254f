package index

import (
	"cmp"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"skein/gitstore/event"
)

// model is all files of both branches: what the index is held against, by the
// folds of package event and nothing else.
type model map[string]Change

var (
	testStart   = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	testAgents  = []string{"ann", "bob@axon", "cy", "dee.1"}
	testThreads = []event.ThreadRef{{Project: "axon", Thread: "model"}, {Project: "axon", Thread: "build"}, {Project: "hall", Thread: "model"}}
	testTags    = []string{"question", "Über uns"}
	testWords   = []string{"recursion", "Bound", "solver", "straße", "C++", "你好世界", "a_b", "the", "the", "the"}
)

// exactTime writes times so that they sort as text.
const exactTime = "2006-01-02T15:04:05.000Z"

// maker draws events. Times go up and down, ids follow them.
type maker struct {
	seq uint32
	ids []event.ID // of messages, also of such as never come
}

func (m *maker) id(t *rapid.T) event.ID {
	m.seq++
	day := rapid.IntRange(0, 40).Draw(t, "day")
	at := testStart.AddDate(0, 0, day).Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "ms")) * time.Millisecond)
	id := firstID(at.UnixMilli())
	binary.BigEndian.PutUint32(id[8:], rapid.Uint32().Draw(t, "entropy"))
	binary.BigEndian.PutUint32(id[12:], m.seq)
	return id
}

func (m *maker) event(t *rapid.T) Change {
	agent := rapid.SampledFrom(testAgents)
	e := &event.Event{ID: m.id(t), From: agent.Draw(t, "from")}
	e.At = e.ID.Time().Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, -700, 60_000}).Draw(t, "off")) * time.Millisecond)
	c := Change{Event: e, Thread: rapid.SampledFrom(testThreads).Draw(t, "thread")}
	switch rapid.SampledFrom([]string{"message", "message", "message", "message", "thread", "project", "receipt", "receipt", "profile", "broken"}).Draw(t, "kind") {
	case "message":
		m.message(t, e)
	case "thread":
		e.Kind = event.KindThread
		e.Add = rapid.SliceOfN(agent, 0, 1).Draw(t, "add")
		e.Remove = slices.DeleteFunc(rapid.SliceOfN(agent, 0, 1).Draw(t, "remove"), func(name string) bool { return slices.Contains(e.Add, name) })
		e.Title = rapid.SampledFrom([]string{"", "One", "Two"}).Draw(t, "title")
		e.Status = rapid.SampledFrom([]string{"", event.StatusActive, event.StatusResolved}).Draw(t, "status")
		if len(e.Add)+len(e.Remove) == 0 && e.Title+e.Status == "" {
			e.Description = "about"
		}
	case "project":
		e.Kind, c.Thread.Thread = event.KindProject, ""
		e.Title = rapid.SampledFrom([]string{"P", "Q"}).Draw(t, "title")
	case "receipt":
		e.Kind, c.Thread = event.KindReceipt, event.ThreadRef{}
		e.State = rapid.SampledFrom([]string{event.StateRead, event.StateAcknowledged}).Draw(t, "state")
		e.Messages = m.some(t)
	case "profile":
		e.Kind, c.Thread = event.KindProfile, event.ThreadRef{}
		e.Status = rapid.SampledFrom([]string{"", "busy", "idle"}).Draw(t, "status")
		e.Payload = []byte(rapid.SampledFrom([]string{"", "null", `{"a": 1}`}).Draw(t, "payload"))
	case "broken":
		c = Change{Path: fmt.Sprintf("projects/x/broken-%d", m.seq)}
	}
	return filed1(c)
}

func (m *maker) message(t *rapid.T, e *event.Event) {
	m.ids = append(m.ids, e.ID)
	text := rapid.SliceOfN(rapid.SampledFrom(testWords), 0, 6)
	e.Title = strings.Join(text.Draw(t, "title"), " ")
	e.Body = []byte(strings.Join(text.Draw(t, "body"), rapid.SampledFrom([]string{" ", ", ", "\n"}).Draw(t, "between")))
	e.To = rapid.SliceOfNDistinct(rapid.SampledFrom(append([]string{"*"}, testAgents...)), 0, 2, rapid.ID).Draw(t, "to")
	e.Tags = rapid.SliceOfNDistinct(rapid.SampledFrom(testTags), 0, 2, rapid.ID).Draw(t, "tags")
	e.RequireAck = rapid.Bool().Draw(t, "ack")
	if ttl := rapid.SampledFrom([]int{0, 0, 1, 20}).Draw(t, "ttl"); ttl > 0 {
		e.Expires = e.ID.Time().AddDate(0, 0, ttl)
	}
}

// some draws ids for a receipt: also of messages that come later, or never.
func (m *maker) some(t *rapid.T) []event.ID {
	ids := []event.ID{m.id(t)}
	for range rapid.IntRange(0, 4).Draw(t, "receipts") {
		if len(m.ids) > 0 {
			ids = append(ids, rapid.SampledFrom(m.ids).Draw(t, "id"))
		}
	}
	return ids
}

// filed1 gives an event its path and its content.
func filed1(c Change) Change {
	if e := c.Event; e != nil {
		dir := "agents/" + event.AgentDir(e.From)
		if c.Thread.Project != "" {
			dir = "projects/" + c.Thread.Project + "/" + cmp.Or(c.Thread.Thread, event.ProjectDir)
		}
		c.Path = path.Join(dir, event.Month(e.At), event.FileName(e))
		data, err := e.Marshal()
		if err != nil {
			panic(err)
		}
		c.Data, c.Blob = data, sha1.Sum(data)
		if c.Event, err = event.Parse(data); err != nil {
			panic(err)
		}
	}
	return c
}

// copied is the same file in another directory.
func copied(c Change) Change {
	c.Path = path.Join(path.Dir(c.Path), "21d", path.Base(c.Path))
	return c
}

func (m model) kind(kinds ...event.Kind) (all []Change) {
	for _, c := range m {
		if c.Event != nil && slices.Contains(kinds, c.Event.Kind) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Change) int {
		return cmp.Or(a.Event.ID.Compare(b.Event.ID), strings.Compare(a.Path, b.Path))
	})
	return all
}

func events(changes []Change) (all []*event.Event) {
	for _, c := range changes {
		all = append(all, c.Event)
	}
	return all
}

// in returns the events of one thread.
func (m model) in(ref event.ThreadRef, kinds ...event.Kind) (all []Change) {
	for _, c := range m.kind(kinds...) {
		if c.Thread == ref {
			all = append(all, c)
		}
	}
	return all
}

// fold is event.FoldThread, but that a message that lies at two places counts
// twice, as it does to whoever counts files.
func (m model) fold(ref event.ThreadRef) event.Thread {
	t := event.FoldThread(ref, events(m.in(ref, event.KindMessage, event.KindThread)))
	t.Messages = len(m.in(ref, event.KindMessage))
	return t
}

func (m model) agent(name string) event.Agent {
	return event.FoldAgent(name, events(m.kind(event.KindProfile)))
}

func (m model) receipts(name string) event.Receipts {
	return event.FoldReceipts(name, events(m.kind(event.KindReceipt)))
}

// inbox is the rule of who receives a message, told as plainly as possible.
func (m model) inbox(q InboxQuery) (paths []string) {
	seen, joined := m.receipts(q.Agent), m.agent(q.Agent).Joined
	if joined.IsZero() {
		joined = q.Now
	}
	for _, c := range m.kind(event.KindMessage) {
		e := c.Event
		t := m.fold(c.Thread)
		named := slices.Contains(e.To, q.Agent) || len(e.To) == 0 && t.Closed
		recent := !e.ID.Time().Before(joined.Add(-7 * 24 * time.Hour))
		expired := !e.Expires.IsZero() && !e.Expires.After(q.Now) && !e.RequireAck
		if t.Recipient(q.Agent, e) && (named || recent) && !expired && (q.IncludeRead || seen[e.ID] == "" || q.Open && seen[e.ID] == event.StateRead) &&
			(q.Since.IsZero() || !e.ID.Time().Before(q.Since)) && (q.Before.IsZero() || e.ID.Time().Before(q.Before)) &&
			(q.Thread.IsZero() || q.Thread == c.Thread) && (q.From == "" || q.From == e.From) && (q.Tag == "" || hasTag(e.Tags, q.Tag)) {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// receiptsOf returns who has seen a message, as "agent state time".
func (m model) receiptsOf(id event.ID) (lines []string) {
	for _, name := range testAgents {
		best := ""
		for _, c := range m.kind(event.KindReceipt) {
			e := c.Event
			line := e.State + " " + e.At.Format(exactTime)
			if e.From == name && slices.Contains(e.Messages, id) && (best == "" || best[0] == 'r' && line[0] == 'a' || best[0] == line[0] && line < best) {
				best = line
			}
		}
		if best != "" {
			lines = append(lines, name+" "+best)
		}
	}
	return lines
}

// wrote is when an agent last wrote anything but an event of a project.
func (m model) wrote(name string) (last time.Time) {
	for _, c := range m.kind(event.KindMessage, event.KindThread, event.KindReceipt, event.KindProfile) {
		if c.Event.From == name && c.Event.At.After(last) {
			last = c.Event.At
		}
	}
	return last
}

// threads returns the threads that have anything in them.
func (m model) threads() (refs []event.ThreadRef) {
	for _, ref := range testThreads {
		if len(m.in(ref, event.KindMessage, event.KindThread)) > 0 {
			refs = append(refs, ref)
		}
	}
	return refs
}

// matches returns the messages that a query matches, newest first.
func (m model) matches(q *Query) (all []Candidate[string]) {
	matcher := q.Matcher()
	for _, c := range m.kind(event.KindMessage) {
		e, t := c.Event, m.fold(c.Thread)
		if q.MatchHeader(e) && matcher.MatchText([]byte(e.Title), e.Body) &&
			(q.Project == "" || q.Project == c.Thread.Project) && (q.Thread.Thread == "" || q.Thread.Thread == c.Thread.Thread) &&
			(q.Status == "" || q.Status == t.Status) && (q.Member == "" || slices.Contains(t.Members, q.Member)) {
			all = append(all, Candidate[string]{e.ID, matcher.Tier([]byte(e.Title), e.Body), c.Path})
		}
	}
	slices.Reverse(all)
	return all
}
