package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestMain runs this binary either as the tests or, for the tests that need
// several processes, as one of those (see spawn).
func TestMain(m *testing.M) {
	if job := os.Getenv(jobVariable); job != "" {
		os.Exit(runJob(job))
	}
	// Nothing here depends on the file system's flushes being real, and memory
	// spares the disk.
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() && os.Getenv("TMPDIR") == "" {
		os.Setenv("TMPDIR", "/dev/shm")
	}
	os.Exit(m.Run())
}

// soak says whether tests are to run for long.
func soak() bool { return os.Getenv("SKEIN_SOAK") != "" }

// times is how often a test does something: short, or in a soak.
func times(short, long int) int {
	if soak() {
		return long
	}
	return short
}

const (
	mainRef  = plumbing.ReferenceName("refs/heads/main")
	otherRef = plumbing.ReferenceName("refs/heads/agents")
)

// newRepo makes an empty repository and returns its directory.
func newRepo(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo.git")
	if err := Init(dir, Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, dir string, o Options) *Storage {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// content is what the commit of an id holds: some bytes that the id alone
// tells, so that nothing can be invented or mixed up.
func content(id string, size int) []byte {
	line := []byte("content of " + id + "\n")
	return bytes.Repeat(line, 1+size/len(line))
}

// addCommit adds a commit to a batch, with a tree of one file. The commit's
// message tells its id and the size of its file.
func addCommit(b *Batch, parent plumbing.Hash, id string, size int) plumbing.Hash {
	blob := b.Add(plumbing.BlobObject, content(id, size))
	tree := b.Add(plumbing.TreeObject, append([]byte("100644 file\x00"), blob[:]...))
	var text strings.Builder
	fmt.Fprintf(&text, "tree %s\n", tree)
	if !parent.IsZero() {
		fmt.Fprintf(&text, "parent %s\n", parent)
	}
	who := "tester <tester@skein> 1700000000 +0000"
	fmt.Fprintf(&text, "author %s\ncommitter %s\n\n%s %d\n", who, who, id, size)
	return b.Add(plumbing.CommitObject, []byte(text.String()))
}

// post commits ids, one commit each, on top of a ref, in one batch.
func post(s *Storage, ref plumbing.ReferenceName, size int, ids ...string) error {
	unlock, err := s.Lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	return postLocked(s, ref, size, ids...)
}

func postLocked(s *Storage, ref plumbing.ReferenceName, size int, ids ...string) error {
	for {
		if err := commitTo(s, []plumbing.ReferenceName{ref}, ids, size); !IsRace(err) {
			return err
		}
	}
}

// commitTo commits ids to each of the refs, in one batch.
func commitTo(s *Storage, refs []plumbing.ReferenceName, ids []string, size int) error {
	b := s.NewBatch()
	for _, ref := range refs {
		tip, err := s.Ref(ref)
		if err != nil && !errors.Is(err, plumbing.ErrReferenceNotFound) {
			return err
		}
		next := tip
		for _, id := range ids {
			next = addCommit(b, next, id, size)
		}
		b.Move(ref, tip, next)
	}
	return b.Commit()
}

func mustPost(t testing.TB, s *Storage, ref plumbing.ReferenceName, size int, ids ...string) {
	t.Helper()
	if err := post(s, ref, size, ids...); err != nil {
		t.Fatal(err)
	}
}

// history returns the ids on a ref, oldest first, after reading everything
// that its commits hold. A ref that is nowhere has none.
func history(s *Storage, ref plumbing.ReferenceName) ([]string, error) {
	tip, err := s.Ref(ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for !tip.IsZero() {
		id, parent, err := readCommit(s, tip)
		if err != nil {
			return nil, fmt.Errorf("commit %s, %d behind the tip: %w", tip, len(ids), err)
		}
		ids = append(ids, id)
		tip = parent
	}
	slices.Reverse(ids)
	return ids, nil
}

// readCommit reads a commit of addCommit with its tree and file.
func readCommit(s *Storage, h plumbing.Hash) (id string, parent plumbing.Hash, err error) {
	_, text, err := s.Get(h)
	if err != nil {
		return "", parent, err
	}
	var tree plumbing.Hash
	var size int
	head, message, _ := strings.Cut(string(text), "\n\n")
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "tree":
			tree = plumbing.NewHash(value)
		case "parent":
			parent = plumbing.NewHash(value)
		}
	}
	if _, err := fmt.Sscanf(message, "%s %d", &id, &size); err != nil {
		return "", parent, fmt.Errorf("message %q: %w", message, err)
	}
	_, entries, err := s.Get(tree)
	if err != nil {
		return "", parent, fmt.Errorf("tree: %w", err)
	}
	_, data, err := s.Get(plumbing.Hash(entries[len(entries)-20:]))
	if err != nil {
		return "", parent, fmt.Errorf("file: %w", err)
	}
	if !bytes.Equal(data, content(id, size)) {
		return "", parent, fmt.Errorf("the file of %s holds something else", id)
	}
	return id, parent, nil
}

// wantHistory fails unless a ref has exactly these ids.
func wantHistory(t testing.TB, s *Storage, ref plumbing.ReferenceName, want ...string) {
	t.Helper()
	got, err := history(s, ref)
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%s has %v, want %v", ref, got, want)
	}
}

// git runs git in a repository and returns what it prints.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := gitCommand(dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func gitCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_DIR="+dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "LC_ALL=C")
	return cmd
}

// fsck fails unless git finds the repository whole.
func fsck(t testing.TB, dir string) {
	t.Helper()
	out, err := gitCommand(dir, "fsck", "--strict", "--full", "--no-dangling").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Fatalf("git fsck: %v\n%s", err, out)
	}
}

// quiet is a logger for tests in which warnings are expected.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// names returns n names beginning with prefix.
func names(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return all
}

// listing returns the names of all files below dir, with their sizes.
func listing(t testing.TB, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, "lock") {
			fmt.Fprintf(&all, "%s %d\n", strings.TrimPrefix(path, dir), info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
