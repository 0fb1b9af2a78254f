package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoTerminal returns both ends of a new terminal of that width.
func pseudoTerminal(t *testing.T, columns int) (control, terminal *os.File) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this system has no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { control.Close() })
	fd := int(control.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)})
	}
	if err == nil {
		terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return control, terminal
}

// onTerminal runs cmd on a terminal and returns what it shows there.
func onTerminal(t *testing.T, columns int, cmd *exec.Cmd) string {
	t.Helper()
	control, terminal := pseudoTerminal(t, columns)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	shown := make(chan string)
	go func() {
		b, err := io.ReadAll(control)
		if err != nil && !errors.Is(err, syscall.EIO) { // the end of a terminal
			t.Error(err)
		}
		shown <- string(b)
	}()
	err := cmd.Run()
	terminal.Close()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	return strings.ReplaceAll(<-shown, "\r\n", "\n")
}

const steering = "**bold** &#27;]0;pwned&#7; \x1b[2J\u009b31m \u202eover, and enough words to fill more than one line of it"

func TestOnTerminal(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	if out, err := skein(t, store, "post", "-t", "a/b", steering).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	shown := onTerminal(t, 50, skein(t, store, "read", "a/b"))
	if !strings.Contains(shown, "\x1b[1mbold\x1b[0m") {
		t.Errorf("the Markdown is not drawn: %q", shown)
	}
	plain := colours.ReplaceAllString(shown, "")
	checkHidden(t, plain)
	for _, line := range strings.Split(plain, "\n") {
		if len([]rune(line)) > 50 {
			t.Errorf("%q is wider than the terminal", line)
		}
	}
}

func TestOnTerminalWithoutColour(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	if out, err := skein(t, store, "post", "-t", "a/b", steering).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb", "SKEIN_COLOR=never"} {
		cmd := skein(t, store, "read", "a/b")
		cmd.Env = append(cmd.Env, env)
		shown := onTerminal(t, 50, cmd)
		checkHidden(t, shown)
		if !strings.Contains(shown, "**bold**") {
			t.Errorf("%s: what colour would show is not marked: %q", env, shown)
		}
	}
}

func TestProgressOnTerminal(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	if out, err := skein(t, store, "post", "-t", "a/b", "hi").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if shown := onTerminal(t, 50, skein(t, store, "verify")); !strings.Contains(shown, "\rverifying ") {
		t.Errorf("no progress in %q", shown)
	}
	if shown := onTerminal(t, 50, skein(t, store, "verify", "--json")); strings.Contains(shown, "verifying") {
		t.Errorf("progress with --json in %q", shown)
	}
}

func TestPostWithoutBodyOnTerminal(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	cmd := skein(t, store, "post", "-t", "a/b")
	shown := onTerminal(t, 80, cmd)
	if want := "skein: post needs a body: an argument, --file, or standard input\n"; !strings.HasPrefix(shown, want) {
		t.Errorf("got %q, want %q", shown, want)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
}
