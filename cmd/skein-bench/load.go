package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// pause is how long an agent of the load thinks between two calls, on average.
const pause = 200 * time.Millisecond

// load has many servers at work on one store, each with an agent that posts,
// looks into its inbox, reads and searches; then it counts what is there.
func load(ctx context.Context, b *bench) ([]row, error) {
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.buildIndex(ctx, store), settle(ctx)); err != nil {
		return nil, err
	}
	before, err := commitsInLine(ctx, store)
	if err != nil {
		return nil, err
	}
	posts, ids, err := b.shift(ctx, store)
	if err != nil {
		return nil, err
	}
	t, err := count(ctx, store, ids)
	t.commits -= before
	what := fmt.Sprintf("%d agents, mixed load for %s, %s messages", b.servers, b.load, thousands(b.large))
	all := len(ids)
	return []row{
		within(what+": a post", posts, 0.99, 50*time.Millisecond, "—", "—"),
		{
			what: "the same: what became of the posts", baseline: "—", ratio: "—", goal: "nothing lost", met: met(t == tally{all, all, all}),
			skein: fmt.Sprintf("%s acknowledged, %s found, %s commits in a line, fsck clean", thousands(t.acknowledged), thousands(t.found), thousands(t.commits)),
		},
	}, errors.Join(err, b.drop(store))
}

// shift lets all agents work for a while. It returns how long their posts
// took, and the ids of the posts that were acknowledged.
func (b *bench) shift(ctx context.Context, store string) (posts sample, ids []string, err error) {
	servers := make([]*server, b.servers)
	for i := range servers {
		if servers[i], err = b.serve(ctx, store, agents[i]); err != nil {
			return nil, nil, err
		}
	}
	var mu sync.Mutex
	var group errgroup.Group
	deadline := time.Now().Add(b.load)
	for i, srv := range servers {
		group.Go(func() error {
			own, acknowledged, err := session(ctx, srv, i, deadline)
			mu.Lock()
			defer mu.Unlock()
			posts, ids = append(posts, own...), append(ids, acknowledged...)
			return errors.Join(err, srv.stop())
		})
	}
	return posts, ids, group.Wait()
}

// session is what one agent of the load does until the deadline.
func session(ctx context.Context, srv *server, number int, deadline time.Time) (posts sample, ids []string, err error) {
	r := rand.New(rand.NewPCG(uint64(number), 5))
	for time.Now().Before(deadline) && err == nil {
		if r.IntN(10) < 4 {
			err = posts.take(func() error {
				text := fmt.Sprintf("Post %d of %d. ", len(ids), number) + strings.Repeat("One among many others. ", r.IntN(20))
				id, err := postTool(srv, fmt.Sprintf("axon/load-%d", r.IntN(10)), text)
				ids = append(ids, id)
				return err
			})
		} else {
			err = lookAround(srv, r)
		}
		select {
		case <-time.After(time.Duration(r.ExpFloat64() * float64(pause))):
		case <-ctx.Done():
			return posts, ids, context.Cause(ctx)
		}
	}
	return posts, ids, err
}

// lookAround is a call that writes nothing, or at most what was read.
func lookAround(srv *server, r *rand.Rand) error {
	var err error
	switch k := r.IntN(3); k {
	case 0:
		_, err = srv.tool("check_inbox", map[string]any{"mark_read": r.IntN(4) == 0})
	case 1:
		_, err = srv.tool("read_thread", map[string]any{"thread": "topic-00000"})
	default:
		_, err = srv.tool("search", map[string]any{"query": pick(r, common[20:60])})
	}
	return err
}
