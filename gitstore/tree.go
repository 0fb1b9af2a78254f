package gitstore

import (
	"bytes"
	"fmt"
	"iter"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// treeEntry is one line of a git tree: a file (mode 100644) or a directory
// (40000), the only modes that the store writes.
type treeEntry struct {
	Name string
	Dir  bool
	Hash plumbing.Hash
}

// nextEntry splits the first entry off raw: "<mode> <name>\0<20 bytes>". ok is
// false at the end, and where the bytes are no entry.
func nextEntry(raw []byte) (mode, name, hash, rest []byte, ok bool) {
	space := bytes.IndexByte(raw, ' ')
	if space < 5 || space > 6 {
		return nil, nil, nil, raw, false
	}
	end := bytes.IndexByte(raw[space+1:], 0)
	if end < 1 {
		return nil, nil, nil, raw, false
	}
	end += space + 1
	if len(raw) < end+1+len(plumbing.Hash{}) {
		return nil, nil, nil, raw, false
	}
	next := end + 1 + len(plumbing.Hash{})
	return raw[:space], raw[space+1 : end], raw[end+1 : next], raw[next:], true
}

// isDirMode tells whether the digits of a mode say directory; they never have
// a leading zero.
func isDirMode(mode []byte) bool { return len(mode) == 5 }

// checkTree tells whether all of raw is entries, so that the scans below see
// each of them.
func checkTree(raw []byte) bool {
	for len(raw) > 0 {
		_, _, _, rest, ok := nextEntry(raw)
		if !ok {
			return false
		}
		raw = rest
	}
	return true
}

// entries yields the entries of a raw tree in git's order.
func entries(raw []byte) iter.Seq[treeEntry] {
	return func(yield func(treeEntry) bool) {
		for {
			mode, name, hash, rest, ok := nextEntry(raw)
			if !ok || !yield(treeEntry{string(name), isDirMode(mode), plumbing.Hash(hash)}) {
				return
			}
			raw = rest
		}
	}
}

// lookup returns the entry of that name.
func lookup(raw []byte, name string) (treeEntry, bool) {
	for {
		mode, n, hash, rest, ok := nextEntry(raw)
		if !ok {
			return treeEntry{}, false
		}
		if string(n) == name {
			return treeEntry{name, isDirMode(mode), plumbing.Hash(hash)}, true
		}
		raw = rest
	}
}

// splice returns a copy of raw with e in its place, instead of the entry of
// the same name if there is one. Nothing else changes: a tree is never
// rebuilt, so what another program put there stays byte for byte.
func splice(raw []byte, e treeEntry) []byte {
	start, end := placeOf(raw, e)
	out := make([]byte, 0, len(raw)+len(e.Name)+28)
	out = append(out, raw[:start]...)
	if e.Dir {
		out = append(out, "40000 "...)
	} else {
		out = append(out, "100644 "...)
	}
	out = append(out, e.Name...)
	out = append(out, 0)
	out = append(out, e.Hash[:]...)
	return append(out, raw[end:]...)
}

// placeOf returns which bytes of raw e replaces; none where it is new.
func placeOf(raw []byte, e treeEntry) (start, end int) {
	is := []byte(e.Name)
	for rest := raw; ; {
		at := len(raw) - len(rest)
		mode, name, _, next, ok := nextEntry(rest)
		if !ok {
			return at, at
		}
		switch c := compareEntries(name, isDirMode(mode), is, e.Dir); {
		case c == 0:
			return at, len(raw) - len(next)
		case c > 0:
			return at, at
		}
		rest = next
	}
}

// compareEntries orders entries as git does: by bytes, a directory as if its
// name ended in a slash.
func compareEntries(a []byte, aDir bool, b []byte, bDir bool) int {
	n := min(len(a), len(b))
	if c := bytes.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	return int(byteAfter(a, n, aDir)) - int(byteAfter(b, n, bDir))
}

func byteAfter(name []byte, n int, dir bool) byte {
	switch {
	case n < len(name):
		return name[n]
	case dir:
		return '/'
	}
	return 0
}

// tree returns the bytes of a tree, which must not be modified. The zero hash
// is the empty tree.
func (s *Store) tree(h plumbing.Hash) ([]byte, error) {
	if h.IsZero() {
		return nil, nil
	}
	if raw, ok := s.trees.get(h); ok {
		return raw, nil
	}
	t, raw, err := s.db.Get(h)
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", h, err)
	}
	if t != plumbing.TreeObject || !checkTree(raw) {
		return nil, fmt.Errorf("%w: %s", errNotTree, h)
	}
	s.trees.put(h, raw)
	return raw, nil
}

// treeCacheSize bounds the bytes of trees kept: some two hundred directories
// as full as they get.
const treeCacheSize = 4 << 20

// treeCache keeps the raw trees used last, in two generations: when the young
// one is full the old one is forgotten. Its zero value is ready.
type treeCache struct {
	mu         sync.Mutex
	young, old map[plumbing.Hash][]byte
	size       int // of the young
}

func (c *treeCache) get(h plumbing.Hash) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, ok := c.young[h]
	if ok {
		return raw, true
	}
	if raw, ok = c.old[h]; ok {
		c.keep(h, raw)
	}
	return raw, ok
}

func (c *treeCache) put(h plumbing.Hash, raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(h, raw)
}

func (c *treeCache) keep(h plumbing.Hash, raw []byte) {
	if _, ok := c.young[h]; ok {
		return
	}
	if c.size+len(raw) > treeCacheSize/2 {
		c.young, c.old, c.size = nil, c.young, 0
	}
	if c.young == nil {
		c.young = make(map[plumbing.Hash][]byte)
	}
	c.young[h] = raw
	c.size += len(raw)
}

// drop forgets a tree that has been superseded.
func (c *treeCache) drop(h plumbing.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size -= len(c.young[h])
	delete(c.young, h)
	delete(c.old, h)
}
