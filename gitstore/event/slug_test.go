package event

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var slugPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{
		"axon":                     "axon",
		"Constraint Model":         "constraint-model",
		"  foo - bar  ":            "foo-bar",
		"a--b":                     "a--b",
		"v1.2_rc":                  "v1.2_rc",
		"_project":                 "project",
		"-rf":                      "rf",
		"trailing dot.":            "trailing-dot",
		"trailing space ":          "trailing-space",
		"feature/login":            "feature-login",
		`c:\windows`:               "c-windows",
		"x/.git":                   "x-.git",
		"what — now":               "what-now",
		"don’t stop…":              "don-t-stop",
		"日本語":                      "77710aedc74e",
		"日本語 notes":                "notes-2f8ca0",
		"Größe":                    "gr-e-d353a2",
		"🚀 launch":                 "launch-774e9f",
		"100":                      "100",
		"com":                      "com",
		"coming":                   "coming",
		"console.log":              "console.log",
		strings.Repeat("a", 48):    strings.Repeat("a", 48),
		strings.Repeat("a", 65):    strings.Repeat("a", 41) + "-635361",
		strings.Repeat("ab ", 50):  strings.Repeat("ab-", 14) + "93c672",
		strings.Repeat("x", 10000): strings.Repeat("x", 41) + "-e4ee97",
	} {
		got, err := Slug(in)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

// hostileNames are refused as slugs and as agent names alike.
var hostileNames = []string{
	"", " ", ".", "..", "/", "../x", "a/../b", "..\\x", "/etc/passwd", ".git", ".GIT", ".hidden",
	"CON", "con", "aux.txt", "NUL.tar.gz", "com1", "LPT9.md", "prn ",
	"a\x00b", "a\nb", "a\x1b[31mb", "a\x7fb", "a\u0085b", "\xff\xfe", "a\xc3", "---", "...", "___", "—", "*", "a..b",
}

func TestSlugRefusesHostileNames(t *testing.T) {
	for _, name := range hostileNames {
		if got, err := Slug(name); err == nil {
			t.Errorf("%q became %q", name, got)
		} else {
			wantError(t, err, "name ")
		}
	}
	_, err := Slug(strings.Repeat("../", 10000))
	wantError(t, err, "begins with")
}

func TestSlugKeepsDifferentNamesApart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"日本語", "日本", "設計", "会議", "设计 1", "設計 1", "größe", "große", "🚀 launch", "🎉 launch", "launch",
		strings.Repeat("a", 48), strings.Repeat("a", 65), strings.Repeat("a", 66), strings.Repeat("a", 65) + "!",
	} {
		slug, err := Slug(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if other, taken := seen[slug]; taken {
			t.Errorf("%q and %q are both %q", name, other, slug)
		}
		seen[slug] = name
	}
}

func TestSlugIsASafeDirectoryAndItsOwnSlug(t *testing.T) {
	gen := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9 ._/é日-]{0,80}`), rapid.StringMatching(`[Cc]on[. é-]{0,3}`))
	rapid.Check(t, func(t *rapid.T) {
		name := gen.Draw(t, "name")
		slug, err := Slug(name)
		if err != nil {
			return
		}
		if !slugPattern.MatchString(slug) || strings.Contains(slug, "..") || isWindowsDevice(slug) {
			t.Fatalf("%q became %q", name, slug)
		}
		if again, err := Slug(slug); err != nil || again != slug {
			t.Fatalf("%q became %q, and that %q, %v", name, slug, again, err)
		}
		if upper, err := Slug(" " + strings.ToUpper(slug) + " "); err != nil || upper != slug {
			t.Fatalf("%q in capitals became %q, %v", slug, upper, err)
		}
	})
}

func TestAgentName(t *testing.T) {
	for in, want := range map[string]string{
		"claude-code":           "claude-code",
		" Claude-Code@Axon ":    "claude-code@axon",
		"a":                     "a",
		"7":                     "7",
		"gpt-5.1":               "gpt-5.1",
		strings.Repeat("a", 36): strings.Repeat("a", 36),
	} {
		if got, err := AgentName(in); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestAgentNameRefusesHostileNames(t *testing.T) {
	more := []string{"a/b", "a_b", "a b", "日本語", "a@", "@a", "a-", "a--b", "a.", strings.Repeat("a", 65), strings.Repeat("x", 10000), "con@", "*"}
	for _, name := range append(more, hostileNames...) {
		if got, err := AgentName(name); err == nil {
			// Space around a name is no part of it.
			if strings.TrimSpace(name) == name {
				t.Errorf("%q became %q", name, got)
			}
		} else {
			wantError(t, err, "agent name ")
		}
	}
}

func TestAgentNameProposes(t *testing.T) {
	for in, want := range map[string]string{
		"Claude Code":   `agent name "Claude Code" holds something else than a-z, 0-9, '.', '@' and '-'; "claude-code" would do`,
		"con":           `agent name "con" is reserved on Windows; "con-agent" would do`,
		"日本語":           `agent name "日本語" does not begin and end with a-z or 0-9; choose another`,
		"claude--code.": `agent name "claude--code." does not begin and end with a-z or 0-9; "claude-code" would do`,
	} {
		_, err := AgentName(in)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", in, err, want)
		}
	}
}

func TestSuggestAgentNameIsValid(t *testing.T) {
	gen := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9 ._@é-]{0,80}`), rapid.StringMatching(`(con|lpt1|aux)[.@ -]?[a-z.]{0,64}`))
	rapid.Check(t, func(t *rapid.T) {
		text := gen.Draw(t, "text")
		name := SuggestAgentName(text)
		if name == "" {
			if strings.ContainsFunc(strings.ToLower(text), func(r rune) bool { return r < 0x80 && isAlnum(byte(r)) }) {
				t.Fatalf("nothing for %q", text)
			}
			return
		}
		if got, err := AgentName(name); err != nil || got != name {
			t.Fatalf("%q for %q: %v", name, text, err)
		}
		if SuggestAgentName(name) != name {
			t.Fatalf("%q is not its own proposal", name)
		}
	})
}

func TestAgentDir(t *testing.T) {
	if got := AgentDir("claude-code@axon"); got != "claude-code_axon" {
		t.Errorf("got %q", got)
	}
	if got, err := AgentFromDir("claude-code_axon"); err != nil || got != "claude-code@axon" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "a@b", "_a", "A", "con", "a..b", ".git"} {
		_, err := AgentFromDir(bad)
		wantError(t, err, "is not an agent's name")
	}
}

func TestParseThreadRef(t *testing.T) {
	for in, want := range map[string]ThreadRef{
		"axon/constraint-model":  {"axon", "constraint-model"},
		"Axon/Constraint Model":  {"axon", "constraint-model"},
		" axon / constraint ":    {"axon", "constraint"},
		"constraint-model":       {"", "constraint-model"},
		"direct/a_b--claude":     {"direct", "a_b--claude"},
		"general/What now, then": {"general", "what-now-then"},
	} {
		got, err := ParseThreadRef(in)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
		if again, err := ParseThreadRef(got.String()); err != nil || again != got {
			t.Errorf("%v is read as %v, %v", got, again, err)
		}
	}
	for _, bad := range []string{"", "/", "a/b/c", "a/", "/b", "../x", "a/..", "a/../b", ".git/config", "a//b", "con/x", "x/aux.txt", "a\x00/b", strings.Repeat("/", 10000)} {
		_, err := ParseThreadRef(bad)
		wantError(t, err, "thread ")
	}
	if !(ThreadRef{}).IsZero() || (ThreadRef{Thread: "x"}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestDirectThread(t *testing.T) {
	got := DirectThread("desktop", "claude-code@axon", "desktop")
	if got.String() != "direct/claude-code_axon--desktop" {
		t.Errorf("got %s", got)
	}
	names := rapid.SliceOfN(rapid.StringMatching(`[a-z][a-z0-9]{0,30}(@[a-z]{1,10})?`), 1, 5)
	rapid.Check(t, func(t *rapid.T) {
		some := names.Draw(t, "names")
		for _, name := range some {
			if _, err := AgentName(name); err != nil {
				return
			}
		}
		ref := DirectThread(some...)
		if DirectThread(rapid.Permutation(some).Draw(t, "other order")...) != ref {
			t.Fatalf("%v is another thread in another order", some)
		}
		if again, err := ParseThreadRef(ref.String()); err != nil || again != ref {
			t.Fatalf("%s is read as %v, %v", ref, again, err)
		}
	})
}
