package gitstore

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"skein/gitstore/odb"
)

// dyingFS kills the process before its n-th change to the disk; in the middle,
// if the change is a write.
type dyingFS struct {
	odb.FS
	left atomic.Int64 // changes until death; 0 or less: immortal
}

func (f *dyingFS) step() (dead bool) { return f.left.Add(-1) == 0 }

func (f *dyingFS) die() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}

func (f *dyingFS) change() {
	if f.step() {
		f.die()
	}
}

func (f *dyingFS) OpenFile(name string, flag int, perm fs.FileMode) (odb.File, error) {
	f.change()
	file, err := f.FS.OpenFile(name, flag, perm)
	return dyingFile{file, f}, err
}

func (f *dyingFS) Mkdir(name string, perm fs.FileMode) error {
	f.change()
	return f.FS.Mkdir(name, perm)
}
func (f *dyingFS) Rename(from, to string) error { f.change(); return f.FS.Rename(from, to) }
func (f *dyingFS) Remove(name string) error     { f.change(); return f.FS.Remove(name) }
func (f *dyingFS) SyncFile(name string) error   { f.change(); return f.FS.SyncFile(name) }
func (f *dyingFS) SyncDir(name string) error    { f.change(); return f.FS.SyncDir(name) }

type dyingFile struct {
	odb.File
	fs *dyingFS
}

func (f dyingFile) Write(p []byte) (int, error) {
	if f.fs.step() {
		_, _ = f.File.Write(p[:len(p)/2])
		f.fs.die()
	}
	return f.File.Write(p)
}

func (f dyingFile) WriteAt(p []byte, off int64) (int, error) {
	if f.fs.step() {
		_, _ = f.File.WriteAt(p[:len(p)/2], off)
		f.fs.die()
	}
	return f.File.WriteAt(p, off)
}

func (f dyingFile) Sync() error     { f.fs.change(); return f.File.Sync() }
func (f dyingFile) Datasync() error { f.fs.change(); return f.File.Datasync() }

// dieAtRole posts once, prints the id, and closes the store, unless it is dead
// by then.
func dieAtRole(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	disk := &dyingFS{FS: odb.OS}
	s, err := Open(context.Background(), Options{Dir: args[0], FS: disk})
	if err != nil {
		return err
	}
	disk.left.Store(int64(n))
	m, err := s.Post(context.Background(), Post{From: "leader", Thread: "p/t", Body: "x"})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, m.ID)
	return s.Close()
}

// The leader is killed at each step on its way, with requests of others in the
// queue that nobody but the next leader will commit.
func TestLeaderDiesAtEachStep(t *testing.T) {
	s := openTest(t, Options{NoMirror: true})
	mustJoin(t, s, "leader", "a")
	var there []string
	steps := 1
	for ; ; steps++ {
		for i := range 2 {
			there = append(there, orphan(t, s, fmt.Sprint("orphan ", i)).String())
		}
		leader := start(t, "die-at", s.Dir(), strconv.Itoa(steps))
		ids, err := leader.wait()
		there = append(there, ids...)
		next := openTest(t, Options{Dir: s.Dir(), NoMirror: true})
		there = append(there, mustPost(t, next, Post{From: "a", Thread: "p/t", Body: "next"}).ID.String())
		settled(t, next)
		checkQueueEmpty(t, s.Dir())
		if steps%10 == 0 || err == nil {
			checkAll(t, s.Dir(), there)
		}
		if err == nil {
			break
		}
	}
	if steps < 20 {
		t.Errorf("the leader took only %d steps", steps)
	}
}

// checkAll checks that everything that was acknowledged is there exactly once.
func checkAll(tb testing.TB, dir string, acknowledged []string) history {
	tb.Helper()
	h := checkStore(tb, dir)
	for _, id := range acknowledged {
		if n := h.count(id); n != 1 {
			tb.Errorf("acknowledged message %s is there %d times", id, n)
		}
	}
	return h
}

// postLoopRole posts for ever.
func postLoopRole(args []string) error {
	s, err := Open(context.Background(), Options{Dir: args[0]})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		m, err := s.Post(context.Background(), Post{From: args[1], Thread: "axon/" + args[1], Body: args[2] + " " + strconv.Itoa(i)})
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, m.ID, args[2]+" "+strconv.Itoa(i))
	}
}

// Four processes post; one after the other is killed and replaced. Whatever
// was acknowledged must be there, once, with its body, and nothing that nobody
// posted; and no process may ever wait for the dead.
func TestKill(t *testing.T) {
	kills := 30
	if os.Getenv("SKEIN_SOAK") != "" {
		kills = 300
	}
	s := openTest(t, Options{})
	said := map[string]string{} // id -> body, of what was acknowledged
	lives := 0
	live := func(i int) *process {
		lives++
		return start(t, "post-loop", s.Dir(), fmt.Sprint("agent-", i), fmt.Sprint("life ", lives))
	}
	var all [4]*process
	for i := range all {
		all[i] = live(i)
	}
	bury := func(p *process) {
		p.kill()
		ids, err := p.wait()
		if p.cmd.ProcessState.Exited() {
			t.Errorf("a process ended by itself (%v)", err)
		}
		for _, line := range ids {
			said[line[:26]] = line[27:]
		}
	}
	for range kills {
		i := rand.IntN(len(all))
		all[i].waitFor(1 + rand.IntN(10))
		bury(all[i])
		all[i] = live(i)
	}
	for _, p := range all {
		p.waitFor(1)
		bury(p)
	}
	checkAfterKills(t, s, said)
}

func checkAfterKills(t *testing.T, s *Store, said map[string]string) {
	t.Helper()
	last := mustPost(t, s, Post{From: "survivor", Thread: "axon/after", Body: "life 0 0"})
	said[last.ID.String()] = "life 0 0"
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	h := checkStore(t, s.Dir())
	bodies := map[string]bool{}
	for _, e := range gitEvents(t, s, "main") {
		var life, i int
		if _, err := fmt.Sscanf(string(e.Body), "life %d %d", &life, &i); err != nil || bodies[string(e.Body)] {
			t.Errorf("%s says %q, which nobody posted, or twice", e.ID, e.Body)
		}
		bodies[string(e.Body)] = true
		if body, ok := said[e.ID.String()]; ok && body != string(e.Body) {
			t.Errorf("%s says %q, not %q", e.ID, e.Body, body)
		}
		delete(said, e.ID.String())
	}
	for id := range said {
		t.Errorf("%s was acknowledged and is not there", id)
	}
	t.Logf("%d messages are there", len(h.ids))
	checkQueueEmpty(t, s.Dir())
	checkExport(t, s.Dir())
	if locks, err := filepath.Glob(filepath.Join(gitDir(s.Dir()), "refs", "heads", "*.lock")); err != nil || len(locks) > 0 {
		t.Errorf("locks were left: %v (%v)", locks, err)
	}
}
