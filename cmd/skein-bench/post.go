package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"skein/gitstore"
)

// block is how many posts one side makes before it is the other's turn.
const block = 25

// durablePosts holds a post that survives a power cut against such an insert,
// on each kind of file system.
func durablePosts(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	for _, p := range b.places {
		skein, base, err := b.againstSQLite(ctx, p.dir, b.middle, "FULL")
		if err != nil {
			return nil, err
		}
		what := fmt.Sprintf("durable post, %s messages, %s", thousands(b.middle), p.fs)
		r := atMost(what, skein, base, "SQLite FULL", 2)
		if !p.fs.journal {
			r.goal, r.met = "—", "—"
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// unsyncedPosts leaves flushing to the operating system, on both sides.
func unsyncedPosts(ctx context.Context, b *bench) ([]row, error) {
	skein, base, err := b.againstSQLite(ctx, b.home, b.large, "NORMAL")
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("post without sync, %s messages", thousands(b.large))
	return []row{atMost(what, skein, base, "SQLite NORMAL", 3)}, nil
}

// againstSQLite times posts to a store and inserts into a database, both of n
// messages, below dir.
func (b *bench) againstSQLite(ctx context.Context, dir string, n int, synchronous string) (skein, base sample, err error) {
	path, err := b.store(ctx, mixture(n), dir)
	if err != nil {
		return nil, nil, err
	}
	db, err := openDatabase(ctx, path+".db", synchronous)
	if err != nil {
		return nil, nil, err
	}
	if err := db.fill(ctx, newCorpus(mixed(n)), n); err != nil {
		return nil, nil, err
	}
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: path, NoSync: synchronous == "NORMAL"})
	if err != nil {
		return nil, nil, errors.Join(err, db.close())
	}
	skein, base, err = alternate(ctx, b.posts, block,
		poster(ctx, s, newCorpus(mixed(n))), db.inserter(ctx, newCorpus(mixed(n))))
	return skein, base, errors.Join(err, s.Close(), db.close(), b.drop(path, path+".db"))
}

// againstGit holds a post against what a person would type. Neither waits for
// the disk: git does not flush loose objects either, unless told to.
func againstGit(ctx context.Context, b *bench) ([]row, error) {
	path, err := b.store(ctx, mixture(b.middle), b.home)
	if err != nil {
		return nil, err
	}
	tree, err := newWorktree(ctx, path, filepath.Join(b.home, "worktree"))
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, noSync := range []bool{true, false} {
		s, err := gitstore.Open(ctx, gitstore.Options{Dir: path, NoSync: noSync})
		if err != nil {
			return nil, err
		}
		skein, base, err := alternate(ctx, b.commits, 3, poster(ctx, s, newCorpus(mixed(b.middle))), tree.committer(ctx))
		if err := errors.Join(err, s.Close()); err != nil {
			return nil, err
		}
		rows = append(rows, gitRow(skein, base, b.middle, noSync))
	}
	return rows, b.drop(path, tree.dir)
}

func gitRow(skein, base sample, n int, noSync bool) row {
	const name = "git add && git commit"
	if !noSync {
		return ungoverned(fmt.Sprintf("durable post, %s messages", thousands(n)), skein, base, name)
	}
	r := atMost(fmt.Sprintf("post without sync, %s messages", thousands(n)), skein, base, name, 1.0/50)
	r.ratio, r.goal = fmt.Sprintf("1/%.0f", 1/ratio(skein, base)), "≤ 1/50"
	return r
}

// growth holds a post to a large store against one to a small store, for those
// that are flushed and those that are not. The largest has no files beside the
// repository, and then neither has the small one.
func growth(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	for _, c := range []struct {
		large   int
		options gitstore.Options
	}{
		{b.large, gitstore.Options{NoSync: true}},
		{b.large, gitstore.Options{}},
		{b.huge, gitstore.Options{NoMirror: true}},
	} {
		what := fmt.Sprintf("%s, %s against %s messages", kind(c.options.NoSync), thousands(c.large), thousands(b.small))
		large, small, err := b.twoStores(ctx, mixture(c.large), mixture(b.small), c.options)
		if err != nil {
			return rows, err
		}
		rows = append(rows, atMost(what, large, small, "skein, small", 1.3))
	}
	return rows, nil
}

func kind(noSync bool) string {
	if noSync {
		return "post without sync"
	}
	return "durable post"
}

// twoStores times posts to a large and to a small store of the same kind.
func (b *bench) twoStores(ctx context.Context, large, small recipe, o gitstore.Options) (sl, ss sample, err error) {
	var paths [2]string
	var stores [2]*gitstore.Store
	for i, r := range []recipe{large, small} {
		if paths[i], err = b.store(ctx, r, b.home); err != nil {
			return nil, nil, err
		}
		o.Dir, o.Now = paths[i], r.after()
		if stores[i], err = gitstore.Open(ctx, o); err != nil {
			return nil, nil, err
		}
	}
	sl, ss, err = alternate(ctx, b.posts, block,
		poster(ctx, stores[0], newCorpus(large.more())), poster(ctx, stores[1], newCorpus(small.more())))
	return sl, ss, errors.Join(err, stores[0].Close(), stores[1].Close(), b.drop(paths[:]...))
}
