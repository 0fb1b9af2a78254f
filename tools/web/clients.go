package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"skein/tools"
)

// How many MCP clients there may be at once, how long one may be silent before
// its name is free for others, and how long before it is closed.
const (
	maxClients = 500
	clientAway = 5 * time.Minute
	clientIdle = time.Hour
	sweepEvery = time.Minute
)

// client is an MCP client, and the server that is its own.
type client struct {
	srv     *tools.Server
	handler http.Handler
	program string // its name for itself
	agent   string // the name that was asked for, "" for none
	busy    int    // requests under way; one of them may be an open stream
	used    time.Time
}

// clients are the MCP clients by session. Its zero value is ready.
type clients struct {
	mu sync.Mutex
	by map[string]*client
}

func (l *clients) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.by) >= maxClients
}

func (l *clients) add(id string, c *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = make(map[string]*client)
	}
	c.used = time.Now()
	l.by[id] = c
}

func (l *clients) take(id string) *client {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.by[id]
	if c != nil {
		c.busy++
	}
	return c
}

func (l *clients) release(c *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.busy--
	c.used = time.Now()
}

func (l *clients) remove(id string) *client {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.by[id]
	delete(l.by, id)
	return c
}

// sweep looks after the sessions that are silent, until ctx ends.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, c := range s.clients.removeSilent(now.Add(-clientIdle)) {
				s.logClose(c.srv.Close())
			}
			s.stepOut(s.clients.silent(now.Add(-clientAway)))
		case <-ctx.Done():
			return
		}
	}
}

// silent are the clients that have asked nothing since a time and have no
// stream open.
func (l *clients) silent(at time.Time) []*client {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*client
	for _, c := range l.by {
		if c.silentSince(at) {
			all = append(all, c)
		}
	}
	return all
}

// removeSilent takes the silent ones out.
func (l *clients) removeSilent(at time.Time) []*client {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*client
	for id, c := range l.by {
		if c.silentSince(at) {
			all = append(all, c)
			delete(l.by, id)
		}
	}
	return all
}

func (c *client) silentSince(at time.Time) bool { return c.busy == 0 && !c.used.After(at) }

// gone are the clients that a new one seems to be the return of: the same
// program, under the same name, with no stream open. Few programs end their
// session when they end.
func (l *clients) gone(returned *client) []*client {
	return slices.DeleteFunc(l.silent(time.Now()), func(c *client) bool {
		return c.program != returned.program || c.agent != returned.agent
	})
}

func (l *clients) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for id, c := range l.by {
		errs = append(errs, c.srv.Close())
		delete(l.by, id)
	}
	return errors.Join(errs...)
}
