package event

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestSubject(t *testing.T) {
	long := strings.Repeat("word ", 30)
	for _, c := range []struct {
		ref  ThreadRef
		e    Event
		want string
	}{
		{axon, Event{To: []string{"desktop"}, Title: "Recursion bound"}, "axon/constraint-model: claude → desktop: Recursion bound"},
		{axon, Event{Title: "T", Body: []byte("body")}, "axon/constraint-model: claude: T"},
		{axon, Event{To: []string{"a", "*"}, Body: []byte("\n\n  ## Head\r\nmore")}, "axon/constraint-model: claude: Head"},
		{axon, Event{To: []string{"a", "b", "c"}}, "axon/constraint-model: claude → a, b, c"},
		{axon, Event{To: []string{"a", "b", "c", "d", "e"}}, "axon/constraint-model: claude → a, b, c and 2 more"},
		{axon, Event{Body: []byte(long)}, "axon/constraint-model: claude: " + strings.Repeat("word ", 13) + "word w…"},
		{axon, Event{Body: []byte("\x1b[31mred\x1b[0m\u202eltr\u200b\x00\xff")}, "axon/constraint-model: claude: [31mred [0mltr \uFFFD"},
		{axon, Event{Body: []byte("###\n---")}, "axon/constraint-model: claude: ---"},
		{axon, Event{Body: []byte(strings.Repeat("\n", MaxBody))}, "axon/constraint-model: claude"},
		{axon, Event{Kind: KindThread}, "axon/constraint-model: claude"},
		{axon, Event{Kind: KindThread, Status: StatusResolved, Title: "T", Add: []string{"a", "b"}, Remove: []string{"c"}, Description: "D\nE"},
			"axon/constraint-model: claude: status resolved, title T, add a, b, remove c, description D E"},
		{ThreadRef{Project: "axon"}, Event{Kind: KindProject, Title: "Axon"}, "axon: claude: title Axon"},
		{axon, Event{Kind: KindProject, Description: "D"}, "axon: claude: description D"},
		{ThreadRef{}, Event{Kind: KindReceipt, State: StateRead, Messages: make([]ID, 3)}, "claude: read 3"},
		{ThreadRef{}, Event{Kind: KindState, Key: "build\u200b.lock", Payload: []byte(`"held"`)}, `state build.lock: claude: "held"`},
		{ThreadRef{}, Event{Kind: KindRedaction, Messages: []ID{numbered(1)}}, "claude: redact 00000001"},
		{ThreadRef{}, Event{Kind: KindRedaction, Messages: []ID{numbered(1), numbered(2), numbered(3), numbered(4)}}, "claude: redact 00000001 00000001 00000001 and 1 more"},
		{ThreadRef{}, Event{Kind: KindProfile}, "claude: profile"},
		{ThreadRef{}, Event{Kind: KindProfile, Status: "reviewing"}, "claude: status reviewing"},
	} {
		c.e.From = "claude"
		if got := Subject(c.ref, &c.e); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

func TestSubjectIsOneShortCleanLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &Event{From: "claude", Title: rapid.String().Draw(t, "title"), Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body")}
		s := Subject(axon, e)
		if strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s) {
			t.Fatalf("%q", s)
		}
		if n := utf8.RuneCountInString(s); n > len("axon/constraint-model: claude: ")+72 {
			t.Fatalf("%d characters: %q", n, s)
		}
	})
}
