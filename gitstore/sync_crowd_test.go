package gitstore

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestManyClonesAtOnce: everybody pushes to one remote at the same time.
func TestManyClonesAtOnce(t *testing.T) {
	clones, messages := 6, 5
	if os.Getenv("SKEIN_SOAK") != "" {
		clones, messages = 50, 20
	}
	dir := filepath.Join(t.TempDir(), "talk.git")
	git(t, filepath.Dir(dir), "init", "-q", "--bare", "-b", "main", dir)
	git(t, dir, "config", "gc.auto", "0")
	stores := make([]*Store, clones)
	var there []string
	for i := range stores {
		stores[i] = synced(t, dir)
		for j := range messages {
			there = append(there, say(t, stores[i], fmt.Sprint("agent-", i), fmt.Sprint("message ", j)).ID.String())
		}
	}
	reports := make([]*SyncReport, clones)
	everybody := func() {
		var group sync.WaitGroup
		for i, s := range stores {
			group.Go(func() {
				report, err := s.Sync(t.Context(), SyncOptions{})
				if err != nil {
					t.Errorf("clone %d: %v", i, err)
				}
				reports[i] = report
			})
		}
		group.Wait()
	}
	everybody()
	pushes, pushed := 0, 0
	for _, r := range reports {
		pushes, pushed = pushes+r.Pushes, pushed+r.Pushed
	}
	if pushed != clones*(messages+1) {
		t.Errorf("%d of %d events were pushed", pushed, clones*(messages+1))
	}
	t.Logf("%d pushes of %d clones", pushes, clones)
	everybody()
	for _, s := range stores {
		s.background.Wait()
		checkAll(t, s.Dir(), there)
		if ours, theirs := git(t, s.Dir(), "rev-parse", "main"), git(t, dir, "rev-parse", "main"); ours != theirs {
			t.Fatalf("main is at %s here and at %s there", ours, theirs)
		}
	}
	git(t, dir, "fsck", "--strict")
}
