package tools

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"skein/gitstore"
)

// countGrace is how long a result is held up to say what mail waits. Most counts
// take less, unless others are catching up with the index.
const countGrace = 10 * time.Millisecond

// waiting is what a result says about mail that has come meanwhile: nothing
// when there is none, or when it is not known in time. A count that is late
// goes on, so that the next one is quick.
func (s *Server) waiting(ctx context.Context, st *gitstore.Store, me string) string {
	counted := make(chan int, 1)
	s.background.Go(func() {
		defer close(counted)
		defer s.logPanic("counting waiting mail")
		n, _, err := st.Unread(s.life, me)
		if err != nil {
			if !errors.Is(err, context.Canceled) { // at the end of the server
				s.log.Warn("waiting mail could not be counted", "err", err)
			}
			return
		}
		counted <- n
	})
	n := within(ctx, s.countGrace, counted)
	if n == 0 {
		return ""
	}
	return plural(n, "unread message") + " for you: check_inbox\n"
}

// ride adds to a tool's result what its agent ought to know besides: that
// another session has its name, what mail waits, and what is wrong with
// syncing. Nothing of it marks anything as read.
func (s *Server) ride(ctx context.Context, tool, out string) string {
	s.touch()
	if p := s.opt.Profile; p != nil {
		return s.announce(ctx, p, out)
	}
	st := s.store.peek()
	me, err := s.me(ctx)
	if st == nil || err != nil {
		return out
	}
	notes := s.rivals(ctx, "take another name with set_profile")
	if tool != inboxName {
		notes += s.waiting(ctx, st, me)
	}
	notes += s.trouble(st, me)
	return withNotes(out, strings.TrimSuffix(notes, "\n"))
}

// withNotes adds lines to a text, and a key to a JSON object. A page has them
// first: it ends with the cursor that goes on.
func withNotes(out, notes string) string {
	switch {
	case notes == "":
		return out
	case strings.HasPrefix(out, "{") && strings.HasSuffix(out, "}"):
		return strings.TrimSuffix(out, "}") + `,"pending":` + encode(notes) + "}"
	}
	if strings.Contains(out, "\n") {
		return notes + "\n" + out
	}
	return out + "\n" + notes
}

// logPanic keeps a panic in the background from ending the process.
func (s *Server) logPanic(doing string) {
	if p := recover(); p != nil {
		s.log.Error("panicked while "+doing, slog.Any("panic", p), "stack", string(debug.Stack()))
	}
}

// within is what comes from a channel in time, else 0.
func within(ctx context.Context, limit time.Duration, from <-chan int) int {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case n := <-from:
		return n
	case <-t.C:
	case <-ctx.Done():
	}
	return 0
}
