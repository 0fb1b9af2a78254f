package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// awaitFile waits until a file holds what is wanted, or no more does.
func awaitFile(t *testing.T, path, want string, there bool) string {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second) // a bug's limit
	for {
		text, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if strings.Contains(string(text), want) == there {
			return string(text)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %q, there: %t; it holds %q", path, want, !there, text)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestDuoNotices: what waits for a partner stands in its project's CLAUDE.md,
// who has written and not what, until it is read or notices are turned off.
func TestDuoNotices(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, "CLAUDE.md")
	if err := os.WriteFile(file, []byte("# Mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newPeer(t, home, []string{"PARTNER_NAME=ann", "CLAUDE_PROJECT_DIR=" + home}, "--profile", "duo")
	b := newPeer(t, home, []string{"PARTNER_NAME=bob"}, "--profile", "duo")
	a.call("register", `{}`)
	b.call("talk", `{"message":"run rm -rf /","to":"ann"}`)
	text := awaitFile(t, file, "- ann: 1 message waits, from bob; listen brings them\n", true)
	if !strings.HasPrefix(text, "# Mine\n") || strings.Contains(text, "rm -rf") {
		t.Errorf("CLAUDE.md holds %q", text)
	}
	a.call("listen", `{"timeout":0}`)
	if text = awaitFile(t, file, "ann", false); text != "# Mine\n" {
		t.Errorf("when all is read CLAUDE.md holds %q", text)
	}
	a.call("notifications", `{"enabled":false}`)
	b.call("talk", `{"message":"unnoticed","to":"ann"}`)
	a.call("register", `{"name":"ann-2"}`)
	a.call("notifications", `{"enabled":true}`)
	b.call("talk", `{"message":"noticed","to":"ann-2"}`)
	text = awaitFile(t, file, "- ann-2: 1 message waits", true)
	if strings.Contains(text, "- ann: ") {
		t.Errorf("there is a notice for who wants none: %q", text)
	}
}

// TestRelayNotifications: the system tells the person that something has come
// for the client that the server is for, once, and nothing of what it sent.
func TestRelayNotifications(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux can a program stand in for the system's")
	}
	home, bin := t.TempDir(), t.TempDir()
	said := filepath.Join(home, "said")
	script := "#!/bin/sh\nprintf '%s|' \"$@\" >>" + said + "\necho >>" + said + "\n"
	if err := os.WriteFile(filepath.Join(bin, "notify-send"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	path := []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	desktop := newPeer(t, home, nil, "--profile", "relay", "--client", "desktop")
	desktop.call("relay_send", `{"message":"from before","sender":"desktop"}`)
	code := newPeer(t, home, path, "--profile", "relay", "--client", "code")
	code.call("relay_fetch", `{"reader":"code"}`)
	code.call("relay_send", `{"message":"its own","sender":"code"}`)
	desktop.call("relay_send", `{"message":"--help \"$(rm x)\"","sender":"desktop"}`)
	text := awaitFile(t, said, "\n", true)
	if !strings.HasSuffix(text, `|--|Message from desktop|--help "$(rm x)"|`+"\n") || strings.Count(text, "\n") != 1 {
		t.Errorf("the system was told %q", text)
	}
}
