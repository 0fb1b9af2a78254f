package gitstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestAShallowStore: a machine that begins with the newest commits has
// everything that can be read, talks with others in both directions, and gets
// the older commits when it asks for them.
func TestAShallowStore(t *testing.T) {
	dir, address := bareRemote(t)
	whole, other := synced(t, address), synced(t, address)
	fill(t, whole, 60, func(int) string { return "axon/talk" })
	if err := whole.Join(t.Context(), "mary"); err != nil {
		t.Fatal(err)
	}
	sync1(t, whole, SyncOptions{})

	for depth, through := range map[int]string{1: dir, 4: address} { // by git, and as is best
		t.Run(fmt.Sprint("depth ", depth), func(t *testing.T) {
			s := synced(t, through)
			say(t, s, "bob", "said before the first sync")
			if r := sync1(t, s, SyncOptions{Depth: depth}); r.Fetched < 61 || r.Pushed != 2 {
				t.Fatalf("%+v", r)
			}
			commits := func() int {
				n, err := strconv.Atoi(git(t, s.Dir(), "rev-list", "--count", "main"))
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			if n := commits(); n != depth+1 {
				t.Fatalf("%d commits", n)
			}
			sync1(t, whole, SyncOptions{})
			checkShallow(t, s, whole)
			if r := sync1(t, s, SyncOptions{}); r.Fetched+r.Pushed+r.Pushes+len(r.Held)+len(r.Notes) > 0 {
				t.Fatalf("a sync of nothing does something: %+v", r)
			}
			if _, err := s.Sync(t.Context(), SyncOptions{Depth: depth}); !errors.Is(err, ErrHasHistory) {
				t.Fatal(err)
			}

			say(t, s, "bob", "from the shallow one") // pushed without a look
			if r := sync1(t, s, SyncOptions{}); r.Pushed != 1 || r.Pushes != 1 {
				t.Fatalf("%+v", r)
			}
			say(t, whole, "mary", "a race that one loses")
			say(t, s, "bob", "a race that the other wins")
			sync1(t, s, SyncOptions{})
			if r := sync1(t, whole, SyncOptions{}); r.Replayed != 1 {
				t.Fatalf("%+v", r)
			}
			say(t, s, "bob", "and the other way round")
			say(t, whole, "mary", "once more")
			sync1(t, whole, SyncOptions{})
			if r := sync1(t, s, SyncOptions{}); r.Replayed != 1 || r.Fetched != 2 {
				t.Fatalf("%+v", r)
			}
			sync1(t, whole, SyncOptions{})
			if n := commits(); n != depth+6 {
				t.Fatalf("%d commits", n)
			}
			checkShallow(t, s, whole)
			checkVerified(t, s)
			if state, err := s.RemoteState(t.Context()); err != nil || state.Unpushed != 0 {
				t.Fatalf("%+v, %v", state, err)
			}
			maintained(t, s)
			checkShallow(t, s, whole)

			r := sync1(t, s, SyncOptions{Unshallow: true})
			if r.Older < 60-depth || r.Fetched+r.Pushed > 0 {
				t.Fatalf("%+v", r)
			}
			checkWhole(t, s, whole)
			if r := sync1(t, s, SyncOptions{Unshallow: true}); r.Older != 0 || len(r.Notes) != 1 {
				t.Fatalf("%+v", r)
			}
		})
	}
	if r := sync1(t, other, SyncOptions{}); r.Fetched < 60 {
		t.Fatalf("%+v", r)
	}
	checkQuiet(t, other)
	git(t, dir, "fsck", "--strict")
}

// checkVerified fails if Verify finds anything.
func checkVerified(t *testing.T, s *Store) {
	t.Helper()
	s.background.Wait()
	report, err := s.Verify(t.Context(), nil)
	if err != nil || len(report.Problems)+len(report.Repaired) > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
}

// checkWhole: a store that was shallow is as one that never was.
func checkWhole(t *testing.T, s, whole *Store) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(s.db.Dir(), "shallow")); err == nil {
		t.Fatal("the store is shallow")
	}
	checkVerified(t, s)
	if here, there := checkQuiet(t, s), checkQuiet(t, whole); len(here.ids) != len(there.ids) {
		t.Fatalf("%d events here and %d there", len(here.ids), len(there.ids))
	}
}

// TestGitDeepensAShallowStore, and skein goes on from there.
func TestGitDeepensAShallowStore(t *testing.T) {
	dir, address := bareRemote(t)
	whole, s := synced(t, dir), synced(t, address)
	fill(t, whole, 30, func(int) string { return "axon/talk" })
	sync1(t, whole, SyncOptions{})
	sync1(t, s, SyncOptions{Depth: 2})
	say(t, s, "bob", "before")
	git(t, s.Dir(), "fetch", "-q", "--unshallow", "origin")
	say(t, s, "bob", "after")
	sync1(t, s, SyncOptions{})
	sync1(t, whole, SyncOptions{})
	checkWhole(t, s, whole)
}

// TestALargeShallowStore takes over the remote's packs as they are.
func TestALargeShallowStore(t *testing.T) {
	_, address := bareRemote(t)
	whole, s := synced(t, address), synced(t, address)
	for i := range 60 {
		say(t, whole, "mary", fmt.Sprint(i, " ", static(i)))
	}
	sync1(t, whole, SyncOptions{})
	if r := sync1(t, s, SyncOptions{Depth: 3}); r.Fetched != 61 {
		t.Fatalf("%+v", r)
	}
	checkShallow(t, s, whole)
	if r := sync1(t, s, SyncOptions{Unshallow: true}); r.Older < 55 {
		t.Fatalf("%+v", r)
	}
	checkWhole(t, s, whole)
}

// TestAShallowStoreAndARewrittenRemote: the branch is put back to a commit that
// is older than what is here, and goes on from there.
func TestAShallowStoreAndARewrittenRemote(t *testing.T) {
	for _, back := range []string{"main~1", "main~5"} {
		dir, address := bareRemote(t)
		whole, s := synced(t, address), synced(t, address)
		for i := range 10 {
			say(t, whole, "mary", fmt.Sprint("message ", i))
		}
		sync1(t, whole, SyncOptions{})
		sync1(t, s, SyncOptions{Depth: 3})
		git(t, dir, "update-ref", "refs/heads/main", back)
		fork := git(t, dir, "-c", "user.name=eve", "-c", "user.email=e@e", "commit-tree", "-p", "main", "-m", "nothing", "main^{tree}")
		git(t, dir, "update-ref", "refs/heads/main", fork)
		r := sync1(t, s, SyncOptions{})
		if lost, _ := strconv.Atoi(back[5:]); r.Replayed != lost || r.Pushed != lost || len(r.Rescued) != 1 {
			t.Fatalf("%s: %+v", back, r)
		}
		if r := sync1(t, whole, SyncOptions{}); r.Replayed != 0 {
			t.Fatalf("%+v", r)
		}
		if git(t, whole.Dir(), "rev-parse", "main") != git(t, s.Dir(), "rev-parse", "main") {
			t.Fatal("they differ")
		}
		checkShallow(t, s, whole)
		git(t, dir, "fsck", "--strict")
	}
}

// TestAShallowStoreCannotRestoreARemote that has lost what the store never had:
// it says so, and pushes nothing. One that has everything does it.
func TestAShallowStoreCannotRestoreARemote(t *testing.T) {
	dir, address := bareRemote(t)
	whole, s := synced(t, address), synced(t, address)
	for i := range 10 {
		say(t, whole, "mary", fmt.Sprint("message ", i))
	}
	sync1(t, whole, SyncOptions{})
	sync1(t, s, SyncOptions{Depth: 3})
	git(t, dir, "update-ref", "-d", "refs/heads/main")
	say(t, s, "bob", "one more")
	if _, err := s.Sync(t.Context(), SyncOptions{}); err == nil || !strings.Contains(err.Error(), "has lost its branch main") {
		t.Fatal(err)
	}
	for _, o := range []SyncOptions{{Restore: true, DryRun: true}, {Restore: true}} {
		r := sync1(t, s, o)
		if len(r.Held) != 1 || !strings.Contains(r.Held[0], "older commits are neither here nor at the remote") || r.Pushed > 0 || len(r.HeldBack) > 0 {
			t.Fatalf("%+v", r)
		}
	}
	if r := sync1(t, whole, SyncOptions{Restore: true}); r.Pushed != 10 {
		t.Fatalf("%+v", r)
	}
	if r := sync1(t, s, SyncOptions{}); r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	sync1(t, whole, SyncOptions{})
	checkShallow(t, s, whole)

	// Another remote, which is empty, is none the better for it.
	_, second := bareRemote(t)
	if err := s.SetRemote(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if r := sync1(t, s, SyncOptions{}); len(r.Held) != 1 || !strings.Contains(r.Held[0], "branch main: nothing is pushed") {
		t.Fatalf("%+v", r)
	}
	if err := s.SetRemote(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	if r := sync1(t, s, SyncOptions{}); len(r.Held)+len(r.Rescued)+r.Replayed > 0 {
		t.Fatalf("%+v", r)
	}
	checkVerified(t, s)
}

// TestOlderCommitsAreLookedAt before they are believed: what comes with them is
// checked as if it were new.
func TestOlderCommitsAreLookedAt(t *testing.T) {
	d := newDepot()
	whole, s := openTest(t, quiet), openTest(t, quiet)
	w := newDepotWire(s, d)
	for i := range 5 {
		say(t, whole, "mary", fmt.Sprint("message ", i))
	}
	mustSync(t, newDepotWire(whole, d), SyncOptions{})
	mustSync(t, w, SyncOptions{Depth: 2})
	before := git(t, s.Dir(), "for-each-ref")

	first, _, err := s.first(t.Context(), mainRef)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseCommit(d.objects[first].data)
	if err != nil {
		t.Fatal(err)
	}
	older, tree := d.objects[c.parent], d.treeOf(c.parent)
	bad := d.set(tree, []string{"projects", "axon", "talk", "evil"}, "120000", d.blob("/etc/passwd"))
	d.objects[c.parent] = thing{plumbing.CommitObject, []byte(strings.Replace(string(older.data), tree.String(), bad.String(), 1))}
	if _, err := s.syncOver(t.Context(), w, SyncOptions{Unshallow: true, pause: atOnce}); err == nil || !strings.Contains(err.Error(), "stays at the remote, because it holds what skein refuses") {
		t.Fatal(err)
	}
	if git(t, s.Dir(), "for-each-ref") != before {
		t.Fatal("something has moved")
	}
	checkShallow(t, s, whole)
	d.objects[c.parent] = older
	if r := mustSync(t, w, SyncOptions{Unshallow: true}); r.Older < 3 {
		t.Fatalf("%+v", r)
	}
	checkWhole(t, s, whole)
}

// TestAForeignHistoryIsNotTakenForABeginning: of a project with a long history
// and a few files only the last commit has come, and it is not one that may be
// replaced.
func TestAForeignHistoryIsNotTakenForABeginning(t *testing.T) {
	dir, address := bareRemote(t)
	tree := git(t, dir, "mktree")
	first := git(t, dir, "-c", "user.name=eve", "-c", "user.email=e@e", "commit-tree", "-m", "a year's work", tree)
	git(t, dir, "update-ref", "refs/heads/main", git(t, dir, "-c", "user.name=eve", "-c", "user.email=e@e", "commit-tree", "-m", "and another's", "-p", first, tree))
	s := synced(t, address)
	if _, err := s.Sync(t.Context(), SyncOptions{Depth: 1, Repair: true}); !errors.Is(err, errForeign) {
		t.Fatal(err)
	}
	if n := git(t, dir, "rev-list", "--count", "main"); n != "2" {
		t.Fatalf("%s commits", n)
	}
}
