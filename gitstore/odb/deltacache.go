package odb

import (
	"container/list"
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
	items map[place]*list.Element
	order list.List // the last used first
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
}

func newBaseCache() *baseCache { return &baseCache{items: map[place]*list.Element{}} }

func (c *baseCache) get(at place) (plumbing.ObjectType, []byte, bool) {
	if c == nil {
		return 0, nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[at]
	if !ok {
		return 0, nil, false
	}
	c.order.MoveToFront(e)
	item := e.Value.(*cached)
	return item.kind, item.data, true
}

func (c *baseCache) put(at place, kind plumbing.ObjectType, data []byte) {
	if c == nil || len(data) > cacheItem {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.items[at]; there {
		return
	}
	c.items[at] = c.order.PushFront(&cached{at, kind, data})
	for c.used += len(data); c.used > cacheSize; {
		oldest := c.order.Remove(c.order.Back()).(*cached)
		delete(c.items, oldest.at)
		c.used -= len(oldest.data)
	}
}

// forget drops what is from a pack that is closed.
func (c *baseCache) forget(p *pack) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, e := range c.items {
		if at.pack == p {
			c.order.Remove(e)
			c.used -= len(e.Value.(*cached).data)
			delete(c.items, at)
		}
	}
}
