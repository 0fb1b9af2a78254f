package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"skein/render"
)

func TestLightBackground(t *testing.T) {
	for colorfgbg, want := range map[string]bool{
		"": false, "15;0": false, "0;15": true, "0;7": true, "15;8": false, "0;default;15": true, "12;bad": false,
	} {
		if got := lightBackground(colorfgbg); got != want {
			t.Errorf("lightBackground(%q) = %t", colorfgbg, got)
		}
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	update, end := progressOn(&b, "verifying")
	for i := range 1000 {
		update(i, 1000)
	}
	update(0, 0)
	end()
	got := b.String()
	if n := strings.Count(got, "\r"); n != 102 {
		t.Errorf("the line is written %d times, want once a percent and once to wipe it", n)
	}
	if !strings.HasPrefix(got, "\rverifying   0 %") || !strings.HasSuffix(got, "\rverifying 100 %\r\x1b[K") {
		t.Errorf("got %q", got)
	}
}

func TestProgressOfNothing(t *testing.T) {
	var b bytes.Buffer
	_, end := progressOn(&b, "verifying")
	end()
	if b.Len() > 0 {
		t.Errorf("a task that never began leaves %q on the screen", b.String())
	}
}

// hiddenAt returns where text holds something that could steer a terminal, or
// -1.
func hiddenAt(text string) int {
	if valid := strings.ToValidUTF8(text, "\x00"); valid != text {
		return strings.IndexByte(valid, 0)
	}
	return strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && render.Hidden(r) })
}

// checkHidden fails if anything in shown could steer a terminal.
func checkHidden(t *testing.T, shown string) {
	t.Helper()
	if at := hiddenAt(shown); at >= 0 {
		t.Errorf("byte %d of %q can steer a terminal", at, shown)
	}
}

// skein returns the command with a store and an agent of its own.
func skein(t *testing.T, store string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "skein", args...)
	cmd.Env = append(os.Environ(), "SKEIN_STORE="+store, "SKEIN_AGENT=mary", "SKEIN_CONFIG=", "SKEIN_COLOR=",
		"NO_COLOR=", "TERM=xterm", "COLORFGBG=", "TZ=UTC", "XDG_CONFIG_HOME="+t.TempDir())
	return cmd
}
