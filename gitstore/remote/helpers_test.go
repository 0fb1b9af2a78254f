package remote

import (
	"errors"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

const mainBranch = plumbing.ReferenceName("refs/heads/main")
const agentsBranch = plumbing.ReferenceName("refs/heads/agents")

// git runs git without the user's configuration.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// repository makes a bare repository, and commit adds an empty commit to it.
func repository(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo")
	git(t, ".", "init", "-q", "--bare", "-b", "main", dir)
	return dir
}

func commit(t *testing.T, dir, message string, parents ...string) plumbing.Hash {
	t.Helper()
	args := []string{"commit-tree", "-m", message}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	tree := git(t, dir, "mktree", "--missing")
	return plumbing.NewHash(git(t, dir, append(args, tree)...))
}

// backend is git's own http-backend for the repositories below root.
func backend(t *testing.T, root string) http.Handler {
	t.Helper()
	return &cgi.Handler{Path: filepath.Join(git(t, ".", "--exec-path"), "git-http-backend"), Root: "/", Dir: root,
		Stderr: io.Discard, // tests take repositories away, of which it would tell whoever runs them
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true"}}
}

// server serves the repositories below root.
func server(t *testing.T, root string, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	h := backend(t, root)
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// ways are how a remote is reached. There are two transports, git's and the
// built-in one, which have to do the same.
var ways = []struct {
	name  string
	by    Transport
	serve func(t *testing.T, root string) string // returns the address of root
}{
	{"git, path", Git, func(_ *testing.T, root string) string { return root }},
	{"git, http", Git, func(t *testing.T, root string) string { return server(t, root, nil) }},
	{"git, ssh", Git, overSSHServer},
	{"built in, http", BuiltIn, func(t *testing.T, root string) string { return server(t, root, nil) }},
	{"built in, ssh", BuiltIn, overSSHServer},
}

// reach returns a remote for one who has the repository ours.
type reach func(ours string) *Remote

// everyWay runs a test over every transport. dir is what is reached.
func everyWay(t *testing.T, test func(t *testing.T, dir string, to reach)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			dir := repository(t)
			address := w.serve(t, filepath.Dir(dir)) + "/repo"
			test(t, dir, func(ours string) *Remote {
				return &Remote{URL: address, Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours), Transport: w.by}
			})
		})
	}
}

// transports runs a test with git and without.
func transports(t *testing.T, test func(t *testing.T, by Transport)) {
	for by, name := range map[Transport]string{Git: "git", BuiltIn: "built in"} {
		t.Run(name, func(t *testing.T) { test(t, by) })
	}
}

// opened returns what is in a repository, as go-git reads it.
func opened(t *testing.T, dir string) storer.Storer {
	t.Helper()
	repo, err := gogit.PlainOpen(dir)
	if err != nil {
		t.Fatal(err)
	}
	return repo.Storer
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return -1
}
