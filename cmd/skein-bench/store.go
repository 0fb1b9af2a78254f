package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"skein/gitstore"
)

// recipe says how a store is made.
type recipe struct {
	name  string // of its directory
	n     int    // messages
	shape shape
	more  shape // of what is posted once it is made
	clock *clock
}

// make makes a store in dir. Many writers at once let the store commit in
// groups, which is several times faster than one after the other.
func (r recipe) make(ctx context.Context, dir string) error {
	ticks := &ticker{clock: *r.clock}
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: dir, NoSync: true, NoMirror: true, Now: ticks.now})
	if err != nil {
		return err
	}
	err = errors.Join(joinAll(ctx, s), postAll(ctx, s, newCorpus(r.shape), r.n, ticks))
	return errors.Join(err, s.Close())
}

func joinAll(ctx context.Context, s *gitstore.Store) error {
	for _, a := range agents {
		if err := s.Join(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func postAll(ctx context.Context, s *gitstore.Store, c *corpus, n int, ticks *ticker) error {
	const writers = 64
	drafts := make(chan gitstore.Post, writers)
	group, ctx := errgroup.WithContext(ctx)
	for range writers {
		group.Go(func() error {
			for p := range drafts {
				if _, err := s.Post(ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(drafts)
		for range n {
			select {
			case drafts <- c.post():
				ticks.tick()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return group.Wait()
}

// ticker is a clock that others read while it is moved on.
type ticker struct {
	mu sync.Mutex
	clock
}

func (t *ticker) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = t.at.Add(t.step)
}

func (t *ticker) now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at
}

// after is a clock that goes on, a millisecond a look, where r's ended.
func (r recipe) after() func() time.Time {
	end := r.clock.at.Add(time.Duration(r.n) * r.clock.step)
	var looks atomic.Int64
	return func() time.Time { return end.Add(time.Duration(looks.Add(1)) * time.Millisecond) }
}

// mixture is the recipe of a store as use makes it.
func mixture(n int) recipe {
	return recipe{name: "mixed-" + strconv.Itoa(n), n: n, shape: mixed(n), more: mixed(n), clock: halfYear(n)}
}

// store returns a fresh copy of the store that r makes, below place; the store
// itself is made once a run. Its Markdown files are there.
func (b *bench) store(ctx context.Context, r recipe, place string) (string, error) {
	original := filepath.Join(b.home, "made", r.name)
	if _, err := os.Stat(original); err != nil {
		if err := b.cook(ctx, r, original); err != nil {
			return "", fmt.Errorf("making a store of %d messages: %w", r.n, err)
		}
	}
	b.copies++
	dir := filepath.Join(place, fmt.Sprintf("store-%s-%d", r.name, b.copies))
	return dir, exec.CommandContext(ctx, "cp", "-a", original, dir).Run()
}

func (b *bench) cook(ctx context.Context, r recipe, dir string) error {
	begin := time.Now()
	if err := r.make(ctx, dir); err != nil {
		return err
	}
	took := time.Since(begin)
	b.note("made a store of %s messages in %s (%.0f a second)", thousands(r.n), show(took), float64(r.n)/took.Seconds())
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
