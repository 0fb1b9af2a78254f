package remote

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestADumbServer has the files of a repository, and no git to answer for them:
// one could read there and never write.
func TestADumbServer(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		dir, ours := repository(t), repository(t)
		git(t, dir, "update-ref", mainBranch.String(), commit(t, dir, "root").String())
		git(t, dir, "update-server-info")
		files := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(dir))))
		t.Cleanup(files.Close)
		r := &Remote{URL: files.URL + "/repo", Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours), Transport: by}
		for _, branch := range []plumbing.ReferenceName{mainBranch, agentsBranch} { // one is there
			_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), branch)
			if kindOf(err) != Dumb || strings.Contains(err.Error(), "\n") {
				t.Fatal(err)
			}
		}
		if _, err := r.List(t.Context(), t.TempDir(), mainBranch); kindOf(err) != Dumb {
			t.Fatal(err)
		}
	})
}
