package gitstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// clonedShallow opens a store that git has cloned with so many commits of each
// branch.
func clonedShallow(t *testing.T, from *Store, depth string) *Store {
	t.Helper()
	from.background.Wait()
	dir := filepath.Join(t.TempDir(), "store")
	git(t, ".", "clone", "-q", "--bare", "--no-single-branch", "--depth", depth, "file://"+from.db.Dir(), filepath.Join(dir, ".git"))
	o := quiet
	o.Dir = dir
	return openTest(t, o)
}

// TestAShallowCloneOfGit: a store that `git clone --depth` has made is read,
// written, verified and maintained as any other; what is older is not asked
// for.
func TestAShallowCloneOfGit(t *testing.T) {
	from := sound(t)
	last := say(t, from, "ann", "the last one before the clone")
	for _, depth := range []string{"1", "3"} {
		s := clonedShallow(t, from, depth)
		if shallow, err := s.Shallow(); err != nil || !shallow {
			t.Fatal(shallow, err)
		}
		said := say(t, s, "bob@host", "the first one after it")
		report, err := s.Verify(t.Context(), nil)
		if err != nil || len(report.Problems)+len(report.Repaired) > 0 || report.Messages != 222 || !report.Shallow {
			t.Fatalf("%+v, %v", report, err)
		}
		log, err := s.Log(t.Context(), 100)
		if err != nil || len(log) != len(lines(git(t, s.Dir(), "rev-list", "main"))) || log[1].ID != last.ID.String() {
			t.Fatalf("%+v, %v", log, err)
		}
		for _, e := range log { // the last of them is where the history begins
			if m, err := s.Show(t.Context(), e.Hash.String()[:12]); err != nil || m.ID.String() != e.ID {
				t.Fatalf("%s: %+v, %v", e.Hash, m, err)
			}
		}
		if m, err := s.MessageByID(t.Context(), said.ID.String()); err != nil || m.Commit != said.Commit {
			t.Fatalf("%+v, %v", m, err)
		}
		page, err := s.Read(t.Context(), ReadQuery{Thread: "axon/model", Limit: 1000})
		if err != nil || len(page.Messages) != 150 {
			t.Fatalf("%+v, %v", page, err)
		}
		old, err := s.MessageByID(t.Context(), page.Messages[0].ID.String())
		if err != nil || !old.Commit.IsZero() {
			t.Fatalf("%+v, %v", old, err)
		}
		if _, err := s.Show(t.Context(), strings.Repeat("0", 12)); !errors.As(err, new(*UnknownError)) {
			t.Fatal(err)
		}
		maintained(t, s)
		checkShallow(t, s, from)
	}
}

// maintained has everything done to a store that tidies it up.
func maintained(t *testing.T, s *Store) {
	t.Helper()
	s.background.Wait()
	if _, err := s.Compact(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	git(t, s.Dir(), "gc", "-q", "--prune=now")
}

// checkShallow holds a store against another that has all of its history:
// nothing is missing but old commits.
func checkShallow(t *testing.T, s, whole *Store) {
	t.Helper()
	s.background.Wait()
	if out := git(t, s.Dir(), "fsck", "--strict", "--no-dangling", "--no-progress"); out != "" {
		t.Fatal(out)
	}
	if _, err := os.Stat(filepath.Join(s.db.Dir(), "shallow")); err != nil {
		t.Fatal(err)
	}
	for _, branch := range []string{"main", "agents"} {
		has := git(t, s.Dir(), "ls-tree", "-r", branch)
		for _, line := range lines(git(t, whole.Dir(), "ls-tree", "-r", branch)) {
			if !strings.Contains(has, line) {
				t.Fatalf("%s is not there", line)
			}
		}
	}
}
