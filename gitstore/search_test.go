package gitstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"skein/gitstore/event"
)

func TestParseQueryErrors(t *testing.T) {
	for _, c := range []struct {
		q    SearchQuery
		want string
	}{
		{SearchQuery{}, `the query is empty; give words, a "phrase", or one of before: from: project: since: status: tag: thread: to:`},
		{SearchQuery{Text: " \t"}, "the query is empty"},
		{SearchQuery{Text: `bound "open quote`}, `the quote in "\"open quote" is not closed; end it with another "`},
		{SearchQuery{Text: `from:"ann`}, `the quote in "from:\"ann" is not closed`},
		{SearchQuery{Text: "bound *"}, `"*" says nothing to look for; leave it out`},
		{SearchQuery{Text: `""`}, `says nothing to look for`},
		{SearchQuery{Text: "bound from:"}, `"from:" has no value; write it behind the colon, without a space`},
		{SearchQuery{Text: "from:a_b"}, `in "from:a_b": agent name "a_b" holds something else`},
		{SearchQuery{Text: "form:ann"}, `"form:ann": there is no filter "form:"; write from: or put the word in quotes`},
		{SearchQuery{Text: "from:ann from:bob"}, `in "from:bob": stands twice; give it once`},
		{SearchQuery{Text: "since:tomorow"}, `in "since:tomorow": "tomorow" is no time; write 2026-11-21`},
		{SearchQuery{Text: "since:2h since:3h"}, `in "since:3h": stands twice`},
		{SearchQuery{Text: "status:open"}, `status: there is no status "open"; use active, resolved or archived`},
		{SearchQuery{Text: "project:a", Project: "b"}, `in "project:a": stands twice`},
		{SearchQuery{Text: "project:a thread:b/c"}, `project "a" is not that of thread "b/c"; leave one of them out`},
		{SearchQuery{Text: "thread:a/b/c"}, `in "thread:a/b/c": thread "a/b/c": has more than one "/"`},
		{SearchQuery{Member: "a_b", Text: "x"}, "member: agent name"},
	} {
		_, err := parseQuery(c.q, testDay)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.q, err, c.want)
		}
	}
}

func TestParseQuery(t *testing.T) {
	q, err := parseQuery(SearchQuery{Text: `Foo "Bar  baz" pre* from:"Ann" to:* TAG:"two words" thread:Axon/M since:2h std::vector http://x "from:y" a"b`}, testDay)
	if err != nil {
		t.Fatal(err)
	}
	var terms []string
	for _, term := range q.terms {
		terms = append(terms, fmt.Sprintf("%s %t", term.text, term.prefix))
	}
	same(t, "terms", []string{"foo false", "bar baz false", "pre true", "std::vector false", "http://x false", "from:y false", `a"b false`}, terms)
	if q.from != "ann" || !slices.Equal(q.to, []string{"*"}) || !slices.Equal(q.tags, []string{"two words"}) ||
		q.thread.String() != "axon/m" || q.filter.Project != "axon" || !q.since.Equal(testDay.Add(-2*time.Hour)) {
		t.Errorf("read as %+v", q)
	}
}

func TestTermFind(t *testing.T) {
	for _, c := range []struct {
		word, text string
		want       bool
	}{
		{"bound", "The Bound.", true},
		{"bound", "unbounded", false},
		{"bound", "unbounded bound", true},
		{"bound*", "boundary", true},
		{"bound*", "unbounded", false},
		{`"a  b"`, "a\n\tb", true},
		{`"a b"`, "ab a bc", false},
		{"C++", "in c++.", true},
		{"c++", "c", false},
		{"a_b", "A_B(x)", true},
		{"thread", "thread_id", true},
		{"solve(", "func solve(c)", true},
		{"=>", "a=>b", true},
		{"ÄRGER", "ärger", true},
		{"ärger", "Verärgert", false},
		{"ström*", "STRÖMUNG", true},
		{"世界", "你好世界。", true},
		{"v2", "v2.1", true},
		{"a-a", "xa-a-a", true},
		{"k", "\u212A", true}, // the Kelvin sign is a k in lower case
		{"e", "e\u0301", false},
	} {
		q, err := parseQuery(SearchQuery{Text: c.word}, testDay)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.terms[0].find(fold(nil, []byte(c.text))) >= 0; got != c.want {
			t.Errorf("%s in %q: %t", c.word, c.text, got)
		}
	}
}

func TestSnippet(t *testing.T) {
	long := strings.Repeat("wörd ", 40)
	look := func(s string) []term { return []term{{text: fold(nil, []byte(s))}} }
	for _, c := range []struct {
		text  string
		terms []term
		want  string
	}{
		{"short\n\n and  bold\x1b[1m", look("bold"), "short and bold [1m"},
		{long + "NEEDLE " + long, look("needle"), "…" + strings.Repeat("wörd ", 16) + "NEEDLE" + strings.Repeat(" wörd", 16) + "…"},
		{long, nil, strings.Repeat("wörd ", 15) + "wörd…"},
		{long, look("absent"), strings.Repeat("wörd ", 15) + "wörd…"},
		{"b then a", append(look("a"), look("b")...), "b then a"},
		{"\u202eevil\u200b", nil, "evil"},
		{"", nil, ""},
	} {
		if got := snippet([]byte(c.text), c.terms); got != c.want {
			t.Errorf("%.20q: got %q, want %q", c.text, got, c.want)
		}
	}
}

// FuzzSnippet: whatever the text, a snippet is one line of valid text of
// bounded length that holds the term where the text does.
func FuzzSnippet(f *testing.F) {
	f.Add("some text", "text")
	f.Add("\xff\u202e\r\n", "a")
	f.Fuzz(func(t *testing.T, text, word string) {
		folded := fold(nil, []byte(word))
		if len(folded) == 0 || len(folded) > 50 || !utf8.ValidString(text) || !utf8.ValidString(word) {
			return
		}
		got := snippet([]byte(text), []term{{text: folded, prefix: true}})
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x1b\u202e") || utf8.RuneCountInString(got) > 2*snippetRadius+52+len(folded) {
			t.Errorf("snippet %q", got)
		}
		whole := fold(nil, []byte(text))
		if again := fold(nil, whole); string(again) != string(whole) && !strings.ContainsAny(text, "\u0130") {
			t.Errorf("%q folds to %q and then to %q", text, whole, again)
		}
	})
}

var searchWords = []string{"bound", "bounds", "Bound", "recursion", "C++", "你好", "世界", "a_b", "µ", "Straße", "STRASSE", "x"}

// naive is a query of one word or prefix as a regular expression over the text.
func naive(word string, prefix bool) *regexp.Regexp {
	const spaced = `\p{L}\p{N}\p{M}`
	pattern := regexp.QuoteMeta(strings.ToLower(word))
	if ok, _ := regexp.MatchString(`^[`+spaced+`]`, word); ok && !strings.ContainsAny(word, "你世") {
		pattern = `(?:^|[^` + spaced + `]|\p{Han})` + pattern
	}
	if ok, _ := regexp.MatchString(`[`+spaced+`]$`, word); ok && !prefix && !strings.ContainsAny(word, "好界") {
		pattern += `(?:$|[^` + spaced + `]|\p{Han})`
	}
	return regexp.MustCompile(`(?s)` + pattern)
}

// TestSearchAgreesWithGrep searches random stores and compares with regular
// expressions over every message.
func TestSearchAgreesWithGrep(t *testing.T) {
	rapidly(t, "10", func(rt *rapid.T) {
		s := openTest(t, quiet)
		text := rapid.Custom(func(rt *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(searchWords), 1, 4).Draw(rt, "words"), rapid.SampledFrom([]string{" ", "\n", "", "-"}).Draw(rt, "between"))
		})
		for range rapid.IntRange(1, 25).Draw(rt, "n") {
			mustPost(t, s, Post{From: rapid.SampledFrom([]string{"ann", "bob"}).Draw(rt, "from"), Thread: rapid.SampledFrom([]string{"axon/a", "axon/b", "c/a"}).Draw(rt, "thread"),
				Title: strings.ReplaceAll(text.Draw(rt, "title"), "\n", `"`), Body: text.Draw(rt, "body")})
		}
		m := loadModel(t, s)
		for range 20 {
			g := grep{
				words:  rapid.SliceOfN(rapid.SampledFrom(searchWords), 1, 2).Draw(rt, "query"),
				prefix: rapid.Bool().Draw(rt, "prefix"),
				from:   rapid.SampledFrom([]string{"", "ann"}).Draw(rt, "only from"),
				thread: rapid.SampledFrom([]string{"", "a", "axon/a"}).Draw(rt, "only in"),
			}
			want := g.run(m)
			got, err := searchAll(s, SearchQuery{Text: g.query(), Limit: 3}, nil)
			var unknown *UnknownError
			if errors.As(err, &unknown) && len(want) == 0 {
				continue // no such thread
			}
			if err != nil {
				t.Fatal(err)
			}
			same(t, g.query(), want, got)
		}
	})
}

// grep is a query, and the naive way to answer it.
type grep struct {
	words        []string
	prefix       bool // of the last word
	from, thread string
}

func (g grep) query() string {
	query := strings.Join(g.words, " ")
	if g.prefix {
		query += "*"
	}
	if g.from != "" {
		query += " from:" + g.from
	}
	if g.thread != "" {
		query += " thread:" + g.thread
	}
	return query
}

func (g grep) run(m *model) (ids []event.ID) {
	for _, m := range slices.Backward(m.messages) {
		ok := (g.from == "" || m.From == g.from) && (g.thread == "" || m.Thread.Thread == "a" && (g.thread == "a" || m.Thread.Project == "axon"))
		for i, word := range g.words {
			re := naive(word, g.prefix && i == len(g.words)-1)
			ok = ok && (re.MatchString(strings.ToLower(m.Title)) || re.MatchString(strings.ToLower(string(m.Body))))
		}
		if ok {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// searchAll follows a search to its end. between is called between pages.
func searchAll(s *Store, q SearchQuery, between func()) (ids []event.ID, err error) {
	for {
		found, err := s.Search(context.Background(), q)
		if err != nil {
			return nil, err
		}
		for _, hit := range found.Hits {
			ids = append(ids, hit.Message.ID)
		}
		if between == nil && found.Total < len(ids) || len(found.Hits) > q.Limit {
			return nil, fmt.Errorf("%d hits shown of %d", len(ids), found.Total)
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			return ids, nil
		}
		if between != nil {
			between()
		}
	}
}

func TestSearchWhileMessagesArrive(t *testing.T) {
	s := openTest(t, quiet)
	fill(t, s, 150, threadName)
	var want []event.ID
	for _, m := range loadModel(t, s).messages {
		want = append([]event.ID{m.ID}, want...)
	}
	got, err := searchAll(s, SearchQuery{Text: "recursion", Limit: 20}, func() { fill(t, s, 3, threadName) })
	if err != nil {
		t.Fatal(err)
	}
	same(t, "hits", want, got)
}

func TestSearchFilters(t *testing.T) {
	now := testDay
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return now }})
	mustJoin(t, s, "ann", "bob", "cy@host")
	ctx := context.Background()
	for i, p := range []Post{
		{From: "ann", Thread: "axon/model", Body: "word 0", Tags: []string{"Question"}},
		{From: "cy@host", Thread: "axon/model", Body: "word 1", To: []string{"ann", "bob"}},
		{From: "ann", Thread: "axon/build", Body: "word 2", To: []string{"*"}},
		{From: "bob", Thread: "bureau/model", Body: "word 3", Tags: []string{"question", "deep"}},
	} {
		now = testDay.AddDate(0, i, 0)
		mustPost(t, s, p)
	}
	resolved := event.StatusResolved
	if _, err := s.UpdateThread(ctx, ThreadUpdate{From: "ann", Thread: "axon/model", Status: &resolved, Add: []string{"bob"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    SearchQuery
		want string
	}{
		{SearchQuery{Text: "word"}, "3 2 1 0"},
		{SearchQuery{Text: "word from:cy@host"}, "1"},
		{SearchQuery{Text: "from:ann"}, "2 0"},
		{SearchQuery{Text: "to:bob"}, "1"},
		{SearchQuery{Text: "to:ann to:bob"}, "1"},
		{SearchQuery{Text: "to:*"}, "2"},
		{SearchQuery{Text: "tag:question"}, "3 0"},
		{SearchQuery{Text: "tag:question tag:deep"}, "3"},
		{SearchQuery{Tag: "QUESTION"}, "3 0"},
		{SearchQuery{Text: "word project:axon"}, "2 1 0"},
		{SearchQuery{Project: "Axon"}, "2 1 0"},
		{SearchQuery{Text: "thread:model"}, "3 1 0"},
		{SearchQuery{Text: "thread:model", Project: "bureau"}, "3"},
		{SearchQuery{Text: "thread:axon/model word"}, "1 0"},
		{SearchQuery{Text: "status:resolved"}, "1 0"},
		{SearchQuery{Status: "active", Text: "word"}, "3 2"},
		{SearchQuery{Member: "bob"}, "1 0"},
		{SearchQuery{Text: "status:archived"}, ""},
		{SearchQuery{Text: "since:2026-12-21"}, "3 2 1"},
		{SearchQuery{Text: "before:2026-12-21"}, "0"},
		{SearchQuery{Text: "since:2026-12-21T00:00:00Z before:2027-01-21"}, "1"},
		{SearchQuery{Text: "since:32d"}, "3 2"},
		{SearchQuery{Text: "word -0"}, ""},
		{SearchQuery{Text: "project:nothing"}, ""},
	} {
		found, err := s.Search(ctx, c.q)
		if err != nil {
			t.Errorf("%+v: %v", c.q, err)
			continue
		}
		var got []string
		for _, hit := range found.Hits {
			got = append(got, strings.TrimPrefix(string(hit.Message.Body), "word "))
		}
		if strings.Join(got, " ") != c.want || found.Total != len(got) {
			t.Errorf("%+v: got %q of %d, want %q", c.q, got, found.Total, c.want)
		}
	}
	var unknown *UnknownError
	if _, err := s.Search(ctx, SearchQuery{Text: "thread:modell"}); !errors.As(err, &unknown) || !slices.Equal(unknown.Nearest, []string{"axon/model"}) && !slices.Equal(unknown.Nearest, []string{"bureau/model"}) {
		t.Errorf("a thread that is not there is %v", err)
	}
	if _, err := s.Search(ctx, SearchQuery{Text: "word", Cursor: "nonsense"}); err == nil {
		t.Error("a cursor made up is taken")
	}
}

// TestSearchAtTheEdgeOfAMonth: a bound within the first or the last second of
// a month does not exclude that month.
func TestSearchAtTheEdgeOfAMonth(t *testing.T) {
	first := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	now := first.Add(-time.Millisecond)
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return now }})
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "november"})
	now = first
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "december"})
	for query, want := range map[string]string{
		"since:2026-11-30T23:59:59.5Z":  "december, november",
		"before:2026-12-01T00:00:00.5Z": "december, november",
		"since:2026-12":                 "december",
		"before:2026-12":                "november",
	} {
		found, err := s.Search(context.Background(), SearchQuery{Text: query})
		if err != nil {
			t.Fatal(err)
		}
		var hits []*Message
		for _, hit := range found.Hits {
			hits = append(hits, hit.Message)
		}
		if got := bodies(hits); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// TestSearchTitles finds what stands in a title, escaped in the file or not,
// and nothing in other front matter.
func TestSearchTitles(t *testing.T) {
	s := openTest(t, quiet)
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Title: `say "hi": 50%`, Body: "first\ntitle: decoy", Tags: []string{"frontmatter"}})
	for query, want := range map[string]int{`50%`: 1, `"hi"`: 1, `say "hi"`: 1, "frontmatter": 0, "ann": 0, "decoy": 1, `title:`: 1, "first": 1, `"50% first"`: 0} {
		found, err := s.Search(context.Background(), SearchQuery{Text: query})
		if err != nil || found.Total != want {
			t.Errorf("%s: %d hits, %v; want %d", query, found.Total, err, want)
		}
	}
}
