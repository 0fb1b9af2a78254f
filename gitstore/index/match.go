package index

import (
	"bytes"
	"slices"
	"strings"

	"skein/gitstore/event"
)

// term is a word, a phrase or a prefix* that is looked for.
type term struct {
	words  []string // folded
	prefix bool     // what is found may go on behind the last word
}

func (t term) equal(o term) bool { return t.prefix == o.prefix && slices.Equal(t.words, o.words) }

// quoted is a word of a document, or several in a row, as FTS5 asks for it.
// No word holds a quote.
func quoted(words string) string { return `"` + words + `"` }

// allOf asks for documents that match all of some expressions.
func allOf(expressions []string) string { return strings.Join(expressions, " AND ") }

// anyOf asks for documents that match any of some expressions.
func anyOf(expressions []string) string { return "(" + strings.Join(expressions, " OR ") + ")" }

// expression asks for documents that hold the term.
func (t term) expression() string { return quoted(strings.Join(t.words, " ")) + t.star() }

func (t term) star() string {
	if t.prefix {
		return " *"
	}
	return ""
}

// prominent asks for documents in which each word of the term is prominent.
func (t term) prominent() string {
	all := make([]string, len(t.words))
	for i, w := range t.words {
		all[i] = quoted(string(prominentMark) + w)
	}
	return "(" + allOf(all) + t.star() + ")"
}

// find returns where the term stands in what plain has made of a text, with a
// space in front; -1 if it does not.
func (t term) find(text []byte) int {
	pattern := " " + strings.Join(t.words, " ")
	if !t.prefix {
		pattern += " "
	}
	return bytes.Index(text, []byte(pattern))
}

// Matcher tells what the index would find, for a walk through the tree. It is
// used by one goroutine.
type Matcher struct {
	q *Query
	d drafter
}

// Matcher returns a matcher for the query.
func (q *Query) Matcher() *Matcher { return &Matcher{q: q} }

// MatchHeader checks what stands in the front matter. What depends on the
// thread is left to the caller: Thread, Project, Status and Member.
func (q *Query) MatchHeader(e *event.Event) bool {
	at := e.ID.Time()
	return e.Kind == event.KindMessage && (q.From == "" || e.From == q.From) &&
		(q.Since.IsZero() || !at.Before(q.Since)) &&
		(q.Before.IsZero() || at.Before(q.Before)) &&
		!slices.ContainsFunc(q.To, func(name string) bool { return !slices.Contains(e.To, name) }) &&
		!slices.ContainsFunc(q.Tags, func(tag string) bool { return !hasTag(e.Tags, tag) })
}

func hasTag(tags []string, tag string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, tag) })
}

// MatchText tells whether title and body hold all terms.
func (m *Matcher) MatchText(title, body []byte) bool {
	if len(m.q.terms) == 0 {
		return true
	}
	b := plain(append(m.d.buf[:0], ' '), title)
	b = append(b, "* "...) // no phrase reaches across
	m.d.buf = plain(b, body)
	return !slices.ContainsFunc(m.q.terms, func(t term) bool { return t.find(m.d.buf) < 0 })
}

// Tier tells how prominent the terms are in a message that matches.
func (m *Matcher) Tier(title, body []byte) Tier {
	if len(m.q.terms) == 0 {
		return Mentioned
	}
	b := plain(m.d.buf[:0], body)
	p := &m.d.prominence
	p.reset()
	p.body(b)
	p.title(title)
	b = append(b[:0], ' ')
	m.d.buf = p.append(b)
	some, all := false, true
	for _, t := range m.q.terms {
		is := t.prominentIn(m.d.buf)
		some, all = some || is, all && is
	}
	switch {
	case all:
		return Prominent
	case some:
		return PartlyProminent
	}
	return Mentioned
}

// prominentIn looks for the term among marked words.
func (t term) prominentIn(marked []byte) bool {
	for i, w := range t.words {
		one := term{words: []string{string(prominentMark) + w}, prefix: t.prefix && i == len(t.words)-1}
		if one.find(marked) < 0 {
			return false
		}
	}
	return true
}
