package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// postRole posts a number of messages and prints the id of each when it is
// acknowledged.
func postRole(args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	noSync := len(args) > 3
	s, err := Open(context.Background(), Options{Dir: args[0], NoSync: noSync, NoMirror: noSync})
	if err != nil {
		return err
	}
	for i := range n {
		m, err := s.Post(context.Background(), Post{From: args[1], Thread: "axon/" + args[1], Body: fmt.Sprint(i, " ", sampleBody)})
		if err != nil {
			return err
		}
		if got := m.Commit; got.IsZero() {
			return fmt.Errorf("message %s came back without a commit", m.ID)
		}
		fmt.Fprintln(os.Stdout, m.ID)
	}
	return s.Close()
}

func TestManyGoroutines(t *testing.T) {
	s := openTest(t, Options{NoSync: true})
	var mu sync.Mutex
	acknowledged := map[string]string{}
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := range 10 {
				m, err := s.Post(context.Background(), Post{From: fmt.Sprint("agent-", g), Thread: "p/t", Body: fmt.Sprint(i)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[m.ID.String()] = m.Path
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	h := checkQuiet(t, s)
	if len(acknowledged) != 320 || len(h.ids) != 320 {
		t.Fatalf("%d messages were acknowledged and %d are there", len(acknowledged), len(h.ids))
	}
	for id, path := range acknowledged {
		if h.paths[id] != path {
			t.Errorf("%s was said to be %s and is %s", id, path, h.paths[id])
		}
	}
	for i := 1; i < len(h.ids); i++ {
		if h.ids[i] <= h.ids[i-1] {
			t.Errorf("%s follows %s", h.ids[i], h.ids[i-1])
		}
	}
}

func TestManyProcesses(t *testing.T) {
	dir := openTest(t, quiet).Dir()
	const processes, each = 8, 25
	var all []*process
	for p := range processes {
		all = append(all, start(t, "post", dir, fmt.Sprint("agent-", p), strconv.Itoa(each)))
	}
	acknowledged := 0
	seen := map[string]bool{}
	for _, p := range all {
		ids, err := p.wait()
		if err != nil {
			t.Error(err)
		}
		for _, id := range ids {
			acknowledged++
			seen[id] = true
		}
	}
	h := checkStore(t, dir)
	if acknowledged != processes*each || len(seen) != acknowledged || len(h.ids) != acknowledged {
		t.Errorf("%d messages were acknowledged with %d ids, %d are there", acknowledged, len(seen), len(h.ids))
	}
	for id := range seen {
		if h.count(id) != 1 {
			t.Errorf("message %s is there %d times", id, h.count(id))
		}
	}
	checkExport(t, dir)
	checkQueueEmpty(t, dir)
}

// Other programs may move the branches with git beside us; neither side loses
// anything.
func TestGitMovesTheBranchMeanwhile(t *testing.T) {
	s := openTest(t, quiet)
	stop := make(chan struct{})
	var moved int
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if moveByGit(t, s.Dir()) {
				moved++
			}
		}
	})
	for i := range 200 {
		mustPost(t, s, Post{From: "a", Thread: "p/t", Body: fmt.Sprint(i)})
	}
	close(stop)
	wg.Wait()
	posted := lines(git(t, s.Dir(), "log", "--format=%s", "--grep=Skein-Id", "main"))
	outside := lines(git(t, s.Dir(), "log", "--format=%s", "--grep=by hand", "main"))
	if len(posted) != 200 || len(outside) != moved {
		t.Errorf("%d of 200 posts and %d of %d commits by git are there", len(posted), len(outside), moved)
	}
	s.background.Wait()
	git(t, s.Dir(), "fsck", "--strict", "--no-dangling")
}

// moveByGit commits the same tree once more, if nobody else is quicker.
func moveByGit(tb testing.TB, dir string) bool {
	tip := git(tb, dir, "rev-parse", "main")
	next := git(tb, dir, "-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-p", tip, "-m", "by hand", tip+"^{tree}")
	return exec.Command("git", "-C", dir, "update-ref", "refs/heads/main", next, tip).Run() == nil
}

func TestLargeEventsMakeSeveralGroups(t *testing.T) {
	s := openTest(t, quiet)
	var r *request
	for i := range 7 {
		r = newRequest(home{project: "p", thread: "t"}, &event.Event{From: "a", Body: []byte(strings.Repeat(fmt.Sprint(i), event.MaxBody))})
		if err := s.stamp(r); err != nil {
			t.Fatal(err)
		}
		s.queue.add(r)
	}
	if err := s.lead(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	if h := checkQuiet(t, s); len(h.ids) != 7 {
		t.Errorf("%d of 7 events are there", len(h.ids))
	}
}

// brokenFS refuses to make files while it is broken.
type brokenFS struct {
	odb.FS
	mu     sync.Mutex
	broken error
}

func (f *brokenFS) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

func (f *brokenFS) OpenFile(name string, flag int, perm fs.FileMode) (odb.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	return f.FS.OpenFile(name, flag, perm)
}

func TestFailedCommitPostsNothing(t *testing.T) {
	disk := &brokenFS{FS: odb.OS}
	s := openTest(t, Options{NoSync: true, NoMirror: true, FS: disk})
	mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "before"})
	full := errors.New("no space left on device")
	disk.set(full)
	if _, err := s.Post(context.Background(), Post{From: "a", Thread: "p/t", Body: "during"}); !errors.Is(err, full) {
		t.Errorf("posting to a full disk says %v", err)
	}
	disk.set(nil)
	mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "after"})
	if h := checkQuiet(t, s); len(h.ids) != 2 {
		t.Errorf("%d messages are there, want those before and after", len(h.ids))
	}
}

// BenchmarkProcesses measures posts of many processes into one store, with and
// without sync.
func BenchmarkProcesses(b *testing.B) {
	for _, sync := range []bool{false, true} {
		for _, processes := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("sync=%t/%d", sync, processes), func(b *testing.B) {
				dir := openTest(b, quiet).Dir()
				each := b.N/processes + 1
				b.ResetTimer()
				var all []*process
				for p := range processes {
					args := []string{dir, fmt.Sprint("agent-", p), strconv.Itoa(each)}
					if !sync {
						args = append(args, "nosync")
					}
					all = append(all, start(b, "post", args...))
				}
				for _, p := range all {
					if _, err := p.wait(); err != nil {
						b.Error(err)
					}
				}
				b.ReportMetric(float64(each*processes)/b.Elapsed().Seconds(), "posts/s")
			})
		}
	}
}
