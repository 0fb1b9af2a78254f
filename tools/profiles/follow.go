package profiles

import (
	"context"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
)

// follow calls look now and after each change of the store, until ctx ends; other
// machines' mail counts as waited for. A store that cannot be watched is not
// followed: the calls say why.
func follow(ctx context.Context, st *gitstore.Store, look func()) {
	moves, err := st.Watch(ctx)
	if err != nil {
		return
	}
	st.Expect(ctx)
	for open := true; open; _, open = <-moves {
		look()
	}
}

// followMail calls tell with each message that comes for an agent, until ctx
// ends. What was there before a time is not told of.
func followMail(ctx context.Context, st *gitstore.Store, agent string, since time.Time, tell func(m *gitstore.Message)) {
	var seen event.ID
	first := true
	follow(ctx, st, func() {
		waiting, err := allUnread(ctx, st, agent)
		if err != nil {
			return // the next look sees it too
		}
		for _, m := range waiting {
			if m.ID.Compare(seen) <= 0 {
				continue
			}
			seen = m.ID
			if !first || !m.At.Before(since) {
				tell(m)
			}
		}
		first = false
	})
}
