package odb

import (
	"bytes"
	"cmp"
	"encoding/hex"

	"github.com/go-git/go-git/v5/plumbing"
)

// This file reads commits and trees as far as a walk needs it, without making
// anything of them that outlives the step.

// commitLinks is what a commit refers to.
type commitLinks struct {
	tree    plumbing.Hash
	parents []plumbing.Hash
}

func parseCommit(data []byte) (c commitLinks) {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		key, value, _ := bytes.Cut(line, []byte{' '})
		var h plumbing.Hash
		if n, err := hex.Decode(h[:], value[:min(len(value), 40)]); err != nil || n != 20 {
			break
		}
		switch string(key) {
		case "tree":
			c.tree = h
		case "parent":
			c.parents = append(c.parents, h)
		default:
			return c
		}
		data = rest
	}
	return c
}

// node is a tree on the walk.
type node struct {
	i    uint32
	data []byte
}

// entries calls each for every entry of a tree.
func (n node) entries(each func(treeEntry) error) error {
	for b := n.data; len(b) > 0; {
		var e treeEntry
		if e, b = nextEntry(b); e.name == nil {
			return nil
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// treeEntry is an entry of a tree. Its name is nil at the end.
type treeEntry struct {
	mode, name []byte
	hash       plumbing.Hash
}

func (e treeEntry) isTree() bool { return len(e.mode) > 0 && e.mode[0] == '4' }

// nextEntry returns the first entry of a tree and what follows. What is no
// tree ends there.
func nextEntry(b []byte) (e treeEntry, rest []byte) {
	space, end := bytes.IndexByte(b, ' '), bytes.IndexByte(b, 0)
	if space < 0 || end < space || len(b) < end+21 {
		return treeEntry{}, nil
	}
	e = treeEntry{mode: b[:space], name: b[space+1 : end]}
	copy(e.hash[:], b[end+1:])
	return e, b[end+21:]
}

// compareEntries orders entries as git does: a directory's name as if it ended
// in a slash, the end of a tree last.
func compareEntries(x, y treeEntry) int {
	switch {
	case x.name == nil || y.name == nil:
		return cmp.Compare(len(y.mode), len(x.mode))
	case bytes.Equal(x.name, y.name) && x.isTree() == y.isTree():
		return 0
	}
	n := min(len(x.name), len(y.name))
	if c := bytes.Compare(x.name[:n], y.name[:n]); c != 0 {
		return c
	}
	return cmp.Compare(x.after(n), y.after(n))
}

// after returns the byte at n of the name, and what git takes to be behind it.
func (e treeEntry) after(n int) byte {
	switch {
	case n < len(e.name):
		return e.name[n]
	case e.isTree():
		return '/'
	}
	return 0
}
