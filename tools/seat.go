package tools

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"skein/gitstore"
)

// arriveGrace is how long initialize is held up so that it can say which name
// this session has.
const arriveGrace = 150 * time.Millisecond

// seats is the server's hold on its agent's name: who is online is told by it,
// and two sessions of one client in one folder have two names. Its zero value
// is ready.
type seats struct {
	mu    sync.Mutex
	seat  *gitstore.Seat
	base  string          // the name that was asked for
	had   string          // the name before the session stepped out; "": it has not
	note  string          // what the agent must be told of its name, once
	used  bool            // a call was made under this name
	known map[string]bool // rivals that have been told of
	ended bool
}

// nameFor is the name that this session has where base was asked for.
func (t *seats) nameFor(base string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.base != base:
	case t.seat != nil:
		return t.seat.Agent
	case t.had != "":
		return t.had
	}
	return base
}

// sit returns the name of this session, for which base is asked. A name that
// the machine cannot keep (a disk that cannot be written) is used all the same.
func (s *Server) sit(ctx context.Context, st *gitstore.Store, base string) string {
	t := &s.seats
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seat != nil && (t.base == base || t.seat.Agent == base) {
		return t.seat.Agent
	}
	if t.seat != nil || t.ended { // another client on the same pipe, or it is over
		return base
	}
	if t.had == base {
		base = t.base
	}
	had := t.had
	if err := s.take(ctx, st, base, s.who.isExplicit()); err != nil {
		s.log.Warn("this session's name cannot be kept for it", "agent", base, "err", err)
		return cmp.Or(had, base)
	}
	if had != "" && had != t.seat.Agent {
		t.note = fmt.Sprintf("you are %s from now on: you were silent, and another session is %s now\n", t.seat.Agent, had)
	}
	return t.seat.Agent
}

// take takes a seat; t.mu must be held.
func (s *Server) take(ctx context.Context, st *gitstore.Store, base string, exact bool) error {
	seat, err := st.Attend(ctx, gitstore.Arrival{
		Name: base, Exact: exact, Client: s.who.clientName(), Folder: s.opt.Folder, Session: s.opt.Session, Before: s.seats.had,
	})
	if err == nil {
		s.seats.seat, s.seats.base, s.seats.had, s.seats.known = seat, base, "", map[string]bool{}
	}
	return err
}

// arrive takes the seat when a client has introduced itself, so that others see
// it before its first call. It is given up waiting for, not given up.
func (s *Server) arrive(ctx context.Context) string {
	base, err := s.who.name("")
	if err != nil {
		return "" // reported by the calls that need a name
	}
	arrived := make(chan string, 1)
	s.background.Go(func() {
		defer s.logPanic("arriving")
		if st, err := s.store.get(s.life); err == nil {
			arrived <- s.sit(s.life, st, base)
		}
	})
	limit := time.NewTimer(arriveGrace)
	defer limit.Stop()
	select {
	case name := <-arrived:
		return name
	case <-limit.C:
	case <-ctx.Done():
	}
	return base
}

// rename takes another name for the rest of this server's life.
func (s *Server) rename(ctx context.Context, st *gitstore.Store, name string) error {
	t := &s.seats
	t.mu.Lock()
	defer t.mu.Unlock()
	old, used := t.seat, t.used
	if old != nil && old.Agent == name {
		s.who.insist(name)
		t.base = name
		return nil
	}
	if err := s.take(ctx, st, name, true); err != nil {
		return err
	}
	s.who.insist(name)
	if old != nil {
		return old.Leave(!used)
	}
	return nil
}

// touch records that the session is active.
func (s *Server) touch() {
	t := &s.seats
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seat == nil {
		return
	}
	t.used = true
	if err := t.seat.Touch(); err != nil {
		s.log.Debug("when this session was last seen cannot be recorded", "err", err)
	}
}

// StepOut gives the name back until the next call, for a client that seems to
// have gone. If it has not, that call takes the name again; where somebody else
// has it by then, another one, and says so.
func (s *Server) StepOut() error {
	t := &s.seats
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seat == nil {
		return nil
	}
	err := t.seat.Leave(!t.used)
	t.seat, t.had = nil, t.seat.Agent
	return err
}

// leave gives the name back.
func (s *Server) leave() error {
	t := &s.seats
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.seat == nil {
		return nil
	}
	err := t.seat.Leave(!t.used)
	t.seat = nil
	return err
}

// rivals is a sentence about each session that has come to share this one's
// name, or has taken it, once; apart says how the two get two names.
func (s *Server) rivals(ctx context.Context, apart string) string {
	t := &s.seats
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seat == nil {
		return ""
	}
	all, err := t.seat.Rivals(ctx)
	if err != nil {
		s.log.Warn("other sessions of the same name cannot be looked for", "err", err)
	}
	var b strings.Builder
	b.WriteString(t.note)
	t.note = ""
	for _, p := range all {
		id := fmt.Sprint(p.PID, p.Since)
		if t.known[id] {
			continue
		}
		t.known[id] = true
		has := "was here first"
		if p.Since.After(t.seat.Since) {
			has = "has taken it over"
		}
		fmt.Fprintf(&b, "another session%s is %s too and %s: you share one inbox; %s\n", describe(p), t.seat.Agent, has, apart)
	}
	return b.String()
}

// describe tells a session from others.
func describe(p gitstore.Presence) string {
	var b strings.Builder
	if p.Client != "" {
		b.WriteString(" of " + quoted(p.Client))
	}
	if p.Folder != "" {
		b.WriteString(" in " + quoted(p.Folder))
	}
	return b.String()
}
