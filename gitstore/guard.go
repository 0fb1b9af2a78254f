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

	"skein/gitstore/event"
)

// guard keeps messages from going round in circles. What this process has
// posted it remembers, so that a burst of posts does not look through the
// thread each time. Its zero value is ready.
type guard struct {
	mu     sync.Mutex
	busy   map[string]chan struct{}      // what is being posted, by what it says
	posted map[string]posted             // by what it says
	wrote  map[event.ThreadRef]time.Time // when this process last posted to a thread
	free   map[author]int                // how many posts need no look at the pairs
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
	err = s.lately(ctx, r.home.threadRef(), s.opts.Duplicates, func(f leaf, name event.Name, _ int64) (bool, error) {
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

// lately visits the messages of a thread that were written within a time, the
// newest second first, until visit returns false.
func (s *Store) lately(ctx context.Context, thread event.ThreadRef, within time.Duration, visit func(f leaf, name event.Name, second int64) (bool, error)) error {
	projects, err := s.projects()
	if err != nil {
		return err
	}
	places, err := s.threadPlaces(projects, thread)
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

// fileSecond reads the name of an event's file and the second it was written.
func fileSecond(f leaf) (name event.Name, second int64, ok bool) {
	month, ok := monthSpan(monthDir(f.dir))
	if !ok {
		return name, 0, false
	}
	second, name, ok = nameOf(month.from, f.name)
	return name, second, ok
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
