package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestDemo runs the demo against the program as it is; the demo checks every
// answer itself.
func TestDemo(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the demo shows the store with git, which is not installed")
	}
	skein := filepath.Join(t.TempDir(), "skein")
	if runtime.GOOS == "windows" {
		skein += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", skein, "../skein").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	var out bytes.Buffer
	if err := run(t.Context(), &out, skein, t.TempDir()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "claude mcp add") {
		t.Errorf("it does not say how to go on:\n%s", out.String())
	}
}

// TestNoProgram: a missing program is an error that says what to do.
func TestNoProgram(t *testing.T) {
	err := run(t.Context(), &bytes.Buffer{}, filepath.Join(t.TempDir(), "none"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v", err)
	}
}

func TestFirstMessage(t *testing.T) {
	const dir = "projects/axon/constraint-model/2026-11/"
	list := "README.md\n" + dir + "21-031826-a-11111111.thread.md\n" + dir + "21-031827-a-22222222.md\n"
	if got, want := firstMessage(list), dir+"21-031827-a-22222222.md"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := firstMessage("README.md\n"); got != "" {
		t.Errorf("got %q from a listing without messages", got)
	}
}
