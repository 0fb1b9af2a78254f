package index

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"skein/gitstore/event"
)

// thread is a thread in the writer's hands.
type thread struct {
	n   int64
	ref event.ThreadRef
	row threadRow

	refold  bool // its own events have changed
	reedge  bool // the first or the last message may have gone
	changed bool // the row is to be written
}

// threadRow is what the table threads holds, as JSON.
type threadRow struct {
	Title, Status, Description string   `json:",omitempty"`
	Members                    []string `json:",omitempty"`
	Closed                     bool     `json:",omitempty"`

	Messages              int   `json:",omitempty"`
	FirstEvent, LastEvent *edge `json:",omitempty"` // of the thread's own
	FirstMessage, LastOne *edge `json:",omitempty"` // of the messages
}

// edge is an event at one end of a thread.
type edge struct {
	ID   event.ID
	At   int64 // Unix milliseconds
	From string
	Blob []byte // tells apart what has the same id
}

func compareEdges(a, b *edge) int {
	return cmp.Or(a.ID.Compare(b.ID), slices.Compare(a.Blob, b.Blob))
}

// earlier and later return one of two edges, either of which may be missing.
func earlier(a, b *edge) *edge {
	if a == nil || b != nil && compareEdges(b, a) < 0 {
		return b
	}
	return a
}

func later(a, b *edge) *edge {
	if a == nil || b != nil && compareEdges(b, a) > 0 {
		return b
	}
	return a
}

// shown returns what the row says, as event.FoldThread would.
func (r *threadRow) shown(ref event.ThreadRef) event.Thread {
	t := event.Thread{Ref: ref, Title: r.Title, Status: r.Status, Description: r.Description,
		Members: r.Members, Closed: r.Closed, Messages: r.Messages}
	if first := earlier(r.FirstEvent, r.FirstMessage); first != nil {
		t.First, t.Opened = when(first.At), first.From
	}
	if last := r.lastEdge(); last != nil {
		t.Last, t.LastFrom = when(last.At), last.From
	}
	return t
}

// lastEdge is the last message, or the last event where there is none.
func (r *threadRow) lastEdge() *edge {
	if r.LastOne != nil {
		return r.LastOne
	}
	return r.LastEvent
}

func (r *threadRow) gone() bool { return r.Messages == 0 && r.FirstEvent == nil }

// fold takes over what the thread's own events say.
func (r *threadRow) fold(ref event.ThreadRef, events []*event.Event) {
	t := event.FoldThread(ref, events)
	r.Title, r.Status, r.Description, r.Members, r.Closed = t.Title, t.Status, t.Description, t.Members, t.Closed
	r.FirstEvent, r.LastEvent = nil, nil
	for _, e := range events {
		at := &edge{ID: e.ID, At: e.At.UnixMilli(), From: e.From}
		r.FirstEvent, r.LastEvent = earlier(r.FirstEvent, at), later(r.LastEvent, at)
	}
}

// add takes account of one more message.
func (r *threadRow) add(m *record, from string) {
	r.Messages++
	at := &edge{ID: m.id, At: m.at, From: from, Blob: m.blob[:]}
	r.FirstMessage, r.LastOne = earlier(r.FirstMessage, at), later(r.LastOne, at)
}

const (
	readThreadSQL   = `SELECT n, data FROM threads WHERE project = ? AND thread = ?`
	writeThreadSQL  = `INSERT OR REPLACE INTO threads(n, project, thread, status, members, last, messages, data) VALUES(?, ?, ?, ?, ?, ?, ?, ?)`
	removeThreadSQL = `DELETE FROM threads WHERE n = ?`
	readEventsSQL   = `SELECT data FROM events WHERE owner = ? ORDER BY path, blob`
)

// thread returns a thread, for which there may be no row yet.
func (w *writer) thread(ref event.ThreadRef) (*thread, error) {
	if t := w.threads[ref]; t != nil {
		return t, nil
	}
	t := &thread{ref: ref}
	var data []byte
	found, err := w.c.row(readThreadSQL, []any{ref.Project, ref.Thread}, &t.n, &data)
	if err == nil && found {
		err = unsealJSON(data, &t.row, t.n)
	}
	if err != nil {
		return nil, err
	}
	if !found {
		w.lastThread++
		t.n, t.row.Status = w.lastThread, event.StatusActive
	}
	w.threads[ref] = t
	return t, nil
}

// events returns the events of an owner.
func (c *conn) events(owner string) (events []*event.Event, err error) {
	err = c.each(context.Background(), readEventsSQL, []any{owner}, func(scan func(...any) error) error {
		var data []byte
		if err := scan(&data); err != nil {
			return err
		}
		e, err := unsealEvent(data)
		events = append(events, e)
		return err
	})
	return events, err
}

func unsealEvent(sealed []byte) (*event.Event, error) {
	data, err := unseal(sealed)
	if err != nil {
		return nil, err
	}
	e, err := event.ParseHeader(data)
	if err != nil {
		return nil, damaged("%w", err)
	}
	return e, nil
}

// refoldThread folds a thread's own events anew. If that changes whom it
// reaches, so do its messages.
func (w *writer) refoldThread(t *thread) error {
	if !t.refold {
		return nil
	}
	t.refold, t.changed = false, true
	events, err := w.c.events(threadOwner(t.ref))
	if err != nil {
		return err
	}
	before := t.row
	t.row.fold(t.ref, events)
	if before.Closed == t.row.Closed && slices.Equal(before.Members, t.row.Members) {
		return nil
	}
	return w.readdress(t, &before)
}

const threadMessagesSQL = `SELECT n, data FROM messages WHERE n IN (SELECT rowid FROM words WHERE words MATCH ?)`

// readdress moves the messages of a thread that name no recipients from those
// whom it reached to those whom it reaches.
func (w *writer) readdress(t *thread, before *threadRow) error {
	if t.row.Messages == 0 {
		return nil
	}
	in, out := difference(t.row.Members, before.Members), difference(before.Members, t.row.Members)
	var open []int64
	err := w.c.records(w.ctx, threadMessagesSQL, []any{quoted(threadMark + t.ref.String())}, func(m numbered) error {
		if m.flags&toNobody != 0 {
			open = append(open, m.n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range open {
		if before.Closed != t.row.Closed {
			if err := w.addressEveryone(n, !t.row.Closed); err != nil {
				return err
			}
		}
		for _, name := range in {
			if err := w.address(n, name, true); err != nil {
				return err
			}
		}
		for _, name := range out {
			if err := w.address(n, name, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// difference returns the names in a that are not in b.
func difference(a, b []string) (names []string) {
	for _, name := range a {
		if !slices.Contains(b, name) {
			names = append(names, name)
		}
	}
	return names
}

// findEdges looks for the first and the last message of a thread that has lost
// one of them.
func (w *writer) findEdges(t *thread) error {
	if !t.reedge {
		return nil
	}
	t.reedge, t.changed = false, true
	var first, last *numbered
	err := w.c.records(w.ctx, threadMessagesSQL, []any{quoted(threadMark + t.ref.String())}, func(m numbered) error {
		if first == nil || compareRecords(&m, first) < 0 {
			first = &m
		}
		if last == nil || compareRecords(&m, last) > 0 {
			last = &m
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.row.FirstMessage, t.row.LastOne = nil, nil
	for _, m := range []*numbered{first, last} {
		if m == nil {
			continue
		}
		a, err := w.agentOf(m.from)
		if err != nil {
			return err
		}
		at := &edge{ID: m.id, At: m.at, From: a.name, Blob: m.blob[:]}
		t.row.FirstMessage, t.row.LastOne = earlier(t.row.FirstMessage, at), later(t.row.LastOne, at)
	}
	return nil
}

func compareRecords(a, b *numbered) int {
	return cmp.Or(a.id.Compare(b.id), slices.Compare(a.blob[:], b.blob[:]))
}

func (w *writer) flushThreads() error {
	for _, t := range w.threads {
		if !t.changed {
			continue
		}
		t.changed = false
		if t.row.gone() {
			if err := w.c.exec(removeThreadSQL, t.n); err != nil {
				return err
			}
			continue
		}
		data, err := sealJSON(&t.row, t.n)
		if err != nil {
			return err
		}
		last := int64(0)
		if e := t.row.lastEdge(); e != nil {
			last = e.At
		}
		members := " " + strings.Join(t.row.Members, " ") + " "
		if err := w.c.exec(writeThreadSQL, t.n, t.ref.Project, t.ref.Thread, t.row.Status, members, last, t.row.Messages, data); err != nil {
			return err
		}
	}
	return nil
}
