package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	git5 "github.com/go-git/go-git/v5"
)

// housekeeping is what people and their tools run in a repository while agents
// post to it.
var housekeeping = [][]string{
	{"gc", "--quiet"},
	{"gc", "--quiet", "--prune=now"},
	{"repack", "-a", "-d", "--quiet"},
	{"pack-refs", "--all"},
	{"update-ref", "refs/tags/seen", "main"},
	{"log", "--oneline", "-20", "main"},
}

// Four processes post while git cleans up beside them, all kinds at once and
// again and again. Nothing that was acknowledged may get lost, and no post may
// fail: git's repack must not drop objects whose ref has not moved yet, nor
// pack-refs a value that it did not see.
func TestGitBeside(t *testing.T) {
	posts := 60
	if os.Getenv("SKEIN_SOAK") != "" {
		posts = 2000
	}
	s := openTest(t, Options{})
	mustJoin(t, s, "keeper")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var loops sync.WaitGroup
	rounds := make([]int, len(housekeeping))
	for i, args := range housekeeping {
		loops.Go(func() { rounds[i] = keepHouse(ctx, t, s.Dir(), args) })
	}
	acknowledged := postAll(t, s.Dir(), 4, posts)
	stop()
	loops.Wait()
	if len(acknowledged) != 4*posts {
		t.Errorf("%d of %d posts were acknowledged", len(acknowledged), 4*posts)
	}
	settled(t, s)
	h := checkAll(t, s.Dir(), acknowledged)
	if len(h.ids) != 4*posts {
		t.Errorf("the history has %d messages, %d were posted", len(h.ids), 4*posts)
	}
	for i, n := range rounds {
		if n == 0 {
			t.Errorf("git %s never ran to its end beside the posts", housekeeping[i][0])
		}
	}
	checkGoGitReads(t, s, 4*posts)
}

// keepHouse runs a git command over and over until ctx ends, and returns how
// often it succeeded. Two of these may be in each other's way, never in ours.
// The last one is let finish: killing it would leave its children behind.
func keepHouse(ctx context.Context, t *testing.T, dir string, args []string) (rounds int) {
	for ctx.Err() == nil {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "LC_ALL=C")
		var failed *exec.ExitError
		switch err := cmd.Run(); {
		case err == nil:
			rounds++
		case !errors.As(err, &failed):
			t.Errorf("git %v: %v", args, err)
			return rounds
		}
	}
	return rounds
}

// postAll has several processes post at once, and returns the ids that they
// were told.
func postAll(t *testing.T, dir string, processes, posts int) (acknowledged []string) {
	var all []*process
	for i := range processes {
		all = append(all, start(t, "post", dir, fmt.Sprint("agent-", i), strconv.Itoa(posts)))
	}
	for _, p := range all {
		ids, err := p.wait()
		if err != nil {
			t.Errorf("a process that posts failed: %v", err)
		}
		acknowledged = append(acknowledged, ids...)
	}
	return acknowledged
}

// checkGoGitReads has go-git's own log walk what git has packed, with deltas.
func checkGoGitReads(t *testing.T, s *Store, messages int) {
	t.Helper()
	repo, err := git5.Open(s.Storer(), nil)
	if err != nil {
		t.Fatal(err)
	}
	commits, err := repo.Log(&git5.LogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for c, err := commits.Next(); err == nil; c, err = commits.Next() {
		if _, err := c.Tree(); err != nil {
			t.Fatalf("commit %s: %v", c.Hash, err)
		}
		n++
	}
	if n != messages+1 {
		t.Errorf("go-git's log has %d commits, want %d and the root", n, messages)
	}
}
