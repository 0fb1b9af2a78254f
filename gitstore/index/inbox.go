package index

import (
	"cmp"
	"context"
	"slices"
	"time"

	"skein/gitstore/event"
)

// InboxQuery asks for the messages that reach an agent. Names are as the store
// has them.
type InboxQuery struct {
	Agent string
	// Thread, From and Tag narrow the answer; the zero value means any.
	Thread      event.ThreadRef
	From, Tag   string
	IncludeRead bool // what the agent has a receipt for as well
	Open        bool // what the agent has read as well, until it is acknowledged
	// Since and Before are between when messages were written, Before
	// excluded; the zero Time is no bound.
	Since, Before time.Time
	After         event.ID  // only what comes after it is shown; Total counts all
	Newest        bool      // the last Limit are shown, not the first; After does not count
	Limit         int       // how many are shown at most; 0: none, and More is not told
	Now           time.Time // decides what has expired
}

// Inbox is what waits for an agent, oldest first.
type Inbox struct {
	Messages []Message
	More     bool // there is more after the last one shown, or before the first of the newest
	Total    int  // all that match the query, shown or not
	Broken   int  // files that the index could not be given
}

// Inbox returns what waits for an agent. Messages reach it that name it, that
// are for everyone, or for a thread of which it is a member; those to everyone
// only from a week before it joined, or where it has not, before Now. What it
// wrote itself, has a receipt for, or has expired without requiring an
// acknowledgement does not wait.
func (v *View) Inbox(q InboxQuery) (*Inbox, error) {
	b := &mailbox{v: v, q: q, now: q.Now.UnixMilli()}
	if err := b.open(); err != nil {
		return nil, err
	}
	waiting, err := b.collect()
	if err != nil {
		return nil, err
	}
	inbox := &Inbox{}
	for _, w := range waiting {
		inbox.Total += w.places.count()
	}
	if inbox.Broken, err = v.Broken(); err != nil || q.Limit == 0 {
		return inbox, err
	}
	shown, err := b.show(waiting, inbox)
	if err != nil {
		return nil, err
	}
	inbox.Messages, err = v.messages(shown)
	return inbox, err
}

// show selects what is shown, and says whether there is more.
func (b *mailbox) show(waiting []filed, inbox *Inbox) (shown []numbered, err error) {
	if b.q.Newest {
		shown, err = b.v.newest(waiting, b.q.Limit)
		inbox.More = inbox.Total > len(shown)
		return shown, err
	}
	shown, err = b.v.page(waiting, b.q.After, b.q.Limit+1)
	if inbox.More = len(shown) > b.q.Limit; inbox.More {
		shown = shown[:b.q.Limit]
	}
	return shown, err
}

const countBrokenSQL = `SELECT count(*) FROM broken`

// Broken counts the files that Update was given without an event.
func (v *View) Broken() (n int, err error) {
	_, err = v.c.row(countBrokenSQL, nil, &n)
	return n, err
}

// BrokenPaths returns the paths of these files: they may be readable by now.
func (v *View) BrokenPaths() (paths []string, err error) {
	err = v.c.each(v.ctx, `SELECT path FROM broken ORDER BY path`, nil, func(scan func(...any) error) error {
		var path string
		err := scan(&path)
		paths = append(paths, path)
		return err
	})
	return paths, err
}

// mailbox is an inbox under way.
type mailbox struct {
	v     *View
	q     InboxQuery
	now   int64
	agent *agent
	since event.ID // messages to everyone count from here on

	expired map[int64]*bitmap // since the last update, by block
	revived map[int64]*bitmap // marked as expired although now is earlier than the last update
}

func (b *mailbox) open() (err error) {
	if b.agent, err = b.v.c.agent(b.q.Agent); err != nil {
		return err
	}
	if b.agent == nil {
		b.agent = &agent{name: b.q.Agent}
	}
	joined := b.agent.row.Joined
	if joined == 0 {
		joined = b.now
	}
	b.since = firstID(joined - beforeJoining)
	swept := b.v.state.swept
	if b.now >= swept {
		b.expired, err = b.v.expiring(swept, b.now)
	} else {
		b.revived, err = b.v.expiring(b.now, swept)
	}
	return err
}

// expiring returns the messages that expire after one moment and not after
// another, by block.
func (v *View) expiring(after, until int64) (map[int64]*bitmap, error) {
	return v.bitmaps(expiringSQL, after, until)
}

// bitmaps gathers the numbers that a query returns, by block.
func (v *View) bitmaps(query string, args ...any) (map[int64]*bitmap, error) {
	sets := make(map[int64]*bitmap)
	err := v.c.each(v.ctx, query, args, func(scan func(...any) error) error {
		var n int64
		if err := scan(&n); err != nil {
			return err
		}
		if sets[n/blockSize] == nil {
			sets[n/blockSize] = &bitmap{}
		}
		sets[n/blockSize].set(n % blockSize)
		return nil
	})
	return sets, err
}

// filed is a set of messages of one block.
type filed struct {
	number int64
	block  *block
	places *bitmap
}

// collect returns what matches the query, by block, the last one first.
func (b *mailbox) collect() (waiting []filed, err error) {
	last := b.v.state.lastBlock()
	tooOld := false // messages to everyone, from here on
	for number := last; number >= 0; number-- {
		if number < last && !b.mayHold(number) || tooOld && b.agent.boxState(number)&hasBox == 0 {
			continue
		}
		if err := context.Cause(b.v.ctx); err != nil {
			return nil, err
		}
		f, err := b.look(number)
		if err != nil {
			return nil, err
		}
		tooOld = tooOld || f.block.top.Compare(b.since) < 0
		if !f.places.empty() {
			waiting = append(waiting, f)
		}
	}
	return b.narrow(waiting)
}

// mayHold tells whether something may wait for the agent in a block that is
// not the last.
func (b *mailbox) mayHold(number int64) bool {
	return b.q.IncludeRead || b.q.Open || len(b.revived) > 0 || b.agent.boxState(number)&settled == 0
}

func (b *mailbox) look(number int64) (f filed, err error) {
	f.number = number
	if f.block, err = b.v.block(number); err != nil {
		return f, err
	}
	if revived := b.revived[number]; revived != nil {
		alive := *f.block
		alive.expired.without(revived)
		f.block = &alive
	}
	places, box, err := reach(mailboxReader{b.v, number, f.block}, b.agent, number, b.since)
	if err != nil {
		return f, err
	}
	if err := b.hide(f, places, &box.seen); err != nil {
		return f, err
	}
	if expired := b.expired[number]; expired != nil {
		places.without(expired)
	}
	f.places = places
	return f, nil
}

// hide takes away what the agent is done with, and what was written at other
// times.
func (b *mailbox) hide(f filed, places, seen *bitmap) error {
	switch {
	case b.q.Open:
		acked, err := b.v.acked(b.agent, f.number, seen)
		if err != nil {
			return err
		}
		places.without(acked)
	case !b.q.IncludeRead:
		places.without(seen)
	}
	if !b.q.Since.IsZero() {
		since, err := b.v.c.since(f.number, f.block, idSince(b.q.Since))
		if err != nil {
			return err
		}
		places.and(since)
	}
	if !b.q.Before.IsZero() {
		late, err := b.v.c.since(f.number, f.block, idBefore(b.q.Before))
		if err != nil {
			return err
		}
		places.without(late)
	}
	return nil
}

// mailboxReader is a view in which one block looks different.
type mailboxReader struct {
	*View
	number int64
	other  *block
}

func (r mailboxReader) block(int64) (*block, error) { return r.other, nil }

const narrowSQL = `SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?`

// narrow applies the query's filters.
func (b *mailbox) narrow(waiting []filed) ([]filed, error) {
	var marks []string
	if !b.q.Thread.IsZero() {
		marks = append(marks, quoted(threadMark+b.q.Thread.String()))
	}
	if b.q.From != "" {
		marks = append(marks, quoted(fromMark+b.q.From))
	}
	if b.q.Tag != "" {
		marks = append(marks, quoted(tagWord(b.q.Tag)))
	}
	if len(marks) == 0 || len(waiting) == 0 {
		return waiting, nil
	}
	last, first := waiting[0].number, waiting[len(waiting)-1].number
	fit, err := b.v.bitmaps(narrowSQL, allOf(marks), first*blockSize, (last+1)*blockSize-1)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(waiting, func(f filed) bool {
		if fit[f.number] == nil {
			return true
		}
		f.places.and(fit[f.number])
		return f.places.empty()
	}), nil
}

// page returns the first messages of some blocks whose ids are greater than
// after, in the order of their ids.
func (v *View) page(from []filed, after event.ID, limit int) (shown []numbered, err error) {
	slices.SortFunc(from, func(a, b filed) int {
		return cmp.Or(a.block.least.Compare(b.block.least), cmp.Compare(a.number, b.number))
	})
	for _, f := range from {
		if f.block.most.Compare(after) <= 0 {
			continue
		}
		if len(shown) >= limit && shown[limit-1].id.Compare(f.block.least) < 0 {
			break
		}
		found, err := v.pageOf(f, after, limit)
		if err != nil {
			return nil, err
		}
		shown = append(shown, found...)
		sortByID(shown)
		shown = shown[:min(len(shown), limit)]
	}
	return shown, nil
}

// newest returns the last messages of some blocks, in the order of their ids.
func (v *View) newest(from []filed, limit int) (shown []numbered, err error) {
	slices.SortFunc(from, func(a, b filed) int {
		return cmp.Or(b.block.most.Compare(a.block.most), cmp.Compare(b.number, a.number))
	})
	for _, f := range from {
		if len(shown) == limit && shown[0].id.Compare(f.block.most) > 0 {
			break
		}
		places := *f.places
		if !f.block.late {
			places.keepLast(limit)
		}
		found, err := v.pageOf(filed{f.number, f.block, &places}, event.ID{}, blockSize)
		if err != nil {
			return nil, err
		}
		shown = append(shown, found...)
		sortByID(shown)
		shown = shown[max(0, len(shown)-limit):]
	}
	return shown, nil
}

// fewPlaces is how many messages are looked up one by one sooner than all of
// their block are.
const fewPlaces = 256

// pageOf returns the messages of one block that may be among the first limit.
func (v *View) pageOf(f filed, after event.ID, limit int) (found []numbered, err error) {
	first, places := f.number*blockSize, *f.places
	if f.block.late && places.count() > fewPlaces {
		err := v.c.records(v.ctx, rangeMessageSQL, []any{first, first + blockSize - 1}, func(m numbered) error {
			if places.has(m.n-first) && m.id.Compare(after) > 0 {
				found = append(found, m)
			}
			return nil
		})
		return found, err
	}
	if f.block.late {
		limit = fewPlaces
	} else if f.block.least.Compare(after) <= 0 {
		place, err := v.c.firstSince(first, following(after))
		if err != nil {
			return nil, err
		}
		places.from(place)
	}
	for place := range places.places() {
		if len(found) == limit {
			break
		}
		r, err := v.c.record(first + place)
		if err != nil {
			return nil, err
		}
		if r.id.Compare(after) > 0 {
			found = append(found, numbered{first + place, r})
		}
	}
	return found, nil
}

// following is the least id greater than id.
func following(id event.ID) event.ID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			break
		}
	}
	return id
}
