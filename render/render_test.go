package render

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"skein/gitstore/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); -update accepts it:\n%s", path, diff)
	}
}

func mustID(t *testing.T, s string) event.ID {
	t.Helper()
	id, err := event.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func sample(t *testing.T, body string) Message {
	at := time.Date(2026, 11, 21, 10, 15, 3, 0, time.UTC)
	return Message{
		Event: &event.Event{
			ID: mustID(t, "01jd8z3k4q8v7n2m5x7k3q9x2m"), From: "claude-code", To: []string{"desktop", event.Everyone},
			At: at, Title: "Recursion bound", ReplyTo: mustID(t, "01jd8z3k4q8v7n2m5x7k3q9x2a"), Tags: []string{"question"},
			Priority: event.PriorityUrgent, RequireAck: true, Expires: at.Add(time.Hour),
			Payload: []byte(`{"commit":"abc123"}`), Body: []byte(body),
		},
		Thread:   event.ThreadRef{Project: "axon", Thread: "constraint-model"},
		Receipts: []Receipt{{"desktop", event.StateRead, at.Add(time.Minute)}},
	}
}

// terminals are the ways in which output is laid out.
var terminals = map[string]Terminal{
	"pipe":    {},
	"mono":    {Width: 60, Markdown: true},
	"dark":    {Width: 60, Markdown: true, Color: true},
	"light":   {Width: 60, Markdown: true, Color: true, Light: true},
	"narrow":  {Width: 24, Markdown: true},
	"tiniest": {Width: 1, Markdown: true, Color: true},
}

func TestMessage(t *testing.T) {
	body, err := os.ReadFile("testdata/body.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, term := range terminals {
		t.Run(name, func(t *testing.T) {
			golden(t, "message-"+name+".txt", term.Message(sample(t, string(body))))
		})
	}
}

func TestTimeline(t *testing.T) {
	first, second := sample(t, "One."), sample(t, "Two.")
	second.Event.ID = mustID(t, "01jd8z3k4q8v7n2m5x7k3q9x2z")
	change := func(id string, e event.Event) *event.Event {
		e.ID, e.From, e.At = mustID(t, id), "mary", first.Event.At
		return &e
	}
	changes := []*event.Event{
		change("01jd8z3k4q8v7n2m5x7k3q9x2y", event.Event{Status: "resolved", Add: []string{"a", "b"}}),
		change("01jd8z3k4q8v7n2m5x7k3q9x2b", event.Event{}),
		change("01jd8z3k4q8v7n2m5x7k3q9zzz", event.Event{Title: "A\x1b[2Jnew\ntitle"}),
	}
	thread := event.Thread{
		Ref: first.Thread, Title: "Constraint\x9b model", Status: "active", Members: []string{"desktop", "mary"}, Messages: 2,
	}
	var term Terminal
	golden(t, "timeline.txt", term.Thread(thread)+"\n"+term.Timeline([]Message{first, second}, changes))
}

func TestHits(t *testing.T) {
	m := sample(t, "x")
	golden(t, "hits.txt", terminals["mono"].Hits([]Hit{{m, "… the recursion\n be \x1b[1mbounded …"}, {m, ""}}))
}

func TestTable(t *testing.T) {
	rows := [][]Cell{
		{Strong("axon/x"), Dim("1 message"), Plain("a title that is longer than the terminal is wide by far, and more")},
		{Strong("日本語/y"), Dim("12 messages"), Plain("\x1b[31mred\n")},
		{Ident("z"), Dim(""), Plain("")},
	}
	golden(t, "table.txt", Terminal{}.Table(rows)+Terminal{Width: 40}.Table(rows))
}

func TestWhen(t *testing.T) {
	if got := (Terminal{}).When(time.Time{}); got != "-" {
		t.Errorf("the zero time is shown as %q", got)
	}
	east := Terminal{Location: time.FixedZone("east", 2*3600)}
	if got, want := east.When(time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)), "2026-11-22 01:00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 packs", 1: "1 pack", 2: "2 packs"} {
		if got := Count(n, "pack"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for _, tc := range []struct{ in, text, line string }{
		{"plain ünïcödé 日本 👩‍💻 ❤️", "plain ünïcödé 日本 👩‍💻 ❤️", "plain ünïcödé 日本 👩‍💻 ❤️"},
		{"a\nb\tc", "a\nb\tc", "a␊b␉c"},
		{"a\r\nb\rc\r\n", "a\nb␍c\n", "a␍␊b␍c␍␊"},
		{"\x1b[31mred\x1b]0;title\a", "␛[31mred␛]0;title␇", "␛[31mred␛]0;title␇"},
		{"\x00\x08\x7f", "␀␈␡", "␀␈␡"},
		{"\u009b31m \u0085", `\u009b31m \u0085`, `\u009b31m \u0085`},
		{"\x9b31m\xff\xe2\x80", `\x9b31m\xff\xe2\x80`, `\x9b31m\xff\xe2\x80`},
		{"\u202eevil\u2066\u200e\u061c", `\u202eevil\u2066\u200e\u061c`, `\u202eevil\u2066\u200e\u061c`},
		{"\ufeffbom\u200b\u2028\u00ad", `\ufeffbom\u200b\u2028\u00ad`, `\ufeffbom\u200b\u2028\u00ad`},
		{"\U000e0041tag", `\U000e0041tag`, `\U000e0041tag`},
		{"\ufffd is a character", "\ufffd is a character", "\ufffd is a character"},
	} {
		if got := Text(tc.in); got != tc.text {
			t.Errorf("Text(%q) = %q, want %q", tc.in, got, tc.text)
		}
		if got := Line(tc.in); got != tc.line {
			t.Errorf("Line(%q) = %q, want %q", tc.in, got, tc.line)
		}
	}
}

func TestHiddenLetsTextThrough(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) && Hidden(r) {
			t.Errorf("%U is hidden", r)
		}
		if (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) && !Hidden(r) {
			t.Errorf("%U is let through", r)
		}
	}
}

// hostile are texts that try to steer a terminal, or to stall the program.
var hostile = []string{
	"\x1b]0;pwned\a\x1b[2J\u009b31m\x9b31m\u202etxt\x7f\r\x00",
	"&#27;[31m &#x1b;]8;;http://evil&#7; &#155;31m &#8238; &#13; &NewLine; &Tab;",
	"[text](http://x/&#27;[2J \"ti&#27;tle\") <http://x/\x1b[2J> ![alt\x1b](u&#27;)",
	"`code\x1b[31m` ``a\x9bb``\n\n```in\x1bfo &#27;\ncode\x1b[2J\n```\n\n    indented\x1b\n",
	"<b\x1b>html</b>\n\n<!-- \x1b[2J\ncomment -->\n\n<script>\n\x1b\n</script>\n",
	"| a\x1b | b&#27; |\n|:--|--:|\n| c\u202e | d\x9b |\n",
	"# head\x1bing\n\nunder&#27;lined\n===\n\n- item\x1b\n  1. nested&#27;\n> quote\x1b\n",
	"[ref]: http://x/\x1b[2J 'title\x1b'\n\n[ref] ~~st\x1bruck~~ *it\x1b* - [x] t\x1b\n\n- [ ] task&#27;\n",
	strings.Repeat(">", 4096), strings.Repeat("1. ", maxMarkdown/3), strings.Repeat("[", 4096),
	strings.Repeat("a*_", 1365), strings.Repeat("[a](", 4096), strings.Repeat("-\t", 4096),
	strings.Repeat("x", 1<<20), strings.Repeat("\x1b", 1<<20), strings.Repeat("é", maxMarkdown/2),
	strings.Repeat("|a", 256) + "\n" + strings.Repeat("|-", 256) + "\n" + strings.Repeat("|b\n", 510),
	strings.Repeat("|a", 500) + "\n" + strings.Repeat("|-", 500) + "\n" + strings.Repeat("|b\n", 8000),
	strings.Repeat("a\u0301", 4000), strings.Repeat("\u0301", 8000), strings.Repeat("👩‍💻", 1000),
	"", "\n\n\n", "\r\n", "---\n", "---\nid: x\n---\n", "\t", "\\\x1b &#0; &#x110000; &unknown; &",
}

// escapesLeft returns s without the escape sequences that colours are made of.
func escapesLeft(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		params := strings.TrimLeft(after, "0123456789;")
		if !found {
			return b.String()
		}
		if !strings.HasPrefix(params, "m") {
			b.WriteString("\x1b[" + after[:len(after)-len(params)])
			params = "m" + params
		}
		s = params[1:]
	}
}

// checkSafe fails if out could steer a terminal.
func checkSafe(t *testing.T, term Terminal, out string) {
	t.Helper()
	if term.Color {
		out = escapesLeft(out)
	}
	if !utf8.ValidString(out) {
		t.Fatalf("the output is not UTF-8: %.200q", out)
	}
	for i, r := range out {
		if r != '\n' && r != '\t' && Hidden(r) {
			t.Fatalf("%U at byte %d of the output: …%q…", r, i, out[max(0, i-20):min(len(out), i+20)])
		}
	}
}

func TestHostile(t *testing.T) {
	for name, term := range terminals {
		t.Run(name, func(t *testing.T) {
			for _, text := range hostile {
				checkAll(t, term, text)
			}
		})
	}
}

// checkAll shows text in every place that a peer can write to.
func checkAll(t *testing.T, term Terminal, text string) {
	t.Helper()
	m := sample(t, text)
	checkBody(t, term, term.Message(m))
	if len(text) > 10_000 {
		return
	}
	m.Event.Title, m.Event.From, m.Event.To, m.Event.Tags = text, text, []string{text}, []string{text}
	m.Event.Priority, m.Event.Payload, m.Thread.Thread, m.Path = text, []byte(text), text, text
	m.Receipts[0].Agent = text
	checkSafe(t, term, term.Message(m))
	checkSafe(t, term, term.Hits([]Hit{{m, text}}))
	checkSafe(t, term, term.Thread(event.Thread{Ref: m.Thread, Title: text, Description: text, Status: text, Members: []string{text}}))
	checkSafe(t, term, term.Timeline(nil, []*event.Event{{From: text, Title: text, Status: text, Description: text, Add: []string{text}}}))
	checkSafe(t, term, term.Table([][]Cell{{Plain(text), Strong(text)}, {Ident(text), Dim(text)}}))
}

// checkBody fails if out is unsafe, or a line of the body stands where the
// head of a message does.
func checkBody(t *testing.T, term Terminal, out string) {
	t.Helper()
	checkSafe(t, term, out)
	for i, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		if i > 0 && line != "" && !strings.HasPrefix(line, strings.Repeat(" ", bodyIndent)) {
			t.Fatalf("line %d is not indented: %q", i, line[:min(len(line), 60)])
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, text := range hostile {
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"pipe", "narrow", "dark"} {
			checkAll(t, terminals[name], text)
		}
	})
}
