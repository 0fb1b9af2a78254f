package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"skein/gitstore"
)

// clones has many stores with new messages sync with one remote at the same
// time, each with a process of its own, and then looks whether everybody has
// everything.
func clones(ctx context.Context, b *bench) (rows []row, err error) {
	dir := filepath.Join(b.home, "clones")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	server, err := serveGit(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { server.Close(); err = errors.Join(err, b.drop(dir)) }()
	c := &cloning{b: b, dir: dir, address: server.URL + "/talk"}
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	begin := time.Now()
	pushes, err := c.everybody(ctx)
	took := time.Since(begin)
	if err != nil {
		return nil, err
	}
	if _, err := c.everybody(ctx); err != nil { // those who came first get what came later
		return nil, err
	}
	complete, err := c.complete(ctx)
	if err != nil {
		return nil, err
	}
	total := b.clones * b.clonePosts
	attempts := float64(pushes) / float64(b.clones)
	what := fmt.Sprintf("%d clones × %d messages, `skein sync` of all at once", b.clones, b.clonePosts)
	return []row{
		{what: what + ": clones with every message, in a line, fsck clean", skein: fmt.Sprintf("%d of %d have %s", complete, b.clones, thousands(total)),
			baseline: "—", ratio: "—", goal: "all", met: met(complete == b.clones)},
		{what: what + ": pushes that a clone tries", skein: fmt.Sprintf("%s on average, all done in %s", number(attempts), show(took)),
			baseline: "—", ratio: "—", goal: "≤ 3", met: met(attempts <= 3)},
	}, nil
}

// cloning is a crowd of clones.
type cloning struct {
	b       *bench
	dir     string
	address string
}

func (c *cloning) clone(i int) string { return filepath.Join(c.dir, "clone-"+strconv.Itoa(i)) }

// begin makes the remote and the clones, and posts to each.
func (c *cloning) begin(ctx context.Context) error {
	if err := bareRepository(ctx, filepath.Join(c.dir, "talk")); err != nil {
		return err
	}
	for i := range c.b.clones {
		if err := c.fill(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (c *cloning) fill(ctx context.Context, i int) error {
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: c.clone(i), NoMirror: true})
	if err != nil {
		return err
	}
	for n := range c.b.clonePosts {
		_, e := s.Post(ctx, gitstore.Post{From: "agent-" + strconv.Itoa(i), Thread: "axon/talk", Body: fmt.Sprintf("message %d of %d", n, i)})
		err = errors.Join(err, e)
	}
	return errors.Join(err, s.SetRemote(ctx, c.address), s.Close())
}

// everybody syncs all clones at once, and returns how many pushes it took.
func (c *cloning) everybody(ctx context.Context) (pushes int, err error) {
	var group errgroup.Group
	tried := make([]int, c.b.clones)
	for i := range c.b.clones {
		group.Go(func() error {
			out, err := exec.CommandContext(ctx, c.b.skein, "sync", "--json", "--store", c.clone(i)).Output()
			if err != nil {
				return fmt.Errorf("skein sync of clone %d: %w %s", i, err, out)
			}
			var report struct{ Pushes int }
			err = json.Unmarshal(out, &report)
			tried[i] = report.Pushes
			return err
		})
	}
	err = group.Wait()
	for _, n := range tried {
		pushes += n
	}
	return pushes, err
}

// complete counts the clones that have every message once, in one line of
// commits that is the remote's, and that git finds nothing wrong with.
func (c *cloning) complete(ctx context.Context) (n int, err error) {
	there, err := git(ctx, filepath.Join(c.dir, "talk"), "rev-parse", "main")
	if err != nil {
		return 0, err
	}
	for i := range c.b.clones {
		ok, err := c.whole(ctx, c.clone(i), there)
		if err != nil {
			return n, err
		}
		if ok {
			n++
		}
	}
	return n, nil
}

func (c *cloning) whole(ctx context.Context, store, there string) (bool, error) {
	here, err := git(ctx, store, "rev-parse", "main")
	if err != nil {
		return false, err
	}
	if _, err := git(ctx, store, "fsck", "--strict", "--no-dangling"); err != nil {
		return false, err
	}
	merges, err := git(ctx, store, "rev-list", "--merges", "main")
	if err != nil {
		return false, err
	}
	ids, err := git(ctx, store, "log", "--format=%(trailers:key=Skein-Id,valueonly,separator=%x20)", "main")
	if err != nil {
		return false, err
	}
	found := map[string]int{}
	for _, id := range strings.Fields(ids) {
		found[id]++
	}
	once := len(found) == c.b.clones*c.b.clonePosts && len(strings.Fields(ids)) == len(found)
	return here == there && merges == "" && once, nil
}
