package remote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

func TestWhatIsPushedIsFetched(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		ours := repository(t)
		r := to(ours)
		first := commit(t, ours, "first")
		second := commit(t, ours, "second", first.String())
		for _, tip := range []plumbing.Hash{first, second} {
			outcome, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: tip}})
			if err != nil || outcome[mainBranch] != nil || len(outcome) != 1 {
				t.Fatal(outcome, err)
			}
		}
		theirs := repository(t)
		r = to(theirs)
		into := filepath.Join(t.TempDir(), "quarantine")
		tips, err := r.Fetch(t.Context(), into, mainBranch, agentsBranch)
		if err != nil || len(tips) != 1 || tips[mainBranch] != second {
			t.Fatal(tips, err)
		}
		if got := git(t, into, "rev-list", "--count", second.String()); got != "2" {
			t.Fatalf("%s of 2 commits have come", got)
		}
		if out := git(t, theirs, "count-objects"); !strings.HasPrefix(out, "0 objects") {
			t.Fatalf("a fetch wrote into the repository itself: %s", out)
		}
	})
}

func TestOnlyWhatIsNewIsFetched(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		ours := repository(t)
		first := commit(t, dir, "first")
		second := commit(t, dir, "second", first.String())
		git(t, dir, "update-ref", mainBranch.String(), second.String())
		git(t, ours, "fetch", "-q", dir, first.String()+":refs/heads/main")
		into := filepath.Join(t.TempDir(), "quarantine")
		if _, err := to(ours).Fetch(t.Context(), into, mainBranch); err != nil {
			t.Fatal(err)
		}
		if out := git(t, into, "cat-file", "--batch-all-objects", "--batch-check"); strings.Contains(out, first.String()) || !strings.Contains(out, second.String()) {
			t.Fatalf("fetched:\n%s", out)
		}
	})
}

func TestAnEmptyRemoteHasNoBranches(t *testing.T) {
	everyWay(t, func(t *testing.T, _ string, to reach) {
		r := to(repository(t))
		tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch, agentsBranch)
		if err != nil || len(tips) != 0 {
			t.Fatal(tips, err)
		}
	})
}

func TestALostRaceAndALease(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		ours := repository(t)
		r := to(ours)
		root := commit(t, ours, "root")
		a, b := commit(t, ours, "a", root.String()), commit(t, ours, "b", root.String())
		push := func(u Update) error {
			outcome, err := r.Push(t.Context(), ours, []Update{u})
			if err != nil {
				t.Fatal(err)
			}
			return outcome[u.Branch]
		}
		if err := push(Update{Branch: mainBranch, New: a}); err != nil {
			t.Fatal(err)
		}
		if err := push(Update{Branch: mainBranch, New: b}); kindOf(err) != Race {
			t.Fatalf("not built on the tip: %v", err)
		}
		if err := push(Update{Branch: mainBranch, New: b, Lease: root}); kindOf(err) != Race {
			t.Fatalf("a lease on what is not there: %v", err)
		}
		if err := push(Update{Branch: mainBranch, New: b, Lease: a}); err != nil {
			t.Fatal(err)
		}
		if got := git(t, dir, "rev-parse", "main"); got != b.String() {
			t.Fatalf("main is at %s", got)
		}
	})
}

func TestAHookRefusesOneBranch(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		hook := "#!/bin/sh\n[ \"$1\" = refs/heads/agents ] || exit 0\necho 'a secret was found' >&2\nexit 1\n"
		if err := os.WriteFile(filepath.Join(dir, "hooks", "update"), []byte(hook), 0o755); err != nil {
			t.Fatal(err)
		}
		ours := repository(t)
		r := to(ours)
		tip := commit(t, ours, "root")
		outcome, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: tip}, {Branch: agentsBranch, New: tip}})
		if err != nil || outcome[mainBranch] != nil || kindOf(outcome[agentsBranch]) != Refused {
			t.Fatal(outcome, err)
		}
		if text := outcome[agentsBranch].Error(); !strings.Contains(text, "a secret was found") || strings.Contains(text, "\n") {
			t.Fatal(text)
		}
	})
}

// TestAHostThatLetsRead: what a host says of every push, since its repository is
// archived or this user may only read it, is not about a branch.
func TestAHostThatLetsRead(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		hook := "#!/bin/sh\nprintf '\\nerror:\\nerror: User permission denied for writing.\\nerror:\\n' >&2\nexit 1\n"
		if err := os.WriteFile(filepath.Join(dir, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
			t.Fatal(err)
		}
		ours := repository(t)
		r := to(ours)
		outcome, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: commit(t, ours, "root")}})
		if kindOf(err) != ReadOnly || len(outcome) > 0 || !strings.Contains(err.Error(), "User permission denied for writing") {
			t.Fatal(outcome, err)
		}
	})
}

func TestStatusesOfAServer(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		for status, want := range map[int]Kind{401: Auth, 403: Auth, 404: NotFound, 429: Unable, 500: Network, 503: Network} {
			address := server(t, t.TempDir(), func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if status == 401 {
						w.Header().Set("WWW-Authenticate", "Basic")
					}
					w.WriteHeader(status)
				})
			})
			r := &Remote{URL: strings.Replace(address, "//", "//mary:geheim@", 1) + "/repo", Objects: t.TempDir(), Transport: by}
			_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
			if kindOf(err) != want {
				t.Errorf("%d: %v", status, err)
			}
			if status == 403 {
				want = ReadOnly
			}
			ours := repository(t)
			r.Objects, r.Repository = filepath.Join(ours, "objects"), opened(t, ours)
			if _, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: commit(t, ours, "root")}}); kindOf(err) != want {
				t.Errorf("a push, %d: %v", status, err)
			}
			if err == nil || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d: %v", status, err)
			}
		}
	})
}

func TestUnreachableAndMissing(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		for address, want := range map[string]Kind{
			"http://127.0.0.1:1/repo":          Network,
			"ssh://127.0.0.1:1/repo":           Network,
			filepath.Join(t.TempDir(), "none"): NotFound,
			"ext::sh -c true":                  Other,
			"git://127.0.0.1/repo":             Other,
		} {
			r := &Remote{URL: address, Objects: t.TempDir(), Transport: by}
			_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
			if by == BuiltIn && filepath.IsAbs(address) {
				if !errors.Is(err, ErrNoGit) {
					t.Errorf("%s: %v", address, err)
				}
			} else if kindOf(err) != want {
				t.Errorf("%s: %v", address, err)
			}
		}
	})
}

// TestNothingIsThere: the server answers, and has no such repository.
func TestNothingIsThere(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		r := to(repository(t))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch); kindOf(err) != NotFound {
			t.Fatal(err)
		}
	})
}

// TestAHangIsBounded: the server takes a request and never answers, be it the
// first one of a fetch or of a push, or the push itself.
func TestAHangIsBounded(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		dir := repository(t)
		gone := make(chan struct{})
		var silent atomic.Value // what of an address is never answered
		silent.Store("\x00")
		address := server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.URL.String(), silent.Load().(string)) {
					next.ServeHTTP(w, r)
					return
				}
				io.Copy(io.Discard, r.Body)
				<-r.Context().Done() // until git is gone, with what it started
				gone <- struct{}{}
			})
		}) + "/repo"
		r := &Remote{URL: address, Objects: filepath.Join(dir, "objects"), Repository: opened(t, dir), Transport: by, Idle: time.Second}
		if by == BuiltIn {
			r.Idle = 200 * time.Millisecond // no program has to start within it
		}
		tip := commit(t, dir, "root")
		bounded := func(part string, err error) {
			if kindOf(err) != Network {
				t.Fatalf("%s: %v", part, err)
			}
			select {
			case <-gone:
			case <-time.After(time.Minute):
				t.Fatalf("%s: whoever asked is still there, or was ended before that", part)
			}
		}
		silent.Store("/info/refs?service=git-upload-pack")
		_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
		bounded("fetch", err)
		for _, part := range []string{"/info/refs?service=git-receive-pack", "/repo/git-receive-pack"} {
			silent.Store(part)
			_, err := r.Push(t.Context(), dir, []Update{{Branch: mainBranch, New: tip}})
			bounded(part, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := r.Fetch(ctx, filepath.Join(t.TempDir(), "q"), mainBranch); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

// TestACallingHookDoesNotLeakIn: git sets these variables for its hooks.
func TestACallingHookDoesNotLeakIn(t *testing.T) {
	dir, other := repository(t), repository(t)
	git(t, dir, "update-ref", mainBranch.String(), commit(t, dir, "root").String())
	for name, value := range map[string]string{"GIT_DIR": other, "GIT_INDEX_FILE": "x", "GIT_OBJECT_DIRECTORY": other + "/objects",
		"GIT_QUARANTINE_PATH": other, "GIT_CONFIG_PARAMETERS": "'core.bare'='maybe'", "GIT_NAMESPACE": "n"} {
		t.Setenv(name, value)
	}
	r := &Remote{URL: dir, Objects: filepath.Join(other, "objects")}
	tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
	if err != nil || len(tips) != 1 {
		t.Fatal(tips, err)
	}
}

// TestTooMuchIsBrokenOff: what has come is looked at while it comes.
func TestTooMuchIsBrokenOff(t *testing.T) {
	dir := t.TempDir()
	if err := makeRepository(filepath.Join(dir, "q")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "q", "objects", "pack", "tmp_pack_x"), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancelCause(t.Context())
	r := &Remote{URL: "u", MaxBytes: 99}
	defer r.limit(filepath.Join(dir, "q"), end)()
	<-ctx.Done()
	if err := r.explain(ctx, errors.New("killed"), ""); kindOf(err) != TooLarge {
		t.Fatal(err)
	}
}

func TestAddressesAndListsAreWrittenForGit(t *testing.T) {
	for in, want := range map[string]string{"https://u:p@h/x": "https://u@h/x", "git@h:x": "git@h:x", "/a/b": "/a/b", "https://h/x": "https://h/x"} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q", in, got)
		}
	}
	for in, want := range map[string]bool{"git@h:x": true, "ssh://h/x": true, "https://h:1/x": false, "/a:b": false, "C:/x": false} {
		if overSSH(in) != want {
			t.Errorf("overSSH(%q)", in)
		}
	}
}
