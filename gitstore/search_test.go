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

	"pgregory.net/rapid"

	"skein/gitstore/event"
)

var searchWords = []string{"bound", "bounds", "Bound", "recursion", "C++", "你好", "世界", "a_b", "µ", "Straße", "STRASSE", "x"}

// naiveWords cuts text into words: letters, digits and marks in a row, but each
// Chinese character alone.
func naiveWords(text string) (words []string) {
	for _, run := range regexp.MustCompile(`[\p{L}\p{N}\p{M}]+`).FindAllString(strings.ToLower(text), -1) {
		words = append(words, regexp.MustCompile(`\p{Han}|\P{Han}+`).FindAllString(run, -1)...)
	}
	return words
}

// naiveMatch tells whether text holds words in a row, the last of which may go
// on.
func naiveMatch(text string, words []string, prefix bool) bool {
	all := naiveWords(text)
	for at := range len(all) - len(words) + 1 {
		found := slices.Clone(all[at : at+len(words)])
		last := len(words) - 1
		if prefix && strings.HasPrefix(found[last], words[last]) {
			found[last] = words[last]
		}
		if slices.Equal(found, words) {
			return true
		}
	}
	return false
}

// TestSearchAgreesWithGrep searches random stores, with the index and without,
// and compares with a look at every message.
func TestSearchAgreesWithGrep(t *testing.T) {
	rapidly(t, "10", func(rt *rapid.T) {
		s := openTest(t, quiet)
		walker := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, NoIndex: true})
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
			for _, s := range []*Store{s, walker} {
				got, err := searchAll(s, SearchQuery{Text: g.query(), Limit: 3}, nil)
				var unknown *UnknownError
				if errors.As(err, &unknown) && len(want) == 0 {
					continue // no such thread
				}
				if err != nil {
					t.Fatal(err)
				}
				slices.SortFunc(got, func(a, b event.ID) int { return b.Compare(a) })
				same(t, g.query(), want, got)
			}
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
			words, prefix := naiveWords(word), g.prefix && i == len(g.words)-1
			ok = ok && (naiveMatch(m.Title, words, prefix) || naiveMatch(string(m.Body), words, prefix))
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
		{SearchQuery{Text: "word -0"}, "0"},
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
	for query, want := range map[string]int{`50%`: 1, `"hi"`: 1, `say "hi"`: 1, "frontmatter": 0, "ann": 0, "decoy": 1, `"title:"`: 1, "first": 1, `"50% first"`: 0} {
		found, err := s.Search(context.Background(), SearchQuery{Text: query})
		if err != nil || found.Total != want {
			t.Errorf("%s: %d hits, %v; want %d", query, found.Total, err, want)
		}
	}
}
