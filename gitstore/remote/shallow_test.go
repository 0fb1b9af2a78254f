package remote

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestAPartOfTheHistory is fetched, built on, pushed, and made whole.
func TestAPartOfTheHistory(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		var line []plumbing.Hash
		for _, message := range []string{"one", "two", "three", "four"} {
			var parents []string
			if n := len(line); n > 0 {
				parents = []string{line[n-1].String()}
			}
			line = append(line, commit(t, dir, message, parents...))
		}
		git(t, dir, "update-ref", mainBranch.String(), line[3].String())

		ours := repository(t)
		fetch := func(depth Depth, want ...plumbing.Hash) {
			t.Helper()
			into := filepath.Join(t.TempDir(), "q")
			tips, err := to(ours).FetchDepth(t.Context(), into, depth, mainBranch)
			if err != nil || tips[mainBranch] != line[len(line)-1] {
				t.Fatal(tips, err)
			}
			if cut := shallowOf(t, into); !slices.Equal(cut, want) {
				t.Fatalf("a depth of %d ends at %s", depth, cut)
			}
			if err := os.CopyFS(filepath.Join(ours, "objects", "pack"), os.DirFS(filepath.Join(into, "objects", "pack"))); err != nil {
				t.Fatal(err)
			}
			if err := writeShallow(ours, want); err != nil {
				t.Fatal(err)
			}
			git(t, ours, "update-ref", mainBranch.String(), tips[mainBranch].String())
		}
		fetch(2, line[2])
		if n := git(t, ours, "rev-list", "--count", "main"); n != "2" {
			t.Fatalf("%s commits", n)
		}
		next := commit(t, ours, "five", line[3].String())
		outcome, err := to(ours).Push(t.Context(), filepath.Join(t.TempDir(), "p"), []Update{{Branch: mainBranch, New: next}})
		if err != nil || outcome[mainBranch] != nil {
			t.Fatal(outcome, err)
		}
		line = append(line, next, commit(t, dir, "six", next.String()))
		git(t, dir, "update-ref", mainBranch.String(), line[5].String())
		fetch(0, line[2])
		fetch(Whole)
		if n := git(t, ours, "rev-list", "--count", "main"); n != "6" {
			t.Fatalf("%s commits", n)
		}
		git(t, dir, "fsck", "--strict")
	})
}

// shallowOf reads where the history of a repository begins.
func shallowOf(t *testing.T, dir string) []plumbing.Hash {
	t.Helper()
	list, err := (&Remote{Objects: filepath.Join(dir, "objects")}).shallow()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestAServerWithoutShallow says so, in one sentence of git's.
func TestAServerWithoutShallow(t *testing.T) {
	dir := repository(t)
	git(t, dir, "update-ref", mainBranch.String(), commit(t, dir, "root").String())
	git(t, dir, "update-server-info")
	address := plainServer(t, filepath.Dir(dir)) + "/repo"
	r := &Remote{URL: address, Objects: filepath.Join(repository(t), "objects"), Transport: Git}
	_, err := r.FetchDepth(context.Background(), filepath.Join(t.TempDir(), "q"), 1, mainBranch)
	if err == nil || !strings.Contains(err.Error(), "does not support shallow") {
		t.Fatal(err)
	}
}

// plainServer serves files, as a web server does that knows nothing of git.
func plainServer(t *testing.T, root string) string {
	t.Helper()
	s := httptest.NewServer(http.FileServer(http.Dir(root)))
	t.Cleanup(s.Close)
	return s.URL
}
