package gitstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"skein/gitstore/event"
)

// pairWindow is the time in which the messages of a pair are counted.
const pairWindow = 10 * time.Minute

// How far back a thread is looked at, in messages for each that a pair may
// exchange. What names the other counts up to pairLook, whoever writes in
// between. What is for everyone counts up to pairShare: it is talk between two
// only if they do half of the talking.
const (
	pairLook  = 8
	pairShare = 2
)

// PairLimitError says that two agents have written to each other as fast as
// they may while no person took part.
type PairLimitError struct {
	Other    string // the other agent
	Thread   event.ThreadRef
	Messages int
	Until    time.Time // when the next message will be taken
}

func (e *PairLimitError) Error() string {
	return fmt.Sprintf("you and %s have exchanged %d messages in %s within %d minutes with no person in between; stop unless a person asks you to go on: the next is taken at %s, or once a person writes there",
		e.Other, e.Messages, e.Thread, int(pairWindow.Minutes()), e.Until.UTC().Format("15:04:05Z"))
}

// author is who writes where.
type author struct {
	thread event.ThreadRef
	name   string
}

// isFree tells whether a post cannot be one too many yet, and counts it.
func (g *guard) isFree(a author) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.free[a]
	if n > 0 {
		g.free[a] = n - 1
	}
	return n > 0
}

// setFree says how many posts need no look.
func (g *guard) setFree(a author, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free == nil || len(g.free) >= keepGuarded {
		g.free = make(map[author]int)
	}
	g.free[a] = n
}

// checkPair refuses a message if its sender and an agent to whom it goes have
// exchanged too many lately, whoever else wrote meanwhile; what a person writes
// begins the count anew. Names tell most of the time that nobody can have
// written too much, so that nothing has to be read.
func (s *Store) checkPair(ctx context.Context, r *request) error {
	limit, me := s.opts.PairLimit, author{r.home.threadRef(), r.event.From}
	if limit <= 0 || s.opts.Person || s.guard.isFree(me) {
		return nil
	}
	var recent []leaf // the newest second first
	wrote := make(map[string]int)
	err := s.lately(ctx, me.thread, pairWindow, func(f leaf, name event.Name, _ int64) (bool, error) {
		recent = append(recent, f)
		wrote[name.Agent]++
		return len(recent) < pairLook*limit, nil
	})
	if err != nil {
		return err
	}
	most := 0
	for name, n := range wrote {
		if name != me.name {
			most = max(most, turns(wrote[me.name], n))
		}
	}
	if most < limit {
		s.guard.setFree(me, (limit-most)/2-1) // as many as it takes if each is answered
		return nil
	}
	full, err := s.exchanged(ctx, r, recent)
	if full == nil || err != nil {
		return err
	}
	s.tellPeople(ctx, me.name, full)
	return full
}

// turns counts the messages of an exchange: who writes many that are not
// answered does not exchange them.
func turns(mine, theirs int) int {
	if theirs == 0 {
		return 0
	}
	return min(mine+theirs, 2*min(mine, theirs)+1)
}

// exchanged returns the pair that has exchanged too many messages, if there is
// one, given the files of the last messages.
func (s *Store) exchanged(ctx context.Context, r *request, files []leaf) (*PairLimitError, error) {
	messages, err := s.readNewestFirst(files)
	if err != nil {
		return nil, err
	}
	talk := newTalk(r.event, s.opts.PairLimit)
	agents := make(map[string]bool) // those of whom it is known that they are no person
	for _, m := range messages {
		if !agents[m.From] {
			a, err := s.Agent(ctx, m.From)
			if err != nil || a.Person {
				return nil, err
			}
			agents[m.From] = true
		}
		if other, n := talk.add(m); other != "" {
			return &PairLimitError{Other: other, Thread: r.home.threadRef(), Messages: n, Until: m.At.Add(pairWindow)}, nil
		}
	}
	return nil, nil
}

// readNewestFirst reads messages. What is damaged is left out.
func (s *Store) readNewestFirst(files []leaf) ([]*event.Event, error) {
	messages := make([]*event.Event, 0, len(files))
	for _, f := range files {
		e, err := s.event(f)
		if err == nil {
			messages = append(messages, e)
		} else if err := s.leaveOut(f.path(), err); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(messages, func(a, b *event.Event) int { return event.Compare(b, a) })
	return messages, nil
}

// talk counts what the sender of a message and each agent to whom it goes have
// written to each other, newest first.
type talk struct {
	next   *event.Event // what is to be posted
	limit  int
	seen   int // messages looked at
	toAll  int // the sender's to everyone
	others map[string]*exchange
}

// exchange is what the sender and one other have written to each other.
type exchange struct {
	mine, theirs int // by name
	theirsToAll  int
}

func newTalk(next *event.Event, limit int) *talk {
	return &talk{next: next, limit: limit, others: make(map[string]*exchange)}
}

// add counts one more message. It returns an agent with whom the sender has
// exchanged too many, and how many that are.
func (t *talk) add(m *event.Event) (other string, n int) {
	t.seen++
	switch {
	case m.From != t.next.From:
		t.with(m.From).hear(m, t.next.From)
	case toEveryone(m):
		t.toAll++
	default:
		for _, name := range m.To {
			t.with(name).mine++
		}
	}
	for name, x := range t.others {
		if !toEveryone(t.next) && !slices.Contains(t.next.To, name) {
			continue
		}
		if is := t.turns(x); is >= t.limit && (is > n || is == n && name < other) {
			other, n = name, is
		}
	}
	return other, n
}

func (t *talk) with(name string) *exchange {
	if t.others[name] == nil {
		t.others[name] = &exchange{}
	}
	return t.others[name]
}

func (x *exchange) hear(m *event.Event, me string) {
	switch {
	case toEveryone(m):
		x.theirsToAll++
	case slices.Contains(m.To, me):
		x.theirs++
	}
}

// turns counts an exchange, with what was for everyone as long as that can be
// half of what was said.
func (t *talk) turns(x *exchange) int {
	if t.seen > pairShare*t.limit {
		return turns(x.mine, x.theirs)
	}
	return turns(x.mine+t.toAll, x.theirs+x.theirsToAll)
}

func toEveryone(m *event.Event) bool {
	return len(m.To) == 0 || slices.Contains(m.To, event.Everyone)
}

// noticeTag marks a notice to people, and names the thread.
const noticeTag = "pair-limit"

// noticeThread is where people are told of what was held back.
func noticeThread() event.ThreadRef { return event.ThreadRef{Project: "skein", Thread: noticeTag} }

// tellPeople leaves the people of the store a notice, one for each time a pair
// is stopped, whichever process stops it.
func (s *Store) tellPeople(ctx context.Context, from string, full *PairLimitError) {
	s.log.Warn("two agents write to each other too fast", "thread", full.Thread.String(), "agents", from+" "+full.Other, "until", full.Until)
	p, err := s.notice(ctx, from, full)
	if err == nil && p != nil {
		_, err = s.Post(ctx, *p)
	}
	if err != nil {
		s.log.Warn("people could not be told", "err", err)
	}
}

// notice makes the notice; nil if there is nobody to tell, or they know.
func (s *Store) notice(ctx context.Context, from string, full *PairLimitError) (*Post, error) {
	pair := []string{from, full.Other}
	slices.Sort(pair)
	about, err := json.Marshal(map[string]any{"thread": full.Thread.String(), "agents": pair})
	if err != nil {
		return nil, err
	}
	known, err := s.isNoticed(ctx, about)
	if known || err != nil {
		return nil, err
	}
	agents, err := s.Agents(ctx)
	p := &Post{From: from, Thread: noticeThread().String(), Title: "Two agents were stopped", Tags: []string{noticeTag}, Payload: about}
	for _, a := range agents {
		if a.Person && len(p.To) < event.MaxTo {
			p.To = append(p.To, a.Name)
		}
	}
	if err != nil || len(p.To) == 0 {
		return nil, err
	}
	p.Body = fmt.Sprintf("%s have exchanged %d messages in %s within %d minutes, with no person in between. Further ones are held back until %s, or until a person writes in that thread.",
		strings.Join(pair, " and "), full.Messages, full.Thread, int(pairWindow.Minutes()), full.Until.UTC().Format("15:04:05Z"))
	return p, nil
}

// isNoticed tells whether a notice has been left lately.
func (s *Store) isNoticed(ctx context.Context, about []byte) (known bool, err error) {
	err = s.lately(ctx, noticeThread(), pairWindow, func(f leaf, _ event.Name, _ int64) (bool, error) {
		m, err := s.event(f)
		if err != nil {
			return true, s.leaveOut(f.path(), err)
		}
		known = string(m.Payload) == string(about)
		return !known, nil
	})
	return known, err
}
