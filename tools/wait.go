package tools

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
)

// How long a call may wait, by the beginning of the client's name: most give
// up on a call after a minute, and a call that a client has given up on brings
// nobody mail.
const usualWait = 45 * time.Second

var longestWaits = []struct {
	client string
	wait   time.Duration
}{
	{"claude-code", 110 * time.Second}, // puts a call into the background after 2 minutes
	{"codex", 280 * time.Second},       // gives up after 300 seconds
}

func longestWait(client string) time.Duration {
	for _, l := range longestWaits {
		if strings.HasPrefix(strings.ToLower(client), l.client) {
			return l.wait
		}
	}
	return usualWait
}

// progressEvery is how often a client that asked for it is told that a call
// still waits.
const progressEvery = 5 * time.Second

// await is the inbox as soon as there is a message in it, or when the time is
// up; at the end of stdin too, since nobody is left to read it later.
func (s *Server) await(ctx context.Context, st *gitstore.Store, q gitstore.InboxQuery, wait time.Duration) (*gitstore.Inbox, error) {
	until, stop := context.WithTimeout(s.hungUp, wait)
	defer stop()
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		s.report(ctx, until, wait)
	}()
	box, err := st.AwaitInbox(ctx, q, until.Done())
	stop()
	<-reported // no progress after the answer
	return box, err
}

// report tells the client now and then that the call still waits.
func (s *Server) report(ctx, until context.Context, wait time.Duration) {
	token := progressToken(ctx)
	if token == nil {
		return
	}
	start := s.now()
	tick := time.NewTicker(s.progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-until.Done():
			return
		case <-ctx.Done():
			return
		}
		err := s.mcp.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
			"progressToken": token, "progress": s.now().Sub(start).Seconds(), "total": wait.Seconds(), "message": "waiting for mail",
		})
		if err != nil {
			s.log.Debug("the client cannot be told of progress", "err", err)
			return
		}
	}
}

// progressKey is where a call's context keeps the client's progress token.
type progressKey struct{}

func withProgress(ctx context.Context, req mcp.CallToolRequest) context.Context {
	if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
		return ctx
	}
	return context.WithValue(ctx, progressKey{}, req.Params.Meta.ProgressToken)
}

func progressToken(ctx context.Context) any { return ctx.Value(progressKey{}) }

// waitFor is how long this call waits.
func (s *Server) waitFor(p inboxParams) time.Duration {
	return min(time.Duration(p.WaitSeconds)*time.Second, longestWait(s.who.clientName()))
}

// waited says, for a call that waited, how to wait for what comes next.
func waited(wait time.Duration, shown int, cursor string) string {
	switch {
	case wait == 0:
		return ""
	case shown == 0:
		return fmt.Sprintf("waited %d seconds; go on with cursor=%s\n", int(wait.Seconds()), cursor)
	}
	return "wait for what comes next with cursor=" + cursor + "\n"
}
