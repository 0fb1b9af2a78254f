package gitstore

import (
	"context"

	"github.com/go-git/go-git/v5/plumbing"
)

// Follow calls show with every event that comes to main from now on, oldest
// first: messages, and changes of threads, projects and the shared state. The
// place of an event that no thread has is told by its path. It returns when ctx
// ends, without an error, or when show returns one.
func (s *Store) Follow(ctx context.Context, show func(*Message) error) error {
	last, err := s.tip(mainRef)
	if err != nil {
		return err
	}
	changes, err := s.Watch(ctx)
	if err != nil {
		return err
	}
	defer s.expect()()
	for {
		if last, err = s.newer(ctx, last, show); err != nil || ctx.Err() != nil {
			break
		}
		if _, more := <-changes; !more {
			break
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// newer shows what commits have brought after last, and returns the tip. After
// a history that was rewritten it shows nothing: which events are new is not
// known then.
func (s *Store) newer(ctx context.Context, last plumbing.Hash, show func(*Message) error) (plumbing.Hash, error) {
	tip, err := s.tip(mainRef)
	if err != nil || tip == last {
		return last, err
	}
	type brought struct {
		commit plumbing.Hash
		info   commitInfo
	}
	past, err := s.ancestry()
	if err != nil {
		return last, err
	}
	var news []brought
	found := false
	for h := tip; !h.IsZero() && !found; {
		info, err := past.info(h)
		if err != nil {
			return last, err
		}
		if err := ctx.Err(); err != nil {
			return last, err
		}
		news = append(news, brought{h, info})
		h, found = info.parent, info.parent == last
	}
	if !found {
		return tip, nil
	}
	for i := len(news) - 1; i >= 0; i-- {
		m, err := s.broughtBy(ctx, news[i].commit, news[i].info)
		if err != nil { // another program's commit, or a damaged one, which Verify reports
			s.log.Warn("a commit cannot be shown", "commit", news[i].commit, "err", err)
			continue
		}
		if err := show(m); err != nil {
			return tip, err
		}
	}
	return tip, nil
}
