package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"skein/gitstore"
)

// recipe says how a store is made.
type recipe struct {
	name   string // of its directory
	n      int    // messages
	seed   uint64
	shape  func() shape
	more   func() shape  // of what is posted once it is made
	length time.Duration // that the messages cover
}

// end is when the last message of the store was written. Those of a single day
// leave an hour of it for more.
func (r recipe) end() time.Time {
	if r.length < 24*time.Hour {
		return endOfHistory.Add(-time.Hour)
	}
	return endOfHistory
}

// make makes a store in dir, unflushed, and calls progress after each message.
func (r recipe) make(ctx context.Context, dir string, progress func()) error {
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: dir, NoSync: true, NoMirror: true})
	if err != nil {
		return err
	}
	h := newHistory(r.shape(), r.seed, r.n, r.length, r.end())
	_, err = s.Import(ctx, ahead(counted(h.records(r.n), progress)), nil)
	return errors.Join(err, s.Close())
}

// counted calls each for every message in records.
func counted(records iter.Seq[gitstore.Record], each func()) iter.Seq[gitstore.Record] {
	return func(yield func(gitstore.Record) bool) {
		for r := range records {
			if r.Event.Kind == "" {
				each()
			}
			if !yield(r) {
				return
			}
		}
	}
}

// ahead draws records on another processor while those before are committed.
func ahead(records iter.Seq[gitstore.Record]) iter.Seq[gitstore.Record] {
	return func(yield func(gitstore.Record) bool) {
		const chunk = 256
		ready, enough := make(chan []gitstore.Record, 8), make(chan struct{})
		defer close(enough)
		go func() {
			defer close(ready)
			var drawn []gitstore.Record
			for r := range records {
				if drawn = append(drawn, r); len(drawn) < chunk {
					continue
				}
				select {
				case ready <- drawn:
				case <-enough:
					return
				}
				drawn = make([]gitstore.Record, 0, chunk)
			}
			select {
			case ready <- drawn:
			case <-enough:
			}
		}()
		for drawn := range ready {
			for _, r := range drawn {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// after is a clock that goes on, a millisecond a look, where r's ended.
func (r recipe) after() func() time.Time {
	end := r.end().Add(time.Minute)
	var looks atomic.Int64
	return func() time.Time { return end.Add(time.Duration(looks.Add(1)) * time.Millisecond) }
}

// mixture is the recipe of a store as use makes it.
func mixture(n int) recipe {
	of := func() shape { return mixed(n) }
	return recipe{name: "mixed-" + strconv.Itoa(n), n: n, seed: 1, shape: of, more: of, length: span}
}

// store returns a fresh copy of the store that r makes, below place. The store
// itself is made once and kept from run to run.
func (b *bench) store(ctx context.Context, r recipe, place string) (string, error) {
	original, err := b.original(ctx, r)
	if err != nil {
		return "", err
	}
	b.copies++
	dir := filepath.Join(place, fmt.Sprintf("store-%s-%d", r.name, b.copies))
	return dir, errors.Join(copyStore(original, dir), settle(ctx))
}

// settle waits until all that was written is on the disk: else what is measured
// next pays for it.
func settle(ctx context.Context) error {
	err := exec.CommandContext(ctx, "sync").Run()
	if errors.Is(err, exec.ErrNotFound) {
		return nil // a system without it
	}
	return err
}

// original returns the store that r makes, which must not be changed. Its name
// has the generator's version, so that no run uses what another one made.
func (b *bench) original(ctx context.Context, r recipe) (string, error) {
	dir := filepath.Join(b.made, fmt.Sprintf("%s-v%d", r.name, generatorVersion))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	temp := dir + ".new"
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	if err := b.cook(ctx, r, temp); err != nil {
		return "", fmt.Errorf("making a store of %d messages: %w", r.n, err)
	}
	return dir, os.Rename(temp, dir)
}

// generatorVersion changes whenever the same seed gives another store.
const generatorVersion = 1

// mirrored is up to how many messages a store gets its Markdown files beside
// the repository; copying more of them takes longer than measuring.
const mirrored = 100_000

func (b *bench) cook(ctx context.Context, r recipe, dir string) error {
	begin := time.Now()
	bar := newProgress(b.messages, r.n)
	if err := r.make(ctx, dir, bar.step); err != nil {
		return err
	}
	bar.done()
	took := time.Since(begin)
	if err := dropReplaced(filepath.Join(dir, ".git", "objects", "pack")); err != nil {
		return err
	}
	if b.volume != nil {
		b.volume.trim(ctx)
	}
	b.note("made a store of %s messages in %s (%.0f a second)", thousands(r.n), show(took), float64(r.n)/took.Seconds())
	if r.n > mirrored {
		return nil
	}
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: dir, NoSync: true})
	if err != nil {
		return err
	}
	return errors.Join(s.Export(ctx, nil), s.Close())
}

// poster returns a function that posts one more message of c to s.
func poster(ctx context.Context, s *gitstore.Store, c *corpus) func() error {
	return func() error {
		_, err := s.Post(ctx, c.post())
		return err
	}
}
