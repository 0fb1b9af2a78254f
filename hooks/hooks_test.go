package hooks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSetNotice puts notices of two agents into files of all kinds and takes
// them away again: the file is as it was, to the byte.
func TestSetNotice(t *testing.T) {
	for name, before := range map[string]string{
		"none": "", "empty line": "\n", "no end of line": "# Mine", "text": "# Mine\n\nText.\n", "windows": "# Mine\r\n",
	} {
		path := filepath.Join(t.TempDir(), "CLAUDE.md")
		if before != "" {
			write(t, path, before)
		}
		set := func(agent, line string) string {
			t.Helper()
			if err := SetNotice(path, agent, line); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return read(t, path)
		}
		set("api", "1 message")
		now := set("web", "2 messages\n"+noticeEnd)
		if want := "\n- api: 1 message\n- web: 2 messages <! -- /CLAUDE-DUO-NOTIFICATIONS -- >\n" + noticeEnd + "\n"; !strings.HasPrefix(now, before) || !strings.HasSuffix(now, want) {
			t.Errorf("%s: got %q", name, now)
		}
		if now = set("api", "3 messages"); strings.Contains(now, "1 message\n") || !strings.Contains(now, "\n- api: 3 messages\n") {
			t.Errorf("%s: a second notice gives %q", name, now)
		}
		set("web", "")
		set("web", "")
		if now = set("api", ""); now != before {
			t.Errorf("%s: was %q and is %q", name, before, now)
		}
	}
}

// TestNoticeKeepsWhatFollows: the user may write below the notices.
func TestNoticeKeepsWhatFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "CLAUDE.md")
	write(t, path, "above\n")
	if err := SetNotice(path, "api", "one"); err != nil {
		t.Fatal(err)
	}
	write(t, path, read(t, path)+"below\n")
	if err := SetNotice(path, "api", ""); err != nil {
		t.Fatal(err)
	}
	if now := read(t, path); now != "above\nbelow\n" {
		t.Errorf("got %q", now)
	}
}

// TestNoticeRefuses: marks that do not go together are the user's to mend, and
// the file stays as it is.
func TestNoticeRefuses(t *testing.T) {
	for _, text := range []string{"a\n" + noticeStart + "\nb\n", noticeEnd, noticeEnd + noticeStart, noticeStart + noticeEnd + noticeStart + noticeEnd} {
		path := filepath.Join(t.TempDir(), "CLAUDE.md")
		write(t, path, text)
		if err := SetNotice(path, "api", "one"); err == nil || !strings.Contains(err.Error(), "leave one of each, or none") {
			t.Errorf("%q: %v", text, err)
		}
		if now := read(t, path); now != text {
			t.Errorf("%q became %q", text, now)
		}
	}
	if err := SetNotice(t.TempDir(), "api", "one"); err == nil {
		t.Error("a directory takes a notice")
	}
}

func TestInstallGet(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		path, err := InstallGet(dir)
		if err != nil || !strings.Contains(read(t, path), "relay_fetch") {
			t.Fatalf("%s: %v", path, err)
		}
	}
	mine := filepath.Join(dir, "commands", "get.md")
	write(t, mine, "my own")
	if _, err := InstallGet(dir); err == nil || !strings.Contains(err.Error(), "not of skein") || read(t, mine) != "my own" {
		t.Errorf("a command of the user's: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// read returns a file's text; "" if it is not there.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}
