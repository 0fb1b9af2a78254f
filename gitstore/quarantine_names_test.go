package gitstore

import (
	"strings"
	"testing"
)

// TestHarmlessNames: what some system takes for .git, for a device or for
// another file, however it is spelt.
func TestHarmlessNames(t *testing.T) {
	for _, name := range []string{".git", ".GIT", ".Git ", ".git.", ".git...", ".git . .", ".git\u200c", ".g\u200cit", "\u200d.git", ".g\u0131t", "git~1", "GIT~1", "gi7eba~1",
		".git::$INDEX_ALLOCATION", ".git:x", `.git\config`, ".gitmodules", ".gitmodules ", "gitmod~1", ".", "..", "...", ". .", "..\u200c", "a/b", `a\b`, `..\x`, "c:", "c:x",
		"con", "CON", "nul.txt", "aux.", "com1.md", "lpt9", "x ", "x.", "a\x00b", "a\nb", "a\tb", "\x1b[2J", "a\x7fb", "a*b", `a"b`, "a<b", "a|b", "\xff", "\ufeffx"} {
		if harmless(strings.ToLower(name)) {
			t.Errorf("%q passes", name)
		}
	}
	for _, name := range []string{".github", ".gitattributes", ".gitignore", "README.md", "a~b", "x y", "_7", "21-101503-eve-7k3q9x2m.md", ".skein", "console", "git", strings.Repeat("a", 200)} {
		if !harmless(strings.ToLower(name)) {
			t.Errorf("%q does not pass", name)
		}
	}
}

// TestOddTrees are not in order, which git itself would not write.
func TestOddTrees(t *testing.T) {
	h := string(make([]byte, 20))
	for name, raw := range map[string]string{
		"twice":                  "100644 a\x00" + h + "100644 a\x00" + h,
		"a file and a directory": "100644 a\x00" + h + "100644 a.b\x00" + h + "40000 a\x00" + h,
		"a directory too early":  "40000 a\x00" + h + "100644 a.b\x00" + h,
		"out of order":           "100644 b\x00" + h + "100644 a\x00" + h,
		"no name":                "100644 \x00" + h,
		"a slash":                "100644 a/b\x00" + h,
		"a mode with a zero":     "040000 a\x00" + h,
		"no mode":                " a\x00" + h,
		"a mode of others":       "100664 a\x00" + h,
		"cut short":              "100644 a\x00" + h[:19],
		"more behind":            "100644 a\x00" + h + "\x00",
	} {
		bad, err := badEntries([]byte(raw))
		if err == nil && len(bad) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}
