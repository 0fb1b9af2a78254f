package gitstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"skein/gitstore/odb"
)

// dieSyncingRole syncs, and is killed before its n-th change to the disk or
// word of what it does, while the git that it has started goes on.
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
	if _, err := s.Sync(context.Background(), SyncOptions{Progress: func(string) { disk.change() }}); err != nil {
		return err
	}
	return s.Close()
}

// TestSyncDiesAtEachStep: whatever step a sync is killed at, the next one
// brings both sides together, with everything on them once.
func TestSyncDiesAtEachStep(t *testing.T) {
	stride := 5
	if os.Getenv("SKEIN_SOAK") != "" {
		stride = 1
	}
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
		victim := start(t, "die-syncing", mine.Dir(), strconv.Itoa(steps))
		_, err := victim.wait()
		if err != nil && victim.cmd.ProcessState.Exited() {
			t.Fatalf("step %d: the process ended by itself: %v", steps, err)
		}
		if r := sync1(t, mine, SyncOptions{}); len(r.Refused)+len(r.Held)+len(r.Rescued) > 0 {
			t.Fatalf("step %d: %+v", steps, r)
		}
		if ours, theirs := git(t, mine.Dir(), "rev-parse", "main"), git(t, dir, "rev-parse", "main"); ours != theirs {
			t.Fatalf("step %d: main is at %s here and at %s there", steps, ours, theirs)
		}
		if err == nil {
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
