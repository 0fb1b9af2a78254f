package index

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"skein/gitstore/event"
)

// Hit is a message that matches.
type Hit struct {
	Message
	Tier Tier
}

// Found is a page of hits, the best first.
type Found struct {
	Hits  []Hit
	Next  *Place // continues behind the last hit; nil at the end
	Total int    // all that match, shown or not
}

// Search returns at most limit hits of a query from a place on. See the
// package comment for the order.
func (v *View) Search(q *Query, from Place, limit int) (*Found, error) {
	s := &search{v: v, q: q, least: idSince(q.Since), below: idBefore(q.Before)}
	none, err := s.restrict()
	if err != nil || none {
		return &Found{}, err
	}
	hits, next, err := Page(q, from, limit, s.newest)
	if err != nil {
		return nil, err
	}
	found := &Found{Next: next}
	for _, c := range hits {
		m, err := v.message(c.Value)
		if err != nil {
			return nil, err
		}
		found.Hits = append(found.Hits, Hit{m, c.Tier})
	}
	found.Total, err = s.count()
	return found, err
}

// search is a search under way.
type search struct {
	v            *View
	q            *Query
	marks        []string // of what must be in a document besides the terms
	threads      map[int64]bool
	least, below event.ID // between which ids must lie, below excluded
}

// idSince is the least id made at t or later, the zero ID for the zero Time.
func idSince(t time.Time) event.ID {
	if t.IsZero() {
		return event.ID{}
	}
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return firstID(ms)
}

func idBefore(t time.Time) event.ID {
	if t.IsZero() {
		return maxID
	}
	return idSince(t)
}

// mostThreadMarks is how many threads are asked for by name. If a query is
// about more, each match is looked at, which takes 2 µs a match.
const mostThreadMarks = 500

// restrict turns the filters into marks; none is true if no thread passes.
func (s *search) restrict() (none bool, err error) {
	q := s.q
	mark := func(prefix, name string) { s.marks = append(s.marks, quoted(prefix+name)) }
	if q.From != "" {
		mark(fromMark, q.From)
	}
	for _, name := range q.To {
		mark(toMark, name)
	}
	for _, tag := range q.Tags {
		mark("", tagWord(tag))
	}
	switch {
	case q.Status != "" || q.Member != "" || !q.Thread.IsZero() && q.Thread.Project == "":
		return s.restrictThreads()
	case !q.Thread.IsZero():
		mark(threadMark, q.Thread.String())
	case q.Project != "":
		mark(projectMark, q.Project)
	}
	if len(s.marks)+len(q.terms) == 0 {
		mark("", anyWord)
	}
	return false, nil
}

const namedThreadsSQL = `SELECT n, project, thread ` + threadFilterSQL + ` AND (?4 = '' OR thread = ?4)`

func (s *search) restrictThreads() (none bool, err error) {
	q := s.q
	s.threads = make(map[int64]bool)
	var names []string
	err = s.v.c.each(s.v.ctx, namedThreadsSQL, []any{q.Project, q.Status, q.Member, q.Thread.Thread}, func(scan func(...any) error) error {
		var n int64
		var ref event.ThreadRef
		err := scan(&n, &ref.Project, &ref.Thread)
		s.threads[n] = true
		names = append(names, quoted(threadMark+ref.String()))
		return err
	})
	switch {
	case err != nil || len(names) == 0:
		return true, err
	case len(names) <= mostThreadMarks:
		s.threads = nil
		s.marks = append(s.marks, anyOf(names))
	case len(s.marks)+len(q.terms) == 0:
		s.marks = append(s.marks, quoted(anyWord))
	}
	return false, nil
}

// expression asks for the documents of at least a tier.
func (s *search) expression(tier Tier) string {
	all := slices.Clone(s.marks)
	var prominent []string
	for _, t := range s.q.terms {
		prominent = append(prominent, t.prominent())
		if tier != Prominent || len(t.words) > 1 {
			all = append(all, t.expression())
		}
	}
	switch tier {
	case Prominent:
		all = append(all, prominent...)
	case PartlyProminent:
		all = append(all, anyOf(prominent))
	}
	return allOf(all)
}

// fits checks what the words of a document do not tell.
func (s *search) fits(m numbered) bool {
	return m.id.Compare(s.least) >= 0 && m.id.Compare(s.below) < 0 && (s.threads == nil || s.threads[m.thread])
}

const newestSQL = `SELECT words.rowid, messages.data FROM words LEFT JOIN messages ON messages.n = words.rowid
	WHERE words MATCH ? AND words.rowid <= ? ORDER BY words.rowid DESC`

// newest is a Source. Numbers are followed downwards; where they are in the
// order of ids, it ends with the n-th match.
func (s *search) newest(tier Tier, below event.ID, n int) ([]Candidate[numbered], error) {
	l := &newestList{s: s, below: below, n: n, block: -1}
	number, err := s.start(below)
	if err != nil || number < 0 {
		return nil, err
	}
	args := []any{s.expression(tier), (number+1)*blockSize - 1}
	if err := s.v.c.documents(s.v.ctx, newestSQL, args, l.add); err != nil {
		return nil, err
	}
	found := make([]Candidate[numbered], len(l.found))
	for i, m := range l.found {
		found[i] = Candidate[numbered]{ID: m.id, Value: m}
	}
	return found, nil
}

// documents is records for rows of words, which must all have their message.
func (c *conn) documents(ctx context.Context, query string, args []any, do func(numbered) error) error {
	var m numbered
	var data sql.RawBytes
	return c.each(ctx, query, args, func(scan func(...any) error) error {
		if err := scan(&m.n, &data); err != nil {
			return err
		}
		if data == nil {
			return damaged("the words of message %d are there, the message is not", m.n)
		}
		if err := m.decode(m.n, data); err != nil {
			return err
		}
		return do(m)
	})
}

// start returns the last block with an id less than below, -1 if there is none.
func (s *search) start(below event.ID) (int64, error) {
	if s.below.Compare(below) < 0 {
		below = s.below
	}
	for number := s.v.state.lastBlock(); number >= 0; number-- {
		b, err := s.v.block(number)
		if err != nil || b.least.Compare(below) < 0 {
			return number, err
		}
	}
	return -1, nil
}

// newestList collects the greatest ids among matches that come by number
// downwards.
type newestList struct {
	s     *search
	below event.ID
	n     int
	found []numbered // newest first

	block int64 // of the last match
	late  bool  // that of the block
}

func (l *newestList) add(m numbered) error {
	if number := m.n / blockSize; number != l.block {
		b, err := l.s.v.block(number)
		if err != nil {
			return err
		}
		if b.top.Compare(l.s.least) < 0 || l.full() && l.found[l.n-1].id.Compare(b.top) > 0 {
			return errEnough
		}
		l.block, l.late = number, b.late
	}
	if m.id.Compare(l.below) < 0 && l.s.fits(m) {
		l.insert(m)
	}
	if !l.late && (m.id.Compare(l.s.least) < 0 || l.full() && m.id.Compare(l.found[l.n-1].id) <= 0) {
		return errEnough
	}
	return nil
}

func (l *newestList) full() bool { return len(l.found) >= l.n }

func (l *newestList) insert(m numbered) {
	at := len(l.found)
	for at > 0 && m.id.Compare(l.found[at-1].id) > 0 {
		at--
	}
	if at < l.n {
		l.found = slices.Insert(l.found[:min(len(l.found), l.n-1)], at, m)
	}
}

const (
	countSQL = `SELECT count(*) FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?`
	checkSQL = `SELECT words.rowid, messages.data FROM words LEFT JOIN messages ON messages.n = words.rowid
	WHERE words MATCH ? AND words.rowid BETWEEN ? AND ?`
)

// count counts all matches: by their words alone where whole blocks fit, else
// by looking at each.
func (s *search) count() (total int, err error) {
	last := s.v.state.lastBlock()
	first := int64(0) // of the blocks that fit and are not counted yet
	for number := int64(0); number <= last+1; number++ {
		fit := none
		if number <= last {
			if fit, err = s.fitOf(number); err != nil {
				return 0, err
			}
		}
		if fit == all {
			continue
		}
		n, err := s.countWords(first, number-1)
		if err == nil && fit == some {
			var more int
			more, err = s.countEach(number)
			n += more
		}
		if err != nil {
			return 0, err
		}
		total, first = total+n, number+1
	}
	return total, nil
}

// fit tells which messages of a block pass what their words do not tell.
type fit int

const (
	none fit = iota
	some
	all
)

func (s *search) fitOf(number int64) (fit, error) {
	if s.threads == nil && s.least.IsZero() && s.below == maxID {
		return all, nil
	}
	b, err := s.v.block(number)
	switch {
	case err != nil || b.most.Compare(s.least) < 0 || b.least.Compare(s.below) >= 0:
		return none, err
	case s.threads == nil && b.least.Compare(s.least) >= 0 && b.most.Compare(s.below) < 0:
		return all, nil
	}
	return some, nil
}

func (s *search) countWords(from, to int64) (n int, err error) {
	if to < from {
		return 0, nil
	}
	err = s.v.c.each(s.v.ctx, countSQL, []any{s.expression(Mentioned), from * blockSize, (to+1)*blockSize - 1}, func(scan func(...any) error) error {
		return scan(&n)
	})
	return n, err
}

func (s *search) countEach(number int64) (n int, err error) {
	err = s.v.c.documents(s.v.ctx, checkSQL, []any{s.expression(Mentioned), number * blockSize, (number+1)*blockSize - 1}, func(m numbered) error {
		if s.fits(m) {
			n++
		}
		return nil
	})
	return n, err
}
