package gitstore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// index brings the index to the tips and checks it. One that is not in order
// is built anew. Nothing depends on it, so whatever else keeps it from being
// used, such as a directory that cannot be written, is no problem of the store.
func (v *verifier) index(ctx context.Context) error {
	p := v.s.projection
	if p == nil {
		return nil
	}
	err := p.check(ctx)
	if errors.Is(err, index.ErrDamaged) {
		if err = p.reset(ctx); err == nil {
			err = p.build(ctx)
		}
		if err == nil {
			v.report.Repaired = append(v.report.Repaired, "the index was damaged and has been built anew")
		}
	}
	if err != nil {
		v.s.log.Info("the index cannot be verified; readers walk the tree where it does not answer", "err", err)
	}
	return ctx.Err()
}

// check is index.ErrDamaged if the index is, or if it holds something else
// than the store.
func (p *projection) check(ctx context.Context) error {
	if err := p.build(ctx); err != nil {
		return err
	}
	x, err := p.open()
	if err != nil {
		return err
	}
	v, _, err := p.look(ctx, x)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := p.s.stillBroken(ctx, v); err != nil {
		return err
	}
	messages, skipped, err := p.s.countMessages(ctx, v.State().Main)
	if err != nil {
		return err
	}
	broken, err := v.Broken()
	if err != nil || skipped+broken > 0 {
		return err // damage of the store, which has been reported
	}
	return v.Check(messages)
}

// countMessages counts the files of messages at a commit.
func (s *Store) countMessages(ctx context.Context, commit plumbing.Hash) (messages, skipped int, err error) {
	projects, err := s.topOf(commit, projectsDir)
	if err != nil {
		return 0, 0, err
	}
	var count atomic.Int64
	w := walk{s: s, enter: notProjectDir, visit: func(_ int, f leaf) error {
		if name, err := event.ParseFileName(f.name); err == nil && name.Kind == event.KindMessage {
			count.Add(1)
		}
		return nil
	}}
	skipped, err = w.run(ctx, projects)
	return int(count.Load()), skipped, err
}

// mostBroken bounds how much is looked at a second time.
const mostBroken = 1000

// errMended says that something can be read that could not be when the index
// took it in.
var errMended = fmt.Errorf("%w: what it could not be given can be read by now", index.ErrDamaged)

// stillBroken is errMended if something can be read that is not in the index:
// it may have been put back from a backup.
func (s *Store) stillBroken(ctx context.Context, v *index.View) error {
	paths, err := v.BrokenPaths()
	if err != nil {
		return err
	}
	for _, file := range paths[:min(len(paths), mostBroken)] {
		if err := ctx.Err(); err != nil {
			return err
		}
		commit := v.State().Main
		if strings.HasPrefix(file, agentsDir+"/") {
			commit = v.State().Agents
		}
		if s.readable(commit, file) {
			return errMended
		}
	}
	return nil
}

// readable tells whether there is an event, or a directory, at a path.
func (s *Store) readable(commit plumbing.Hash, file string) bool {
	root, err := s.rootTree(commit)
	if err != nil {
		return false
	}
	at := treeEntry{Dir: true, Hash: root}
	for name := range strings.SplitSeq(file, "/") {
		raw, err := s.tree(at.Hash)
		if err != nil {
			return false
		}
		if at, _ = lookup(raw, name); at.Hash.IsZero() {
			return false
		}
	}
	if at.Dir {
		_, err = s.tree(at.Hash)
	} else {
		_, err = s.change(leaf{path.Dir(file), at.Name, at.Hash})
	}
	return err == nil
}
