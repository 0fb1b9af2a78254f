package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// upkeep holds the slow posts of a server beside compaction, the making of the
// index and syncing with a repository on the same disk, all without pause,
// against those of the same server alone.
func upkeep(ctx context.Context, b *bench) (rows []row, err error) {
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return nil, err
	}
	srv, err := b.serve(ctx, store, reader(), unmirrored)
	if err != nil {
		return nil, err
	}
	remote := store + "-remote"
	defer func() { err = errors.Join(err, srv.stop(), b.drop(store, remote)) }()
	if err := b.buildIndex(ctx, store); err != nil {
		return nil, err
	}
	quiet, err := b.pacedPosts(ctx, srv)
	if err != nil {
		return nil, err
	}
	if err := b.addRemote(ctx, store, remote); err != nil {
		return nil, err
	}
	looping, stop := context.WithCancel(ctx)
	rounds := repeat(looping,
		func(ctx context.Context) error { return b.rebuildIndex(ctx, store) },
		func(ctx context.Context) error { return system(ctx, b.skein, "gc", "--store", store) },
		func(ctx context.Context) error { return system(ctx, b.skein, "sync", "--store", store) })
	busy, err := b.pacedPosts(ctx, srv)
	stop()
	b.note("  beside the posts the index was made, `skein gc` and `skein sync` ran %v times", rounds())
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("a post beside index rebuilding, `skein gc` and `skein sync`, %s messages", thousands(b.large))
	return []row{besideRow(what, busy, quiet)}, nil
}

// addRemote gives the store a remote that has everything but the last posts,
// as one that is synced now and then.
func (b *bench) addRemote(ctx context.Context, store, remote string) error {
	if _, err := git(ctx, store, "clone", "-q", "--bare", store, remote); err != nil {
		return err
	}
	if err := system(ctx, b.skein, "remote", "add", remote, "--store", store); err != nil {
		return err
	}
	return system(ctx, b.skein, "sync", "--store", store)
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
