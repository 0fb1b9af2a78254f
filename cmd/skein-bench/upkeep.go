package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

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
	if err := b.buildIndex(ctx, store); err != nil {
		return nil, err
	}
	quiet, err := b.pacedPosts(ctx, srv)
	if err != nil {
		return nil, err
	}
	beside := []func(context.Context) error{func(ctx context.Context) error { return b.rebuildIndex(ctx, store) }}
	what := "index rebuilding"
	if b.hasCommand(ctx, "gc") {
		beside = append(beside, func(ctx context.Context) error { return system(ctx, b.skein, "gc", "--store", store) })
		what += " and `skein gc`"
	} else {
		what += " (" + noCompaction + ")"
	}
	looping, stop := context.WithCancel(ctx)
	rounds := repeat(looping, beside...)
	busy, err := b.pacedPosts(ctx, srv)
	stop()
	b.note("  beside the posts ran %v rounds", rounds())
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
