package profiles

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"skein/gitstore"
	"skein/tools"
)

// watch keeps the notice of what waits for this session up to date, until ctx
// ends. The notice stays then: it is for the next session.
func (d *duo) watch(ctx context.Context, s *tools.Server) {
	if d.notice == nil {
		return
	}
	st, me, err := s.Joined(ctx)
	if err != nil {
		return // the calls say why
	}
	follow(ctx, st, func() {
		now, err := s.Agent(ctx)
		if err == nil && now != me { // register gave it another name
			err = d.notice(me, "")
			me = now
		}
		line := ""
		if err == nil {
			line, err = noticeFor(ctx, st, me)
		}
		if err == nil {
			err = d.notice(me, line)
		}
		if err != nil && ctx.Err() == nil {
			s.Log().Warn("the notice of waiting mail cannot be kept", "err", err)
		}
	})
}

// noticeFor says what waits for an agent, without a word of it; "" if nothing
// does, or the agent wants no notices.
func noticeFor(ctx context.Context, st *gitstore.Store, agent string) (string, error) {
	a, err := st.Agent(ctx, agent)
	if err != nil || a.Quiet {
		return "", err
	}
	box, err := st.Inbox(ctx, gitstore.InboxQuery{Agent: agent, Limit: peekMost})
	if err != nil || box.Total == 0 {
		return "", err
	}
	var from []string
	for _, m := range box.Messages {
		if !slices.Contains(from, m.From) {
			from = append(from, m.From)
		}
	}
	messages := "1 message waits"
	if box.Total > 1 {
		messages = fmt.Sprintf("%d messages wait", box.Total)
	}
	return messages + ", from " + strings.Join(from, ", ") + "; listen brings them", nil
}
