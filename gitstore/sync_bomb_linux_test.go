package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestABombIsNotUnpacked: a file of a few kilobytes that unpacks to 64 MiB, and a
// directory of 250,000 files, are refused by name, and nobody holds them in memory.
func TestABombIsNotUnpacked(t *testing.T) {
	if testing.Short() {
		t.Skip("64 MiB are packed and unpacked six times, which takes seconds")
	}
	t.Run("built in", bomb)
	t.Run("git", func(t *testing.T) {
		t.Setenv("GIT_HTTP_USER_AGENT", "git/test") // a setting of git's is git's to follow
		bomb(t)
	})
}

func bomb(t *testing.T) {
	dir, address := bareRemote(t)
	s := synced(t, address)
	say(t, s, "mary", "before")
	sync1(t, s, SyncOptions{})
	hash := exec.Command("git", "-C", dir, "-c", "core.bigFileThreshold=1m", "hash-object", "-w", "--stdin")
	zeros, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zeros.Close()
	hash.Stdin = io.LimitReader(zeros, 64<<20)
	large, err := hash.Output()
	if err != nil {
		t.Fatal(err)
	}
	small := strings.TrimSpace(string(gitInput(t, dir, "x", "hash-object", "-w", "--stdin")))
	var crowd strings.Builder
	for i := range 250000 {
		fmt.Fprintf(&crowd, "100644 blob %s\tf%06d\n", small, i)
	}
	many := strings.TrimSpace(string(gitInput(t, dir, crowd.String(), "mktree", "--missing")))
	entries := git(t, dir, "ls-tree", "main") + fmt.Sprintf("\n100644 blob %s\tbomb\n040000 tree %s\tcrowd\n", strings.TrimSpace(string(large)), many)
	tree := strings.TrimSpace(string(gitInput(t, dir, entries, "mktree", "--missing")))
	evil := git(t, dir, "-c", "user.name=eve", "-c", "user.email=e@e", "commit-tree", "-p", "main", "-m", "gift", tree)
	git(t, dir, "update-ref", "refs/heads/main", evil)

	weighed, err := start(t, "weigh-syncing", s.Dir()).wait()
	if err != nil {
		t.Fatal(err)
	}
	held, err := strconv.Atoi(weighed[0])
	if err != nil || held > 96<<10 {
		t.Errorf("a process held %d KiB, %v", held, err)
	}
	r := sync1(t, s, SyncOptions{})
	if said := fmt.Sprint(r.Refused); len(r.Held) != 1 || !strings.Contains(said, "bomb in") || !strings.Contains(said, "crowd in") {
		t.Errorf("%+v", r)
	}
	checkQuiet(t, s)
	if left, _ := filepath.Glob(filepath.Join(s.quarantineDir(), "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	t.Logf("at most %d KiB", held)
}

func init() { roles["weigh-syncing"] = weighSyncingRole }

// weighSyncingRole syncs, and prints how many KiB it held at most, or a program
// that it started. What the system says of it afterwards to whoever started it
// would count the memory of that process in.
func weighSyncingRole(args []string) error {
	s, err := Open(context.Background(), Options{Dir: args[0], NoMirror: true})
	if err != nil {
		return err
	}
	_, err = s.Sync(context.Background(), SyncOptions{})
	status, statusErr := os.ReadFile("/proc/self/status")
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	var own int64
	_, scanErr := fmt.Sscan(peak, &own)
	var programs syscall.Rusage
	usageErr := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &programs)
	fmt.Fprintln(os.Stdout, max(own, programs.Maxrss))
	return errors.Join(err, statusErr, scanErr, usageErr, s.Close())
}
