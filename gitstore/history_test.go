package gitstore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// history is what git says about a branch: the events' ids, oldest first.
type history struct {
	ids   []string
	paths map[string]string // by id
}

// count tells how often an id is in the history.
func (h history) count(id string) (n int) {
	for _, other := range h.ids {
		if other == id {
			n++
		}
	}
	return n
}

// checkStore holds a store against what FORMAT.md promises, with git alone:
// every object is well formed, each branch is one line of commits, and each
// commit adds one file and nothing else. It returns the history of main.
func checkStore(tb testing.TB, dir string) history {
	tb.Helper()
	if out := git(tb, dir, "fsck", "--strict", "--no-dangling", "--no-progress"); out != "" {
		tb.Fatalf("git fsck says:\n%s", out)
	}
	checkBranch(tb, dir, "agents")
	return checkBranch(tb, dir, "main")
}

// checkQuiet is checkStore for a store that is open: git must not look while
// the store merges packs.
func checkQuiet(tb testing.TB, s *Store) history {
	tb.Helper()
	s.background.Wait()
	return checkStore(tb, s.Dir())
}

func checkBranch(tb testing.TB, dir, branch string) history {
	tb.Helper()
	h := history{paths: map[string]string{}}
	out := git(tb, dir, "log", "--reverse", "--format=%x01%P|%(trailers:key=Skein-Id,valueonly,separator=%x20)", "--raw", "--no-renames", "--abbrev=40", branch)
	for i, commit := range strings.Split(out, "\x01")[1:] {
		head, changes, _ := strings.Cut(strings.TrimSpace(commit), "\n")
		parents, id, _ := strings.Cut(head, "|")
		if i == 0 {
			continue // the root commit
		}
		if strings.Contains(parents, " ") || parents == "" {
			tb.Fatalf("%s: commit of %s has the parents %q", branch, id, parents)
		}
		path, err := addedPath(strings.TrimSpace(changes))
		if err != nil {
			tb.Fatalf("%s: commit of %q: %v", branch, id, err)
		}
		if !strings.Contains(path, id[len(id)-8:]) {
			tb.Fatalf("%s: commit of %q adds %s", branch, id, path)
		}
		h.ids = append(h.ids, id)
		h.paths[id] = path
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(h.ids))); len(unique) != len(h.ids) {
		tb.Fatalf("%s: %d commits bring %d events", branch, len(h.ids), len(unique))
	}
	return h
}

// addedPath reads one line of git's raw diff.
func addedPath(changes string) (string, error) {
	all := lines(changes)
	if len(all) != 1 {
		return "", fmt.Errorf("it changes %d files: %q", len(all), all)
	}
	info, path, _ := strings.Cut(all[0], "\t")
	if f := strings.Fields(info); len(f) != 5 || f[0] != ":000000" || f[1] != "100644" || f[4] != "A" {
		return "", fmt.Errorf("it does more than add a file: %q", all[0])
	}
	return path, nil
}
