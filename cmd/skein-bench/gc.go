package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// compaction holds `skein gc` against git's most thorough repack, on copies of
// one store. What skein has replaced stays for ten minutes for those who read
// it; it is not part of the size, but named.
func compaction(ctx context.Context, b *bench) ([]row, error) {
	what := fmt.Sprintf("compaction, %s messages", thousands(b.large))
	ours, err := b.repacked(ctx, "skein", func(store string) error {
		return system(ctx, b.skein, "gc", "--store", store)
	})
	if err != nil {
		return nil, err
	}
	theirs, err := b.repacked(ctx, "git", func(store string) error {
		_, err := git(ctx, store, "repack", "-a", "-d", "-f", "-q")
		return err
	})
	if err != nil {
		return nil, err
	}
	size := float64(ours.size) / float64(theirs.size)
	return []row{
		{
			what:     what + ": size of the packs",
			skein:    fmt.Sprintf("%s (before: %s; replaced, for ten minutes: %s)", megabytes(ours.size), megabytes(ours.before), megabytes(ours.replaced)),
			baseline: "git repack -adf " + megabytes(theirs.size),
			ratio:    number(size) + "×", goal: "≤ 1.10×", met: met(size <= 1.1),
		},
		atMost(what+": time", ours.took, theirs.took, "git repack -adf", 0.3),
	}, nil
}

// repack is what compaction made of a store.
type repack struct {
	before, size, replaced int64 // of the packs and their indexes, in bytes
	took                   sample
}

// repacked compacts a copy of the store. Git would leave out the packs that
// skein marks as its own; nobody uses the copy, so for git the marks go.
func (b *bench) repacked(ctx context.Context, name string, compact func(store string) error) (r repack, err error) {
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return r, err
	}
	packs := filepath.Join(store, ".git", "objects", "pack")
	if name == "git" {
		if err := removeAll(packs, "*.keep"); err != nil {
			return r, err
		}
	}
	if r.before, _, err = packSize(packs); err != nil {
		return r, err
	}
	if err := r.took.take(func() error { return compact(store) }); err != nil {
		return r, err
	}
	if r.size, r.replaced, err = packSize(packs); err != nil {
		return r, err
	}
	if _, err := git(ctx, store, "fsck", "--connectivity-only"); err != nil {
		return r, err
	}
	return r, b.drop(store)
}

func removeAll(dir, pattern string) error {
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	for _, name := range files {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// replacedMark is in the name of the file that marks a pack which skein has
// replaced and will remove after a while.
const replacedMark = ".replaced-"

// replacedPacks are the paths, without ending, of replaced packs.
func replacedPacks(dir string) (map[string]bool, error) {
	marks, err := filepath.Glob(filepath.Join(dir, "*"+replacedMark+"*"))
	replaced := map[string]bool{}
	for _, mark := range marks {
		base, _, _ := strings.Cut(mark, replacedMark)
		replaced[base] = true
	}
	return replaced, err
}

// packSize adds up what is in use, and what was replaced.
func packSize(dir string) (used, replaced int64, err error) {
	old, err := replacedPacks(dir)
	if err != nil {
		return 0, 0, err
	}
	files, err := os.ReadDir(dir)
	for _, f := range files {
		info, e := f.Info()
		if err = errors.Join(err, e); e != nil {
			continue
		}
		base, _, _ := strings.Cut(f.Name(), ".")
		if old[filepath.Join(dir, base)] {
			replaced += info.Size()
		} else {
			used += info.Size()
		}
	}
	return used, replaced, err
}

// dropReplaced removes at once what skein would remove later; nobody reads it.
func dropReplaced(dir string) error {
	replaced, err := replacedPacks(dir)
	for base := range replaced {
		err = errors.Join(err, removeAll(dir, filepath.Base(base)+".*"))
	}
	return err
}
