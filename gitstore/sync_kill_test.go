package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"skein/gitstore/odb"
)

// dieSyncingRole syncs, folds or is given another remote, and is killed before
// its n-th change to the disk or word of what it does, while the git that it has
// started goes on.
func dieSyncingRole(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	disk := &dyingFS{FS: odb.OS}
	s, err := Open(context.Background(), Options{Dir: args[0], FS: disk, NoMirror: true})
	if err != nil {
		return err
	}
	disk.left.Store(int64(n))
	if address, ok := strings.CutPrefix(args[2], "remote "); ok {
		err = s.SetRemote(context.Background(), address)
	} else {
		_, err = s.Sync(context.Background(), SyncOptions{Fold: args[2] == "fold", Retry: args[2] == "retry", Progress: func(string) { disk.change() }})
	}
	return errors.Join(err, s.Close())
}

// dieAt runs the role on a store, and tells whether it got to its end.
func dieAt(t *testing.T, step int, s *Store, what string) (survived bool) {
	t.Helper()
	victim := start(t, "die-syncing", s.Dir(), strconv.Itoa(step), what)
	_, err := victim.wait()
	if err != nil && victim.cmd.ProcessState.Exited() {
		t.Fatalf("%s, step %d: the process ended by itself: %v", what, step, err)
	}
	return err == nil
}

// strides returns how many steps lie between two deaths.
func strides(usual int) int {
	if os.Getenv("SKEIN_SOAK") != "" {
		return 1
	}
	if testing.Short() {
		return 4 * usual
	}
	return usual
}

// TestSyncDiesAtEachStep: whatever step a sync is killed at, the next one
// brings both sides together, with everything on them once.
func TestSyncDiesAtEachStep(t *testing.T) {
	stride := strides(5)
	dir := filepath.Join(t.TempDir(), "talk.git")
	git(t, filepath.Dir(dir), "init", "-q", "--bare", "-b", "main", dir)
	git(t, dir, "config", "gc.auto", "0")
	other, mine := synced(t, dir), synced(t, dir)
	var there []string
	steps := 1
	for ; ; steps += stride {
		there = append(there, say(t, other, "mary", fmt.Sprint("theirs ", steps)).ID.String())
		sync1(t, other, SyncOptions{})
		there = append(there, say(t, mine, "bob", fmt.Sprint("ours ", steps)).ID.String())
		survived := dieAt(t, steps, mine, "sync")
		if r := sync1(t, mine, SyncOptions{}); len(r.Refused)+len(r.Held)+len(r.Rescued) > 0 {
			t.Fatalf("step %d: %+v", steps, r)
		}
		if ours, theirs := git(t, mine.Dir(), "rev-parse", "main"), git(t, dir, "rev-parse", "main"); ours != theirs {
			t.Fatalf("step %d: main is at %s here and at %s there", steps, ours, theirs)
		}
		if survived {
			break
		}
	}
	if steps < 20 {
		t.Errorf("a sync took only %d steps", steps)
	}
	sync1(t, other, SyncOptions{})
	mine.background.Wait()
	other.background.Wait()
	checkAll(t, mine.Dir(), there)
	checkAll(t, other.Dir(), there)
	git(t, dir, "fsck", "--strict")
	if _, err := os.Stat(mine.quarantineDir()); err == nil {
		t.Error("the quarantine is still there")
	}
}

// bareDirectory makes a remote that is reached by its path.
func bareDirectory(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "talk.git")
	git(t, filepath.Dir(dir), "init", "-q", "--bare", "-b", "main", dir)
	git(t, dir, "config", "gc.auto", "0")
	return dir
}

// TestSearchDiesAtEachStep: the search for the event that a remote refuses is cut
// short. The next sync ends it: that event stays, and all others are there once.
func TestSearchDiesAtEachStep(t *testing.T) {
	dir := bareDirectory(t)
	setHook(t, dir, "pre-receive", secretHook)
	s := synced(t, dir)
	var there, secrets []string
	steps := 1
	for survived := false; !survived; steps += strides(90) {
		for i := range 5 {
			text := fmt.Sprint("message ", i, " before step ", steps)
			if i == 2 {
				text += " hunter2"
			}
			id := say(t, s, "mary", text).ID.String()
			if i == 2 {
				secrets = append(secrets, id)
			}
			there = append(there, id)
		}
		survived = dieAt(t, steps, s, "sync")
		if r := sync1(t, s, SyncOptions{}); len(r.Refused)+len(r.Held)+len(r.Rescued) > 0 {
			t.Fatalf("step %d: %+v", steps, r)
		}
		if state, err := s.RemoteState(t.Context()); err != nil || len(state.Held) != len(secrets) || state.Unpushed != len(secrets) {
			t.Fatalf("step %d: %d of %d are held back: %+v, %v", steps, len(state.Held), len(secrets), state, err)
		}
	}
	if steps < 40 {
		t.Errorf("a search took only %d steps", steps)
	}
	checkAll(t, s.Dir(), there)
	if h := checkBranch(t, dir, "main"); len(h.ids) != len(there)-len(secrets) {
		t.Errorf("the remote has %d of %d messages", len(h.ids), len(there)-len(secrets))
	}
	git(t, dir, "fsck", "--strict")
}

// TestFoldDiesAtEachStep: what waits in an inbox is taken in once, however often
// whoever does so dies.
func TestFoldDiesAtEachStep(t *testing.T) {
	dir := bareDirectory(t)
	setHook(t, dir, "update", "#!/bin/sh\n[ \"$1\" != refs/heads/main -o -e $GIT_DIR/open ] || { echo 'protected branch' >&2; exit 1; }\n")
	open := func(is bool) {
		name := filepath.Join(dir, "open")
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
		if is {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(true)
	owner, guest := synced(t, dir), synced(t, dir)
	there := []string{say(t, owner, "mary", "hello").ID.String()}
	sync1(t, owner, SyncOptions{})
	steps := 1
	for survived := false; !survived; steps += strides(25) {
		there = append(there, say(t, guest, "bob", fmt.Sprint("theirs ", steps)).ID.String())
		open(false)
		sync1(t, guest, SyncOptions{})
		open(true)
		there = append(there, say(t, owner, "mary", fmt.Sprint("ours ", steps)).ID.String())
		survived = dieAt(t, steps, owner, "fold")
		if r := sync1(t, owner, SyncOptions{Fold: true}); len(r.Refused)+len(r.Held)+len(r.Rescued) > 0 {
			t.Fatalf("step %d: %+v", steps, r)
		}
		if h := checkBranch(t, dir, "main"); len(h.ids) != len(there) {
			t.Fatalf("step %d: the remote has %d of %d messages", steps, len(h.ids), len(there))
		}
	}
	if steps < 20 {
		t.Errorf("a fold took only %d steps", steps)
	}
	checkAll(t, owner.Dir(), there)
	git(t, dir, "fsck", "--strict")
}

// TestAdoptionDiesAtEachStep: large packs are taken over as they are, or not yet.
func TestAdoptionDiesAtEachStep(t *testing.T) {
	dir := bareDirectory(t)
	other := synced(t, dir)
	var there []string
	for i := range 60 {
		there = append(there, say(t, other, "mary", static(i)).ID.String())
	}
	sync1(t, other, SyncOptions{})
	steps := 1
	for survived := false; !survived; steps += strides(35) {
		s := synced(t, dir)
		all := append([]string{say(t, s, "bob", "mine").ID.String()}, there...)
		survived = dieAt(t, steps, s, "sync")
		if r := sync1(t, s, SyncOptions{}); len(r.Refused)+len(r.Held)+len(r.Rescued) > 0 {
			t.Fatalf("step %d: %+v", steps, r)
		}
		checkAll(t, s.Dir(), all)
		there = append(there, all[0])
	}
	if steps < 20 {
		t.Errorf("an adoption took only %d steps", steps)
	}
	git(t, dir, "fsck", "--strict")
}

// TestSetRemoteDiesAtEachStep: a store has the one remote or the other, knows
// nothing of one that belongs to the other, and all messages get to where it
// is to be.
func TestSetRemoteDiesAtEachStep(t *testing.T) {
	s := openTest(t, quiet)
	there := []string{say(t, s, "mary", "hello").ID.String()}
	before := bareDirectory(t)
	if err := s.SetRemote(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	sync1(t, s, SyncOptions{})
	steps := 1
	for survived := false; !survived; steps += strides(3) {
		after := bareDirectory(t)
		survived = dieAt(t, steps, s, "remote "+after)
		has, err := s.RemoteURL()
		if err != nil || has != before && has != after || survived && has != after {
			t.Fatalf("step %d: the remote is %q: %v", steps, has, err)
		}
		there = append(there, say(t, s, "mary", fmt.Sprint("after step ", steps)).ID.String())
		for _, to := range []string{has, after} {
			if err := s.SetRemote(t.Context(), to); err != nil {
				t.Fatal(err)
			}
			r := sync1(t, s, SyncOptions{})
			checkConverged(t, s, to, r)
			if h := checkBranch(t, to, "main"); len(h.ids) != len(there) {
				t.Fatalf("step %d: %d of %d messages are there", steps, len(h.ids), len(there))
			}
		}
		before = after
	}
	if steps < 4 {
		t.Errorf("it took only %d steps", steps)
	}
	checkAll(t, s.Dir(), there)
}
