package index

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"skein/gitstore/event"
)

func TestParseQuery(t *testing.T) {
	q, err := ParseQuery(`Recursion  "The  Bound" constr* from:Desktop to:* to:bob tag:"two words" thread:axon/Model status:Resolved since:2026-01-02 before:1d recursion`, testStart)
	if err != nil {
		t.Fatal(err)
	}
	want := &Query{From: "desktop", To: []string{"*", "bob"}, Tags: []string{"two words"},
		Thread: event.ThreadRef{Project: "axon", Thread: "model"}, Project: "axon", Status: "resolved",
		Since: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Before: testStart.AddDate(0, 0, -1),
		terms: []term{{words: []string{"recursion"}}, {words: []string{"the", "bound"}}, {words: []string{"constr"}, prefix: true}}}
	if fmt.Sprintf("%+v", q) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", q, want)
	}
	if q.Empty() || !new(Query).Empty() {
		t.Error("which query is empty?")
	}
}

func TestQueryErrors(t *testing.T) {
	for text, want := range map[string]string{
		`form:bob`:                 `in the query, character 1, "form:bob": there is no filter form:; write from: or put the word in quotes`,
		`ein "größer`:              `in the query, character 5, "\"größer": the quote is not closed; end it with another "`,
		`größe  from:`:             `in the query, character 8, "from:": has no value; write it behind the colon, without a space`,
		`from:a from:b`:            `in the query, character 8, "from:b": stands twice; give it once`,
		`tag:x ++`:                 `in the query, character 7, "++": holds no letter or digit to look for; leave it out`,
		`*`:                        `in the query, character 1, "*": holds no letter or digit to look for; leave it out`,
		`status:done`:              `in the query, character 1, "status:done": there is no such status; use active, resolved or archived`,
		`since:soon`:               `in the query, character 1, "since:soon": "soon" is no time; write 2026-11-21, 2026-11-21T10:15:00Z, or an age like 2h or 3d`,
		`thread:a/b/c`:             `in the query, character 1, "thread:a/b/c": thread "a/b/c": has more than one "/"; write project/thread`,
		`thread:axon/a project:b`:  `project "b" is not that of thread "axon/a"; leave one of them out`,
		`from:` + long(60):         `in the query, character 1, "from:` + long(34) + `…": agent name`,
		`statsu:active`:            `in the query, character 1, "statsu:active": there is no filter statsu:; write status: or put the word in quotes`,
		`thread:a thread:b`:        `in the query, character 10, "thread:b": stands twice; give it once`,
		`project:a project:b`:      `in the query, character 11, "project:b": stands twice; give it once`,
		`since:1d since:2d`:        `in the query, character 10, "since:2d": stands twice; give it once`,
		`status:active status:xyz`: `in the query, character 15, "status:xyz": stands twice; give it once`,
	} {
		_, err := ParseQuery(text, testStart)
		var bad *QueryError
		if !errors.As(err, &bad) || !strings.HasPrefix(bad.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
	for _, text := range []string{`http://example.org`, `a:b`, `"form:bob"`, `"from:" x`, `a"b c`, `tag:a:b`} {
		if _, err := ParseQuery(text, testStart); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if !strings.Contains(Help(), "since: status:") {
		t.Error(Help())
	}
}

// long is an agent's name that is none.
func long(n int) string { return strings.Repeat("-", n) }

func TestNarrow(t *testing.T) {
	q := mustParse(t, "bound project:axon")
	if err := q.Narrow("axon", "Resolved", "Ann", " x "); err != nil || q.Status != "resolved" || q.Member != "ann" || q.Tags[0] != "x" {
		t.Errorf("%+v, %v", q, err)
	}
	for _, c := range [][3]string{{"hall"}, {"", "done"}, {"", "", "-"}} {
		var bad *QueryError
		if err := mustParse(t, "project:axon").Narrow(c[0], c[1], c[2], ""); !errors.As(err, &bad) || bad.Error() == "" {
			t.Errorf("%q: %v", c, err)
		}
	}
	if err := mustParse(t, "thread:axon/a").Narrow("hall", "", "", ""); err == nil {
		t.Error("a thread of another project was taken")
	}
}

func TestMatchText(t *testing.T) {
	for _, c := range []struct {
		query, title, body string
		want               bool
	}{
		{"bound", "Recursion bound", "", true},
		{"bound", "", "unbounded", false},
		{"boun*", "", "BOUNDED", true},
		{"*ound", "", "bound", false},
		{`"the bound"`, "the", "bound", false},
		{`"the bound"`, "", "is the,\n **bound**!", true},
		{`"the bou"`, "", "the bound", false},
		{"a_b", "", "x a_b y", true},
		{"a_b", "", "a, b", true},
		{"straße", "", "STRASSE", false},
		{"STRAẞE", "", "straße", true},
		{"ΣΑΣ", "", "σας", true},
		{"你好", "", "说你好吗", true},
		{"你好", "", "你不好", false},
		{"👍", "", "ok👍🏽", true},
		{"cafe", "", "café", false},
		{"naïve", "", "na\u00adïve", true},
		{"x", "", "a\u200bx", true},
		{"", "", "", true},
	} {
		m := mustParse(t, c.query).Matcher()
		if got := m.MatchText([]byte(c.title), []byte(c.body)); got != c.want {
			t.Errorf("%q in %q, %q: %t", c.query, c.title, c.body, got)
		}
	}
}

func TestTier(t *testing.T) {
	many := strings.Repeat("word ", 900)
	for _, c := range []struct {
		query, title, body string
		want               Tier
	}{
		{"bound", "", "bound bound", Mentioned},
		{"bound", "", "bound bound bound", Prominent},
		{"bound", "Bound", "", Prominent},
		{"bou*", "Bound", "", Prominent},
		{"bound solver", "Bound", "solver", PartlyProminent},
		{`"the bound"`, "a bound", "the bound", Mentioned},
		{`"the bound"`, "bound", "the the the", Prominent},
		{"bound", "", many + "bound bound bound", Mentioned},
		{"bound", "", many + "bound bound bound bound bound", Prominent},
		{"from:bob", "", "", Mentioned},
	} {
		m := mustParse(t, c.query).Matcher()
		if got := m.Tier([]byte(c.title), []byte(c.body)); got != c.want {
			t.Errorf("%q in %q, %.20q: %d, want %d", c.query, c.title, c.body, got, c.want)
		}
	}
}

func TestSnippet(t *testing.T) {
	padding := strings.Repeat("längeres Wort ", 20)
	for _, c := range []struct{ query, body, want string }{
		{"bound", "the **Bound**\nis set", "the **Bound** is set"},
		{`"the bound"`, "a the, bound.", "a the, bound."},
		{"none", "first\tline", "first line"},
		{"", "", ""},
		{"x", "a\u202ex\x1b[2J", "ax [2J"},
	} {
		if got := mustParse(t, c.query).Snippet([]byte(c.body)); got != c.want {
			t.Errorf("%q in %q: %q", c.query, c.body, got)
		}
	}
	got := mustParse(t, "bound").Snippet([]byte(padding + "bound " + padding))
	if !strings.HasPrefix(got, "…") || !strings.HasSuffix(got, "…") || !strings.Contains(got, "Wort bound läng") || utf8.RuneCountInString(got) > 2*snippetRadius+8 {
		t.Errorf("%q", got)
	}
}

// TestSnippetShowsMatch tells that matching and finding the place agree.
func TestSnippetShowsMatch(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.String().Draw(rt, "body")
		q, err := ParseQuery(rapid.SampledFrom([]string{"a", `"a b"`, "ab*", "0"}).Draw(rt, "query"), testStart)
		if err != nil {
			rt.Fatal(err)
		}
		start, end := q.first([]byte(body))
		if found := q.Matcher().MatchText(nil, []byte(body)); found != (end > start) {
			rt.Fatalf("match %t, place %d to %d", found, start, end)
		}
		if end > start && !q.Matcher().MatchText(nil, []byte(body[start:end])) && !q.terms[0].prefix {
			rt.Fatalf("%q does not match", body[start:end])
		}
	})
}

// TestPage follows the pages of a long list: each hit comes once, and those
// behind the ranked ones from the newest to the oldest.
func TestPage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 3*rankedSet).Draw(rt, "n")
		var all []Candidate[string]
		for i := range n {
			id := firstID(testStart.Add(time.Duration(n-i) * time.Hour).UnixMilli())
			all = append(all, Candidate[string]{ID: id, Tier: Tier(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(rt, "tier")), Value: fmt.Sprint(i)})
		}
		q := mustParseRapid(rt, "a b")
		var from Place
		var got []Candidate[string]
		for {
			page, next, err := Page(q, from, rapid.IntRange(1, 2*rankedSet).Draw(rt, "limit"), sourceOf(all))
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, page...)
			if next == nil {
				break
			}
			from = *next
		}
		checkOrder(rt, all, got)
	})
}

func mustParseRapid(rt *rapid.T, text string) *Query {
	q, err := ParseQuery(text, testStart)
	if err != nil {
		rt.Fatal(err)
	}
	return q
}

func checkOrder(rt *rapid.T, all, got []Candidate[string]) {
	byID := func(a, b Candidate[string]) int { return b.ID.Compare(a.ID) }
	sorted := slices.SortedFunc(slices.Values(got), byID)
	same(rt, "hits", len(all), len(sorted))
	for i := range all {
		if all[i].ID != sorted[i].ID {
			rt.Fatalf("hit %d is %s, want %s", i, sorted[i].ID, all[i].ID)
		}
	}
	if len(all) == 0 {
		return
	}
	ranked := 0
	for ranked+1 < len(got) && (score(got[ranked].Tier, got[ranked].ID, all[0].ID) >= score(got[ranked+1].Tier, got[ranked+1].ID, all[0].ID)) {
		ranked++
	}
	if ranked+1 < min(len(all), rankedSet) || !slices.IsSortedFunc(got[ranked+1:], byID) {
		rt.Fatalf("only %d of %d are ranked, or the rest is not in order", ranked+1, len(all))
	}
}
