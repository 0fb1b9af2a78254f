package remote

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestProgressWithoutGit: whoever waits for a large fetch is told how far it is.
func TestProgressWithoutGit(t *testing.T) {
	dir := repository(t)
	var stream bytes.Buffer // of more objects and bytes than it takes to be told
	stream.WriteString("commit refs/heads/main\ncommitter a <a@b> 1700000000 +0000\ndata 0\n")
	for i := range tellObjects + 10 {
		text := strings.Repeat(fmt.Sprintf("%x", uint64(i+1)*2862933555777941757), 40)
		fmt.Fprintf(&stream, "M 644 inline f%d\ndata %d\n%s\n", i, len(text), text)
	}
	gitIn(t, dir, &stream, "fast-import", "--quiet")
	var said []string
	r := &Remote{URL: server(t, filepath.Dir(dir), nil) + "/repo", Objects: filepath.Join(repository(t), "objects"), Transport: BuiltIn,
		Progress: func(line string) { said = append(said, line) }}
	r.Repository = opened(t, filepath.Dir(r.Objects))
	if _, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(said, func(line string) bool { return strings.HasPrefix(line, "Indexing objects:  99% (4096/") }) {
		t.Fatalf("%q", said)
	}
}

// gitIn runs git with something to read.
func gitIn(t *testing.T, dir string, in *bytes.Buffer, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
