package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// hasCommand tells whether the skein that is measured has a command.
func (b *bench) hasCommand(ctx context.Context, name string) bool {
	return exec.CommandContext(ctx, b.skein, "help", name).Run() == nil
}

const noCompaction = "this skein has no `skein gc` yet"

// compaction holds `skein gc` against git's most thorough repack, on copies of
// one store. Git would leave the packs alone that skein marks as being in use;
// nobody uses the copy, so the marks are taken off.
func compaction(ctx context.Context, b *bench) ([]row, error) {
	what := fmt.Sprintf("compaction, %s messages", thousands(b.large))
	if !b.hasCommand(ctx, "gc") {
		return []row{absent(what+": size", noCompaction, "≤ 1.10×"), absent(what+": time", noCompaction, "≤ 0.3×")}, nil
	}
	ours, tookOurs, err := b.repacked(ctx, func(store string) error {
		return system(ctx, b.skein, "gc", "--store", store)
	})
	if err != nil {
		return nil, err
	}
	theirs, tookTheirs, err := b.repacked(ctx, func(store string) error {
		_, err := git(ctx, store, "repack", "-a", "-d", "-f", "-q")
		return err
	})
	if err != nil {
		return nil, err
	}
	size := float64(ours) / float64(theirs)
	return []row{
		{
			what: what + ": size of the packs", skein: megabytes(ours), baseline: "git repack -adf " + megabytes(theirs),
			ratio: number(size) + "×", goal: "≤ 1.10×", met: met(size <= 1.1),
		},
		atMost(what+": time", sample{tookOurs}, sample{tookTheirs}, "git repack -adf", 0.3),
	}, nil
}

// repacked compacts a copy of the store and returns how large its packs are
// afterwards, and how long it took.
func (b *bench) repacked(ctx context.Context, repack func(store string) error) (size int64, took time.Duration, err error) {
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return 0, 0, err
	}
	packs := filepath.Join(store, ".git", "objects", "pack")
	marks, err := filepath.Glob(filepath.Join(packs, "*.keep"))
	for _, mark := range marks {
		err = errors.Join(err, os.Remove(mark))
	}
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := repack(store); err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	size, err = packSize(packs)
	return size, took, errors.Join(err, b.drop(store))
}

func packSize(dir string) (size int64, err error) {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		info, e := f.Info()
		if err = errors.Join(err, e); e == nil {
			size += info.Size()
		}
	}
	return size, err
}

// upkeep holds the slow posts of a server beside compaction and the making of
// the index, both without pause, against those of the same server alone.
func upkeep(ctx context.Context, b *bench) (rows []row, err error) {
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return nil, err
	}
	srv, err := b.serve(ctx, store, reader(), unmirrored)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop(), b.drop(store)) }()
	quiet, err := b.pacedPosts(ctx, srv)
	if err != nil {
		return nil, err
	}
	beside := [][]string{{"sh", "-c", `rm -rf "$1" && "$2" search solver --store "$3" --agent other --mirror=false`, "sh", indexDir(store), b.skein, store}}
	what := "index rebuilding"
	if b.hasCommand(ctx, "gc") {
		beside = append(beside, []string{b.skein, "gc", "--store", store})
		what += " and `skein gc`"
	} else {
		what += " (" + noCompaction + ")"
	}
	looping, stop := context.WithCancel(ctx)
	rounds := repeat(looping, beside...)
	busy, err := b.pacedPosts(ctx, srv)
	stop()
	b.note("beside the posts ran %v rounds", rounds())
	if err != nil {
		return nil, err
	}
	return []row{besideRow(fmt.Sprintf("a post beside %s, %s messages", what, thousands(b.large)), busy, quiet)}, nil
}

func besideRow(what string, busy, quiet sample) row {
	r := float64(busy.quantile(0.99)) / float64(quiet.quantile(0.99))
	return row{
		what: what, skein: spread(busy, 0.99), baseline: "alone " + spread(quiet, 0.99),
		ratio: number(r) + "×", goal: "p99 ≤ 3×", met: met(r <= 3),
	}
}

// pacedPosts posts as an agent does that has a little to do in between.
func (b *bench) pacedPosts(ctx context.Context, srv *server) (s sample, err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range 2 * b.posts {
		err := s.take(func() error {
			_, err := postTool(srv, "axon/upkeep", fmt.Sprintf("post %d", i))
			return err
		})
		if err != nil {
			return s, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return s, context.Cause(ctx)
		}
	}
	return s, nil
}
