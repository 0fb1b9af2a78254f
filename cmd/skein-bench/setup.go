package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// bench is one run: where it measures, and how much.
type bench struct {
	skein  string // absolute path of the program
	work   string // a directory of its own, on the file system that was asked for
	home   string // the same, or on the volume: where most figures are taken
	places []place
	volume *volume // nil: none could be mounted
	lack   string  // why not
	keep   bool
	copies int
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
	posts                int // on each side of a comparison
	commits              int // posts against git commit
	runs                 int // of a whole process
	writers, each        int // processes of the crowd, and posts of each
	rounds               int // of the crowd
}

func sizesFor(quick bool) sizes {
	if quick {
		return sizes{small: 100, middle: 500, large: 2000, posts: 50, commits: 6, runs: 5, writers: 4, each: 50, rounds: 1}
	}
	return sizes{small: 1000, middle: 10_000, large: 100_000, posts: 500, commits: 30, runs: 21, writers: 16, each: 500, rounds: 3}
}

func prepare(ctx context.Context, o options) (*bench, error) {
	skein, err := filepath.Abs(o.skein)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(skein); err != nil {
		return nil, fmt.Errorf("there is no program to measure: %w; `make build` makes it", err)
	}
	work, err := os.MkdirTemp(o.dir, "skein-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{skein: skein, work: work, home: work, keep: o.keep, sizes: sizesFor(o.quick)}
	fs := filesystemOf(work)
	b.places = []place{{dir: work, fs: fs}}
	if !fs.journal {
		b.addVolume(ctx)
	}
	return b, nil
}

// addVolume mounts a file system with a journal, if it can.
func (b *bench) addVolume(ctx context.Context) {
	v, err := mountJournaled(ctx, b.work)
	if err != nil {
		b.lack = fmt.Sprintf("no file system with a journal could be mounted (%v), so there are no figures for one", err)
		return
	}
	b.volume, b.home = v, v.dir
	b.places = append(b.places, place{dir: v.dir, fs: filesystemOf(v.dir)})
}

// clean unmounts and removes what the run made.
func (b *bench) clean() {
	if b.keep {
		b.note("kept, and mounted, in %s", b.home)
		return
	}
	var err error
	if b.volume != nil {
		err = b.volume.unmount()
	}
	if err = errors.Join(err, os.RemoveAll(b.work)); err != nil {
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
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
