package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// resolveThread reads a reference to a thread, which need not be there. A bare
// name is a thread of that project if one is given, else the one thread of
// that name in any project, else one of the project "general". If several
// projects have it, it is an *AmbiguousError.
func (s *Store) resolveThread(ctx context.Context, thread, project string) (event.ThreadRef, error) {
	projects, err := s.projects()
	if err != nil {
		return event.ThreadRef{}, err
	}
	t, err := s.referTo(ctx, projects, thread, project)
	return t.ref, err
}

// referTo does what resolveThread says and finds the thread's places.
func (s *Store) referTo(ctx context.Context, projects subtree, thread, project string) (located, error) {
	ref, err := event.ParseThreadRef(thread)
	if err != nil {
		return located{}, err
	}
	if project != "" {
		slug, err := event.Slug(project)
		if err != nil {
			return located{}, fmt.Errorf("project: %w", err)
		}
		if ref.Project != "" && ref.Project != slug {
			return located{}, fmt.Errorf("thread %q lies in another project than %q; give the thread alone, or leave the project out", thread, project)
		}
		ref.Project = slug
	}
	if ref.Project != "" {
		places, err := s.threadPlaces(projects, ref)
		return located{ref, places}, err
	}
	return s.referToBare(ctx, projects, ref.Thread)
}

func (s *Store) referToBare(ctx context.Context, projects subtree, thread string) (located, error) {
	by, err := s.group([]subtree{projects})
	if err != nil {
		return located{}, err
	}
	var found []located
	for project, in := range by {
		if err := ctx.Err(); err != nil {
			return located{}, err
		}
		places, err := s.places(thread, in...)
		if err != nil {
			return located{}, err
		}
		if len(places) > 0 {
			found = append(found, located{event.ThreadRef{Project: project, Thread: thread}, places})
		}
	}
	switch len(found) {
	case 0:
		return located{ref: event.ThreadRef{Project: event.DefaultProject, Thread: thread}}, nil
	case 1:
		return found[0], nil
	}
	return located{}, &AmbiguousError{Abbrev: thread, Candidates: refNames(found)}
}

func refNames(threads []located) []string {
	names := make([]string, len(threads))
	for i, t := range threads {
		names[i] = t.ref.String()
	}
	slices.Sort(names)
	return names
}

// findThread finds a thread that must be there.
func (s *Store) findThread(ctx context.Context, projects subtree, thread string) (located, error) {
	t, err := s.referTo(ctx, projects, thread, "")
	if err != nil || len(t.places) > 0 {
		return t, err
	}
	all, err := s.locate(projects, "")
	if err != nil {
		return located{}, err
	}
	return located{}, &UnknownError{What: "thread", Name: thread, Nearest: nearestThreads(t.ref, all)}
}

// nearestThreads looks for threads of a similar name, in the same project
// first.
func nearestThreads(ref event.ThreadRef, all []located) []string {
	if near := nearest(ref.String(), refNames(all)); len(near) > 0 {
		return near
	}
	byName := make(map[string]string, len(all))
	var names []string
	for _, t := range all {
		byName[t.ref.Thread] = t.ref.String()
		names = append(names, t.ref.Thread)
	}
	near := nearest(ref.Thread, names)
	for i, name := range near {
		near[i] = byName[name]
	}
	return slices.Compact(near)
}

// openThread reads a thread that must be there.
func (s *Store) openThread(ctx context.Context, thread string) (*folded, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	t, err := s.findThread(ctx, projects, thread)
	if err != nil {
		return nil, err
	}
	return s.newSummer(ctx).fold(t.ref, t.places)
}

// MessageByID returns a message by its id or an abbreviation of it, with its
// receipts and its commit. Without an index the commit is looked for in the
// whole history, which takes time for an old message. An id that no message has is an
// *UnknownError, an abbreviation of several an *AmbiguousError.
func (s *Store) MessageByID(ctx context.Context, idOrAbbrev string) (*Message, error) {
	found, err := s.resolveMessages(ctx, []string{idOrAbbrev})
	if err != nil {
		return nil, err
	}
	return found[0], s.complete(ctx, found[0])
}

// complete fills in a message's commit and receipts.
func (s *Store) complete(ctx context.Context, m *Message) (err error) {
	if m.Commit, err = s.commitOf(ctx, m.ID); err != nil {
		return err
	}
	return s.fillReceipts(ctx, []*Message{m})
}

// resolveMessages returns the messages of these ids or abbreviations, in the
// same order. It reads no history: Commit and Receipts are not filled.
func (s *Store) resolveMessages(ctx context.Context, ids []string) ([]*Message, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	return s.resolve(ctx, projects, ids)
}

func (s *Store) resolve(ctx context.Context, projects subtree, ids []string) ([]*Message, error) {
	wanted := make([]string, len(ids))
	for i, id := range ids {
		abbrev, err := event.Abbreviation(id)
		if err != nil {
			return nil, err
		}
		wanted[i] = abbrev
	}
	messages, ok, err := s.indexedMessages(ctx, wanted)
	if err == nil && !ok {
		messages, err = s.walkedMessages(ctx, projects, wanted)
	}
	if err != nil {
		return nil, err
	}
	found := make([]*Message, len(ids))
	for i, abbrev := range wanted {
		if found[i], err = pick(abbrev, messages); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// pick returns the message that abbrev stands for.
func pick(abbrev string, messages []*Message) (*Message, error) {
	var fit []*Message
	for _, m := range messages {
		if m.ID.Matches(abbrev) && !slices.ContainsFunc(fit, func(o *Message) bool { return o.ID == m.ID }) {
			fit = append(fit, m)
		}
	}
	switch len(fit) {
	case 0:
		return nil, &UnknownError{What: "message", Name: abbrev, Hint: "look for it with search, or give more of its id"}
	case 1:
		return fit[0], nil
	}
	slices.SortFunc(fit, func(a, b *Message) int { return a.ID.Compare(b.ID) })
	ambiguous := &AmbiguousError{Abbrev: abbrev}
	for _, m := range fit {
		ambiguous.Candidates = append(ambiguous.Candidates, describe(m))
	}
	return nil, ambiguous
}

// describe tells a message from others: its short id, thread and title.
func describe(m *Message) string {
	return strings.TrimSpace(m.ID.Short() + " " + m.Thread.String() + " " + m.Title)
}

// walkedMessages does what indexedMessages does from the tree.
func (s *Store) walkedMessages(ctx context.Context, projects subtree, wanted []string) ([]*Message, error) {
	files, err := s.filesOf(ctx, projects, wanted)
	if err != nil {
		return nil, err
	}
	return s.messages(files)
}

// messages reads files, without those that are damaged.
func (s *Store) messages(files []leaf) ([]*Message, error) {
	var all []*Message
	for _, f := range files {
		m, err := s.message(f)
		if err != nil {
			if err := s.leaveOut(f.path(), err); err != nil {
				return nil, err
			}
			continue
		}
		all = append(all, m)
	}
	return all, nil
}

// filesOf returns the messages' files whose names fit one of the wanted ids,
// which are as event.Abbreviation returns them.
func (s *Store) filesOf(ctx context.Context, projects subtree, wanted []string) ([]leaf, error) {
	match, err := newIDMatch(wanted)
	if err != nil {
		return nil, err
	}
	if files, ok := s.read.view.filesOf(projects, match); ok {
		return files, nil
	}
	var mu sync.Mutex
	var files []leaf
	w := walk{s: s, enter: match.mayHold, visit: func(_ int, f leaf) error {
		if stem, ok := strings.CutSuffix(f.name, ".md"); ok && match.short(stem) {
			mu.Lock()
			defer mu.Unlock()
			files = append(files, f)
		}
		return nil
	}}
	_, err = w.run(ctx, projects)
	return files, err
}

// idMatch looks for ids in names.
type idMatch struct {
	prefixes []string // of short ids
	// seconds at which the messages were written; nil if one is not known.
	seconds []int64
}

func newIDMatch(wanted []string) (idMatch, error) {
	var m idMatch
	for _, abbrev := range wanted {
		if len(abbrev) <= shortID {
			m.prefixes = append(m.prefixes, abbrev)
			continue
		}
		id, err := event.ParseID(abbrev)
		if err != nil {
			return m, err
		}
		m.prefixes = append(m.prefixes, id.Short())
		m.seconds = append(m.seconds, id.Time().Unix())
	}
	if len(m.seconds) < len(wanted) {
		m.seconds = nil
	}
	return m, nil
}

// short tells whether a file's name without ".md" ends in a short id looked for.
func (m idMatch) short(stem string) bool {
	if len(stem) < shortID {
		return false
	}
	stem = stem[len(stem)-shortID:]
	return slices.ContainsFunc(m.prefixes, func(p string) bool { return strings.HasPrefix(stem, p) })
}

// mayHold tells whether a directory may hold what is looked for.
func (m idMatch) mayHold(d subtree) bool {
	if m.seconds == nil {
		return true
	}
	_, rest, ok := cutThread(d.path)
	if !ok {
		return true
	}
	_, in, ok := pathSpan(rest)
	return !ok || slices.ContainsFunc(m.seconds, func(at int64) bool { return in.from <= at && at <= in.to })
}

// errStop ends a walk through history early.
var errStop = errors.New("stop")

// farBehind is how many commits are looked at behind the one that the index
// names, before the whole history is: a build marks one in each step.
const farBehind = 2 * buildStep

// commitOf returns the commit of main that brought a message.
func (s *Store) commitOf(ctx context.Context, id event.ID) (found plumbing.Hash, err error) {
	_, err = s.fromIndex(ctx, func(v *index.View) error {
		from, ok, err := v.Since(id)
		if err == nil && ok {
			// A commit that cannot be read is one of a history that was rewritten.
			found, _ = s.commitBehind(ctx, from, id, farBehind)
		}
		return err
	})
	if err != nil || !found.IsZero() {
		return found, err
	}
	tip, err := s.tip(mainRef)
	if err != nil {
		return found, err
	}
	return s.commitBehind(ctx, tip, id, math.MaxInt)
}

// commitBehind looks for the commit that brought a message among the n newest
// from one on. It is zero if it is not among them.
func (s *Store) commitBehind(ctx context.Context, from plumbing.Hash, id event.ID, n int) (found plumbing.Hash, err error) {
	err = s.historyFrom(ctx, from, func(h plumbing.Hash, c commitInfo) error {
		if n--; n < 0 {
			return errStop
		}
		if c.id == id {
			found = h
			return errStop
		}
		return nil
	})
	return found, err
}

// history visits the commits of main, newest first, until visit returns an
// error; errStop is not reported.
func (s *Store) history(ctx context.Context, visit func(plumbing.Hash, commitInfo) error) error {
	h, err := s.tip(mainRef)
	if err != nil {
		return err
	}
	return s.historyFrom(ctx, h, visit)
}

// historyFrom is history from a commit on.
func (s *Store) historyFrom(ctx context.Context, h plumbing.Hash, visit func(plumbing.Hash, commitInfo) error) error {
	past, err := s.ancestry()
	for err == nil && !h.IsZero() {
		if err = ctx.Err(); err != nil {
			break
		}
		var c commitInfo
		if c, err = past.info(h); err == nil {
			err = visit(h, c)
			h = c.parent
		}
	}
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}
