package gitstore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// Redact hides what messages say, given by ids or abbreviations, from everyone
// who reads with skein: title, body, tags and payload. It is an event like any
// other, so that every machine learns of it; git's history still holds the
// text. It returns the messages as they are shown now. If one message is not
// known nothing is hidden.
func (s *Store) Redact(ctx context.Context, from string, ids []string, reason string) ([]*Message, error) {
	name, err := event.AgentName(from)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, errors.New("ids: is empty; give the ids of messages")
	}
	messages, err := s.resolveMessages(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("ids: %w", err)
	}
	e := &event.Event{Kind: event.KindRedaction, From: name, Description: strings.TrimSpace(reason)}
	for _, m := range messages {
		s.observe(m.ID)
		if m.Redacted == nil {
			e.Messages = append(e.Messages, m.ID)
		}
	}
	if len(e.Messages) > 0 {
		if err := s.write(ctx, newRequest(home{redactions: true}, e)); err != nil {
			return nil, err
		}
	}
	for _, m := range messages {
		if err := s.hide(m); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// hidden is what redactions hide, by message. It must not be modified.
type hidden map[event.ID]event.Redaction

// show makes of an event what may be shown of it.
func (h hidden) show(e *event.Event) {
	if r, ok := h[e.ID]; ok && e.Kind == event.KindMessage {
		e.Redact(r)
	}
}

// shorts returns the short ids of what is hidden: the names of files tell these.
func (h hidden) shorts() map[string]bool {
	shorts := make(map[string]bool, len(h))
	for id := range h {
		shorts[id.Short()] = true
	}
	return shorts
}

// redactions keeps what a commit of main and its tree of redactions hide. Its
// zero value is ready.
type redactions struct {
	mu           sync.Mutex
	commit, tree plumbing.Hash
	hides        hidden
}

// hide makes a message what may be shown of it.
func (s *Store) hide(m *Message) error {
	now, err := s.hiddenNow()
	if err != nil {
		return err
	}
	if r, ok := now[m.ID]; ok && m.Redacted == nil {
		m.Redacted = &r
		m.Redact(r)
	}
	return nil
}

// hiddenNow returns what is hidden at the tip.
func (s *Store) hiddenNow() (hidden, error) {
	commit, err := s.tip(mainRef)
	if err != nil {
		return nil, err
	}
	return s.hiddenAt(commit)
}

// hiddenAt returns what is hidden at a commit of main; nothing at the zero one.
func (s *Store) hiddenAt(commit plumbing.Hash) (hidden, error) {
	if commit.IsZero() {
		return nil, nil
	}
	c := &s.redactions
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.commit == commit {
		return c.hides, nil
	}
	top, err := s.topOf(commit, event.RedactionsDir)
	if err != nil {
		return nil, err
	}
	if c.commit.IsZero() || c.tree != top.hash {
		if c.hides, err = s.readRedactions(top); err != nil {
			return nil, err
		}
	}
	c.commit, c.tree = commit, top.hash
	return c.hides, nil
}

func (s *Store) readRedactions(top subtree) (hidden, error) {
	var mu sync.Mutex
	var events []*event.Event
	w := walk{s: s, visit: func(_ int, f leaf) error {
		e, err := s.event(f)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
		return nil
	}}
	_, err := w.run(context.Background(), top)
	return event.FoldRedactions(events), err
}

// shown returns what a message's file beside .git holds: its own bytes, unless
// what it says is hidden.
func (h hidden) shown(name string, file []byte) ([]byte, error) {
	if len(h) == 0 || !strings.HasSuffix(name, ".md") {
		return file, nil
	}
	e, err := event.ParseHeader(file)
	if err != nil {
		return file, nil // Verify reports it
	}
	r, ok := h[e.ID]
	if !ok {
		return file, nil
	}
	e.Redact(r)
	return e.Marshal()
}

// hideNew writes the files again of messages that have been hidden since a
// commit.
func (x *exporter) hideNew(ctx context.Context, before []byte, after plumbing.Hash) error {
	was, _ := lookup(before, event.RedactionsDir)
	top, err := x.s.topOf(after, event.RedactionsDir)
	if err != nil || top.hash == was.Hash {
		return err
	}
	for id := range x.hides {
		found, err := x.s.resolveMessages(ctx, []string{id.String()})
		if err != nil {
			continue // of a message that is not here, or not yet
		}
		x.note(found[0].Path, x.rewrite(found[0].Path, after))
	}
	return nil
}

// rewrite writes one file again, from the tree of a commit.
func (x *exporter) rewrite(file string, commit plumbing.Hash) error {
	root, err := x.s.rootTree(commit)
	if err != nil {
		return err
	}
	d := &exportedDir{x: x, root: x.top}
	h := root
	for name := range strings.SplitSeq(path.Dir(file), "/") {
		raw, err := x.s.tree(h)
		if err != nil {
			return err
		}
		e, _ := lookup(raw, name)
		h, d = e.Hash, d.sub(name)
		defer d.close()
	}
	raw, err := x.s.tree(h)
	if err != nil {
		return err
	}
	e, ok := lookup(raw, path.Base(file))
	if !ok {
		return nil
	}
	return d.write(e.Name, e.Hash, true)
}
