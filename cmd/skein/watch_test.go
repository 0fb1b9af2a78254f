//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWatch shows what others write as it comes, of one thread or all, and ends
// cleanly with Ctrl-C.
func TestWatch(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	run := func(args ...string) {
		t.Helper()
		if out, err := skein(t, store, args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	run("post", "-t", "axon/x", "before")
	for name, c := range map[string]struct {
		args []string
		want []string // what the lines hold, in this order
	}{
		"all":          {[]string{"watch", "--json"}, []string{`"body":"one"`, `"status":"resolved"`, `"key":"build","value":1`, `"body":"last"`}},
		"a thread":     {[]string{"watch", "axon/x", "--json"}, []string{`"body":"one"`, `"status":"resolved"`, `"body":"last"`}},
		"for a person": {[]string{"watch"}, []string{"one", "resolved", "build", "last"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := skein(t, store, c.args...)
			var notes bytes.Buffer
			cmd.Stderr = &notes
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			lines := bufio.NewScanner(stdout)
			// Until it watches, what is posted is not news; say hello until it answers.
			hello := make(chan bool)
			go func() { hello <- lines.Scan() }()
			for i, heard := 0, false; !heard; i++ {
				run("post", "-t", "axon/x", strings.Repeat("hello ", i+1))
				select {
				case heard = <-hello:
				default:
				}
			}
			run("post", "-t", "axon/x", "one of "+name)
			run("update", "axon/x", "--status", "resolved")
			run("state", "build", "1")
			run("post", "-t", "axon/x", "last of "+name)
			for want := range strings.SplitSeq(strings.ReplaceAll(strings.Join(c.want, "\n"), `"body":"one"`, `"body":"one of `+name), "\n") {
				want = strings.ReplaceAll(want, `"body":"last"`, `"body":"last of `+name)
				for !strings.Contains(lines.Text(), want) {
					if !lines.Scan() {
						t.Fatalf("it ended without %q: %s", want, notes.String())
					}
				}
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() { // to its end
			}
			if err := cmd.Wait(); err != nil || strings.Contains(notes.String(), "interrupted") {
				t.Errorf("it ends with %v, %q", err, notes.String())
			}
		})
	}
	if out, err := skein(t, store, "watch", "axon/nothing").CombinedOutput(); err == nil {
		t.Errorf("a thread that is not there is watched: %s", out)
	}
}

// TestWatchPulls: no server runs, and whoever watches sees what another machine
// has pushed.
func TestWatchPulls(t *testing.T) {
	dir := t.TempDir()
	here, there, talk := filepath.Join(dir, "here"), filepath.Join(dir, "there"), filepath.Join(dir, "talk.git")
	run := func(store string, args ...string) {
		t.Helper()
		if out, err := skein(t, store, args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	if out, err := exec.Command("git", "init", "-q", "--bare", "-b", "main", talk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run(there, "post", "-t", "axon/x", "before")
	run(there, "remote", "add", talk)
	run(there, "sync")
	run(here, "init", "--from", talk)
	cmd := skein(t, here, "watch", "--json")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	hello := make(chan bool)
	go func() { hello <- lines.Scan() }()
	for i, heard := 0, false; !heard; i++ {
		run(there, "post", "-t", "axon/x", strings.Repeat("hello ", i+1))
		run(there, "sync")
		select {
		case heard = <-hello:
		default:
		}
	}
	if !strings.Contains(lines.Text(), "hello") {
		t.Fatal(lines.Text())
	}
}
