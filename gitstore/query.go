package gitstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"skein/gitstore/event"
)

// query is a search, taken apart. All of it must hold for a message.
type query struct {
	terms         []term
	from          string // "": anyone
	to, tags      []string
	thread        event.ThreadRef // zero: any; without project: of that name
	filter        ThreadFilter
	since, before time.Time // zero: no bound; since is included
	key           string    // of cursors
}

// queryKeys are the words that may stand before a colon.
var queryKeys = map[string]func(*query, string, time.Time) error{
	"from": func(q *query, v string, _ time.Time) (err error) {
		if q.from != "" {
			return errTwice
		}
		q.from, err = event.AgentName(v)
		return err
	},
	"to": func(q *query, v string, _ time.Time) error {
		name, err := event.AgentName(v)
		if v == event.Everyone {
			name, err = v, nil
		}
		q.to = append(q.to, name)
		return err
	},
	"tag": func(q *query, v string, _ time.Time) error {
		q.tags = append(q.tags, v)
		return nil
	},
	"project": func(q *query, v string, _ time.Time) error { return setOnce(&q.filter.Project, v) },
	"status":  func(q *query, v string, _ time.Time) error { return setOnce(&q.filter.Status, v) },
	"thread": func(q *query, v string, _ time.Time) (err error) {
		if !q.thread.IsZero() {
			return errTwice
		}
		q.thread, err = event.ParseThreadRef(v)
		return err
	},
	"since":  func(q *query, v string, now time.Time) error { return setTime(&q.since, v, now) },
	"before": func(q *query, v string, now time.Time) error { return setTime(&q.before, v, now) },
}

var errTwice = errors.New("stands twice; give it once")

func setOnce(field *string, value string) error {
	if *field != "" && *field != value {
		return errTwice
	}
	*field = value
	return nil
}

func setTime(field *time.Time, value string, now time.Time) (err error) {
	if !field.IsZero() {
		return errTwice
	}
	*field, err = parseWhen(value, now)
	return err
}

// parseQuery takes a search apart. Errors name the word that is wrong.
func parseQuery(sq SearchQuery, now time.Time) (*query, error) {
	q := &query{filter: ThreadFilter{Project: sq.Project, Status: sq.Status, Member: sq.Member}}
	if tag := strings.TrimSpace(sq.Tag); tag != "" {
		q.tags = append(q.tags, tag)
	}
	words, err := splitQuery(sq.Text)
	if err != nil {
		return nil, err
	}
	for _, w := range words {
		if err := q.add(w, now); err != nil {
			return nil, err
		}
	}
	if err := q.filter.check(); err != nil {
		return nil, err
	}
	if err := q.joinProject(); err != nil {
		return nil, err
	}
	if q.empty() {
		return nil, fmt.Errorf(`the query is empty; give words, a "phrase", or one of %s`, keyList())
	}
	q.key = fmt.Sprintf("%q %q %q %q %q", strings.Join(strings.Fields(sq.Text), " "), q.filter.Project, q.filter.Status, q.filter.Member, sq.Tag)
	return q, nil
}

// joinProject makes one restriction of project: and the project in thread:.
func (q *query) joinProject() error {
	if q.thread.Project == "" {
		q.thread.Project = q.filter.Project
	}
	if q.filter.Project == "" {
		q.filter.Project = q.thread.Project
	}
	if q.filter.Project != q.thread.Project {
		return fmt.Errorf("project %q is not that of thread %q; leave one of them out", q.filter.Project, q.thread)
	}
	return nil
}

func (q *query) empty() bool {
	return len(q.terms) == 0 && q.from == "" && len(q.to)+len(q.tags) == 0 && q.thread.IsZero() &&
		q.filter == (ThreadFilter{}) && q.since.IsZero() && q.before.IsZero()
}

func keyList() string {
	keys := make([]string, 0, len(queryKeys))
	for key := range queryKeys {
		keys = append(keys, key+":")
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

// word is a part of a query between spaces.
type word struct {
	key    string // before the colon; "" if it is no filter
	text   string // without quotes
	quoted bool
	shown  string // as it was typed
}

// splitQuery cuts a query into words; a quoted part may hold spaces.
func splitQuery(text string) (words []word, err error) {
	for {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if text == "" {
			return words, nil
		}
		var w word
		if w, text, err = cutWord(text); err != nil {
			return nil, err
		}
		words = append(words, w)
	}
}

func cutWord(text string) (w word, rest string, err error) {
	w.text, rest = cutFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
	key, value, isFilter := strings.Cut(w.text, ":")
	quoted := strings.HasPrefix(rest, `"`) && (w.text == "" || isFilter && value == "" && isKey(key))
	if !quoted {
		w.text, rest = cutFunc(text, unicode.IsSpace)
	} else {
		value, after, closed := strings.Cut(rest[1:], `"`)
		if !closed {
			return w, "", fmt.Errorf("the quote in %.40q is not closed; end it with another \"", text)
		}
		w.quoted, w.text, rest = true, w.text+value, after
	}
	w.shown = text[:len(text)-len(rest)]
	if key, value, ok := strings.Cut(w.text, ":"); ok && isFilter && isKey(key) {
		w.key, w.text = strings.ToLower(key), value
	}
	return w, rest, nil
}

func isKey(key string) bool { return queryKeys[strings.ToLower(key)] != nil }

func cutFunc(s string, at func(rune) bool) (before, rest string) {
	n := strings.IndexFunc(s, at)
	if n < 0 {
		return s, ""
	}
	return s[:n], s[n:]
}

func (q *query) add(w word, now time.Time) error {
	if w.key == "" {
		return q.addTerm(w)
	}
	if strings.TrimSpace(w.text) == "" {
		return fmt.Errorf("%q has no value; write it behind the colon, without a space", w.shown)
	}
	if err := queryKeys[w.key](q, strings.TrimSpace(w.text), now); err != nil {
		return fmt.Errorf("in %q: %w", w.shown, err)
	}
	return nil
}

// addTerm adds a word, a prefix* or a phrase. What looks like a filter
// misspelled is refused: looking for the text would find nothing, silently.
func (q *query) addTerm(w word) error {
	key, _, colon := strings.Cut(w.text, ":")
	if colon && !w.quoted {
		if near := nearKey(strings.ToLower(key)); near != "" {
			return fmt.Errorf(`%q: there is no filter %q; write %s: or put the word in quotes`, w.shown, key+":", near)
		}
	}
	text := w.text
	stem, star := strings.CutSuffix(text, "*")
	t := term{prefix: star && !w.quoted}
	if t.prefix {
		text = stem
	}
	t.text = fold(nil, []byte(strings.TrimSpace(text)))
	if len(t.text) == 0 {
		return fmt.Errorf("%q says nothing to look for; leave it out", w.shown)
	}
	q.terms = append(q.terms, t)
	return nil
}

// nearKey returns the filter that key is one slip away from.
func nearKey(key string) string {
	for known := range queryKeys {
		if len(known) > 2 && editDistance(key, known) == 1 {
			return known
		}
	}
	return ""
}
