package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"skein/gitstore/event"
)

// The shared state is a JSON value under each key, which every agent may set;
// the last one wins. Each change is an event on main, in a directory of its
// key, so that a value is found without a look at anything else.

// SetState sets a key of the shared state to a JSON value, and takes it away if
// that is null. It returns what the key is now, which another agent may already
// have set again. Keys are told apart byte by byte, but for space around them.
func (s *Store) SetState(ctx context.Context, from, key string, value []byte) (event.State, error) {
	name, err := event.AgentName(from)
	if err != nil {
		return event.State{}, err
	}
	if key = strings.TrimSpace(key); key == "" {
		return event.State{}, errors.New("key: is empty; name what is to be set")
	}
	compact, err := event.CompactPayload(value)
	if err != nil {
		return event.State{}, fmt.Errorf("value: %w", err)
	}
	e := &event.Event{Kind: event.KindState, From: name, Key: key, Payload: compact}
	if err := s.write(ctx, newRequest(home{key: event.KeyDir(key)}, e)); err != nil {
		return event.State{}, err
	}
	return s.State(ctx, key)
}

// write checks an event, joins its author and commits it.
func (s *Store) write(ctx context.Context, r *request) error {
	if err := s.stamp(r); err != nil {
		return err
	}
	if err := s.Join(ctx, r.event.From); err != nil {
		return err
	}
	return s.append(ctx, r)
}

// checkKey refuses what is longer than any key.
func checkKey(what, key string) error {
	if utf8.RuneCountInString(key) > event.MaxKey {
		return fmt.Errorf("%s: is longer than %d characters; there is no such key", what, event.MaxKey)
	}
	return nil
}

// State returns the value of a key of the shared state. A key that was never
// set is no error: its At is zero.
func (s *Store) State(ctx context.Context, key string) (event.State, error) {
	key = strings.TrimSpace(key)
	if err := checkKey("key", key); err != nil {
		return event.State{}, err
	}
	changes, err := s.stateEvents(ctx, key, 1)
	return event.FoldState(key, changes), err
}

// StateLog returns the last n changes of a key, newest first; 0 means 20. A
// change that took the key away has no value.
func (s *Store) StateLog(ctx context.Context, key string, n int) ([]event.State, error) {
	key = strings.TrimSpace(key)
	if err := checkKey("key", key); err != nil {
		return nil, err
	}
	events, err := s.stateEvents(ctx, key, logSize(n))
	if err != nil {
		return nil, err
	}
	log := make([]event.State, len(events))
	for i, e := range events {
		log[i] = event.FoldState(key, []*event.Event{e})
	}
	return log, nil
}

// States returns every key that begins with a prefix and has a value, in order
// of keys. It reads the newest change of each key.
func (s *Store) States(ctx context.Context, prefix string) ([]event.State, error) {
	if err := checkKey("prefix", prefix); err != nil {
		return nil, err
	}
	top, err := s.top(mainRef, event.StateDir)
	if err != nil {
		return nil, err
	}
	by, err := s.group([]subtree{top})
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(by))
	for name := range by {
		names = append(names, name)
	}
	found := make([]event.State, len(names))
	err = s.newSummer(ctx).each(len(names), func(i int) error {
		newest, err := s.newestStates(ctx, by[names[i]], 1, func(string) bool { return true })
		if err == nil && len(newest) > 0 {
			found[i] = event.FoldState(newest[0].Key, newest)
		}
		return err
	})
	found = slices.DeleteFunc(found, func(st event.State) bool { return st.Value == nil || !strings.HasPrefix(st.Key, prefix) })
	slices.SortFunc(found, func(a, b event.State) int { return strings.Compare(a.Key, b.Key) })
	return found, err
}

// stateEvents returns the last n events of a key, newest first.
func (s *Store) stateEvents(ctx context.Context, key string, n int) ([]*event.Event, error) {
	if key == "" {
		return nil, errors.New("key: is empty; name the key, or give a prefix to list keys")
	}
	top, err := s.top(mainRef, event.StateDir)
	if err != nil {
		return nil, err
	}
	places, err := s.places(event.KeyDir(key), top)
	if err != nil {
		return nil, err
	}
	return s.newestStates(ctx, places, n, func(other string) bool { return other == key })
}

// newestStates returns the last n events of a key's directories, newest first,
// of those keys that are wanted. A second is taken whole before it is cut: only
// ids tell the order within it.
func (s *Store) newestStates(ctx context.Context, places []subtree, n int, wanted func(key string) bool) ([]*event.Event, error) {
	c, err := newScan(s, true, math.MaxInt64, places)
	if err != nil {
		return nil, err
	}
	c.kind = event.KindState
	var newest []*event.Event
	for len(newest) < n {
		files, err := c.next(ctx)
		if err != nil || len(files) == 0 {
			return newest, err
		}
		events, err := s.eventsOf(files, func(e *event.Event) bool { return wanted(e.Key) })
		if err != nil {
			return nil, err
		}
		newest = append(newest, events...)
	}
	return newest[:n], nil
}

// eventsOf reads the events in files that are wanted, newest first, each once.
func (s *Store) eventsOf(files []leaf, wanted func(*event.Event) bool) ([]*event.Event, error) {
	var found []*event.Event
	for _, f := range files {
		e, err := s.event(f)
		if err != nil {
			if err := s.leaveOut(f.path(), err); err != nil {
				return nil, err
			}
			continue
		}
		if wanted(e) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *event.Event) int { return event.Compare(b, a) })
	return slices.CompactFunc(found, func(a, b *event.Event) bool { return event.Compare(a, b) == 0 }), nil
}
