//go:build unix

package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skein/gitstore"
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

// TestInterruptImport interrupts an import in the middle: what is in stays, and
// the same command goes on.
func TestInterruptImport(t *testing.T) {
	store, source := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "relay.db")
	db, err := sql.Open("sqlite", source)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`CREATE TABLE messages (id INTEGER PRIMARY KEY, sender TEXT, message TEXT, timestamp TEXT, read_by_desktop_at TEXT, read_by_code_at TEXT)`,
		`INSERT INTO messages (sender, message, timestamp) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000)
			SELECT iif(i%2, 'code', 'desktop'), 'message ' || i, datetime('2024-01-01', i || ' minutes') FROM n`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := gitstore.Open(context.Background(), gitstore.Options{Dir: store, NoMirror: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	moved, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := skein(t, store, "import", "relay", source, "--mirror=false")
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-moved
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != exitFailure ||
		stderr.String() != "skein: interrupted\nhint: run the same command again: it goes on where it stopped\n" {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
	for _, want := range []string{"brought in ", "everything was here already"} {
		out, err := skein(t, store, "import", "relay", source, "--mirror=false").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "relay holds 3000 messages") || !strings.Contains(string(out), want) {
			t.Errorf("%v: %s; want %q", err, out, want)
		}
	}
	th, err := s.Thread(context.Background(), "direct/code--desktop")
	if err != nil || th.Messages != 3000 {
		t.Errorf("%+v: %v", th, err)
	}
}
