package gitstore

import (
	"container/heap"
	"context"

	"skein/gitstore/event"
)

// scan yields the messages of a thread, or the events of another kind in their
// directory, second by second, newest or oldest first, and reads a directory only when what comes next may lie in it.
type scan struct {
	s       *Store
	kind    event.Kind // what is looked for: messages
	back    bool       // newest first
	bound   int64      // the second to begin with: nothing later (back) or earlier is yielded
	pending nodes
	skipped int
}

// node is a directory or a message's file that the scan has not come to.
type node struct {
	span
	month int64 // when the month began in whose directory it lies
	dir   subtree
	file  leaf // named for a file
}

func newScan(s *Store, back bool, bound int64, places []subtree) (*scan, error) {
	c := &scan{s: s, back: back, bound: bound, pending: nodes{back: back}}
	for _, place := range places {
		if err := c.addMonths(place); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *scan) addMonths(place subtree) error {
	raw, err := c.s.tree(place.hash)
	if err != nil {
		return c.leaveOut(place.path, err)
	}
	for e := range entries(raw) {
		if in, ok := monthSpan(e.Name); ok && e.Dir {
			c.add(node{span: in, month: in.from, dir: place.sub(e)})
		} else {
			c.skipped++
		}
	}
	return nil
}

func (c *scan) add(n node) {
	if c.back && n.from > c.bound || !c.back && n.to < c.bound {
		return
	}
	heap.Push(&c.pending, n)
}

// next returns the messages' files of the next second that has any; none at
// the end.
func (c *scan) next(ctx context.Context) ([]leaf, error) {
	var files []leaf
	var second int64
	for c.pending.Len() > 0 && (len(files) == 0 || c.pending.key(0) == second) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, _ := heap.Pop(&c.pending).(node) // it holds nothing else
		if n.file.name != "" {
			files, second = append(files, n.file), n.from
		} else if err := c.expand(n); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (c *scan) expand(n node) error {
	raw, err := c.s.tree(n.dir.hash)
	if err != nil {
		return c.leaveOut(n.dir.path, err)
	}
	for e := range entries(raw) {
		if e.Dir {
			c.add(node{span: splitSpan(n.month, n.span, e.Name), month: n.month, dir: n.dir.sub(e)})
			continue
		}
		at, name, ok := nameOf(n.month, e.Name)
		switch {
		case !ok:
			c.skipped++
		case name.Kind == c.kind:
			c.add(node{span: span{at, at}, month: n.month, file: leaf{n.dir.path, e.Name, e.Hash}})
		}
	}
	return nil
}

func (c *scan) leaveOut(path string, err error) error {
	c.skipped++
	return c.s.leaveOut(path, err)
}

// remaining counts the messages that next has not yielded.
func (c *scan) remaining(ctx context.Context) (int, error) {
	sums := c.s.newSummer(ctx)
	count := 0
	for _, n := range c.pending.all {
		if n.file.name != "" {
			count++
			continue
		}
		sum, err := sums.dir(n.month, n.dir)
		if err != nil {
			return 0, err
		}
		count += sum.messages
	}
	return count, nil
}

// nameOf reads the name of an event's file in a month that began at month: the
// second at which the event was written, and the rest of the name.
func nameOf(month int64, name string) (at int64, parsed event.Name, ok bool) {
	parsed, err := event.ParseFileName(name)
	if err != nil {
		return 0, parsed, false
	}
	at, ok = nameSecond(month, name)
	return at, parsed, ok
}

// nodes is a heap: the newest (back) or the oldest comes first.
type nodes struct {
	back bool
	all  []node
}

// key is the second that decides when a node is due.
func (h *nodes) key(i int) int64 {
	if h.back {
		return h.all[i].to
	}
	return h.all[i].from
}

func (h *nodes) Len() int      { return len(h.all) }
func (h *nodes) Swap(i, j int) { h.all[i], h.all[j] = h.all[j], h.all[i] }

func (h *nodes) Push(x any) {
	n, _ := x.(node)
	h.all = append(h.all, n)
}

func (h *nodes) Less(i, j int) bool {
	if h.back {
		return h.key(i) > h.key(j)
	}
	return h.key(i) < h.key(j)
}

func (h *nodes) Pop() any {
	last := h.all[len(h.all)-1]
	h.all = h.all[:len(h.all)-1]
	return last
}
