package odb

import (
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

const (
	cacheSize = 16 << 20       // bytes of objects kept for all packs together
	cacheItem = cacheSize / 16 // bytes of the largest object that is kept
)

// baseCache keeps objects that deltas were applied to or made, the last used
// ones, so that reading versions one after another costs one delta each. It is
// safe for concurrent use; nil keeps nothing.
type baseCache struct {
	mu    sync.Mutex
	items map[place]*cached
	ring  cached // before it the item used last, behind it the one to go first
	used  int
}

// place is where an object is.
type place struct {
	pack *pack
	off  int64
}

type cached struct {
	at   place
	kind plumbing.ObjectType
	data []byte

	before, behind *cached
}

func newBaseCache() *baseCache {
	c := &baseCache{items: map[place]*cached{}}
	c.ring.before, c.ring.behind = &c.ring, &c.ring
	return c
}

func (c *baseCache) get(at place) (plumbing.ObjectType, []byte, bool) {
	if c == nil {
		return 0, nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	item, ok := c.items[at]
	if !ok {
		return 0, nil, false
	}
	item.leave()
	c.enter(item)
	return item.kind, item.data, true
}

func (c *baseCache) put(at place, kind plumbing.ObjectType, data []byte) {
	if c == nil || len(data) > cacheItem {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items[at] != nil {
		return
	}
	item := &cached{at: at, kind: kind, data: data}
	c.items[at] = item
	c.enter(item)
	for c.used += len(data); c.used > cacheSize; {
		c.drop(c.ring.behind)
	}
}

// forget drops what is from a pack that is closed.
func (c *baseCache) forget(p *pack) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, item := range c.items {
		if at.pack == p {
			c.drop(item)
		}
	}
}

// enter makes an item the one used last.
func (c *baseCache) enter(item *cached) {
	item.before, item.behind = c.ring.before, &c.ring
	item.before.behind, item.behind.before = item, item
}

func (c *baseCache) drop(item *cached) {
	item.leave()
	delete(c.items, item.at)
	c.used -= len(item.data)
}

func (item *cached) leave() {
	item.before.behind, item.behind.before = item.behind, item.before
}
