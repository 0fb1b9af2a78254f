package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// SearchQuery asks for messages by what they say.
type SearchQuery struct {
	// Text is what index.ParseQuery takes: words, "phrases" and prefix*, which
	// must all stand in the title or the body, in whatever case; and filters:
	// from: to: project: thread: tag: status: since: before:.
	Text string
	// Me is who from:me and to:me mean; "": an agent of that name.
	Me string
	// Project, Status, Member and Tag restrict the search to a project, to
	// threads with that status or that member, and to messages with that tag.
	Project, Status, Member, Tag string
	// Limit is how many hits are returned at most; 0 means 20, and no search
	// returns more than 1000.
	Limit  int
	Cursor string // SearchResult.Next of an earlier call with the same query
}

// SearchResult holds the hits, the best first: messages in which the words are
// prominent come before others, unless these are much younger (package index).
type SearchResult struct {
	Hits []Hit
	// Next continues after the last hit shown; "" at the end.
	Next string
	// Total counts all hits, shown or not; also those that have come since
	// the search began, which no later page shows.
	Total int
	// Skipped counts files that could not be read; Verify names them.
	Skipped int
}

// Hit is a message that matches, and a line of it around the first match.
type Hit struct {
	Message *Message
	Snippet string
}

// search is a SearchQuery that has been checked.
type search struct {
	*index.Query
	from  index.Place // of the cursor
	limit int
	key   string // of cursors
}

// Search finds messages. Without an index all messages are read that the
// filters do not exclude by the names of directories and files. What is wrong
// with the query is an *index.QueryError, a thread that is not there an
// *UnknownError.
func (s *Store) Search(ctx context.Context, sq SearchQuery) (*SearchResult, error) {
	q, err := s.checkSearch(ctx, sq)
	if err != nil {
		return nil, err
	}
	var result *SearchResult
	ok, err := s.fromIndex(ctx, func(v *index.View) (err error) {
		result, err = s.searchIndex(v, q)
		return err
	})
	if ok || err != nil {
		return result, err
	}
	return s.searchTree(ctx, q)
}

func (s *Store) checkSearch(ctx context.Context, sq SearchQuery) (*search, error) {
	parsed, err := index.ParseQuery(sq.Text, s.now())
	if err == nil {
		err = parsed.Narrow(sq.Project, sq.Status, sq.Member, sq.Tag)
	}
	if err != nil {
		return nil, err
	}
	parsed.From = meant(parsed.From, sq.Me)
	for i, name := range parsed.To {
		parsed.To[i] = meant(name, sq.Me)
	}
	if parsed.Empty() {
		return nil, &index.QueryError{Problem: "the query is empty; give one of " + index.Help()}
	}
	q := &search{Query: parsed, limit: pageSize(sq.Limit)}
	q.key = fmt.Sprintf("%q %q %q %q %q", strings.Join(strings.Fields(sq.Text), " "), sq.Project, sq.Status, sq.Member, sq.Tag)
	if sq.Me != "" && (parsed.From == sq.Me || slices.Contains(parsed.To, sq.Me)) {
		q.key += " " + sq.Me // another's from:me is another list
	}
	if sq.Cursor != "" {
		if q.from, err = s.parsePlace(sq.Cursor, q.key); err != nil {
			return nil, err
		}
	}
	return q, s.checkThread(ctx, q.Thread)
}

// Me is the name by which whoever searches is meant.
const Me = "me"

// meant is the agent that a name in a query means to me.
func meant(name, me string) string {
	if name == Me && me != "" {
		return me
	}
	return name
}

// parsePlace reads a cursor among hits.
func (s *Store) parsePlace(cursor, key string) (index.Place, error) {
	_, data, err := s.parseCursor(cursor, string(rune(cursorSearch)), key)
	if err != nil {
		return index.Place{}, err
	}
	place, err := index.ParsePlace(data)
	if err != nil {
		return place, foreignCursor(cursor)
	}
	return place, nil
}

// checkThread refuses a thread that is not there; the zero reference is any.
func (s *Store) checkThread(ctx context.Context, ref event.ThreadRef) error {
	if ref.Thread == "" {
		return nil
	}
	projects, err := s.projects()
	if err != nil {
		return err
	}
	name := ref.Thread
	if ref.Project != "" {
		name = ref.String()
	}
	_, err = s.findThread(ctx, projects, name)
	if errors.As(err, new(*AmbiguousError)) {
		return nil // all of them are meant
	}
	return err
}

// searchIndex searches in the index.
func (s *Store) searchIndex(v *index.View, q *search) (*SearchResult, error) {
	found, err := v.Search(q.Query, q.from, q.limit)
	if err != nil {
		return nil, err
	}
	broken, err := v.BrokenPaths()
	if err != nil {
		return nil, err
	}
	result := &SearchResult{Total: found.Total}
	for _, path := range broken {
		if strings.HasPrefix(path, projectsDir+"/") {
			result.Skipped++
		}
	}
	for _, hit := range found.Hits {
		m, err := s.indexed(hit.Message)
		if err := result.show(s, q, hit.Dir, m, err); err != nil {
			return nil, err
		}
	}
	result.setNext(s, q, found.Next)
	return result, nil
}

// show adds a hit that was read, or counts it as skipped if it is damaged.
func (r *SearchResult) show(s *Store, q *search, path string, m *Message, err error) error {
	if err != nil {
		r.Skipped++
		r.Total--
		return s.leaveOut(path, err)
	}
	if m.Redacted != nil && !q.Matcher().MatchText([]byte(m.Title), m.Body) {
		r.Total-- // it said what is looked for
		return nil
	}
	r.Hits = append(r.Hits, Hit{m, q.Snippet(m.Body)})
	return nil
}

func (r *SearchResult) setNext(s *Store, q *search, next *index.Place) {
	if next != nil {
		r.Next = s.cursor(cursorSearch, q.key, next.Bytes())
	}
}
