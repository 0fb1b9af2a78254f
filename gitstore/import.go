package gitstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/legacy"
)

// ImportPlan is what the archive of another system amounts to as events, before
// any is written. Each event's id follows from the archive alone: its time, its
// place among those of the same moment, and a hash of what the system knows it
// by. So the same archive makes the same events whenever and wherever it is
// imported, and one that has grown makes the same and more.
type ImportPlan struct {
	Agents, Projects, Threads, Messages, States int
	// Problems are what could not be read, or cannot be kept here; it is not
	// part of the plan. Notes are what was left out because it means nothing
	// here, or had to be changed.
	Problems []legacy.Problem
	Notes    []string

	profiles []Record
	joined   map[string]int64 // Unix milliseconds of each agent's first profile
	receipts receiptPlan
	talk     []Record // of main
}

// PlanImport makes a plan of an archive; what is dated more than a day after
// now is a problem.
//
// Agents get profiles, unless they have one already; projects, threads and
// messages their own events; what two have said to each other goes to the
// direct thread between them. Every name is made one of skein's, and every
// event carries what the system called it in the key "imported". A message
// reaches only whom it reached there: nobody else's inbox changes.
func PlanImport(a *legacy.Archive, now time.Time) *ImportPlan {
	p := &planner{ImportPlan: &ImportPlan{Problems: a.Problems, Notes: a.Notes, joined: map[string]int64{}},
		a: a, latest: now.Add(event.MaxAhead), byID: map[string]event.ID{}, threads: map[string]*plannedThread{}}
	p.nameAgents()
	p.nameThreads()
	p.messages()
	p.projectEvents()
	p.threadEvents()
	p.states()
	p.agents()
	slices.SortStableFunc(p.talk, func(a, b Record) int { return a.Event.ID.Compare(b.Event.ID) })
	return p.ImportPlan
}

// ImportPlanned commits the events of a plan that are not in the store yet, and
// returns how many that were. It can be cut short at any point and called
// again. Receipts come before the messages that they are for, so that no inbox
// shows what was read long ago. progress, if not nil, is told how many events of
// how many are in the store.
func (s *Store) ImportPlanned(ctx context.Context, p *ImportPlan, progress func(done, total int)) (added int, err error) {
	records, err := s.planned(ctx, p)
	if err != nil {
		return 0, err
	}
	_, err = s.Import(ctx, slices.Values(records), func(done, new int) {
		if added = new; progress != nil {
			progress(done, len(records))
		}
	})
	return added, err
}

// Events is how many events the plan brings to an empty store.
func (p *ImportPlan) Events() int {
	n := len(p.profiles) + len(p.talk)
	for agent, seen := range p.receipts.of {
		n += len(p.receipts.records(agent, slices.Clone(seen)))
	}
	return n
}

// CountNew tells how many events of a plan are not in the store yet, and how
// many of its messages are; it writes nothing.
func (s *Store) CountNew(ctx context.Context, p *ImportPlan) (added, here int, err error) {
	records, err := s.planned(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	d := &importDraft{s.newDraft(), map[event.ID]bool{}, map[plumbing.Hash]bool{}}
	for _, record := range records {
		r, err := s.importRequest(record)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, 0, err
		}
		there, err := d.holds(r)
		if err != nil {
			return 0, 0, err
		}
		switch {
		case !there && !d.ids[r.event.ID]:
			added++
		case there && r.event.Kind == event.KindMessage:
			here++
		}
		d.ids[r.event.ID] = true
	}
	return added, here, nil
}

// planned returns the events of a plan that may not be in the store yet.
func (s *Store) planned(ctx context.Context, p *ImportPlan) ([]Record, error) {
	profiles, err := s.newProfiles(ctx, p)
	if err != nil {
		return nil, err
	}
	receipts, err := s.newReceipts(ctx, p)
	return slices.Concat(profiles, receipts, p.talk), err
}

// newProfiles returns the profiles of agents that are not known here, or only
// from an earlier import: who has joined by itself has not joined years ago.
func (s *Store) newProfiles(ctx context.Context, p *ImportPlan) ([]Record, error) {
	known := map[string]bool{}
	for name, joined := range p.joined {
		w, err := s.witness(ctx, event.AgentDir(name))
		if err != nil {
			return nil, err
		}
		known[name] = w.joined != 0 && w.joined != joined
	}
	return slices.DeleteFunc(slices.Clone(p.profiles), func(r Record) bool { return known[r.Event.From] }), nil
}

// planner makes a plan.
type planner struct {
	*ImportPlan
	a       *legacy.Archive
	latest  time.Time           // what is dated later is refused
	byID    map[string]event.ID // of messages
	names   map[string]string
	threads map[string]*plannedThread // by legacy.Thread.ID

	projects map[string]string // slugs, by legacy.Project.ID

	attached []legacy.State // to projects and threads, which have no place for it
}

func (p *planner) problem(place, format string, args ...any) {
	p.Problems = append(p.Problems, legacy.Problem{Place: place, Reason: fmt.Sprintf(format, args...)})
}

func (p *planner) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// id makes the id of an event from its time, its place among those of the same
// moment, and what it is known by. The last 48 bits, of which people see 40,
// are those of a hash.
func (p *planner) id(at time.Time, order uint32, knownBy ...string) (id event.ID) {
	h := sha256.New()
	for _, part := range append([]string{"skein-import", p.a.System}, knownBy...) {
		fmt.Fprintf(h, "%d:", len(part))
		_, _ = io.WriteString(h, part) // a hash takes everything
	}
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16)
	binary.BigEndian.PutUint32(id[6:], order)
	copy(id[10:], h.Sum(nil))
	return id
}

// valid tells whether an event can be kept here; if not, that is a problem.
func (p *planner) valid(place string, e *event.Event) bool {
	if e.At.After(p.latest) {
		p.problem(place, "is dated %s, in the future", e.At.Format(time.RFC3339))
		return false
	}
	if err := e.Validate(); err != nil {
		p.problem(place, "cannot be kept here: %v", err)
		return false
	}
	return true
}

// attach keeps what projects and threads cannot carry in the shared state,
// under the key at which the tools of that system look for it.
func (p *planner) attach(place, what string, value any, at time.Time, by string) {
	raw, err := json.Marshal(value)
	if err != nil {
		p.problem(place, "%s: %v", what, err)
		return
	}
	p.attached = append(p.attached, legacy.State{Key: p.a.System + "/" + what, Value: raw, By: by, At: at, Place: place})
}

// imported makes the key that says where an event came from.
func (p *planner) imported(said map[string]any) []event.Extra {
	said["system"] = p.a.System
	text, err := json.Marshal(said)
	if err == nil {
		text, err = event.CompactPayload(text)
	}
	if err != nil {
		return nil // too large, or no text: then Validate refuses the event for its own values
	}
	return []event.Extra{{Key: "imported", Raw: " " + string(text)}}
}

// messages plans the messages in the order of their times, so that an answer
// finds what it answers.
func (p *planner) messages() {
	all := p.a.Messages
	slices.SortStableFunc(all, func(a, b legacy.Message) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Order, b.Order))
	})
	for i := range all {
		m := &all[i]
		knownBy := []string{"message", m.ID, m.From, m.Thread}
		if !p.a.OwnIDs {
			knownBy = append(knownBy, m.Body)
		}
		id := p.id(m.At, m.Order, knownBy...)
		if p.message(m, id) {
			p.byID[m.ID] = id
			p.Messages++
		}
	}
}

func (p *planner) message(m *legacy.Message, id event.ID) bool {
	e := &event.Event{ID: id, At: m.At, From: p.names[m.From], To: p.named(m.To), Tags: m.Tags, Body: []byte(m.Body),
		RequireAck: m.RequireAck, Expires: m.Expires}
	if m.Urgent {
		e.Priority = event.PriorityUrgent
	}
	said := map[string]any{"id": m.ID}
	if m.From != e.From {
		said["from"] = m.From
	}
	if !slices.Equal(m.To, e.To) {
		said["to"] = m.To
	}
	if e.ReplyTo = p.byID[m.ReplyTo]; e.ReplyTo.IsZero() && m.ReplyTo != "" {
		said["reply_to"] = m.ReplyTo
	}
	if m.Payload != nil {
		var err error
		if e.Payload, err = event.CompactPayload(m.Payload); err != nil {
			p.problem(m.Place, "payload %v", err)
			return false
		}
	}
	e.Extra = p.imported(said)
	if !p.valid(m.Place, e) {
		return false
	}
	ref, ok := p.place(m, e)
	if !ok {
		p.problem(m.Place, "belongs to a thread that is not there")
		return false
	}
	p.talk = append(p.talk, Record{ref, e})
	p.seen(m, e)
	return true
}

// place finds the thread of a message.
func (p *planner) place(m *legacy.Message, e *event.Event) (event.ThreadRef, bool) {
	if m.Thread == "" {
		return event.DirectThread(append([]string{e.From}, e.To...)...), len(e.To) > 0
	}
	t := p.threads[m.Thread]
	if t == nil {
		return event.ThreadRef{}, false
	}
	t.heard(e.At, m.From)
	if len(m.To) == 0 && len(t.Members) == 0 {
		// Without members it would reach everybody here.
		t.Members = []legacy.Member{{Agent: m.From}}
	}
	return t.ref, true
}

func (p *planner) states() {
	for _, s := range slices.Concat(p.a.States, p.attached) {
		value, err := event.CompactPayload(s.Value)
		if err != nil {
			p.problem(s.Place, "value %v", err)
			continue
		}
		e := &event.Event{Kind: event.KindState, At: s.At, From: p.names[s.By], Key: s.Key, Payload: value,
			ID: p.id(s.At, 0, "state", s.Key, s.By, string(value))}
		if p.valid(s.Place, e) {
			p.talk = append(p.talk, Record{Event: e})
			p.States++
		}
	}
}

// agents plans two profiles of each agent: one of when it came, with what it
// has said of itself once, and one of when it was last seen.
func (p *planner) agents() {
	first := p.firstHeard()
	for _, g := range p.a.Agents {
		at := g.Joined
		if at.IsZero() || first[g.Name].Before(at) && !first[g.Name].IsZero() {
			at = first[g.Name]
		}
		if at.IsZero() {
			at = g.Seen
		}
		if at.IsZero() {
			p.note("the agent %q has no date and no messages, and was left out", g.Name)
			continue
		}
		p.profile(g, at)
	}
}

func (p *planner) profile(g legacy.Agent, at time.Time) {
	place := fmt.Sprintf("agent %q", g.Name)
	name, status := p.names[g.Name], p.line(place+", status", g.Status, event.MaxStatus)
	said := map[string]any{"name": g.Name}
	if g.Display != "" && g.Display != g.Name {
		said["display_name"] = g.Display
	}
	e := &event.Event{Kind: event.KindProfile, At: at, From: name, Extra: p.imported(said), ID: p.id(at, 0, "profile", g.Name)}
	if g.Quiet {
		e.Notifications = event.NotificationsOff
	}
	if g.Metadata != nil {
		var err error
		if e.Payload, err = event.CompactPayload(g.Metadata); err != nil {
			p.problem(place, "metadata %v", err)
		}
	}
	last := g.Seen.After(at)
	if !last {
		e.Status = status
	}
	if !p.valid(place, e) {
		return
	}
	p.Agents++
	p.joined[name] = at.UnixMilli()
	p.profiles = append(p.profiles, Record{Event: e})
	if !last {
		return
	}
	e = &event.Event{Kind: event.KindProfile, At: g.Seen, From: name, Status: status, ID: p.id(g.Seen, 1, "profile", g.Name, status)}
	if p.valid(place, e) {
		p.profiles = append(p.profiles, Record{Event: e})
	}
}

// firstHeard tells when each agent first wrote, or failing that was written to.
func (p *planner) firstHeard() map[string]time.Time {
	wrote, read := map[string]time.Time{}, map[string]time.Time{}
	earliest := func(of map[string]time.Time, name string, at time.Time) {
		if was := of[name]; was.IsZero() || at.Before(was) {
			of[name] = at
		}
	}
	for i := range p.a.Messages {
		m := &p.a.Messages[i]
		earliest(wrote, m.From, m.At)
		for _, name := range m.To {
			earliest(read, name, m.At)
		}
	}
	for _, t := range p.threads {
		for _, m := range t.Members {
			if !t.first.IsZero() {
				earliest(read, m.Agent, t.first)
			}
		}
	}
	for name, at := range read {
		earliest(wrote, name, at)
	}
	return wrote
}
