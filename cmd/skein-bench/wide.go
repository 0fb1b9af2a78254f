package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"skein/gitstore"
	"skein/gitstore/odb"
)

// maxWritten is how many bytes a post may write.
const maxWritten = 40_000

// oneThread has all messages in one thread on one day.
func oneThread(ctx context.Context, b *bench) ([]row, error) {
	return b.wide(ctx, func(n int) recipe {
		return recipe{name: "thread-" + strconv.Itoa(n), n: n, seed: 1, shape: single, more: single, length: 22 * time.Hour}
	}, "messages in one thread in one day")
}

// oneProject has as many threads as messages in one project.
func oneProject(ctx context.Context, b *bench) ([]row, error) {
	return b.wide(ctx, func(n int) recipe {
		return recipe{name: "project-" + strconv.Itoa(n), n: n, seed: 1, shape: scattered,
			more: func() shape { return wider(n) }, length: span}
	}, "threads in one project")
}

// wide holds a post where directories would be full against one where they are
// almost empty, and counts what it writes.
func (b *bench) wide(ctx context.Context, of func(n int) recipe, what string) ([]row, error) {
	large, small := of(b.middle), of(10)
	sl, ss, err := b.twoStores(ctx, large, small, gitstore.Options{NoSync: true})
	if err != nil {
		return nil, err
	}
	rows := []row{atMost(fmt.Sprintf("post without sync, %s %s", thousands(large.n), what), sl, ss, "skein, at 10", 2)}
	for _, r := range []recipe{large, small} {
		r, err := b.written(ctx, r, fmt.Sprintf("written a post, %s %s", thousands(r.n), what))
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// written is how many bytes a post hands to the operating system, with the
// journal and the Markdown file beside the repository; what the merging of
// packs writes later stands beside it. What goes through a memory map is not in
// it; skein writes nothing that way. The first post is not counted: it
// allocates the journal, once in the life of a store.
func (b *bench) written(ctx context.Context, r recipe, what string) (row, error) {
	if runtime.GOOS != "linux" {
		return onlyLinux(what), nil
	}
	path, err := b.store(ctx, r, b.home)
	if err != nil {
		return row{}, err
	}
	m := &meter{FS: odb.OS}
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: path, Now: r.after(), FS: m})
	if err != nil {
		return row{}, err
	}
	post := poster(ctx, s, newCorpus(r.more()))
	if err := post(); err != nil {
		return row{}, err
	}
	before, err := procNumber("/proc/self/io", "wchar:")
	if err != nil {
		return row{}, err
	}
	for range b.posts {
		if err := post(); err != nil {
			return row{}, err
		}
	}
	if err := errors.Join(s.Close(), b.drop(path)); err != nil {
		return row{}, err
	}
	after, err := procNumber("/proc/self/io", "wchar:")
	merged := m.merged.Load()
	return writtenRow(what, (after-before-merged)/int64(b.posts), merged/int64(b.posts)), err
}

func writtenRow(what string, written, merged int64) row {
	return row{
		what: what, skein: fmt.Sprintf("%s, and %s later by merging packs", kilobytes(written), kilobytes(merged)),
		baseline: "—", ratio: "—", goal: "≤ " + kilobytes(maxWritten), met: met(written <= maxWritten),
	}
}

// onlyLinux stands for a figure that this system does not tell.
func onlyLinux(what string) row {
	return row{what: what, skein: "needs Linux", baseline: "—", ratio: "—", goal: "—", met: "—"}
}

// procNumber finds the number after key in a file of /proc.
func procNumber(path, key string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, key)
}
