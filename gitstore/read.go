package gitstore

import (
	"context"
	"fmt"
	"slices"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// ReadQuery asks for a part of a thread.
type ReadQuery struct {
	// Thread is "project/thread", or the thread alone where its name is unique.
	Thread string
	// Since asks for what came after it: a message's id or an abbreviation of
	// one, a time (RFC 3339, or a date), or an age ("2h", "3d"). It is left
	// aside where Cursor is given.
	Since string
	// Limit is how many messages a page holds at most; 0 means 20, and no page
	// holds more than 1000.
	Limit int
	// Cursor continues from an earlier page of this thread (Page.Older, Page.Next).
	Cursor string
}

// Page is a part of a thread, oldest message first.
type Page struct {
	Thread   event.Thread
	Messages []*Message
	// Older and Next are cursors: Older continues backwards, Next forwards.
	// They are "" where there is nothing more.
	Older, Next string
	// Remaining counts the messages that are left in the direction read.
	Remaining int
	// Events are all events of the thread itself (title, status, members),
	// oldest first. They are shared with other pages and must not be modified.
	Events []*event.Event
	// Skipped counts files that could not be read; Verify names them.
	Skipped int
}

// origin is where reading begins: behind the id at, in either direction.
type origin struct {
	back bool
	at   event.ID
}

// maxID is greater than every id.
var maxID = event.ID(slices.Repeat([]byte{0xff}, len(event.ID{})))

// beyond tells whether id comes after the start in its direction.
func (f origin) beyond(id event.ID) bool {
	if f.back {
		return id.Compare(f.at) < 0
	}
	return id.Compare(f.at) > 0
}

// Read returns a part of a thread: without Since or Cursor its last messages.
// It reads the directories of those messages only, and the names of the
// thread's others once in a process. A thread that is not there is an
// *UnknownError, and so is a Since that no message has.
func (s *Store) Read(ctx context.Context, q ReadQuery) (*Page, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	t, err := s.findThread(ctx, projects, q.Thread)
	if err != nil {
		return nil, err
	}
	from, err := s.startOf(ctx, projects, t.ref, q)
	if err != nil {
		return nil, err
	}
	page, err := s.page(ctx, t, from, pageSize(q.Limit))
	if err != nil {
		return nil, err
	}
	return page, s.fillReceipts(ctx, page.Messages)
}

func (s *Store) startOf(ctx context.Context, projects subtree, ref event.ThreadRef, q ReadQuery) (origin, error) {
	switch {
	case q.Cursor != "":
		kind, at, err := s.parseCursorAt(q.Cursor, string([]byte{cursorOlder, cursorNewer}), ref.String())
		return origin{kind == cursorOlder, at}, err
	case q.Since != "":
		at, err := s.since(ctx, projects, q.Since)
		return origin{false, at}, err
	}
	return origin{true, maxID}, nil
}

// shortID is the length of event.ID.Short.
const shortID = 8

// since turns a time or an id into the greatest id that is not asked for.
func (s *Store) since(ctx context.Context, projects subtree, text string) (event.ID, error) {
	t, whenErr := index.ParseTime(text, s.now())
	if whenErr == nil && len(text) != shortID {
		return beforeTime(t.UnixMilli()), nil
	}
	if _, err := event.Abbreviation(text); err != nil {
		return event.ID{}, fmt.Errorf("since: %w; or give a message's id", whenErr)
	}
	found, err := s.resolve(ctx, projects, []string{text})
	if err != nil {
		return event.ID{}, err
	}
	return found[0].ID, nil
}

// beforeTime is greater than every id made before that millisecond, and not
// greater than any made in it.
func beforeTime(millis int64) (id event.ID) {
	for i := range 6 {
		id[i] = byte(uint64(max(millis, 0)) >> (40 - 8*i))
	}
	return id
}

// page reads up to n messages of t beyond a start.
func (s *Store) page(ctx context.Context, t located, from origin, n int) (*Page, error) {
	f, err := s.newSummer(ctx).fold(t.ref, t.places)
	if err != nil {
		return nil, err
	}
	c, err := newScan(s, from.back, from.at.Time().Unix(), t.places)
	if err != nil {
		return nil, err
	}
	found, skipped, err := c.collect(ctx, from, n)
	if err != nil {
		return nil, err
	}
	left, err := c.remaining(ctx)
	if err != nil {
		return nil, err
	}
	// What is neither found, nor damaged, nor left lies behind the start.
	behind := f.thread.Messages - len(found) - skipped - left
	left += max(0, len(found)-n)
	found = found[:min(n, len(found))]
	if from.back {
		slices.Reverse(found)
	}
	page := &Page{Thread: f.shown(), Messages: found, Events: f.events, Remaining: left, Skipped: f.skipped + skipped}
	s.setCursors(page, from, behind)
	return page, nil
}

func (s *Store) setCursors(page *Page, from origin, behind int) {
	older, newer := behind, page.Remaining
	if from.back {
		older, newer = newer, older
	}
	first, last := from.at, from.at
	if n := len(page.Messages); n > 0 {
		first, last = page.Messages[0].ID, page.Messages[n-1].ID
	}
	ref := page.Thread.Ref.String()
	if older > 0 {
		page.Older = s.cursorAt(cursorOlder, ref, first)
	}
	if newer > 0 {
		page.Next = s.cursorAt(cursorNewer, ref, last)
	}
}

// collect reads at least n messages beyond a start, in its direction, and
// whatever else was written in the second of the last. Damaged files and
// repeated ids are skipped.
func (c *scan) collect(ctx context.Context, from origin, n int) (found []*Message, skipped int, err error) {
	for len(found) < n {
		files, err := c.next(ctx)
		if err != nil {
			return nil, 0, err
		}
		if len(files) == 0 {
			break
		}
		for _, f := range files {
			m, err := c.s.message(f)
			if err != nil {
				skipped++
				if err := c.s.leaveOut(f.path(), err); err != nil {
					return nil, 0, err
				}
			} else if from.beyond(m.ID) {
				found = append(found, m)
			}
		}
	}
	slices.SortFunc(found, func(a, b *Message) int {
		if from.back {
			a, b = b, a
		}
		return a.ID.Compare(b.ID)
	})
	before := len(found)
	found = slices.CompactFunc(found, func(a, b *Message) bool { return a.ID == b.ID })
	return found, skipped + before - len(found), nil
}
