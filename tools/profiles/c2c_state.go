package profiles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/tools"
)

// stateView is a key of the shared state as c2c shows it.
type stateView struct {
	Key       string          `json:"key"`
	Value     json.RawMessage `json:"value"`
	UpdatedAt *time.Time      `json:"updated_at"`
	UpdatedBy string          `json:"updated_by,omitempty"`
}

func viewState(st event.State) stateView {
	return stateView{st.Key, orNull(st.Value), timeOrNil(st.At), st.By}
}

func (c *c2c) setState(ctx context.Context, s *tools.Server, p c2cParams) (any, error) {
	st, me, err := c.self(ctx, s)
	if err != nil {
		return nil, err
	}
	now, err := st.SetState(ctx, me, p.Key, p.Value)
	return viewState(now), err
}

func (c *c2c) getState(ctx context.Context, s *tools.Server, p c2cParams) (any, error) {
	if p.Key != "" && p.Prefix != "" {
		return nil, errors.New("get_state takes a key or a prefix, not both; leave one out")
	}
	st, _, err := c.self(ctx, s)
	if err != nil {
		return nil, err
	}
	if p.Key != "" {
		one, err := st.State(ctx, p.Key)
		return viewState(one), err
	}
	all, err := st.States(ctx, p.Prefix)
	views := make([]stateView, len(all))
	for i, one := range all {
		views[i] = viewState(one)
	}
	return views, err
}

type prunedView struct {
	Messages int `json:"messages_deleted"`
	Sessions int `json:"sessions_deleted"`
}

// prune puts out of sight what the session has read: the mark moves, and
// nothing is deleted.
func (c *c2c) prune(ctx context.Context, s *tools.Server, p c2cParams) (any, error) {
	st, me, err := c.self(ctx, s)
	if err != nil {
		return nil, err
	}
	was, err := prunedBefore(ctx, st, me)
	if err != nil {
		return nil, err
	}
	before := time.Now().UTC().Add(-time.Duration(p.Days * 24 * float64(time.Hour)))
	view := prunedView{}
	if view.Messages, err = countRead(ctx, st, me, was, before); err != nil {
		return nil, err
	}
	if view.Messages > 0 {
		if _, err := st.SetState(ctx, me, c2cPruned+me, fmt.Appendf(nil, "%q", before.Format(time.RFC3339Nano))); err != nil {
			return nil, err
		}
	}
	view.Sessions, err = st.PrunePresences(ctx, before)
	return view, err
}

// countRead counts what an agent has read of what was written in a time.
func countRead(ctx context.Context, st *gitstore.Store, me string, since, before time.Time) (int, error) {
	if !since.Before(before) {
		return 0, nil
	}
	q := gitstore.InboxQuery{Agent: me, Since: since, Before: before, Limit: 1}
	unread, err := st.Inbox(ctx, q)
	if err != nil {
		return 0, err
	}
	q.IncludeRead = true
	all, err := st.Inbox(ctx, q)
	if err != nil {
		return 0, err
	}
	return max(0, all.Total-unread.Total), nil
}

// prunedBefore is until when what a session has read is out of its sight. A
// mark that is none is left aside: anybody may write to the shared state.
func prunedBefore(ctx context.Context, st *gitstore.Store, me string) (time.Time, error) {
	mark, err := st.State(ctx, c2cPruned+me)
	var at time.Time
	if err != nil || mark.Value == nil || json.Unmarshal(mark.Value, &at) != nil {
		return time.Time{}, err
	}
	return at, nil
}
