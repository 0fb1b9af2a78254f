package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/tools"
)

// How many MCP clients there may be at once, and how long one may be silent.
const (
	maxClients  = 500
	clientIdle  = time.Hour
	sweepEvery  = time.Minute
	sessionName = "Mcp-Session-Id"
)

// client is an MCP client, and the server that is its own.
type client struct {
	srv     *tools.Server
	handler http.Handler
	busy    int // requests under way
	used    time.Time
}

// clients are the MCP clients by session. Its zero value is ready.
type clients struct {
	mu sync.Mutex
	by map[string]*client
}

// mcp hands a request to the server of its session. An initialize without a
// session begins one.
func (s *Server) mcp(w http.ResponseWriter, r *http.Request) {
	if id := r.Header.Get(sessionName); id != "" {
		c := s.clients.take(id)
		if c == nil {
			writeError(w, http.StatusNotFound, "this session has ended; initialize again")
			return
		}
		defer s.clients.release(c)
		c.handler.ServeHTTP(w, r)
		if r.Method == http.MethodDelete {
			s.end(id)
		}
		return
	}
	if !initializes(r) {
		writeError(w, http.StatusBadRequest, "there is no session yet; initialize first, and send the "+sessionName+" that comes back")
		return
	}
	s.begin(w, r)
}

// initializes tells whether a request is an initialize.
func initializes(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var message struct {
		Method string `json:"method"`
	}
	return err == nil && r.Method == http.MethodPost && json.Unmarshal(body, &message) == nil && message.Method == string(mcp.MethodInitialize)
}

// begin makes a server for a new client and lets it answer.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) {
	if s.clients.full() {
		writeError(w, http.StatusServiceUnavailable, "there are too many sessions; end some of them")
		return
	}
	name := r.URL.Query().Get("agent")
	if name != "" {
		var err error
		if name, err = agent("agent", name); err != nil {
			writeError(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	srv := s.opt.MCP(name, s.open)
	c := &client{srv: srv, handler: srv.Handler()}
	begun := &beginning{ResponseWriter: w, add: func(id string) { s.clients.add(id, c) }}
	c.handler.ServeHTTP(begun, r)
	if !begun.added { // it was refused
		s.logClose(srv.Close())
	}
}

// beginning is the answer to an initialize. Its session is known before the
// client is told of it, because the client may use it at once.
type beginning struct {
	http.ResponseWriter
	add         func(id string)
	told, added bool
}

func (b *beginning) WriteHeader(status int) {
	if id := b.Header().Get(sessionName); !b.told && id != "" && status < http.StatusBadRequest {
		b.add(id)
		b.added = true
	}
	b.told = true
	b.ResponseWriter.WriteHeader(status)
}

func (b *beginning) Write(p []byte) (int, error) {
	if !b.told {
		b.WriteHeader(http.StatusOK)
	}
	return b.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController, and Flush for those who do without it.
func (b *beginning) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// Flush sends what was written.
func (b *beginning) Flush() { _ = http.NewResponseController(b.ResponseWriter).Flush() }

// end closes a session.
func (s *Server) end(id string) {
	if c := s.clients.remove(id); c != nil {
		s.logClose(c.srv.Close())
	}
}

func (s *Server) logClose(err error) {
	if err != nil {
		s.log.Warn("a session did not end well", "err", err)
	}
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

// sweep closes the sessions that have been silent for long, until ctx ends.
func (l *clients) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, c := range l.silentSince(now.Add(-clientIdle)) {
				_ = c.srv.Close() // nobody is there to be told
			}
		case <-ctx.Done():
			return
		}
	}
}

// silentSince takes out the clients that have asked nothing since a time.
func (l *clients) silentSince(at time.Time) []*client {
	l.mu.Lock()
	defer l.mu.Unlock()
	var silent []*client
	for id, c := range l.by {
		if c.busy == 0 && c.used.Before(at) {
			silent = append(silent, c)
			delete(l.by, id)
		}
	}
	return silent
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
