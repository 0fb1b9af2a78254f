//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestInterrupt interrupts a post that waits for the rest of its body.
func TestInterrupt(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	if out, err := skein(t, store, "post", "-t", "a/b", "before").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var stdout, stderr bytes.Buffer
	cmd := skein(t, store, "post", "-t", "a/b", "-")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// More than a pipe holds: when it has been written, skein is reading.
	if _, err := in.Write(make([]byte, 256<<10)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailure {
		t.Errorf("exit code %d (%v)", code, err)
	}
	if got, want := stderr.String(), "skein: interrupted\n"; got != want || stdout.Len() > 0 {
		t.Errorf("stderr %q, want %q; stdout %q", got, want, stdout.String())
	}
	out, err := skein(t, store, "threads").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("1 message")) {
		t.Errorf("afterwards: %v, %s", err, out)
	}
}
