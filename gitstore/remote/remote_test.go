package remote

import (
	"context"
	"errors"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
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

// server serves the repositories below root as git's own http-backend does.
func server(t *testing.T, root string, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	exec := git(t, ".", "--exec-path")
	var h http.Handler = &cgi.Handler{Path: filepath.Join(exec, "git-http-backend"), Root: "/", Dir: root,
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true"}}
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// both runs a test over a path and over smart HTTP.
func both(t *testing.T, test func(t *testing.T, dir, address string)) {
	t.Run("path", func(t *testing.T) { dir := repository(t); test(t, dir, dir) })
	t.Run("http", func(t *testing.T) {
		dir := repository(t)
		test(t, dir, server(t, filepath.Dir(dir), nil)+"/repo")
	})
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return -1
}

func TestWhatIsPushedIsFetched(t *testing.T) {
	both(t, func(t *testing.T, dir, address string) {
		ours := repository(t)
		r := &Remote{URL: address, Objects: filepath.Join(ours, "objects")}
		first := commit(t, ours, "first")
		second := commit(t, ours, "second", first.String())
		for _, tip := range []plumbing.Hash{first, second} {
			outcome, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: tip}})
			if err != nil || outcome[mainBranch] != nil || len(outcome) != 1 {
				t.Fatal(outcome, err)
			}
		}
		theirs := repository(t)
		r = &Remote{URL: address, Objects: filepath.Join(theirs, "objects")}
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
	dir, ours := repository(t), repository(t)
	first := commit(t, dir, "first")
	second := commit(t, dir, "second", first.String())
	git(t, dir, "update-ref", mainBranch.String(), second.String())
	git(t, ours, "fetch", "-q", dir, first.String()+":refs/heads/main")
	into := filepath.Join(t.TempDir(), "quarantine")
	r := &Remote{URL: dir, Objects: filepath.Join(ours, "objects")}
	if _, err := r.Fetch(t.Context(), into, mainBranch); err != nil {
		t.Fatal(err)
	}
	if out := git(t, into, "cat-file", "--batch-all-objects", "--batch-check"); strings.Contains(out, first.String()) || !strings.Contains(out, second.String()) {
		t.Fatalf("fetched:\n%s", out)
	}
}

func TestAnEmptyRemoteHasNoBranches(t *testing.T) {
	both(t, func(t *testing.T, _, address string) {
		r := &Remote{URL: address, Objects: filepath.Join(repository(t), "objects")}
		tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch, agentsBranch)
		if err != nil || len(tips) != 0 {
			t.Fatal(tips, err)
		}
	})
}

func TestALostRaceAndALease(t *testing.T) {
	both(t, func(t *testing.T, dir, address string) {
		ours := repository(t)
		r := &Remote{URL: address, Objects: filepath.Join(ours, "objects")}
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
	both(t, func(t *testing.T, dir, address string) {
		hook := "#!/bin/sh\n[ \"$1\" = refs/heads/agents ] || exit 0\necho 'a secret was found' >&2\nexit 1\n"
		if err := os.WriteFile(filepath.Join(dir, "hooks", "update"), []byte(hook), 0o755); err != nil {
			t.Fatal(err)
		}
		ours := repository(t)
		r := &Remote{URL: address, Objects: filepath.Join(ours, "objects")}
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

func TestStatusesOfAServer(t *testing.T) {
	for status, want := range map[int]Kind{401: Auth, 403: Auth, 404: NotFound, 429: Network, 500: Network, 503: Network} {
		address := server(t, t.TempDir(), func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if status == 401 {
					w.Header().Set("WWW-Authenticate", "Basic")
				}
				w.WriteHeader(status)
			})
		})
		r := &Remote{URL: strings.Replace(address, "//", "//mary:geheim@", 1) + "/repo", Objects: t.TempDir()}
		_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
		if kindOf(err) != want {
			t.Errorf("%d: %v", status, err)
		}
		if err == nil || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestUnreachableAndMissing(t *testing.T) {
	for address, want := range map[string]Kind{
		"http://127.0.0.1:1/repo":          Network,
		filepath.Join(t.TempDir(), "none"): NotFound,
		"ext::sh -c true":                  Other,
		"git://127.0.0.1/repo":             Other,
	} {
		r := &Remote{URL: address, Objects: t.TempDir()}
		_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
		if kindOf(err) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestAHangIsBounded: the server takes the request and never answers.
func TestAHangIsBounded(t *testing.T) {
	gone := make(chan struct{})
	address := server(t, t.TempDir(), func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done() // until git is gone, with what it started
			close(gone)
		})
	})
	r := &Remote{URL: address + "/repo", Objects: t.TempDir(), Idle: 50 * time.Millisecond}
	_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
	if kindOf(err) != Network {
		t.Fatal(err)
	}
	<-gone
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := r.Fetch(ctx, filepath.Join(t.TempDir(), "q"), mainBranch); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
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
