package gitstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // to hold the lock of an index

	"skein/gitstore/event"
)

// writer posts to a reader whom nobody else writes to, so that it knows every
// answer: what waits, what is found and in what order.
type writer struct {
	s      *Store
	name   string
	posted []event.ID
}

// step posts a message and asks for it in every way.
func (w *writer) step() error {
	ctx := context.Background()
	reader := w.name + ".reader"
	m, err := w.s.Post(ctx, Post{From: w.name, To: []string{reader}, Queue: true, Thread: "harm/" + w.name, Body: fmt.Sprintf("word%d of %s", len(w.posted), w.name)})
	if err != nil {
		return err
	}
	w.posted = append(w.posted, m.ID)
	in, err := w.s.Inbox(ctx, InboxQuery{Agent: reader, From: w.name, Limit: 1000})
	if err != nil || in.Total != len(w.posted) || in.Skipped != 0 || !slices.Equal(messageIDs(in.Messages), w.posted) {
		return fmt.Errorf("inbox: %+v of %d, %w", in, len(w.posted), err)
	}
	found, err := w.s.Search(ctx, SearchQuery{Text: fmt.Sprintf("word%d from:%s", len(w.posted)-1, w.name)})
	if err != nil || found.Total != 1 || len(found.Hits) != 1 || found.Hits[0].Message.ID != m.ID {
		return fmt.Errorf("search for one: %+v, %w", found, err)
	}
	found, err = w.s.Search(ctx, SearchQuery{Text: "word* thread:harm/" + w.name})
	if err != nil || found.Total != len(w.posted) || found.Hits[0].Message.ID != m.ID {
		return fmt.Errorf("search for all %d: %+v, %w", len(w.posted), found, err)
	}
	whole, err := w.s.resolveMessages(ctx, []string{m.ID.Short()})
	if err != nil || whole[0].ID != m.ID {
		return fmt.Errorf("message %s: %w", m.ID.Short(), err)
	}
	t, err := w.s.Threads(ctx, ThreadFilter{Project: "harm"})
	if err != nil || !slices.ContainsFunc(t, func(t event.Thread) bool { return t.Ref.Thread == w.name && t.Messages == len(w.posted) }) {
		return fmt.Errorf("threads: %+v, %w", t, err)
	}
	return nil
}

// writerRole steps until its standard input ends, and prints a line a step.
func writerRole(args []string) error {
	s, err := Open(context.Background(), Options{Dir: args[0], NoSync: true, NoMirror: true})
	if err != nil {
		return err
	}
	w := &writer{s: s, name: args[1]}
	for range 10_000 {
		if err := w.step(); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Fprintln(os.Stdout, len(w.posted))
	}
	return s.Close()
}

// lockIndexRole holds the write lock of the index until it is killed.
func lockIndexRole(args []string) error {
	if _, _, err := lockIndex(args[0]); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "locked")
	killed := make(chan os.Signal, 1)
	signal.Notify(killed, os.Interrupt) // without, the runtime ends a process that only waits
	<-killed
	return nil
}

// newestIndex is the file of the index that counts.
func newestIndex(dir string) (string, error) {
	names, err := filepath.Glob(filepath.Join(dir, ".git", "skein", "index", "v*.db"))
	if err != nil || len(names) == 0 {
		return "", errors.Join(err, os.ErrNotExist)
	}
	return slices.Max(names), nil
}

// lockIndex takes the write lock of the index.
func lockIndex(dir string) (tx *sql.Tx, unlock func(), err error) {
	for {
		name, err := newestIndex(dir)
		if err != nil {
			return nil, nil, err
		}
		db, err := sql.Open("sqlite", name+"?_txlock=immediate&_pragma=busy_timeout(60000)")
		if err != nil {
			return nil, nil, err
		}
		tx, err := db.Begin()
		if err == nil {
			return tx, func() { _, _ = tx.Rollback(), db.Close() }, nil
		}
		_ = db.Close()
		if again, _ := newestIndex(dir); again == name {
			return nil, nil, err
		}
	}
}

// crowd is writers at work: goroutines of one store, of another, and a process.
type crowd struct {
	t       *testing.T
	dir     string
	stop    atomic.Bool
	group   sync.WaitGroup
	steps   []atomic.Int64
	process *process
	stepped chan struct{}
}

func newCrowd(t *testing.T, stores ...*Store) *crowd {
	c := &crowd{t: t, dir: stores[0].Dir(), steps: make([]atomic.Int64, len(stores)), stepped: make(chan struct{}, 1)}
	for i, s := range stores {
		w := &writer{s: s, name: fmt.Sprintf("writer-%d", i)}
		c.group.Go(func() {
			for !c.stop.Load() && !t.Failed() {
				if err := w.step(); err != nil {
					t.Errorf("%s: %v", w.name, err)
				}
				c.steps[i].Add(1)
				select {
				case c.stepped <- struct{}{}:
				default:
				}
			}
		})
	}
	c.process = start(t, "writer", c.dir, "stranger")
	return c
}

// pass waits until each writer has made two more steps.
func (c *crowd) pass() {
	c.t.Helper()
	c.process.mu.Lock()
	lines := len(c.process.lines)
	c.process.mu.Unlock()
	for i := range c.steps {
		for goal := c.steps[i].Load() + 2; c.steps[i].Load() < goal && !c.t.Failed(); {
			<-c.stepped
		}
	}
	c.process.waitFor(lines + 2)
	c.process.mu.Lock()
	defer c.process.mu.Unlock()
	if c.process.ended || c.t.Failed() {
		c.t.Fatal("a writer has failed")
	}
}

func (c *crowd) end() {
	c.stop.Store(true)
	c.group.Wait()
	c.process.kill()
	_, _ = c.process.wait()
}

// TestHarmedIndex harms the index in many ways while agents post, read their
// inboxes and search: no call fails, and no answer is wrong.
func TestHarmedIndex(t *testing.T) {
	s := openTest(t, quiet)
	fill(t, s, 300, threadName)
	resident := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, Resident: true})
	c := newCrowd(t, s, s, resident)
	defer c.end()
	c.pass()
	for _, harm := range harms() {
		if runtime.GOOS == "windows" && strings.Contains(harm.name, "noise") {
			t.Logf("left out: %s, which Windows does not tell of in time", harm.name)
			continue
		}
		t.Log(harm.name)
		harm.do(t, s.Dir())
		c.pass()
	}
	locker := start(t, "lock-index", s.Dir())
	locker.waitFor(1)
	c.pass()
	locker.kill()
	_, _ = locker.wait()
	c.pass()
	c.end()
	if report, err := s.Verify(context.Background(), nil); err != nil || len(report.Problems) > 0 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	mustAnswer(t, s)
}

type harm struct {
	name string
	do   func(t *testing.T, dir string)
}

func harms() (all []harm) {
	all = []harm{
		{"nothing", func(*testing.T, string) {}},
		{"the directory is removed", func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, ".git", "skein", "index")); err != nil {
				t.Log(err) // somebody makes files there meanwhile: some are gone
			}
		}},
		{"the file is removed", func(t *testing.T, dir string) { each(t, dir, os.Remove) }},
		{"noise all over", func(t *testing.T, dir string) { harmFile(t, dir, noise(0, 1)) }},
		{"noise in the middle", func(t *testing.T, dir string) { harmFile(t, dir, noise(0.4, 0.5)) }},
		{"a version from the future", func(t *testing.T, dir string) {
			harmFile(t, dir, func(f *os.File, _ int64) error {
				_, err := f.WriteAt([]byte{0, 0, 0, 99}, 60) // user_version
				return err
			})
		}},
	}
	cuts := 20
	if testing.Short() {
		cuts = 5
	}
	for i := range cuts {
		share := float64(i) / float64(cuts)
		all = append(all, harm{fmt.Sprintf("cut at %d %%", i*100/cuts), func(t *testing.T, dir string) {
			harmFile(t, dir, func(f *os.File, size int64) error { return f.Truncate(int64(share * float64(size))) })
		}})
	}
	return all
}

func noise(from, to float64) func(*os.File, int64) error {
	return func(f *os.File, size int64) error {
		bytes := make([]byte, int64((to-from)*float64(size)))
		for i := range bytes {
			bytes[i] = byte(rand.Uint32())
		}
		_, err := f.WriteAt(bytes, int64(from*float64(size)))
		return err
	}
}

// each does something with the file of the index that counts.
func each(t *testing.T, dir string, do func(name string) error) {
	t.Helper()
	name, err := newestIndex(dir)
	if err == nil {
		err = do(name)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// harmFile writes into the file of the index between two of its own updates,
// at a time of which its stamp cannot say that it was the last of these.
func harmFile(t *testing.T, dir string, do func(f *os.File, size int64) error) {
	t.Helper()
	_, unlock, err := lockIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	each(t, dir, func(name string) error {
		copying := flock.New(strings.TrimSuffix(name, ".db") + ".copying")
		if err := copying.Lock(); err != nil {
			return err
		}
		defer copying.Close()
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		for probe := filepath.Join(t.TempDir(), "probe"); ; {
			if err := os.WriteFile(probe, nil, 0o600); err != nil {
				return err
			}
			now, err := os.Stat(probe)
			if err != nil {
				return err
			}
			if now.ModTime().Sub(info.ModTime()) > time.Millisecond {
				break
			}
		}
		return do(f, info.Size())
	})
}
