package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"skein/gitstore/event"
)

// Two processes bring the same index up to date, step by step: in step i come
// the messages of the i-th batch. All know all batches, as all read one store.

const (
	raceSteps = 40
	raceBatch = 25
)

func stepState(i int) (s State) {
	if i > 0 {
		binary.BigEndian.PutUint64(s.Main[:], uint64(i))
	}
	return s
}

func stepOf(s State) int { return int(binary.BigEndian.Uint64(s.Main[:])) }

// batches are the same in every process.
func batches() (all [][]Change) {
	c := newCorpus(raceSteps * raceBatch)
	for i := range raceSteps {
		all = append(all, batch(c, i))
	}
	return all
}

func batch(c *corpus, i int) (changes []Change) {
	for k := range raceBatch {
		changes = append(changes, c.message(i*raceBatch+k))
	}
	return changes
}

// race brings an index to the last step, whoever else does so.
func race(x *Index, all [][]Change) (won int, err error) {
	ctx := context.Background()
	for {
		v, err := x.View(ctx)
		if errors.Is(err, ErrBusy) {
			continue
		}
		if err != nil {
			return won, err
		}
		i := stepOf(v.State())
		v.Close()
		if i == len(all) {
			return won, nil
		}
		switch err := x.Update(ctx, stepState(i), stepState(i+1), yield(all[i])); {
		case err == nil:
			won++
		case !errors.Is(err, ErrBusy) && !errors.Is(err, ErrMoved):
			return won, err
		}
	}
}

func updateRole(args []string) error {
	x, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	defer x.Close()
	won, err := race(x, batches())
	say("%d", won)
	return err
}

func TestProcessesUpdateAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	x := openTest(t, dir, Options{})
	all := batches()
	others := []process{start(t, "update", dir), start(t, "update", dir)}
	var group sync.WaitGroup
	total := make([]int, 2)
	for i := range total {
		group.Go(func() {
			won, err := race(x, all)
			if total[i] = won; err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	sum := total[0] + total[1]
	for _, p := range others {
		won, err := strconv.Atoi(p.line(t))
		if err != nil {
			t.Fatal(err)
		}
		sum += won
	}
	if sum != len(all) {
		t.Errorf("%d steps were made, want %d", sum, len(all))
	}
	checkRace(t, x, all)
}

// checkRace finds each message once.
func checkRace(t *testing.T, x *Index, all [][]Change) {
	t.Helper()
	v := viewTest(t, x)
	defer v.Close()
	for _, batch := range all {
		for _, c := range batch {
			if found, err := v.Find(c.Event.ID.String()); err != nil || len(found) != 1 {
				t.Fatalf("message %s: %v, %v", c.Event.ID, found, err)
			}
		}
	}
	found, err := v.Search(mustParse(t, "since:2020-01"), Place{}, 1)
	if err != nil || found.Total != raceSteps*raceBatch {
		t.Fatalf("%+v, %v", found, err)
	}
}

func mustParse(tb testing.TB, text string) *Query {
	tb.Helper()
	q, err := ParseQuery(text, testStart)
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

// TestLockedByAnother keeps the index locked in another process: nobody waits,
// and as long as that only writes, all can read.
func TestLockedByAnother(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	all := batches()
	x := openTest(t, dir, Options{})
	if err := x.Update(context.Background(), State{}, stepState(1), yield(all[0])); err != nil {
		t.Fatal(err)
	}
	writer := start(t, "lock", dir, `BEGIN IMMEDIATE`)
	writer.line(t)
	if err := x.Update(context.Background(), stepState(1), stepState(2), yield(all[1])); !errors.Is(err, ErrBusy) {
		t.Errorf("update beside a writer: %v", err)
	}
	v := viewTest(t, x)
	if v.State() != stepState(1) {
		t.Error("the view is of another state")
	}
	v.Close()
	writer.stop()
	if err := x.Update(context.Background(), stepState(1), stepState(2), yield(all[1])); err != nil {
		t.Errorf("update behind a writer: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, "lock", dir, `PRAGMA locking_mode = EXCLUSIVE`, `BEGIN EXCLUSIVE`).line(t)
	began := time.Now()
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrBusy) {
		t.Errorf("open beside an exclusive lock: %v after %s", err, time.Since(began))
	}
}

// TestLockedWhileOpen locks a file that this process has open already.
func TestLockedWhileOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	x := openTest(t, dir, Options{})
	x.file.drain() // no connection is in the way of the lock
	holder := start(t, "lock", dir, `PRAGMA locking_mode = EXCLUSIVE`, `BEGIN EXCLUSIVE`)
	holder.line(t)
	if _, err := x.View(context.Background()); !errors.Is(err, ErrBusy) {
		t.Errorf("view: %v", err)
	}
	if err := x.Update(context.Background(), State{}, stepState(1), yield(nil)); !errors.Is(err, ErrBusy) {
		t.Errorf("update: %v", err)
	}
	holder.stop()
	viewTest(t, x).Close()
}

// TestUpdateIsAllOrNothing ends updates in the middle.
func TestUpdateIsAllOrNothing(t *testing.T) {
	x := openTest(t, filepath.Join(t.TempDir(), "index"), Options{})
	all := batches()
	broken := errors.New("the store cannot be read")
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("stopped")
	for name, c := range map[string]struct {
		ctx     context.Context
		changes iter.Seq2[Change, error]
		want    error
	}{
		"error": {context.Background(), func(yield func(Change, error) bool) {
			_ = yield(all[0][0], nil) && yield(Change{}, broken)
		}, broken},
		"context": {ctx, func(yield func(Change, error) bool) {
			for yield(all[0][1], nil) {
				cancel(stopped)
			}
		}, stopped},
	} {
		if err := x.Update(c.ctx, State{}, stepState(1), c.changes); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	misplaced := all[0][0]
	misplaced.Thread = event.ThreadRef{}
	if err := x.Update(context.Background(), State{}, stepState(1), yield([]Change{misplaced})); err == nil {
		t.Error("a message outside any thread was taken")
	}
	if err := x.Update(context.Background(), stepState(7), stepState(8), yield(nil)); !errors.Is(err, ErrMoved) {
		t.Errorf("update from another state: %v", err)
	}
	v := viewTest(t, x)
	defer v.Close()
	if v.State() != (State{}) || v.state.next != 0 {
		t.Errorf("something is left: %+v", v.state)
	}
}

// TestLargeUpdateIsInterrupted ends an update whose messages fill many groups.
func TestLargeUpdateIsInterrupted(t *testing.T) {
	x := openTest(t, filepath.Join(t.TempDir(), "index"), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	c, n := newCorpus(100_000), 0
	err := x.Update(ctx, State{}, stepState(1), func(yield func(Change, error) bool) {
		for ; yield(c.message(n), nil); n++ {
			if n == 3*groupSize {
				cancel()
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v after %d messages", err, n)
	}
	v := viewTest(t, x)
	defer v.Close()
	if found, err := v.Search(mustParse(t, "since:2020-01"), Place{}, 1); err != nil || found.Total != 0 {
		t.Fatal(fmt.Sprint(found, err))
	}
}
