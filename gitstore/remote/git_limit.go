package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"skein/gitstore/odb"
)

const (
	sizePoll        = 250 * time.Millisecond // how often the size of what has come is looked at
	defaultPatience = 30 * time.Second       // after which git is looked over the shoulder: it takes that for hundreds of megabytes
)

// limit ends git when it has brought too much, or would read for ever in what it
// has brought: git itself has no bound for that.
func (r *Remote) limit(ctx context.Context, dir string, end context.CancelCauseFunc) (stop func()) {
	ctx, done := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(sizePoll)
		defer tick.Stop()
		since, last, looked := time.Now(), int64(0), int64(0)
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			size := packBytes(dir)
			if size > r.maxBytes() {
				end(fmt.Errorf("%w at %d bytes", errTooLarge, size))
			}
			if size != last {
				since, last = time.Now(), size
			}
			if size != looked && time.Since(since) > r.patient() {
				looked = size
				if err := r.readable(ctx, dir); errors.As(err, new(*odb.BurdenError)) {
					end(err)
				}
			}
		}
	}()
	return func() { done(); <-ended }
}

func (r *Remote) patient() time.Duration {
	if r.patience > 0 {
		return r.patience
	}
	return defaultPatience
}

// readable takes apart the pack that git is reading. Of its errors only an
// odb.BurdenError counts: what is still on its way, or broken, is git's to tell.
func (r *Remote) readable(ctx context.Context, dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "tmp_pack_*"))
	if err != nil || len(names) == 0 {
		return err
	}
	f, err := os.Open(names[0])
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	u := newUnpacking(ctx, f, info.Size(), r.Repository)
	u.lenient = true
	u.made = func(int, made) error { return nil }
	return u.run()
}

// packBytes is how much there is in the packs of a repository, finished or not.
func packBytes(dir string) (size int64) {
	files, err := os.ReadDir(filepath.Join(dir, "objects", "pack"))
	if err != nil {
		return 0 // it is not there yet
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			size += info.Size()
		}
	}
	return size
}
