package profiles

import (
	"context"
	"time"

	"skein/gitstore"
	"skein/tools"
)

// relayPreview is how many characters of a message a notification shows.
const relayPreview = 80

// watch tells the person that something has come for the client that this
// server is for, until ctx ends.
func (r *relayer) watch(ctx context.Context, s *tools.Server) {
	began := time.Now()
	me, err := s.Agent(ctx)
	if r.notify == nil || err != nil || me != relayDesktop && me != relayCode {
		return
	}
	st, err := s.Store(ctx)
	if err != nil {
		return // the calls say why
	}
	followMail(ctx, st, me, began, func(m *gitstore.Message) {
		if err := r.notify(ctx, "Message from "+m.From, preview(string(m.Body), relayPreview)); err != nil && ctx.Err() == nil {
			s.Log().Warn("the person cannot be told of a message", "err", err)
		}
	})
}
