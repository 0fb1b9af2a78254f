package gitstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// InboxQuery asks for the messages that reach an agent.
type InboxQuery struct {
	Agent string
	// Thread, From and Tag narrow the answer; "" means any.
	Thread, From, Tag string
	// IncludeRead shows what the agent has a receipt for as well, Open what it
	// has read until it has acknowledged it.
	IncludeRead, Open bool
	// Since and Before are between when messages were written, Before
	// excluded; the zero Time is no bound.
	Since, Before time.Time
	// Newest shows the last messages that match, not the first. No cursor leads
	// to the others.
	Newest bool
	// MarkRead records that the agent has read exactly the messages returned.
	MarkRead bool
	// Limit is how many messages are returned at most; 0 means 20, and no
	// inbox returns more than 1000.
	Limit  int
	Cursor string // Inbox.Next of an earlier call with the same query
}

// Inbox is what waits for an agent, oldest first.
type Inbox struct {
	Agent    string
	Messages []*Message
	// Next continues after the last message shown; "" at the end.
	Next string
	// End continues after what is shown with what comes later; only AwaitInbox
	// sets it.
	End string
	// Total counts all that match the query, shown or not.
	Total int
	// Skipped counts files that could not be read; Verify names them.
	Skipped int
}

// beforeJoining is how far back messages to everyone reach an agent that has
// only just joined.
const beforeJoining = 7 * 24 * time.Hour

// mailbox is an InboxQuery that has been checked.
type mailbox struct {
	agent, from, tag string
	thread           event.ThreadRef // zero: any
	includeRead      bool
	open, newest     bool
	since, before    time.Time
	hides            hidden   // whose tags are hidden too
	after            event.ID // the cursor's place
	limit            int
	now              time.Time
	key              string // of cursors
}

// Inbox returns what waits for an agent. Messages reach it that name it, that
// are for everyone, or for a thread of which it is a member; those to everyone
// only from a week before it joined. What it wrote itself, has a receipt for,
// or has expired without requiring an acknowledgement does not wait. The agent
// need not have joined.
func (s *Store) Inbox(ctx context.Context, q InboxQuery) (*Inbox, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	box, err := s.mailbox(ctx, projects, q)
	if err != nil {
		return nil, err
	}
	inbox, err := s.inbox(ctx, box)
	if err == nil && q.MarkRead && len(inbox.Messages) > 0 {
		_, err = s.Acknowledge(ctx, box.agent, idsOf(inbox.Messages), event.StateRead)
	}
	return inbox, err
}

// inbox asks the index, else the tree.
func (s *Store) inbox(ctx context.Context, box mailbox) (inbox *Inbox, err error) {
	ok, err := s.fromIndex(ctx, func(v *index.View) (err error) {
		inbox, err = s.indexedInbox(v, box)
		return err
	})
	if ok || err != nil {
		return inbox, err
	}
	inbox, files, err := s.look(ctx, box)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := inbox.show(s, f.path(), func() (*Message, error) { return s.message(f.leaf) }); err != nil {
			return nil, err
		}
	}
	if n := len(files); n > 0 && inbox.Next != "" {
		inbox.Next = s.cursorAt(cursorInbox, box.key, files[n-1].id)
	}
	return inbox, nil
}

// Unread counts what waits for an agent. It is a courtesy that must not cost
// much, so a store with an index that cannot answer now says that the count is
// not known, instead of walking the tree.
func (s *Store) Unread(ctx context.Context, agent string) (n int, known bool, err error) {
	if s.projection == nil {
		box, err := s.Inbox(ctx, InboxQuery{Agent: agent, Limit: 1})
		if err != nil {
			return 0, false, err
		}
		return box.Total, true, nil
	}
	name, err := event.AgentName(agent)
	if err != nil {
		return 0, false, err
	}
	known, err = s.fromIndex(ctx, func(v *index.View) error {
		box, err := v.Inbox(index.InboxQuery{Agent: name, Now: s.now()})
		if err == nil {
			n = box.Total
		}
		return err
	})
	return n, known, err
}

// show adds a message, or counts it as skipped if it is damaged.
func (in *Inbox) show(s *Store, path string, read func() (*Message, error)) error {
	m, err := read()
	if err != nil {
		in.Skipped++
		in.Total--
		return s.leaveOut(path, err)
	}
	in.Messages = append(in.Messages, m)
	return nil
}

func idsOf(messages []*Message) []string {
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.ID.String()
	}
	return ids
}

func (s *Store) mailbox(ctx context.Context, projects subtree, q InboxQuery) (box mailbox, err error) {
	box = mailbox{tag: strings.TrimSpace(q.Tag), includeRead: q.IncludeRead, open: q.Open, newest: q.Newest,
		since: q.Since, before: q.Before, limit: pageSize(q.Limit), now: s.now()}
	if box.agent, err = event.AgentName(q.Agent); err != nil {
		return box, err
	}
	if box.hides, err = s.hiddenNow(); err != nil {
		return box, err
	}
	if q.From != "" {
		if box.from, err = event.AgentName(q.From); err != nil {
			return box, fmt.Errorf("from: %w", err)
		}
	}
	if q.Thread != "" {
		t, err := s.findThread(ctx, projects, q.Thread)
		if err != nil {
			return box, err
		}
		box.thread = t.ref
	}
	box.key = fmt.Sprintf("%s\n%s\n%s\n%s\n%t", box.agent, box.from, box.tag, box.thread, box.includeRead)
	if box.open || !box.since.IsZero() || !box.before.IsZero() {
		box.key += fmt.Sprintf("\n%t\n%s\n%s", box.open, box.since, box.before)
	}
	if q.Cursor != "" {
		_, box.after, err = s.parseCursorAt(q.Cursor, string(rune(cursorInbox)), box.key)
	}
	return box, err
}

// waiting is a message's file, and its id as the view knows it.
type waiting struct {
	leaf
	id event.ID
}

// look finds what waits in the views. Inbox.Next is not "" if there is more.
func (s *Store) look(ctx context.Context, box mailbox) (*Inbox, []waiting, error) {
	seen, skipped, err := s.seenBy(ctx, box.agent)
	if err != nil {
		return nil, nil, err
	}
	v := &s.read.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.catchUp(ctx, s); err != nil {
		return nil, nil, err
	}
	inbox := &Inbox{Agent: box.agent, Skipped: skipped + len(v.broken)}
	files := v.waiting(box, seen, inbox)
	return inbox, files, nil
}

// seenBy returns what an agent has seen, and how many files of agents could
// not be read.
func (s *Store) seenBy(ctx context.Context, agent string) (*witness, int, error) {
	v := &s.read.seen
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.catchUp(ctx, s); err != nil {
		return nil, 0, err
	}
	return v.copyOf(event.AgentDir(agent)), len(v.broken), nil
}

// waiting selects the messages that wait, counts them all in inbox and returns
// those to be shown.
func (v *view) waiting(box mailbox, seen *witness, inbox *Inbox) (shown []waiting) {
	r := v.newReach(box, seen)
	for i := range v.records {
		rec := &v.records[i]
		if i > 0 && rec.id == v.records[i-1].id || !r.waits(rec) {
			continue
		}
		inbox.Total++
		switch {
		case box.newest:
			if len(shown) == box.limit {
				shown = shown[1:]
			}
			shown = append(shown, waiting{v.leaf(*rec), rec.id})
		case rec.id.Compare(box.after) <= 0:
		case len(shown) < box.limit:
			shown = append(shown, waiting{v.leaf(*rec), rec.id})
		default:
			inbox.Next = "more"
		}
	}
	return shown
}

// reach answers for one agent whether messages wait for it. The rule itself is
// event.Thread.Recipient; its answers are kept by thread and by list of
// recipients, of which there are few.
type reach struct {
	v       *view
	box     mailbox
	seen    []sighting // those of messages not come to
	me      uint32     // the agent's number in view.agents
	from    uint32     // that of box.from
	thread  int64      // number of box.thread; -1: any, -2: none
	since   int64      // Unix milliseconds: earlier messages to everyone do not count
	now     int64
	threads []verdict // by thread, of messages without recipients
	lists   []verdict // by list of recipients
	tags    []verdict // by list of tags
}

// verdict says whether something reaches the agent.
type verdict uint8

const (
	undecided verdict = iota
	never
	always
	forAll // as one of everybody
)

// nobody is the number of an agent that has written nothing.
const nobody = ^uint32(0)

func (v *view) newReach(box mailbox, seen *witness) *reach {
	r := &reach{v: v, box: box, me: v.agentNumber(box.agent), from: v.agentNumber(box.from), thread: -1, now: box.now.UnixMilli(),
		threads: make([]verdict, len(v.threads)), lists: make([]verdict, len(v.lists.values)), tags: make([]verdict, len(v.lists.values))}
	joined := seen.joined
	if joined == 0 {
		joined = r.now
	}
	r.since = joined - beforeJoining.Milliseconds()
	switch {
	case box.open:
		r.seen = slices.DeleteFunc(slices.Clone(seen.seen), func(g sighting) bool { return !g.acked })
	case !box.includeRead:
		r.seen = seen.seen
	}
	if !box.thread.IsZero() {
		r.thread = -2
		if n, ok := v.byRef[box.thread]; ok {
			r.thread = int64(n)
		}
	}
	return r
}

func (v *view) agentNumber(name string) uint32 {
	if n, ok := v.agents.numbers[name]; ok {
		return n
	}
	return nobody
}

// waits tells whether a message waits for the agent. It must be asked in the
// order of ids.
func (r *reach) waits(rec *record) bool {
	for len(r.seen) > 0 && r.seen[0].message.Compare(rec.id) < 0 {
		r.seen = r.seen[1:]
	}
	switch {
	case len(r.seen) > 0 && r.seen[0].message == rec.id,
		!r.box.since.IsZero() && rec.id.Time().Before(r.box.since),
		!r.box.before.IsZero() && !rec.id.Time().Before(r.box.before),
		rec.from == r.me,
		r.box.from != "" && rec.from != r.from,
		r.thread != -1 && int64(rec.thread) != r.thread,
		r.box.tag != "" && (!r.tagged(rec.tags) || r.hides(rec)),
		rec.expires != 0 && rec.expires <= r.now && !rec.needAck:
		return false
	}
	switch r.verdict(rec) {
	case always:
		return true
	case forAll:
		return rec.id.Time().UnixMilli() >= r.since
	}
	return false
}

func (r *reach) hides(rec *record) bool {
	_, hidden := r.box.hides[rec.id]
	return hidden
}

// verdict decides by the recipients, or where none are named by the thread.
func (r *reach) verdict(rec *record) verdict {
	cell := &r.lists[rec.to]
	if rec.to == 0 {
		cell = &r.threads[rec.thread]
	}
	if *cell == undecided {
		*cell = r.decide(rec)
	}
	return *cell
}

func (r *reach) decide(rec *record) verdict {
	t := r.v.threads[rec.thread].folded
	m := &event.Event{To: r.v.lists.values[rec.to]}
	switch {
	case !t.Recipient(r.box.agent, m):
		return never
	case slices.Contains(m.To, r.box.agent) || len(m.To) == 0 && t.Closed:
		return always
	}
	return forAll
}

func (r *reach) tagged(tags uint32) bool {
	cell := &r.tags[tags]
	if *cell == undecided {
		*cell = never
		if hasTag(r.v.lists.values[tags], r.box.tag) {
			*cell = always
		}
	}
	return *cell == always
}

// hasTag tells whether tag is among tags, in whatever case.
func hasTag(tags []string, tag string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, tag) })
}
