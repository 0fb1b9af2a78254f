package odb

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestKill kills processes that commit, at any moment. What they had
// acknowledged is there once, and the next commit works at once and unaided.
func TestKill(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{Logger: quiet()})
	const writers = 4
	running := make([]*process, writers)
	started := 0
	start := func() *process {
		started++
		return spawn(t, "post", dir, fmt.Sprint("w", started))
	}
	for i := range running {
		running[i] = start()
	}
	var printed [][]string
	kills := times(40, 400)
	for n := range kills {
		i := n % writers
		running[i].wait(1 + rand.IntN(4))
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // any moment
		running[i].kill()
		printed = append(printed, running[i].printed())
		id := fmt.Sprint("parent", n)
		if err := post(s, mainRef, 10, id); err != nil {
			t.Fatalf("after kill %d: %v", n, err)
		}
		printed = append(printed, []string{mainRef.String() + " " + id})
		running[i] = start()
	}
	for _, p := range running {
		printed = append(printed, p.finish())
	}
	if locks, err := filepath.Glob(filepath.Join(dir, "refs", "heads", "*.lock")); err != nil || len(locks) > 1 {
		t.Errorf("left: %v (%v)", locks, err)
	}
	t.Logf("%d processes were killed", kills)
	checkAcknowledged(t, dir, printed...)
	again := open(t, dir, Options{Boot: "another"})
	if err := post(again, mainRef, 0, "after a restart"); err != nil {
		t.Fatal(err)
	}
}

// TestInitRaced: several processes make and use the same repository at once.
func TestInitRaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new.git")
	var all []*process
	for i := range 6 {
		all = append(all, spawn(t, "init", dir, fmt.Sprint("init", i)))
	}
	for _, p := range all {
		p.finish()
	}
	all = all[:0]
	for i := range 6 {
		all = append(all, spawn(t, "once", dir, fmt.Sprint("first", i)))
	}
	for _, p := range all {
		p.finish()
	}
	s := open(t, dir, Options{})
	ids, err := history(s, mainRef)
	if err != nil || len(ids) != 6 {
		t.Fatalf("%v (%v)", ids, err)
	}
	fsck(t, dir)
}
