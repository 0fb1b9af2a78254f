package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"skein/gitstore/index"
)

// indexDir is what skein keeps to answer quickly, and can make again.
func indexDir(store string) string { return filepath.Join(store, ".git", "skein", "index") }

// buildIndex has a server make the index, or bring it up to date, and returns
// when the index has seen both branches. A server builds in the background;
// commands do a part each.
func (b *bench) buildIndex(ctx context.Context, store string) (err error) {
	srv, err := b.serve(ctx, store, reader(), unmirrored)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	if _, err := srv.tool("search", map[string]any{"kind": "projects"}); err != nil {
		return err
	}
	return awaitIndex(ctx, store)
}

// awaitIndex waits until the index has seen both branches.
func awaitIndex(ctx context.Context, store string) error {
	tips, err := git(ctx, store, "rev-parse", "main", "agents")
	if err != nil {
		return err
	}
	x, err := index.Open(indexDir(store), index.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = x.Close() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if there, err := hasSeen(ctx, x, strings.Fields(tips)); there || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func hasSeen(ctx context.Context, x *index.Index, tips []string) (bool, error) {
	v, err := x.View(ctx)
	if err != nil {
		return false, err
	}
	defer v.Close()
	at := v.State()
	return fmt.Sprintf("%x", at.Main) == tips[0] && fmt.Sprintf("%x", at.Agents) == tips[1], nil
}

// rebuildIndex makes the index from nothing.
func (b *bench) rebuildIndex(ctx context.Context, store string) error {
	if err := os.RemoveAll(indexDir(store)); err != nil {
		return err
	}
	return b.buildIndex(ctx, store)
}
