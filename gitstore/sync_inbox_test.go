package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/remote"
)

// TestProtectedMain: a machine that may not push to main pushes to a branch of
// its own, and one that may takes that in; also when the host's words do not
// say that it is the branch, and when one of the messages is refused besides.
func TestProtectedMain(t *testing.T) {
	for name, says := range map[string]string{"in plain words": "main is a protected branch", "in its own words": "computer says no"} {
		t.Run(name, func(t *testing.T) { protectedMain(t, says) })
	}
}

// protectMain has a remote refuse whatever is pushed to main, and say so.
func protectMain(t *testing.T, dir, says string) {
	t.Helper()
	setHook(t, dir, "update", "#!/bin/sh\n[ \"$1\" != refs/heads/main ] || { echo '"+says+"' >&2; exit 1; }\n")
}

// barred are a machine that may not push to main, and has something in its
// inbox, and one that may; and the directory of their remote.
func barred(t *testing.T) (a, b *Store, dir string) {
	t.Helper()
	dir, address := bareRemote(t)
	a, b = synced(t, address), synced(t, address)
	say(t, b, "bob", "first")
	sync1(t, b, SyncOptions{})
	protectMain(t, dir, "protected branch")
	say(t, a, "mary", "one")
	sync1(t, a, SyncOptions{})
	return a, b, dir
}

// allow lets everything be pushed.
func allow(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "hooks", "update")); err != nil {
		t.Fatal(err)
	}
}

func protectedMain(t *testing.T, says string) {
	dir, address := bareRemote(t)
	setHook(t, dir, "pre-receive", secretHook)
	a, b := synced(t, address), synced(t, address)
	say(t, b, "bob", "first")
	sync1(t, b, SyncOptions{})
	protectMain(t, dir, says)
	for _, text := range []string{"one", "two", "hunter2", "three", "four"} {
		say(t, a, "mary", text)
	}
	r := sync1(t, a, SyncOptions{})
	if len(r.HeldBack) != 1 || len(r.Held) > 0 || r.Pushed != 5 || !strings.Contains(strings.Join(r.Notes, "\n"), "skein sync --fold") {
		t.Fatalf("%+v", r)
	}
	inbox := git(t, dir, "for-each-ref", "--format=%(refname)", "refs/heads/inbox")
	if n := git(t, dir, "rev-list", "--count", "main.."+inbox); n != "4" {
		t.Fatalf("%s events wait in %s", n, inbox)
	}
	if done, err := a.allPushed(); !done || err != nil {
		t.Fatal(done, err)
	}
	if r = sync1(t, a, SyncOptions{}); r.Pushes > 0 {
		t.Fatalf("a sync of nothing pushes: %+v", r)
	}
	five := say(t, a, "mary", "five")
	isAt := func(want Delivery) {
		t.Helper()
		if got, err := a.Deliveries(five); err != nil || len(got) != 1 || got[0] != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	}
	isAt(Delivery{})
	if r = sync1(t, a, SyncOptions{}); r.Pushed != 1 || r.Pushes != 1 {
		t.Fatalf("%+v", r)
	}
	isAt(Delivery{Inbox: strings.TrimPrefix(inbox, "refs/heads/")})

	allow(t, dir)
	if r = sync1(t, b, SyncOptions{}); r.Fetched > 1 { // mary's profile
		t.Fatalf("taken in without being asked to: %+v", r)
	}
	if r = sync1(t, b, SyncOptions{Fold: true}); r.Fetched != 5 || r.Pushed != 5 {
		t.Fatalf("%+v", r)
	}
	protectMain(t, dir, says)
	if r = sync1(t, a, SyncOptions{}); r.Pushes+r.Replayed > 0 || !strings.Contains(r.Notes[1], says) {
		t.Fatalf("%+v", r)
	}
	isAt(Delivery{Pushed: true})
	say(t, a, "mary", "six")
	if r = sync1(t, a, SyncOptions{}); r.Pushed != 1 || r.Pushes != 1 {
		t.Fatalf("%+v", r)
	}
	allow(t, dir)
	if r = sync1(t, b, SyncOptions{Fold: true}); r.Fetched != 1 || r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	if n := git(t, dir, "rev-list", "--count", "main"); n != "8" {
		t.Fatalf("main has %s commits", n)
	}
	say(t, a, "mary", "seven")
	if r = sync1(t, a, SyncOptions{Retry: true}); r.Pushed != 1 || len(r.HeldBack) > 0 {
		t.Fatalf("%+v", r)
	}
	if state, err := a.RemoteState(t.Context()); err != nil || len(state.Barred) > 0 || state.Unpushed != 1 {
		t.Fatalf("%+v, %v", state, err) // the one with the secret
	}
	if h := checkQuiet(t, a); len(h.ids) != 9 {
		t.Fatalf("%d messages", len(h.ids))
	}
	git(t, dir, "fsck", "--strict")
}

// TestABarIsForgotten when it is to be tried again and nothing waits: what comes
// next goes to main, if it may.
func TestABarIsForgotten(t *testing.T) {
	a, b, dir := barred(t)
	allow(t, dir)
	sync1(t, b, SyncOptions{Fold: true})
	later := time.Now().Add(retryAfter)
	a.now = func() time.Time { return later }
	sync1(t, a, SyncOptions{})
	if state, err := a.RemoteState(t.Context()); err != nil || len(state.Barred) > 0 {
		t.Fatalf("%+v, %v", state, err)
	}
	m := say(t, a, "mary", "two")
	sync1(t, a, SyncOptions{})
	if got, err := a.Deliveries(m); err != nil || !got[0].Pushed {
		t.Fatal(got, err)
	}
}

// TestAnInboxThatMayNotBeReplaced: main has moved, so what waits is committed
// again on top of it, and the remote lets no branch be replaced. It waits in
// another branch then, and is taken in once.
func TestAnInboxThatMayNotBeReplaced(t *testing.T) {
	for name, deny := range map[string]func(t *testing.T, dir string){
		"git's setting": func(t *testing.T, dir string) { git(t, dir, "config", "receive.denyNonFastForwards", "true") },
		"a host's rule": func(t *testing.T, dir string) {
			setHook(t, dir, "pre-receive", "#!/bin/sh\nwhile read old new ref; do case $old in 0000*) ;; *) git merge-base --is-ancestor $old $new || {\n"+
				"echo 'error: GH013: Repository rule violations found for '$ref'.' >&2; echo '- Cannot force-push to this branch' >&2; exit 1; } ;; esac; done\n")
		},
	} {
		t.Run(name, func(t *testing.T) { inboxStays(t, deny) })
	}
}

func inboxStays(t *testing.T, deny func(t *testing.T, dir string)) {
	dir, address := bareRemote(t)
	deny(t, dir)
	owner, guest := synced(t, address), synced(t, address)
	say(t, owner, "mary", "hello")
	sync1(t, owner, SyncOptions{})
	closed := "#!/bin/sh\n[ \"$1\" != refs/heads/main -o \"$SKEIN_OWNER\" ] || { echo 'protected branch' >&2; exit 1; }\n"
	var last *Message
	for range 3 {
		setHook(t, dir, "update", closed)
		last = say(t, guest, "bob", "for the inbox")
		if r := sync1(t, guest, SyncOptions{}); len(r.Held)+len(r.HeldBack) > 0 || r.Pushed == 0 || r.Pushes > 5 {
			t.Fatalf("%+v", r)
		}
		allow(t, dir)
		say(t, owner, "mary", "main moves")
		sync1(t, owner, SyncOptions{})
	}
	refs := strings.Fields(git(t, dir, "for-each-ref", "--format=%(refname:short)", "refs/heads/inbox"))
	if len(refs) != 3 || refs[1] != refs[0]+"-2" || refs[2] != refs[0]+"-3" {
		t.Fatalf("the remote has %v", refs)
	}
	if got, err := guest.Deliveries(last); err != nil || got[0] != (Delivery{Inbox: refs[2]}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := sync1(t, owner, SyncOptions{Fold: true}); r.Fetched != 3 || r.Pushed != 3 {
		t.Fatalf("%+v", r)
	}
	if h := checkBranch(t, dir, "main"); len(h.ids) != 7 {
		t.Fatalf("%d of 7 messages", len(h.ids))
	}
	setHook(t, dir, "update", closed)
	if r := sync1(t, guest, SyncOptions{}); r.Pushes > 0 || len(r.Held) > 0 {
		t.Fatalf("%+v", r)
	}
	checkQuiet(t, guest)
	git(t, dir, "fsck", "--strict")
}

// TestProtectedAgents: profiles and receipts have an inbox of their own where a
// rule is about all branches but inboxes.
func TestProtectedAgents(t *testing.T) {
	dir, address := bareRemote(t)
	owner, guest := synced(t, address), synced(t, address)
	m := say(t, owner, "mary", "hello")
	sync1(t, owner, SyncOptions{})
	setHook(t, dir, "update", "#!/bin/sh\ncase $1 in refs/heads/inbox/*) ;; *) echo 'computer says no' >&2; exit 1;; esac\n")
	if err := guest.Join(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	sync1(t, guest, SyncOptions{})
	if _, err := guest.Acknowledge(t.Context(), "bob", []string{m.ID.String()}, event.StateRead); err != nil {
		t.Fatal(err)
	}
	say(t, guest, "bob", "an answer")
	r := sync1(t, guest, SyncOptions{})
	if len(r.Held)+len(r.HeldBack) > 0 {
		t.Fatalf("%+v", r)
	}
	if refs := strings.Fields(git(t, dir, "for-each-ref", "--format=%(refname:short)", "refs/heads/inbox")); len(refs) != 2 || refs[1] != refs[0]+agentsSuffix {
		t.Fatalf("the remote has %v", refs)
	}
	if state, err := guest.RemoteState(t.Context()); err != nil || state.Problem != "" || state.Unpushed > 0 || len(state.Barred) != 2 {
		t.Fatalf("%+v, %v", state, err)
	}
	if r := sync1(t, guest, SyncOptions{}); r.Pushes > 0 {
		t.Fatalf("a sync of nothing pushes: %+v", r)
	}
	allow(t, dir)
	if r := sync1(t, owner, SyncOptions{Fold: true}); r.Fetched != 3 || r.Pushed != 3 || len(r.Refused) > 0 {
		t.Fatalf("%+v", r)
	}
	protectMain(t, dir, "computer says no")
	say(t, guest, "bob", "another")
	if err := guest.Join(t.Context(), "zoe"); err != nil {
		t.Fatal(err)
	}
	sync1(t, guest, SyncOptions{Retry: true}) // one of the two branches is open
	if state, err := guest.RemoteState(t.Context()); err != nil || len(state.Barred) != 1 || state.Barred[0].Branch != "main" {
		t.Fatalf("%+v, %v", state, err)
	}
	allow(t, dir)
	if got, err := owner.Show(t.Context(), m.ID.String()); err != nil || len(got.Receipts) != 1 || got.Receipts[0].Agent != "bob" {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := sync1(t, guest, SyncOptions{Retry: true}); len(r.Held)+len(r.HeldBack) > 0 {
		t.Fatalf("%+v", r)
	}
	if state, err := guest.RemoteState(t.Context()); err != nil || len(state.Barred) > 0 && state.Unpushed > 0 {
		t.Fatalf("%+v, %v", state, err)
	}
	git(t, dir, "fsck", "--strict")
}

// TestNothingMayBePushed: a remote that refuses everything is left alone for a
// while, and the store goes on.
func TestNothingMayBePushed(t *testing.T) {
	dir, address := bareRemote(t)
	setHook(t, dir, "pre-receive", "#!/bin/sh\necho 'it is closed' >&2\nexit 1\n")
	a := synced(t, address)
	for range 5 {
		say(t, a, "mary", "hello "+strings.Repeat("x", 5))
	}
	r := sync1(t, a, SyncOptions{})
	if len(r.Held) != 2 || !strings.Contains(r.Held[0], "it is closed") || len(r.HeldBack) > 0 {
		t.Fatalf("%+v", r)
	}
	if r.Pushes > 4*maxIsolating {
		t.Fatalf("%d pushes", r.Pushes)
	}
	if r = sync1(t, a, SyncOptions{}); r.Pushes > 0 || len(r.Held) != 2 {
		t.Fatalf("%+v", r)
	}
	if err := os.Remove(filepath.Join(dir, "hooks", "pre-receive")); err != nil {
		t.Fatal(err)
	}
	if r = sync1(t, a, SyncOptions{Retry: true}); len(r.Held) > 0 || r.Pushed == 0 {
		t.Fatalf("%+v", r)
	}
	if state, err := a.RemoteState(t.Context()); err != nil || len(state.Barred) > 0 || state.Unpushed > 0 {
		t.Fatalf("%+v, %v", state, err)
	}
}

// TestACopiedStore goes on as a replica of its own, wherever it was copied to.
func TestACopiedStore(t *testing.T) {
	dir, address := bareRemote(t)
	protectMain(t, dir, "protected branch")
	a := synced(t, address)
	say(t, a, "mary", "from the first")
	sync1(t, a, SyncOptions{})
	o, log := quiet, &bytes.Buffer{} // only Sync writes to it, as the index is off
	o.Dir, o.Logger = filepath.Join(t.TempDir(), "copy"), slog.New(slog.NewTextHandler(log, nil))
	if err := os.CopyFS(o.Dir, os.DirFS(a.Dir())); err != nil {
		t.Fatal(err)
	}
	b := openTest(t, o)
	say(t, b, "bob", "from the copy")
	sync1(t, b, SyncOptions{})
	sync1(t, b, SyncOptions{})
	if n := strings.Count(log.String(), "was copied or moved here"); n != 1 {
		t.Fatalf("it is said %d times:\n%s", n, log)
	}
	if refs := git(t, dir, "for-each-ref", "refs/heads/inbox"); strings.Count(refs, "refs/heads/inbox/") != 2 {
		t.Fatalf("the remote has\n%s", refs)
	}

	// A machine that was copied as a whole cannot be told from the first, but
	// by what is in its inbox.
	for name, s := range map[string]*Store{"a": a, "b": b} {
		here, err := s.here()
		if err != nil {
			t.Fatal(err)
		}
		here.ID = "00000000"
		if err := s.writeReplica(here); err != nil {
			t.Fatal(err)
		}
		say(t, s, "mary", "again "+name)
		sync1(t, s, SyncOptions{})
	}
	if refs := git(t, dir, "for-each-ref", "refs/heads/inbox"); strings.Count(refs, "refs/heads/inbox/") != 4 {
		t.Fatalf("the remote has\n%s", refs)
	}
}

// TestWhatNobodyLookedAt: with a large fetch of main, which is in order, comes
// what is not, on a branch that is not taken over. It must not get into the
// store, where it would be believed as soon as main is moved there.
func TestWhatNobodyLookedAt(t *testing.T) {
	a, b, dir := barred(t)
	inbox := git(t, dir, "for-each-ref", "--format=%(refname)", "refs/heads/inbox")
	allow(t, dir)
	for i := range 100 {
		say(t, b, "bob", fmt.Sprint(i, " ", static(i)))
	}
	sync1(t, b, SyncOptions{})
	link := strings.TrimSpace(string(gitInput(t, dir, "/etc/passwd", "hash-object", "-w", "--stdin")))
	tree := strings.TrimSpace(string(gitInput(t, dir, git(t, dir, "ls-tree", "main")+"\n120000 blob "+link+"\tlink\n", "mktree")))
	evil := git(t, dir, "-c", "user.name=eve", "-c", "user.email=e@e", "commit-tree", "-p", "main", "-m", "gift", tree)
	git(t, dir, "update-ref", inbox, evil)

	a.transport = remote.Git // whose packs are taken over as they are; the built-in one holds so little in memory
	if r := sync1(t, a, SyncOptions{}); r.Fetched != 100 {
		t.Fatalf("%+v", r)
	}
	if err := a.db.HasEncodedObject(plumbing.NewHash(evil)); !errors.Is(err, plumbing.ErrObjectNotFound) {
		t.Fatal("what nobody looked at is in the store")
	}
	git(t, dir, "update-ref", "refs/heads/main", evil)
	if r := sync1(t, a, SyncOptions{}); len(r.Refused) != 1 || r.Refused[0].Path != "link" {
		t.Fatalf("%+v", r)
	}
	checkQuiet(t, a)
}
