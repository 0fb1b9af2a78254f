package gitstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"skein/gitstore/event"
)

// LogEntry is a commit of main: one event.
type LogEntry struct {
	Hash            plumbing.Hash
	At              time.Time
	Author, Subject string
	ID              string // the event's id; "" for a commit that brought none
}

// Log returns the last n commits of main, newest first; 0 means 20.
func (s *Store) Log(ctx context.Context, n int) ([]LogEntry, error) {
	var log []LogEntry
	err := s.history(ctx, func(h plumbing.Hash, _ commitInfo) error {
		c, err := object.GetCommit(s.db, h)
		if err != nil {
			return err
		}
		if log = append(log, logEntry(c)); len(log) == logSize(n) {
			return errStop
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", s.dir, err)
	}
	return log, s.hideSubjects(log)
}

// hideSubjects hides the subjects of messages that were redacted.
func (s *Store) hideSubjects(log []LogEntry) error {
	now, err := s.hiddenNow()
	if err != nil || len(now) == 0 {
		return err
	}
	for i := range log {
		id, err := event.ParseID(log[i].ID)
		if _, gone := now[id]; err == nil && gone {
			log[i].Subject = log[i].Author + ": (redacted)"
		}
	}
	return nil
}

func logSize(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return n
}

func logEntry(c *object.Commit) LogEntry {
	subject, _, _ := strings.Cut(c.Message, "\n")
	return LogEntry{Hash: c.Hash, At: c.Author.When.UTC(), Author: c.Author.Name, Subject: subject,
		ID: skeinID([]byte(c.Message)).String()}
}

// minHash is how many digits of a commit's hash are needed to name it.
const minHash = 7

// Show returns a message as MessageByID does, also by its commit's hash or at
// least 7 digits of that. By its hash any event of main can be shown.
func (s *Store) Show(ctx context.Context, idOrHash string) (*Message, error) {
	name := strings.ToLower(strings.TrimSpace(idOrHash))
	m, err := s.MessageByID(ctx, name)
	if err == nil || len(name) < minHash || !isHex(name) {
		return m, err
	}
	var unknown *UnknownError
	if _, notID := event.Abbreviation(name); notID == nil && !errors.As(err, &unknown) {
		return m, err
	}
	h, c, err := s.commitByHash(ctx, name)
	if err != nil {
		return nil, err
	}
	if m, err = s.broughtBy(ctx, h, c); err != nil {
		return nil, err
	}
	return m, s.fillReceipts(ctx, []*Message{m})
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// commitByHash finds a commit of main by the beginning of its hash.
func (s *Store) commitByHash(ctx context.Context, prefix string) (found plumbing.Hash, info commitInfo, err error) {
	var candidates []string
	err = s.history(ctx, func(h plumbing.Hash, c commitInfo) error {
		if strings.HasPrefix(h.String(), prefix) {
			found, info = h, c
			candidates = append(candidates, h.String())
		}
		return nil
	})
	switch {
	case err != nil:
		return found, info, err
	case len(candidates) == 0:
		return found, info, &UnknownError{What: "message or commit", Name: prefix, Hint: "list what there is with log"}
	case len(candidates) > 1:
		return found, info, &AmbiguousError{Abbrev: prefix, Candidates: candidates}
	}
	return found, info, nil
}

// broughtBy returns the event that a commit brought.
func (s *Store) broughtBy(ctx context.Context, h plumbing.Hash, c commitInfo) (*Message, error) {
	f, err := s.addedBy(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("commit %s %w", h, err)
	}
	e, err := s.event(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; run skein verify", f.path(), err)
	}
	ref, _, _ := cutThread(f.dir)
	m := &Message{Event: *e, Thread: ref, Path: f.path(), Commit: h}
	return m, s.hide(m)
}

// addedBy returns the file that a commit added to the tree of its parent.
func (s *Store) addedBy(ctx context.Context, c commitInfo) (leaf, error) {
	if c.id.IsZero() {
		return leaf{}, errors.New("brought no event")
	}
	if c.cut {
		return s.fileOf(ctx, c)
	}
	before, err := s.rootTree(c.parent)
	if err != nil {
		return leaf{}, err
	}
	var diff changes
	if err := s.diff(ctx, subtree{hash: before}, subtree{hash: c.tree}, &diff); err != nil {
		return leaf{}, err
	}
	for len(diff.fresh) > 0 {
		d := diff.fresh[0]
		diff.fresh = diff.fresh[1:]
		if err := s.diff(ctx, subtree{path: d.path}, d, &diff); err != nil {
			return leaf{}, err
		}
	}
	if len(diff.added) != 1 || len(diff.removed)+len(diff.gone) > 0 {
		return leaf{}, errors.New("is not of one event; run skein verify")
	}
	f := diff.added[0]
	f.dir = strings.TrimPrefix(f.dir, "/")
	return f, nil
}
