package gitstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// pairWindow is the time in which the messages of a pair are counted.
const pairWindow = 10 * time.Minute

// PairLimitError says that two agents have written to each other as fast as
// they may with nobody else in between.
type PairLimitError struct {
	Other    string // the other agent
	Thread   event.ThreadRef
	Messages int
	Until    time.Time // when the next message will be taken
}

func (e *PairLimitError) Error() string {
	return fmt.Sprintf("you and %s have exchanged %d messages in %s within %d minutes with nobody else in between; stop unless a person asks you to go on: the next is taken at %s, or once somebody else writes there",
		e.Other, e.Messages, e.Thread, int(pairWindow.Minutes()), e.Until.UTC().Format("15:04:05Z"))
}

// guard keeps messages from going round in circles. What this process has
// posted it remembers, so that a burst of posts does not look through the
// thread each time. Its zero value is ready.
type guard struct {
	mu     sync.Mutex
	busy   map[string]chan struct{}      // what is being posted, by what it says
	warned map[event.ThreadRef]time.Time // until when people know of a thread
	posted map[string]posted             // by what it says
	wrote  map[event.ThreadRef]time.Time // when this process last posted to a thread
	free   map[event.ThreadRef]int       // how many posts need no look at the pair
}

// posted is a message of this process, and when it was posted.
type posted struct {
	message *Message
	at      time.Time
}

// keepGuarded bounds each of a guard's maps.
const keepGuarded = 1 << 10

// remember keeps a message that was just posted.
func (g *guard) remember(what string, m *Message, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.posted == nil || len(g.posted) >= keepGuarded {
		g.posted = make(map[string]posted)
	}
	if g.wrote == nil || len(g.wrote) >= keepGuarded {
		g.wrote = make(map[event.ThreadRef]time.Time)
	}
	short := *m
	short.Body = nil // the next one brings its own
	g.posted[what], g.wrote[m.Thread] = posted{&short, now}, now
}

// recall returns what this process has posted since a time; known is false if
// it has posted nothing to the thread since, so that it cannot tell.
func (g *guard) recall(what string, thread event.ThreadRef, since time.Time) (m *Message, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p, ok := g.posted[what]; ok && p.at.After(since) {
		again := *p.message
		return &again, true
	}
	return nil, g.wrote[thread].After(since)
}

// isFree tells whether a post cannot be one too many yet, and counts it.
func (g *guard) isFree(thread event.ThreadRef) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.free[thread]
	if n > 0 {
		g.free[thread] = n - 1
	}
	return n > 0
}

// setFree says how many posts need no look.
func (g *guard) setFree(thread event.ThreadRef, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free == nil || len(g.free) >= keepGuarded {
		g.free = make(map[event.ThreadRef]int)
	}
	g.free[thread] = n
}

// guarded posts a request unless it says again what was just said, or is one
// too many between two agents. It returns the earlier message in the first case.
func (s *Store) guarded(ctx context.Context, r *request, post func() (*Message, error)) (*Message, error) {
	if s.opts.Duplicates <= 0 && (s.opts.PairLimit <= 0 || s.opts.Person) {
		return post()
	}
	what := sayingOf(r)
	done, err := s.guard.enter(ctx, what)
	if err != nil {
		return nil, err
	}
	defer done()
	earlier, err := s.said(ctx, r, what)
	if earlier != nil || err != nil {
		return earlier, err
	}
	if err := s.checkPair(ctx, r); err != nil {
		return nil, err
	}
	m, err := post()
	if err == nil && s.opts.Duplicates > 0 {
		s.guard.remember(what, m, s.now())
	}
	return m, err
}

// enter waits until nobody else posts the same.
func (g *guard) enter(ctx context.Context, what string) (leave func(), err error) {
	for {
		g.mu.Lock()
		before := g.busy[what]
		if before == nil {
			if g.busy == nil {
				g.busy = make(map[string]chan struct{})
			}
			mine := make(chan struct{})
			g.busy[what] = mine
			g.mu.Unlock()
			return func() {
				g.mu.Lock()
				defer g.mu.Unlock()
				delete(g.busy, what)
				close(mine)
			}, nil
		}
		g.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// sayingOf is all of a message but its id and its time.
func sayingOf(r *request) string {
	e := *r.event
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q %q %q %q %q %t %s %q\n", r.home, e.From, e.To, e.Title, e.ReplyTo, e.Tags, e.Priority, e.RequireAck, r.lifetime, e.Payload)
	sum.Write(e.Body)
	return string(sum.Sum(nil))
}

// said returns the message of the last moments that says exactly what r says.
func (s *Store) said(ctx context.Context, r *request, want string) (found *Message, err error) {
	if s.opts.Duplicates <= 0 {
		return nil, nil
	}
	found, known := s.guard.recall(want, r.home.threadRef(), s.now().Add(-s.opts.Duplicates))
	if found != nil {
		found.Body = r.event.Body
	}
	if known {
		return found, nil
	}
	err = s.lately(ctx, r, s.opts.Duplicates, func(f leaf, name event.Name, _ int64) (bool, error) {
		if name.Agent != r.event.From {
			return true, nil
		}
		m, err := s.message(f)
		if err != nil {
			return true, s.leaveOut(f.path(), err)
		}
		other := &request{home: r.home, event: &m.Event}
		if !m.Expires.IsZero() {
			other.lifetime = m.Expires.Sub(m.At)
		}
		if sayingOf(other) == want {
			found = m
		}
		return found == nil, nil
	})
	if found != nil && err == nil {
		found.Commit, err = s.commitOf(ctx, found.ID)
	}
	return found, err
}

// lately visits the messages of r's thread that were written within a time,
// newest first, until visit returns false.
func (s *Store) lately(ctx context.Context, r *request, within time.Duration, visit func(f leaf, name event.Name, second int64) (bool, error)) error {
	projects, err := s.projects()
	if err != nil {
		return err
	}
	places, err := s.threadPlaces(projects, r.home.threadRef())
	if err != nil {
		return err
	}
	c, err := newScan(s, true, math.MaxInt64, places)
	if err != nil {
		return err
	}
	since := s.now().Add(-within).Unix()
	for {
		files, err := c.next(ctx)
		if err != nil || len(files) == 0 {
			return err
		}
		if err := s.newestFirst(files); err != nil {
			return err
		}
		for _, f := range files {
			name, second, ok := fileSecond(f)
			if !ok || second < since {
				return nil
			}
			if more, err := visit(f, name, second); err != nil || !more {
				return err
			}
		}
	}
}

// newestFirst orders the files of one second, whose names do not tell which
// came first.
func (s *Store) newestFirst(files []leaf) error {
	if len(files) < 2 || len(files) > maxFiles { // a burst is no talk
		return nil
	}
	ids := make(map[plumbing.Hash]event.ID, len(files))
	for _, f := range files {
		e, err := s.event(f)
		if err != nil {
			if err := s.leaveOut(f.path(), err); err != nil {
				return err
			}
			continue
		}
		ids[f.hash] = e.ID
	}
	slices.SortFunc(files, func(a, b leaf) int { return ids[b.hash].Compare(ids[a.hash]) })
	return nil
}

// fileSecond reads the name of an event's file and the second it was written.
func fileSecond(f leaf) (name event.Name, second int64, ok bool) {
	month, ok := monthSpan(monthDir(f.dir))
	if !ok {
		return name, 0, false
	}
	second, name, ok = nameOf(month.from, f.name)
	return name, second, ok
}

// checkPair refuses a message if its sender and one other agent alone have
// written the last messages of the thread, and too many of them lately. What a
// person takes part in is not counted.
func (s *Store) checkPair(ctx context.Context, r *request) error {
	if s.opts.PairLimit <= 0 || s.opts.Person || s.guard.isFree(r.home.threadRef()) {
		return nil
	}
	full := &PairLimitError{Thread: r.home.threadRef()}
	err := s.lately(ctx, r, pairWindow, func(_ leaf, name event.Name, second int64) (bool, error) {
		if name.Agent != r.event.From {
			if full.Other != "" && full.Other != name.Agent {
				return false, nil
			}
			full.Other = name.Agent
		}
		full.Messages++
		full.Until = time.Unix(second, 0).Add(pairWindow).UTC()
		return full.Messages < s.opts.PairLimit, nil
	})
	if err == nil {
		s.guard.setFree(full.Thread, s.freeAfter(full))
	}
	if err != nil || full.Other == "" || full.Messages < s.opts.PairLimit || !toPair(r.event, full.Other) {
		return err
	}
	other, err := s.Agent(ctx, full.Other)
	if err != nil || other.Person {
		return err
	}
	s.warn(ctx, r.event.From, full)
	return full
}

// freeAfter is how many messages may follow before the pair has to be looked at
// again: as many as it takes if the other one answers each.
func (s *Store) freeAfter(seen *PairLimitError) int {
	if seen.Other == "" {
		return s.opts.PairLimit/2 - 1
	}
	return max(0, (s.opts.PairLimit-seen.Messages)/2-1)
}

// toPair tells whether a message goes on with the exchange with other.
func toPair(e *event.Event, other string) bool {
	return len(e.To) == 0 || slices.Contains(e.To, other) || slices.Contains(e.To, event.Everyone)
}

// noticeThread is where people are told of what was held back.
const noticeThread = "skein/pair-limit"

// warn tells the people of the store, once for each time a pair is stopped.
func (s *Store) warn(ctx context.Context, from string, full *PairLimitError) {
	s.guard.mu.Lock()
	known := s.now().Before(s.guard.warned[full.Thread])
	if s.guard.warned == nil {
		s.guard.warned = make(map[event.ThreadRef]time.Time)
	}
	s.guard.warned[full.Thread] = full.Until
	s.guard.mu.Unlock()
	if known {
		return
	}
	s.log.Warn("two agents write to each other too fast", "thread", full.Thread.String(), "agents", from+" "+full.Other, "until", full.Until)
	agents, err := s.Agents(ctx)
	var people []string
	for _, a := range agents {
		if a.Person && len(people) < event.MaxTo {
			people = append(people, a.Name)
		}
	}
	if err != nil || len(people) == 0 {
		return
	}
	body := fmt.Sprintf("%s and %s have exchanged %d messages in %s within %d minutes, with nobody else in between. Further ones are held back until %s, or until somebody else writes in that thread.",
		from, full.Other, full.Messages, full.Thread, int(pairWindow.Minutes()), full.Until.UTC().Format("15:04:05Z"))
	if _, err := s.Post(ctx, Post{From: from, To: people, Thread: noticeThread, Title: "Two agents were stopped", Tags: []string{"pair-limit"}, Body: body}); err != nil {
		s.log.Warn("people could not be told", "err", err)
	}
}

// inRoster refuses a name that the settings do not list, if they list any.
func (s *Store) inRoster(from string, names []string) error {
	for _, name := range names {
		if name != from && !slices.Contains(s.opts.Roster, name) {
			return &UnknownError{What: "agent", Name: name, Nearest: nearest(name, s.opts.Roster),
				Hint: "the setting agents lists who there is: " + strings.Join(s.opts.Roster, ", ")}
		}
	}
	return nil
}
