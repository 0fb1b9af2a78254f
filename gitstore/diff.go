package gitstore

import (
	"bytes"
	"context"

	"github.com/go-git/go-git/v5/plumbing"
)

// compareTrees calls changed for each entry in which two raw trees differ, in
// git's order. was or is has no name where the entry is in one of them only; a
// file that became a directory is two entries.
func compareTrees(before, after []byte, changed func(was, is treeEntry) error) error {
	for {
		oldMode, oldName, oldHash, oldRest, isOld := nextEntry(before)
		newMode, newName, newHash, newRest, isNew := nextEntry(after)
		if !isOld && !isNew {
			return nil
		}
		if n := len(before) - len(oldRest); isOld && bytes.Equal(before[:n], after[:min(n, len(after))]) {
			before, after = oldRest, after[n:] // which holds for nearly all
			continue
		}
		order := 0
		switch {
		case !isNew:
			order = -1
		case !isOld:
			order = 1
		default:
			order = compareEntries(oldName, isDirMode(oldMode), newName, isDirMode(newMode))
		}
		var was, is treeEntry
		if order <= 0 {
			was = treeEntry{string(oldName), isDirMode(oldMode), plumbing.Hash(oldHash)}
			before = oldRest
		}
		if order >= 0 {
			is = treeEntry{string(newName), isDirMode(newMode), plumbing.Hash(newHash)}
			after = newRest
		}
		if order == 0 && bytes.Equal(oldHash, newHash) {
			continue
		}
		if err := changed(was, is); err != nil {
			return err
		}
	}
}

// changes is what differs between two trees.
type changes struct {
	added, removed []leaf
	fresh, gone    []subtree // directories that are in one of the trees only
	broken         []string  // paths of directories that cannot be read

	most int  // more files and directories than that are errBehind; 0: no bound
	bulk bool // trees are read without being kept
}

// diff adds to c what is below to and not below from, and the other way round.
// Directories whose hashes are the same are not read, so the cost is that of
// what changed. A directory of the new tree that cannot be read is taken to be
// as it was; one of the old tree is an error.
func (s *Store) diff(ctx context.Context, from, to subtree, c *changes) error {
	if from.hash == to.hash {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	read := s.tree
	if c.bulk {
		read = s.treeOnce
	}
	before, err := read(from.hash)
	if err != nil {
		return err
	}
	after, err := read(to.hash)
	if err != nil {
		c.broken = append(c.broken, to.path)
		return s.leaveOut(to.path, err)
	}
	return compareTrees(before, after, func(was, is treeEntry) error {
		if was.Name != "" && is.Name != "" && is.Dir {
			return s.diff(ctx, from.sub(was), to.sub(is), c)
		}
		c.note(to, was, is)
		if c.most > 0 && len(c.added)+len(c.removed)+len(c.fresh)+len(c.gone) > c.most {
			return errBehind
		}
		return nil
	})
}

// note takes account of entries of d that are in one of the trees only, or of
// a file that has changed.
func (c *changes) note(d subtree, was, is treeEntry) {
	switch {
	case was.Name == "":
	case was.Dir:
		c.gone = append(c.gone, d.sub(was))
	default:
		c.removed = append(c.removed, leaf{d.path, was.Name, was.Hash})
	}
	switch {
	case is.Name == "":
	case is.Dir:
		c.fresh = append(c.fresh, d.sub(is))
	default:
		c.added = append(c.added, leaf{d.path, is.Name, is.Hash})
	}
}
