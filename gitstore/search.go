package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"skein/gitstore/event"
)

// SearchQuery asks for messages by what they say.
type SearchQuery struct {
	// Text holds words, "phrases" and prefix*, which must all stand in the
	// title or the body, in whatever case; and filters: from: to: project:
	// thread: tag: status: since: before:.
	Text string
	// Project, Status, Member and Tag restrict the search to a project, to
	// threads with that status or that member, and to messages with that tag.
	Project, Status, Member, Tag string
	// Limit is how many hits are returned at most; 0 means 20, and no search
	// returns more than 1000.
	Limit  int
	Cursor string // SearchResult.Next of an earlier call with the same query
}

// SearchResult holds the hits, newest first.
type SearchResult struct {
	Hits []Hit
	// Next continues after the last hit shown; "" at the end.
	Next string
	// Total counts all hits, shown or not.
	Total int
	// Skipped counts files that could not be read; Verify names them.
	Skipped int
}

// Hit is a message that matches, and a line of it around the first match.
type Hit struct {
	Message *Message
	Snippet string
}

// Search finds messages. It walks the tree: all messages are read that the
// filters do not exclude by the names of directories and files.
func (s *Store) Search(ctx context.Context, sq SearchQuery) (*SearchResult, error) {
	q, err := parseQuery(sq, s.now())
	if err != nil {
		return nil, err
	}
	before := maxID
	if sq.Cursor != "" {
		if _, before, err = s.parseCursorAt(sq.Cursor, string(rune(cursorSearch)), q.key); err != nil {
			return nil, err
		}
	}
	found, skipped, err := s.match(ctx, q, before, pageSize(sq.Limit))
	if err != nil {
		return nil, err
	}
	result := &SearchResult{Total: found.total, Skipped: skipped}
	if found.more {
		result.Next = s.cursorAt(cursorSearch, q.key, found.kept[len(found.kept)-1].id)
	}
	return result, s.show(result, found.kept, q.terms)
}

// show reads the hits that were kept.
func (s *Store) show(result *SearchResult, kept []waiting, terms []term) error {
	for _, f := range kept {
		m, err := s.message(f.leaf)
		if err == nil {
			result.Hits = append(result.Hits, Hit{m, snippet(m.Body, terms)})
			continue
		}
		result.Skipped++
		if err := s.leaveOut(f.path(), err); err != nil {
			return err
		}
	}
	return nil
}

// match finds what the query matches, and keeps the n newest before a place.
func (s *Store) match(ctx context.Context, q *query, before event.ID, n int) (*hits, int, error) {
	roots, err := s.roots(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	searchers := make([]searcher, workers())
	for i := range searchers {
		searchers[i] = searcher{s: s, q: q, hits: hits{before: before, most: n}}
	}
	w := walk{s: s, enter: q.mayHold, visit: func(worker int, f leaf) error { return searchers[worker].visit(f) }}
	skipped, err := w.run(ctx, roots...)
	total := &hits{before: before, most: n}
	for i := range searchers {
		total.merge(&searchers[i].hits)
	}
	return total, skipped, err
}

// roots returns the directories that the query is about.
func (s *Store) roots(ctx context.Context, q *query) ([]subtree, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	if q.thread.Thread == "" && q.filter == (ThreadFilter{}) {
		return []subtree{projects}, nil
	}
	threads, err := s.locate(projects, q.filter.Project)
	if err != nil {
		return nil, err
	}
	if q.thread.Thread != "" {
		threads = slices.DeleteFunc(threads, func(t located) bool { return t.ref.Thread != q.thread.Thread })
		if len(threads) == 0 {
			return nil, s.noSuchThread(projects, q.thread)
		}
	}
	return s.rootsOf(ctx, q, threads)
}

func (s *Store) noSuchThread(projects subtree, ref event.ThreadRef) error {
	all, err := s.locate(projects, "")
	if err != nil {
		return err
	}
	return &UnknownError{What: "thread", Name: ref.String(), Nearest: nearestThreads(ref, all)}
}

func (s *Store) rootsOf(ctx context.Context, q *query, threads []located) (roots []subtree, err error) {
	byThread := q.filter.Status != "" || q.filter.Member != ""
	var all []*folded
	if byThread {
		if all, err = s.foldAll(ctx, threads); err != nil {
			return nil, err
		}
	}
	for i, t := range threads {
		if !byThread || q.filter.pass(&all[i].thread) {
			roots = append(roots, t.places...)
		}
	}
	return roots, nil
}

// mayHold tells whether a directory may hold a match.
func (q *query) mayHold(d subtree) bool {
	if strings.HasSuffix(d.path, "/"+event.ProjectDir) {
		return false
	}
	if q.since.IsZero() && q.before.IsZero() {
		return true
	}
	_, rest, ok := cutThread(d.path)
	if !ok {
		return true
	}
	_, in, ok := pathSpan(rest)
	return !ok || (q.since.IsZero() || in.to >= q.since.Unix()) && (q.before.IsZero() || in.from <= q.before.Unix())
}

// matchName tells whether the message may match whose file has that name.
func (q *query) matchName(name event.Name) bool {
	return name.Kind == event.KindMessage && (q.from == "" || name.Agent == q.from)
}

// matchHeader checks what is not in the text.
func (q *query) matchHeader(e *event.Event) bool {
	at := e.ID.Time()
	return (q.from == "" || e.From == q.from) &&
		(q.since.IsZero() || !at.Before(q.since)) &&
		(q.before.IsZero() || at.Before(q.before)) &&
		!slices.ContainsFunc(q.to, func(name string) bool { return !slices.Contains(e.To, name) }) &&
		!slices.ContainsFunc(q.tags, func(tag string) bool { return !hasTag(e.Tags, tag) })
}

// hits collects matches: how many there are, and the newest before a place.
type hits struct {
	before event.ID
	most   int
	total  int
	more   bool      // there are more before the place than are kept
	kept   []waiting // newest first
}

func (h *hits) add(f waiting) {
	if f.id.Compare(h.before) >= 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(h.kept, f.id, func(k waiting, id event.ID) int { return id.Compare(k.id) })
	if len(h.kept) == h.most {
		h.more = true
		if at == len(h.kept) {
			return
		}
		h.kept = h.kept[:len(h.kept)-1]
	}
	h.kept = slices.Insert(h.kept, at, f)
}

func (h *hits) merge(other *hits) {
	h.total += other.total
	h.more = h.more || other.more
	for _, f := range other.kept {
		h.add(f)
	}
}

// searcher is one worker of a search.
type searcher struct {
	s      *Store
	q      *query
	folded []byte // used again for each message
	hits   hits
}

var errName = errors.New("its name is not that of an event's file")

// visit looks at one file. The text is compared first, on the bytes as they
// are: few messages match, and only those are parsed.
func (w *searcher) visit(f leaf) error {
	name, err := event.ParseFileName(f.name)
	if err != nil {
		return &brokenError{fmt.Errorf("%w: %w", errName, err)}
	}
	if !w.q.matchName(name) {
		return nil
	}
	data, err := w.s.blob(f)
	if err != nil {
		return err
	}
	if len(w.q.terms) > 0 && !w.matchText(data) {
		return nil
	}
	e, err := parseFile(f, data)
	if err != nil {
		return err
	}
	if w.q.matchHeader(e) {
		w.hits.total++
		w.hits.add(waiting{f, e.ID})
	}
	return nil
}

// matchText tells whether title and body hold all terms. What is no event
// passes: parsing it says what is wrong.
func (w *searcher) matchText(data []byte) bool {
	title, body, ok := cutText(data)
	if !ok {
		return true
	}
	w.folded = fold(w.folded[:0], title)
	w.folded = append(w.folded, 0) // no message holds it: no phrase goes across
	w.folded = fold(w.folded, body)
	for _, t := range w.q.terms {
		if t.find(w.folded) < 0 {
			return false
		}
	}
	return true
}

// cutText finds title and body in an event's file.
func cutText(data []byte) (title, body []byte, ok bool) {
	front, body, ok := bytes.Cut(data, []byte("\n---\n\n"))
	if !ok {
		return nil, nil, false
	}
	_, rest, titled := bytes.Cut(front, []byte("\ntitle: "))
	if !titled {
		return nil, body, true
	}
	title, _, _ = bytes.Cut(rest, []byte("\n"))
	if len(title) > 0 && title[0] == '"' {
		e, err := event.ParseHeader(data)
		if err != nil {
			return nil, nil, false
		}
		title = []byte(e.Title)
	}
	return title, body, true
}
