package gitstore

import (
	"context"
	"errors"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// A store may lack the older part of its history, as a shallow clone of git
// does. Its trees are whole, and so is everything that is read from them; what
// is not there are older commits, and older versions of directories. commitInfo
// makes such a history look as if it began where it is cut.

// Shallow tells whether older commits of the store are not here.
func (s *Store) Shallow() (bool, error) {
	commits, err := s.db.Shallow()
	return len(commits) > 0, err
}

// fileOf returns the file of the event that a commit brought, which nothing
// tells from what was there before: the commit's parent is not here.
func (s *Store) fileOf(ctx context.Context, c commitInfo) (found leaf, err error) {
	raw, err := s.tree(c.tree)
	if err != nil {
		return leaf{}, err
	}
	var dirs []subtree
	for e := range entries(raw) {
		if e.Dir {
			dirs = append(dirs, subtree{e.Name, e.Hash})
		}
	}
	match, err := newIDMatch([]string{c.id.String()})
	if err != nil {
		return leaf{}, err
	}
	var mu sync.Mutex
	w := walk{s: s, enter: match.mayHold, visit: func(_ int, f leaf) error {
		if name, err := event.ParseFileName(f.name); err != nil || !match.short(name.Short) {
			return nil
		}
		e, err := s.event(f)
		if err == nil && e.ID == c.id {
			mu.Lock()
			defer mu.Unlock()
			found = f
		}
		return err
	}}
	if _, err = w.run(ctx, dirs...); err == nil && found.name == "" {
		err = errors.New("brought an event that is not there; run skein verify")
	}
	return found, err
}

// first returns the first commit of a branch that is here.
func (s *Store) first(ctx context.Context, ref plumbing.ReferenceName) (h plumbing.Hash, c commitInfo, err error) {
	tip, err := s.tip(ref)
	if err != nil {
		return h, c, err
	}
	err = s.historyFrom(ctx, tip, func(at plumbing.Hash, info commitInfo) error {
		h, c = at, info
		return nil
	})
	return h, c, err
}
