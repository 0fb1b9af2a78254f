package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
)

func readTool() mcp.Tool {
	return define("read_thread",
		"A thread's last messages, oldest first.",
		hints{readOnly: true, idempotent: true},
		textParam("thread", mcp.Required(), about("project/thread")),
		textParam("since", about("Message id, time, or 2h")),
		limitParam(), cursorParam(), formatParam(),
	)
}

type readParams struct {
	Thread string `json:"thread"`
	Since  string `json:"since"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
	Format string `json:"format"`
}

func (s *Server) read(ctx context.Context, p readParams) (string, error) {
	st, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	return s.readPage(ctx, st, p)
}

// readPage is a page of a thread.
func (s *Server) readPage(ctx context.Context, st *gitstore.Store, p readParams) (string, error) {
	me, _ := s.me(ctx) // only to say "you"; reading needs no name
	way := p.direction()
	got, err := fitted(p.Limit, func(limit int) (part[*gitstore.Page], error) {
		page, err := st.Read(ctx, gitstore.ReadQuery{Thread: p.Thread, Since: p.Since, Limit: limit, Cursor: way.cursor})
		if err != nil {
			return part[*gitstore.Page]{}, err
		}
		return part[*gitstore.Page]{page: page, items: readItems(me, page, p.Format), tail: way.back}, nil
	})
	if err != nil {
		return "", err
	}
	if p.Format == formatJSON {
		return readJSON(way, got), nil
	}
	return readText(way, got), nil
}

// A direction is which way a thread is read: back from its end, or forward
// from a message or a time. A cursor carries it.
type direction struct {
	back   bool
	cursor string // the store's
}

const (
	olderMark = "older."
	newerMark = "newer."
)

func (p readParams) direction() direction {
	if c, ok := strings.CutPrefix(p.Cursor, olderMark); ok {
		return direction{true, c}
	}
	if c, ok := strings.CutPrefix(p.Cursor, newerMark); ok {
		return direction{false, c}
	}
	return direction{p.Since == "" && p.Cursor == "", p.Cursor}
}

// rest are the cursors of a page, and what is left the way it was read.
func (d direction) rest(page *gitstore.Page) (older, newer string, left int) {
	if page.Older != "" {
		older = olderMark + page.Older
	}
	if page.Next != "" {
		newer = newerMark + page.Next
	}
	return older, newer, page.Remaining
}

func readItems(me string, page *gitstore.Page, format string) []string {
	items := make([]string, len(page.Messages))
	events := page.Events
	for i, m := range page.Messages {
		if format == formatJSON {
			items[i] = encode(wire(m))
			continue
		}
		var before string
		before, events = changes(events, m.ID, i == 0 && page.Older != "")
		items[i] = before + message(me, stamp(m.At), m, false) + seen(me, m)
	}
	return items
}

// changes are the lines for the thread's events before id, and the events that
// are left. What happened before the page is left out.
func changes(events []*event.Event, id event.ID, skip bool) (string, []*event.Event) {
	var b strings.Builder
	for len(events) > 0 && events[0].ID.Compare(id) < 0 {
		if !skip {
			b.WriteString(change(events[0]))
		}
		events = events[1:]
	}
	return b.String(), events
}

// change is a line about one change of the thread.
func change(e *event.Event) string {
	var parts []string
	if e.Title != "" {
		parts = append(parts, "title "+quoted(e.Title))
	}
	if e.Status != "" {
		parts = append(parts, "status "+e.Status)
	}
	if e.Description != "" {
		parts = append(parts, "description "+quoted(e.Description))
	}
	if len(e.Add) > 0 {
		parts = append(parts, "added "+strings.Join(e.Add, " "))
	}
	if len(e.Remove) > 0 {
		parts = append(parts, "removed "+strings.Join(e.Remove, " "))
	}
	return fmt.Sprintf("* %s, %s: %s\n", e.From, stamp(e.At), strings.Join(parts, ", "))
}

// seen is a line about who has read or acknowledged a message, and for its
// sender who has not.
func seen(me string, m *gitstore.Message) string {
	var parts []string
	for _, r := range m.Receipts {
		parts = append(parts, r.State+" by "+r.Agent)
	}
	if pending := m.Pending(); m.From == me && len(pending) > 0 {
		parts = append(parts, "pending: "+strings.Join(pending, " "))
	}
	if len(parts) == 0 {
		return ""
	}
	return "[" + strings.Join(parts, ", ") + "]\n"
}

func readText(way direction, got part[*gitstore.Page]) string {
	page := got.page
	var b strings.Builder
	b.WriteString(summary(page.Thread) + ". " + framing + "\n")
	if len(got.items) > 0 {
		b.WriteString("\n" + strings.Join(got.items, "\n"))
	}
	if page.Next == "" {
		b.WriteString(lastChanges(page))
	}
	b.WriteString(unreadable(page.Skipped))
	older, newer, left := way.rest(page)
	if way.back && older != "" {
		b.WriteString(more(left, older))
	} else if !way.back && newer != "" {
		b.WriteString(more(left, newer))
	}
	return b.String()
}

// lastChanges are the thread's events after its last message.
func lastChanges(page *gitstore.Page) string {
	events := page.Events
	if n := len(page.Messages); n > 0 {
		_, events = changes(events, page.Messages[n-1].ID, true)
	}
	var b strings.Builder
	for _, e := range events {
		b.WriteString(change(e))
	}
	return b.String()
}

// summary is a thread in one line.
func summary(t event.Thread) string {
	parts := []string{t.Ref.String()}
	if t.Title != "" {
		parts = append(parts, quoted(t.Title))
	}
	parts = append(parts, t.Status, plural(t.Messages, "message"))
	if t.Closed {
		parts = append(parts, "members "+strings.Join(t.Members, " "))
	}
	if t.Description != "" {
		parts = append(parts, quoted(t.Description))
	}
	return strings.Join(parts, ", ")
}

func readJSON(way direction, got part[*gitstore.Page]) string {
	t := got.page.Thread
	older, newer, left := way.rest(got.page)
	head := encode(struct {
		Thread      string   `json:"thread"`
		Title       string   `json:"title,omitempty"`
		Description string   `json:"description,omitempty"`
		Status      string   `json:"status"`
		Members     []string `json:"members,omitempty"`
		Total       int      `json:"total"`
		Note        string   `json:"note"`
		Older       string   `json:"older_cursor,omitempty"`
		Newer       string   `json:"newer_cursor,omitempty"`
		Left        int      `json:"more"`
	}{
		t.Ref.String(), t.Title, t.Description, t.Status, t.Members, t.Messages,
		strings.TrimSpace(jsonFraming + " " + unreadable(got.page.Skipped)), older, newer, left,
	})
	return strings.TrimSuffix(head, "}") + `,"messages":[` + strings.Join(got.items, ",\n") + "]}"
}
