package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skein/gitstore/remote"
)

// bareRemote makes an empty repository, and returns its directory and its
// address over smart HTTP.
func bareRemote(t *testing.T) (dir, address string) {
	t.Helper()
	return bareRemoteIn(t, t.TempDir())
}

func bareRemoteIn(t *testing.T, root string) (dir, address string) {
	t.Helper()
	dir = filepath.Join(root, "talk.git")
	git(t, root, "init", "-q", "--bare", "-b", "main", dir)
	git(t, dir, "config", "http.receivepack", "true")
	backend := &cgi.Handler{Path: filepath.Join(git(t, root, "--exec-path"), "git-http-backend"),
		Stderr: io.Discard, // tests take repositories away, of which it would tell whoever runs them
		Dir:    root, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // CGI wants to know the length, which a large push does not tell
		if err == nil {
			r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
			backend.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return dir, server.URL + "/talk.git"
}

// synced opens a store with a remote.
func synced(t *testing.T, address string) *Store {
	t.Helper()
	s := openTest(t, quiet)
	s.transport = transportTo(address)
	if err := s.SetRemote(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	return s
}

func sync1(t *testing.T, s *Store, o SyncOptions) *SyncReport {
	t.Helper()
	report, err := s.Sync(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func say(t *testing.T, s *Store, from, text string) *Message {
	t.Helper()
	m, err := s.Post(t.Context(), Post{From: from, Thread: "axon/talk", Body: text})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTwoMachines: two stores, one remote over HTTP, every message on both
// sides, one line of commits on the remote.
func TestTwoMachines(t *testing.T) {
	dir, address := bareRemote(t)
	a, b := synced(t, address), synced(t, address)
	said := map[string]bool{}
	for round := range 3 {
		for i, s := range []*Store{a, b} {
			m := say(t, s, fmt.Sprintf("agent-%d", i), fmt.Sprintf("round %d of %d", round, i))
			said[m.ID.String()] = true
		}
		if r := sync1(t, a, SyncOptions{}); r.Pushed == 0 || r.Pushes > 2 || len(r.Held)+len(r.Refused) > 0 {
			t.Fatalf("round %d: %+v", round, r)
		}
		if r := sync1(t, b, SyncOptions{}); r.Fetched == 0 || r.Replayed == 0 || r.Pushed != r.Replayed {
			t.Fatalf("round %d: %+v", round, r)
		}
	}
	if r := sync1(t, a, SyncOptions{}); r.Fetched == 0 || r.Pushed+r.Pushes > 0 {
		t.Fatalf("%+v", r)
	}
	if r := sync1(t, a, SyncOptions{}); r.Fetched+r.Pushed+r.Pushes+r.Replayed > 0 {
		t.Fatalf("a sync of nothing does something: %+v", r)
	}
	git(t, dir, "fsck", "--strict")
	for _, s := range []*Store{a, b} {
		if h := checkQuiet(t, s); len(h.ids) != len(said) {
			t.Fatalf("%d of %d messages", len(h.ids), len(said))
		} else {
			for _, id := range h.ids {
				if !said[id] {
					t.Fatalf("%s was never said", id)
				}
			}
		}
		for _, branch := range []string{"main", "agents"} {
			if ours, theirs := git(t, s.Dir(), "rev-parse", branch), git(t, dir, "rev-parse", branch); ours != theirs {
				t.Fatalf("%s is at %s here and at %s there", branch, ours, theirs)
			}
		}
		inbox, err := s.Inbox(t.Context(), InboxQuery{Agent: "agent-1"})
		if err != nil || inbox.Total != 3 {
			t.Fatalf("%+v, %v", inbox, err)
		}
	}
}

// TestALargeFirstFetch takes over the remote's packs as they are.
func TestALargeFirstFetch(t *testing.T) {
	dir, address := bareRemote(t)
	a, b := synced(t, address), synced(t, address)
	if adoptFrom > 4<<20 {
		t.Fatal("what is filled in here is not large any more")
	}
	for i := range 60 {
		say(t, a, "mary", fmt.Sprint(i, " ", static(i)))
	}
	say(t, b, "bob", "mine")
	sync1(t, a, SyncOptions{})
	if r := sync1(t, b, SyncOptions{}); r.Fetched != 61 || r.Pushed != 2 {
		t.Fatalf("%+v", r)
	}
	if kept, _ := filepath.Glob(filepath.Join(b.db.Dir(), "objects", "pack", "*.keep")); len(kept) == 0 {
		t.Fatal("no pack of our own is kept")
	} else {
		for _, name := range kept {
			if text, _ := os.ReadFile(name); len(text) > 0 {
				t.Fatalf("%s was not let go of", name)
			}
		}
	}
	if _, err := os.Stat(b.quarantineDir()); err == nil {
		t.Fatal("the quarantine is still there")
	}
	checkQuiet(t, b)
	if r := sync1(t, a, SyncOptions{}); r.Fetched != 2 {
		t.Fatalf("%+v", r)
	}
	git(t, dir, "fsck", "--strict")
}

// static is some 32 KB that do not compress.
func static(seed int) string {
	var b strings.Builder
	x := uint64(seed)*2862933555777941757 + 3037000493
	for b.Len() < 32<<10 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%x", x)
	}
	return b.String()
}

// TestARewrittenRemote: somebody forces the remote's branch back. What it lacks
// is put back on top, and what we had is kept by name.
func TestARewrittenRemote(t *testing.T) {
	dir, address := bareRemote(t)
	a, b := synced(t, address), synced(t, address)
	for i := range 3 {
		say(t, a, "mary", fmt.Sprint("message ", i))
	}
	sync1(t, a, SyncOptions{})
	sync1(t, b, SyncOptions{})
	git(t, dir, "update-ref", "refs/heads/main", "main~2")
	fork := strings.TrimSpace(git(t, dir, "-c", "user.name=eve", "-c", "user.email=e@e", "commit-tree", "-p", "main", "-m", "nothing", "main^{tree}"))
	git(t, dir, "update-ref", "refs/heads/main", fork)
	if r := sync1(t, a, SyncOptions{DryRun: true}); r.Replayed != 2 || r.Pushed != 2 {
		t.Fatalf("a sync would do %+v", r)
	}
	r := sync1(t, a, SyncOptions{})
	if r.Replayed != 2 || r.Pushed != 2 || len(r.Rescued) != 1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "was rewritten") {
		t.Fatalf("%+v", r)
	}
	if n := git(t, a.Dir(), "rev-list", "--count", r.Rescued[0]); n != "4" {
		t.Fatalf("%s commits are kept", n)
	}
	if r := sync1(t, b, SyncOptions{}); r.Replayed != 0 {
		t.Fatalf("%+v", r)
	}
	if x, y := git(t, b.Dir(), "rev-parse", "main"), git(t, dir, "rev-parse", "main"); x != y {
		t.Fatal(x, y)
	}
}

// TestAnEmptiedRemote stops, and goes on when it is told to.
func TestAnEmptiedRemote(t *testing.T) {
	dir, address := bareRemote(t)
	a := synced(t, address)
	say(t, a, "mary", "hello")
	sync1(t, a, SyncOptions{})
	git(t, dir, "update-ref", "-d", "refs/heads/main")
	_, err := a.Sync(t.Context(), SyncOptions{})
	if err == nil || !strings.Contains(err.Error(), "has lost its branch main") {
		t.Fatal(err)
	}
	if r := sync1(t, a, SyncOptions{Restore: true}); r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	checkQuiet(t, a)
}

// commitFile commits a file to main of a bare repository, as a host does.
func commitFile(t *testing.T, dir, path string) (commit string) {
	t.Helper()
	index := "--git-dir=" + dir
	blob := git(t, dir, "hash-object", "-w", filepath.Join(dir, "description"))
	git(t, dir, index, "update-index", "--add", "--cacheinfo", "100644,"+blob+","+path)
	args := []string{"-c", "user.name=eve", "-c", "user.email=e@e", "commit-tree", "-m", "Initial commit", git(t, dir, index, "write-tree")}
	if before := git(t, dir, "for-each-ref", "refs/heads/main"); before != "" {
		args = append(args, "-p", "main")
	}
	commit = git(t, dir, args...)
	git(t, dir, "update-ref", "refs/heads/main", commit)
	return commit
}

// TestAForeignRemote: a repository of something else is left as it is, whatever
// is asked for.
func TestAForeignRemote(t *testing.T) {
	for name, second := range map[string]string{"two commits": "LICENSE", "a directory": ""} {
		t.Run(name, func(t *testing.T) {
			dir, address := bareRemote(t)
			commit := ""
			if second == "" {
				commit = commitFile(t, dir, "src/main.go")
			} else {
				commitFile(t, dir, "README.md")
				commit = commitFile(t, dir, second)
			}
			a := synced(t, address)
			say(t, a, "mary", "hello")
			if _, err := a.Sync(t.Context(), SyncOptions{Repair: true}); !errors.Is(err, errForeign) {
				t.Fatal(err)
			}
			checkQuiet(t, a)
			if refs := git(t, dir, "for-each-ref"); refs != commit+" commit\trefs/heads/main" {
				t.Fatal("the remote has changed: ", refs)
			}
		})
	}
}

// TestARemoteThatWasBegun with a README says so, and is replaced when that is
// asked for.
func TestARemoteThatWasBegun(t *testing.T) {
	dir, address := bareRemote(t)
	commitFile(t, dir, ".gitignore")
	git(t, dir, "update-ref", "-d", "refs/heads/main")
	commit := commitFile(t, dir, "README.md")
	a, b := synced(t, address), synced(t, address)
	say(t, a, "mary", "hello")
	_, err := a.Sync(t.Context(), SyncOptions{})
	if err == nil || !strings.Contains(err.Error(), `main begins with a commit of its own (.gitignore, README.md); if that may go, "skein sync --repair"`) {
		t.Fatal(err)
	}
	if refs := git(t, dir, "for-each-ref"); refs != commit+" commit\trefs/heads/main" {
		t.Fatal("the remote has changed: ", refs)
	}
	if r := sync1(t, a, SyncOptions{Repair: true}); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "was replaced") {
		t.Fatalf("%+v", r)
	}
	if r := sync1(t, b, SyncOptions{}); r.Fetched != 2 {
		t.Fatalf("%+v", r)
	}
	checkQuiet(t, a)
	checkQuiet(t, b)
}

// TestDryRunChangesNothing and tells what a sync would do.
func TestDryRunChangesNothing(t *testing.T) {
	dir, address := bareRemote(t)
	a, b := synced(t, address), synced(t, address)
	say(t, a, "mary", "one")
	sync1(t, a, SyncOptions{})
	say(t, b, "bob", "two")
	before, there := git(t, b.Dir(), "for-each-ref"), git(t, dir, "for-each-ref")
	r := sync1(t, b, SyncOptions{DryRun: true})
	if r.Fetched != 2 || r.Pushed != 2 || r.Replayed != 2 || r.Pushes != 0 {
		t.Fatalf("%+v", r)
	}
	if git(t, b.Dir(), "for-each-ref") != before || git(t, dir, "for-each-ref") != there {
		t.Fatal("something has moved")
	}
	if r = sync1(t, b, SyncOptions{}); r.Fetched != 2 || r.Pushed != 2 || r.Replayed != 2 {
		t.Fatalf("%+v", r)
	}
}

// TestOneSyncAtATime: a second one is told.
func TestOneSyncAtATime(t *testing.T) {
	_, address := bareRemote(t)
	a := synced(t, address)
	unlock, err := a.lockSync(t.Context(), SyncOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Sync(t.Context(), SyncOptions{NoWait: true}); !errors.Is(err, ErrSyncing) {
		t.Fatal(err)
	}
	unlock()
	sync1(t, a, SyncOptions{NoWait: true})
}

// TestNoRemote says how to get one; an unreachable one says so.
func TestNoRemote(t *testing.T) {
	a := openTest(t, quiet)
	if _, err := a.Sync(t.Context(), SyncOptions{}); !errors.Is(err, ErrNoRemote) {
		t.Fatal(err)
	}
	if err := a.SetRemote(t.Context(), "http://127.0.0.1:1/x"); err != nil {
		t.Fatal(err)
	}
	_, err := a.Sync(t.Context(), SyncOptions{})
	var e *remote.Error
	if !errors.As(err, &e) || e.Kind != remote.Network {
		t.Fatal(err)
	}
	if address, err := a.RemoteURL(); address != "http://127.0.0.1:1/x" || err != nil {
		t.Fatal(address, err)
	}
	if err := a.SetRemote(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if address, _ := a.RemoteURL(); address != "" {
		t.Fatal(address)
	}
	checkQuiet(t, a)
	if _, err := Open(context.Background(), Options{Dir: a.Dir(), NoMirror: true}); err != nil {
		t.Fatal(err)
	}
}
