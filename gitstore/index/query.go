package index

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"skein/gitstore/event"
)

// Query is a search, taken apart. All of it must hold for a message.
type Query struct {
	// What stands before a colon. From is "" for anyone; Thread is zero for
	// any, and without project for every thread of that name.
	From            string
	To, Tags        []string
	Thread          event.ThreadRef
	Project, Status string
	Since, Before   time.Time // zero: no bound; Since is included

	Member string // only threads with that member; see Narrow

	terms []term
}

// QueryError says what is wrong with a query, and where.
type QueryError struct {
	Word    string // as it was typed, cut to 40 characters
	At      int    // where the word begins, in characters; the first is 1
	Problem string // what is wrong and what to do, without a full stop
}

func (e *QueryError) Error() string {
	if e.Word == "" {
		return e.Problem
	}
	return fmt.Sprintf("in the query, character %d, %q: %s", e.At, e.Word, e.Problem)
}

// filters are the words that may stand before a colon.
var filters = map[string]func(q *Query, value string, now time.Time) error{
	"from": func(q *Query, v string, _ time.Time) (err error) {
		if q.From != "" {
			return errTwice
		}
		q.From, err = event.AgentName(v)
		return err
	},
	"to": func(q *Query, v string, _ time.Time) (err error) {
		if v != event.Everyone {
			v, err = event.AgentName(v)
		}
		q.To = append(q.To, v)
		return err
	},
	"tag": func(q *Query, v string, _ time.Time) error {
		q.Tags = append(q.Tags, v)
		return nil
	},
	"project": func(q *Query, v string, _ time.Time) (err error) {
		if q.Project != "" {
			return errTwice
		}
		q.Project, err = event.Slug(v)
		return err
	},
	"status": func(q *Query, v string, _ time.Time) error { return q.setStatus(v) },
	"thread": func(q *Query, v string, _ time.Time) (err error) {
		if !q.Thread.IsZero() {
			return errTwice
		}
		q.Thread, err = event.ParseThreadRef(v)
		return err
	},
	"since":  func(q *Query, v string, now time.Time) error { return setTime(&q.Since, v, now) },
	"before": func(q *Query, v string, now time.Time) error { return setTime(&q.Before, v, now) },
}

// filterNames are the keys of filters, in order.
var filterNames = []string{"before", "from", "project", "since", "status", "tag", "thread", "to"}

var errTwice = errors.New("stands twice; give it once")

func (q *Query) setStatus(v string) error {
	if q.Status != "" {
		return errTwice
	}
	q.Status = strings.ToLower(v)
	switch q.Status {
	case event.StatusActive, event.StatusResolved, event.StatusArchived:
		return nil
	}
	return errors.New("there is no such status; use active, resolved or archived")
}

func setTime(field *time.Time, value string, now time.Time) (err error) {
	if !field.IsZero() {
		return errTwice
	}
	*field, err = ParseTime(value, now)
	return err
}

// ParseQuery takes a search apart: words, "phrases" and prefix*, which must all
// stand in the title or the body, in whatever case; and filters: from: to:
// project: thread: tag: status: since: before:. An error is a *QueryError.
func ParseQuery(text string, now time.Time) (*Query, error) {
	q := &Query{}
	for rest := text; ; {
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
		if rest == "" {
			return q, q.join()
		}
		p, after, err := cutPiece(rest)
		if err == nil {
			err = q.add(p, now)
		}
		if err != nil {
			return nil, &QueryError{Word: clip(p.shown), At: 1 + utf8.RuneCountInString(text[:len(text)-len(rest)]), Problem: err.Error()}
		}
		rest = after
	}
}

// clip cuts a word to 40 characters.
func clip(s string) string {
	if runes := []rune(s); len(runes) > 40 {
		return string(runes[:39]) + "…"
	}
	return s
}

// join makes one restriction of project: and the project in thread:.
func (q *Query) join() error {
	switch {
	case q.Thread.IsZero():
	case q.Thread.Project == "":
		q.Thread.Project = q.Project
	case q.Project == "":
		q.Project = q.Thread.Project
	case q.Project != q.Thread.Project:
		return &QueryError{Problem: fmt.Sprintf("project %q is not that of thread %q; leave one of them out", q.Project, q.Thread)}
	}
	return nil
}

// Narrow restricts the query further: to a project, to threads with a status
// or a member, to messages with a tag. "" leaves it as it is.
func (q *Query) Narrow(project, status, member, tag string) error {
	for _, f := range []struct{ name, value, has string }{{"project", project, q.Project}, {"status", strings.ToLower(status), q.Status}} {
		if f.value == "" || f.value == f.has {
			continue
		}
		if err := filters[f.name](q, f.value, time.Time{}); err != nil {
			return &QueryError{Problem: fmt.Sprintf("%s %.40q: %v", f.name, f.value, err)}
		}
	}
	if member != "" {
		name, err := event.AgentName(member)
		if err != nil {
			return &QueryError{Problem: fmt.Sprintf("member: %v", err)}
		}
		q.Member = name
	}
	if tag = strings.TrimSpace(tag); tag != "" {
		q.Tags = append(q.Tags, tag)
	}
	return q.join()
}

// Empty tells whether the query asks for nothing.
func (q *Query) Empty() bool {
	return len(q.terms) == 0 && q.From == "" && len(q.To)+len(q.Tags) == 0 && q.Thread.IsZero() &&
		q.Project == "" && q.Status == "" && q.Member == "" && q.Since.IsZero() && q.Before.IsZero()
}

// Help lists what a query may hold, for the error about an empty one.
func Help() string { return `words, "phrases", prefix*, ` + strings.Join(filterNames, ": ") + ":" }

// piece is what stands between spaces in a query.
type piece struct {
	key    string // before the colon; "" if it is no filter
	text   string // without quotes
	quoted bool
	shown  string // as it was typed
}

// cutPiece cuts the first piece off a query; what is quoted may hold spaces.
func cutPiece(text string) (p piece, rest string, err error) {
	head, rest := cutFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
	key, value, isFilter := strings.Cut(head, ":")
	isFilter = isFilter && filters[strings.ToLower(key)] != nil
	p.quoted = strings.HasPrefix(rest, `"`) && (head == "" || isFilter && value == "")
	if p.quoted {
		inside, after, closed := strings.Cut(rest[1:], `"`)
		if !closed {
			p.shown = text
			return p, "", errors.New(`the quote is not closed; end it with another "`)
		}
		p.text, rest = inside, after
	} else {
		p.text, rest = cutFunc(text, unicode.IsSpace)
		_, value, _ = strings.Cut(p.text, ":")
	}
	p.shown = text[:len(text)-len(rest)]
	if isFilter {
		p.key = strings.ToLower(key)
		if !p.quoted {
			p.text = value
		}
	}
	return p, rest, nil
}

func cutFunc(s string, at func(rune) bool) (before, rest string) {
	n := strings.IndexFunc(s, at)
	if n < 0 {
		return s, ""
	}
	return s[:n], s[n:]
}

func (q *Query) add(p piece, now time.Time) error {
	if p.key == "" {
		return q.addTerm(p)
	}
	value := strings.TrimSpace(p.text)
	if value == "" {
		return errors.New("has no value; write it behind the colon, without a space")
	}
	return filters[p.key](q, value, now)
}

// addTerm adds a word, a prefix* or a phrase. What looks like a filter
// misspelled is refused: looking for the text would find nothing, silently.
func (q *Query) addTerm(p piece) error {
	if key, _, colon := strings.Cut(p.text, ":"); colon && !p.quoted {
		if near := nearFilter(strings.ToLower(key)); near != "" {
			return fmt.Errorf("there is no filter %s:; write %s: or put the word in quotes", key, near)
		}
	}
	stem, star := strings.CutSuffix(p.text, "*")
	t := term{prefix: star && !p.quoted}
	if !t.prefix {
		stem = p.text
	}
	words([]byte(stem), func(w word) bool {
		t.words = append(t.words, string(w.text))
		return true
	})
	if len(t.words) == 0 {
		return errors.New("holds no letter or digit to look for; leave it out")
	}
	if !slices.ContainsFunc(q.terms, t.equal) {
		q.terms = append(q.terms, t)
	}
	return nil
}

// nearFilter returns the filter that key is one slip away from.
func nearFilter(key string) string {
	for _, known := range filterNames {
		if len(known) > 2 && key != known && oneSlip(key, known) {
			return known
		}
	}
	return ""
}

// oneSlip tells whether a becomes b by one insertion, deletion or substitution,
// or by swapping two neighbours.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 1:
		return a[i:] == b[i+1:]
	case 0:
		return i < len(a) && (a[i+1:] == b[i+1:] ||
			i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:])
	}
	return false
}
