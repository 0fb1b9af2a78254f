package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// searchTree searches without an index.
func (s *Store) searchTree(ctx context.Context, q *search) (*SearchResult, error) {
	found, skipped, err := s.match(ctx, q)
	if err != nil {
		return nil, err
	}
	hits, next, err := index.Page(q.Query, q.from, q.limit, found.source)
	if err != nil {
		return nil, err
	}
	result := &SearchResult{Total: found.total, Skipped: skipped}
	for _, hit := range hits {
		m, err := s.message(hit.Value)
		if err := result.show(s, q, hit.Value.path(), m, err); err != nil {
			return nil, err
		}
	}
	result.setNext(s, q, next)
	return result, nil
}

// match reads all messages that may match.
func (s *Store) match(ctx context.Context, q *search) (*hits, int, error) {
	roots, err := s.roots(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	hides, err := s.hiddenNow()
	if err != nil {
		return nil, 0, err
	}
	searchers := make([]searcher, workers())
	for i := range searchers {
		searchers[i] = searcher{s: s, q: q, hides: hides, hidden: hides.shorts(), matcher: q.Matcher(), hits: hits{q: q}}
	}
	w := walk{s: s, enter: q.mayHold, visit: func(worker int, f leaf) error { return searchers[worker].visit(f) }}
	skipped, err := w.run(ctx, roots...)
	total := &hits{q: q}
	for i := range searchers {
		total.merge(&searchers[i].hits)
	}
	return total, skipped, err
}

// roots returns the directories that the query is about.
func (s *Store) roots(ctx context.Context, q *search) (roots []subtree, err error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	filter := ThreadFilter{Project: q.Project, Status: q.Status, Member: q.Member}
	if q.Thread.Thread == "" && filter == (ThreadFilter{}) {
		return []subtree{projects}, nil
	}
	threads, err := s.locate(projects, q.Project)
	if err != nil {
		return nil, err
	}
	if q.Thread.Thread != "" {
		threads = slices.DeleteFunc(threads, func(t located) bool { return t.ref.Thread != q.Thread.Thread })
	}
	byThread := q.Status != "" || q.Member != ""
	var all []*folded
	if byThread {
		if all, err = s.foldAll(ctx, threads); err != nil {
			return nil, err
		}
	}
	for i, t := range threads {
		if !byThread || filter.pass(&all[i].thread) {
			roots = append(roots, t.places...)
		}
	}
	return roots, nil
}

// mayHold tells whether a directory may hold a match.
func (q *search) mayHold(d subtree) bool {
	if strings.HasSuffix(d.path, "/"+event.ProjectDir) {
		return false
	}
	if q.Since.IsZero() && q.Before.IsZero() {
		return true
	}
	_, rest, ok := cutThread(d.path)
	if !ok {
		return true
	}
	_, in, ok := pathSpan(rest)
	return !ok || (q.Since.IsZero() || in.to >= q.Since.Unix()) && (q.Before.IsZero() || in.from <= q.Before.Unix())
}

// hit is a match, and where it lies.
type hit = index.Candidate[leaf]

// hits are the matches of a walk: how many there are, and as many as a page
// can ask for. The zero value, but for q, is ready.
type hits struct {
	q     *search
	total int
	tiers [index.Prominent + 1][]hit // of at least each tier the newest when the list was begun, newest first
	older []hit                      // the newest behind the place, where that is behind the ranked ones
}

// most is how many hits of a tier index.Page can ask for: it ranks 200 of
// each, and asks for a page of others besides, among which these may be.
func (h *hits) most() int { return h.q.limit + 1 + 4*200 }

func (h *hits) add(c hit) {
	from := h.q.from
	if !from.Newest.IsZero() && c.ID.Compare(from.Newest) > 0 {
		return
	}
	for tier := range c.Tier + 1 {
		h.tiers[tier] = insert(h.tiers[tier], c, h.most())
	}
	if from.Rest && c.ID.Compare(from.At) < 0 {
		h.older = insert(h.older, c, h.most())
	}
}

// insert adds a hit to the newest ones, of which it keeps so many.
func insert(newest []hit, c hit, most int) []hit {
	at, _ := slices.BinarySearchFunc(newest, c, func(a, b hit) int { return b.ID.Compare(a.ID) })
	if at == most {
		return newest
	}
	return slices.Insert(newest[:min(len(newest), most-1)], at, c)
}

func (h *hits) merge(other *hits) {
	h.total += other.total
	for tier, newest := range other.tiers {
		for _, c := range newest {
			h.tiers[tier] = insert(h.tiers[tier], c, h.most())
		}
	}
	for _, c := range other.older {
		h.older = insert(h.older, c, h.most())
	}
}

// source is an index.Source.
func (h *hits) source(tier index.Tier, below event.ID, n int) ([]hit, error) {
	from := h.tiers[tier]
	if h.q.from.Rest && below == h.q.from.At {
		from = h.older
	}
	at := slices.IndexFunc(from, func(c hit) bool { return c.ID.Compare(below) < 0 })
	if at < 0 {
		return nil, nil
	}
	return slices.Clone(from[at:min(at+n, len(from))]), nil
}

// searcher is one worker of a search.
type searcher struct {
	s       *Store
	q       *search
	hides   hidden
	hidden  map[string]bool // the short ids of what may be hidden
	matcher *index.Matcher
	hits    hits
}

var errName = errors.New("its name is not that of an event's file")

// visit looks at one file. The text is compared first, on the bytes as they
// are: few messages match, and only those are parsed.
func (w *searcher) visit(f leaf) error {
	name, err := event.ParseFileName(f.name)
	if err != nil {
		return &brokenError{fmt.Errorf("%w: %w", errName, err)}
	}
	if name.Kind != event.KindMessage || w.q.From != "" && name.Agent != w.q.From {
		return nil
	}
	data, err := w.s.blob(f)
	if err != nil {
		return err
	}
	// What is no event passes: parsing it says what is wrong.
	title, body, ok := cutText(data)
	hidden := w.hidden[name.Short]
	if ok && !hidden && !w.matcher.MatchText(title, body) {
		return nil
	}
	e, err := parseFile(f, data)
	if err != nil {
		return err
	}
	if hidden {
		w.hides.show(e)
		title, body = []byte(e.Title), e.Body
	}
	if w.q.MatchHeader(e) && (!hidden || w.matcher.MatchText(title, body)) {
		w.hits.total++
		w.hits.add(hit{ID: e.ID, Tier: w.matcher.Tier(title, body), Value: f})
	}
	return nil
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
