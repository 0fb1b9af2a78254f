package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// bench is one run: where it measures, and how much.
type bench struct {
	skein  string // absolute path of the program
	dir    string // what is kept from run to run
	lock   *flock.Flock
	work   string // of this run, on the file system that was asked for
	home   string // the same, or on the volume: where most figures are taken
	made   string // stores that are copied for a figure, on the file system of home
	places []place
	volume *volume // nil: none could be mounted
	lack   string  // why not
	keep   bool
	copies int
	scales map[int]*scale // what was measured of stores of a size
	report report

	messages io.Writer // how things go
	sizes
}

// A place is a directory for figures that depend on the file system.
type place struct {
	dir string
	fs  filesystem
}

// sizes says how large the stores are and how often things are repeated.
type sizes struct {
	small, middle, large int // messages in a store
	huge                 int // in one without files beside the repository
	posts                int // on each side of a comparison
	commits              int // posts against git commit
	runs                 int // of a whole process
	writers, each        int // processes of the crowd, and posts of each
	rounds               int // of the crowd
	looks                int // of a warm server into its inbox, and as many searches
	calls                int // of a server whose memory is looked at
	servers              int // of the load
	load                 time.Duration
	synced               int // messages of a store that is synced
	clones, clonePosts   int // that sync at once, and posts of each
}

func sizesFor(quick bool) sizes {
	if quick {
		return sizes{small: 100, middle: 500, large: 2000, posts: 50, commits: 6, runs: 5, writers: 4, each: 50, rounds: 1,
			huge: 10_000, looks: 20, calls: 100, servers: 6, load: 5 * time.Second,
			synced: 2000, clones: 6, clonePosts: 5}
	}
	return sizes{small: 1000, middle: 10_000, large: 100_000, posts: 500, commits: 30, runs: 21, writers: 16, each: 500, rounds: 1,
		huge: 1_000_000, looks: 100, calls: 1000, servers: 30, load: time.Minute,
		synced: 50_000, clones: 50, clonePosts: 20}
}

func prepare(ctx context.Context, o options) (b *bench, err error) {
	skein, err := filepath.Abs(o.skein)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(skein); err != nil {
		return nil, fmt.Errorf("there is no program to measure: %w; `make build` makes it", err)
	}
	b = &bench{skein: skein, keep: o.keep, messages: os.Stderr, scales: map[int]*scale{}, sizes: sizesFor(o.quick)}
	if b.dir, err = workplace(o.dir); err != nil {
		return nil, err
	}
	if b.lock, err = alone(b.dir); err != nil {
		return nil, err
	}
	if b.work, err = os.MkdirTemp(b.dir, "run-"); err != nil {
		return nil, err
	}
	b.home, b.made = b.work, filepath.Join(b.dir, "made")
	fs := filesystemOf(b.work)
	b.places = []place{{dir: b.work, fs: fs}}
	if !fs.journal {
		b.addVolume(ctx)
	}
	return b, os.MkdirAll(b.made, 0o700)
}

// workplace is an absolute path, so that it means the same to every process.
func workplace(dir string) (string, error) {
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("%w; say with -dir where to measure", err)
		}
		dir = filepath.Join(cache, "skein-bench")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// alone makes sure that no other run uses dir: it would spoil the figures of
// both, and mount the same volume twice.
func alone(dir string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(dir, "lock"))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		err = fmt.Errorf("another run is using %s; wait for its end, or measure elsewhere with -dir", dir)
	}
	return lock, err
}

// addVolume mounts a file system with a journal, if it can.
func (b *bench) addVolume(ctx context.Context) {
	v, err := mountJournaled(ctx, b.dir)
	if err == nil {
		b.volume = v
		b.home, err = os.MkdirTemp(v.dir, "run-")
	}
	if err != nil {
		b.lack = fmt.Sprintf("no file system with a journal could be mounted (%v), so there are no figures for one", err)
		b.home = b.work
		return
	}
	b.made = filepath.Join(v.dir, "made")
	b.places = append(b.places, place{dir: b.home, fs: filesystemOf(v.dir)})
}

// clean removes what the run made, but for the stores that the next one uses.
func (b *bench) clean() {
	if b.keep {
		b.note("kept, and mounted, in %s", b.home)
		return
	}
	err := errors.Join(os.RemoveAll(b.home), os.RemoveAll(b.work))
	if b.volume != nil {
		err = errors.Join(err, b.volume.unmount())
	}
	if err = errors.Join(err, b.lock.Close()); err != nil {
		b.note("not everything could be removed: %v", err)
	}
}

// drop removes what a group no longer needs.
func (b *bench) drop(paths ...string) error {
	if b.keep {
		return nil
	}
	var errs []error
	for _, p := range paths {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			errs = append(errs, os.RemoveAll(p+suffix))
		}
	}
	return errors.Join(errs...)
}

// note says on standard error how things go.
func (b *bench) note(format string, args ...any) {
	fmt.Fprintf(b.messages, format+"\n", args...)
}
