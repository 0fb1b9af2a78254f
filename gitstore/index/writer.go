package index

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"skein/gitstore/event"
)

// writer is an update under way: one transaction, with the rows in hand that
// it changes. It is used by one goroutine.
type writer struct {
	c     *conn
	state state
	ctx   context.Context

	lastAgent, lastThread int64 // the greatest numbers given
	pending               bool  // there may be rows in the table pending

	agents  map[string]*agent
	numbers map[int64]*agent
	threads map[event.ThreadRef]*thread
	blocks  map[int64]*block
	boxes   map[boxKey]*box
	parts   map[partKey]*part
	dirs    map[string]int64
	places  map[int64][]place // of the blocks that were searched for ids
	finds   int

	changedBlocks map[int64]bool
	changedBoxes  map[boxKey]bool
	changedAgents map[*agent]bool
	touched       map[*agent]map[int64]bool // blocks to settle
	acted         map[*agent]bool           // who has new receipts
	refolded      map[*agent]bool           // whose profiles are to be folded anew
	rejoined      map[*agent]bool           // who joined at another time than was known
	lostWrote     map[*agent]bool           // what they wrote last has gone
}

type boxKey struct{ agent, block int64 }

const lastNumbersSQL = `SELECT coalesce((SELECT max(n) FROM agents), 0), coalesce((SELECT max(n) FROM threads), 0)`

func newWriter(ctx context.Context, c *conn, s state) (*writer, error) {
	w := &writer{
		c: c, state: s, ctx: ctx,
		agents:        make(map[string]*agent),
		numbers:       make(map[int64]*agent),
		threads:       make(map[event.ThreadRef]*thread),
		blocks:        make(map[int64]*block),
		boxes:         make(map[boxKey]*box),
		parts:         make(map[partKey]*part),
		dirs:          make(map[string]int64),
		places:        make(map[int64][]place),
		changedBlocks: make(map[int64]bool),
		changedBoxes:  make(map[boxKey]bool),
		changedAgents: make(map[*agent]bool),
		touched:       make(map[*agent]map[int64]bool),
		acted:         make(map[*agent]bool),
		refolded:      make(map[*agent]bool),
		rejoined:      make(map[*agent]bool),
		lostWrote:     make(map[*agent]bool),
	}
	if _, err := c.row(lastNumbersSQL, nil, &w.lastAgent, &w.lastThread); err != nil {
		return nil, err
	}
	_, err := c.row(anyPendingSQL, nil, &w.pending)
	return w, err
}

// agentOf returns the agent with that number, who must be there.
func (w *writer) agentOf(n int64) (*agent, error) {
	if a := w.numbers[n]; a != nil {
		return a, nil
	}
	var name string
	found, err := w.c.row(nameAgentSQL, []any{n}, &name)
	if err == nil && !found {
		err = damaged("agent %d is missing", n)
	}
	if err != nil {
		return nil, err
	}
	return w.agent(name)
}

func (w *writer) block(number int64) (*block, error) {
	if b := w.blocks[number]; b != nil {
		return b, nil
	}
	b, err := w.c.block(number)
	if err == nil {
		w.blocks[number] = b
	}
	return b, err
}

// blockToChange returns a block that the caller is going to change.
func (w *writer) blockToChange(number int64) (*block, error) {
	w.changedBlocks[number] = true
	return w.block(number)
}

// newBlock opens the block of a message's number if it is the block's first.
func (w *writer) newBlock(n int64) (*block, error) {
	number := n / blockSize
	if n%blockSize != 0 {
		return w.blockToChange(number)
	}
	b := &block{}
	if number > 0 {
		before, err := w.block(number - 1)
		if err != nil {
			return nil, err
		}
		b.top = before.top
	}
	w.blocks[number] = b
	return w.blockToChange(number)
}

func (w *writer) box(a *agent, block int64) (*box, error) {
	key := boxKey{a.n, block}
	if b := w.boxes[key]; b != nil {
		return b, nil
	}
	if a.boxState(block)&hasBox == 0 {
		return &emptyBox, nil
	}
	b, err := w.c.box(a.n, block)
	if err == nil {
		w.boxes[key] = b
	}
	return b, err
}

// boxToChange returns a box that the caller is going to change.
func (w *writer) boxToChange(a *agent, block int64) (*box, error) {
	b, err := w.box(a, block)
	if err != nil {
		return nil, err
	}
	key := boxKey{a.n, block}
	if b == &emptyBox {
		b = &box{}
		w.boxes[key] = b
		w.markBox(a, block, hasBox, 0)
	}
	w.changedBoxes[key] = true
	return b, nil
}

func (w *writer) markBox(a *agent, block int64, add, remove boxState) {
	if a.mark(block, add, remove) {
		w.changedAgents[a] = true
	}
}

func (w *writer) since(number int64, id event.ID) (*bitmap, error) {
	b, err := w.block(number)
	if err != nil {
		return nil, err
	}
	return w.c.since(number, b, id)
}

// touch notes that what waits for an agent in a block may have changed. Until
// it is settled, the block counts as one in which something waits.
func (w *writer) touch(a *agent, block int64) {
	w.markBox(a, block, 0, settled)
	if w.touched[a] == nil {
		w.touched[a] = make(map[int64]bool)
	}
	w.touched[a][block] = true
}

// address adds an agent to those whom a message reaches by name, or takes it
// away.
func (w *writer) address(n int64, name string, in bool) error {
	a, err := w.agent(name)
	if err != nil {
		return err
	}
	b, err := w.boxToChange(a, n/blockSize)
	if err != nil {
		return err
	}
	b.firm.put(n%blockSize, in)
	w.touch(a, n/blockSize)
	return nil
}

// addressEveryone makes a message one for everyone, or not.
func (w *writer) addressEveryone(n int64, in bool) error {
	b, err := w.blockToChange(n / blockSize)
	if err != nil || b.everyone.has(n%blockSize) == in {
		return err
	}
	b.everyone.put(n%blockSize, in)
	if !in || n/blockSize == w.state.lastBlock() {
		return nil
	}
	return w.unsettle(n / blockSize)
}

const namesSQL = `SELECT name FROM agents`

// unsettle tells all agents that something may wait for them in a block.
func (w *writer) unsettle(block int64) error {
	var names []string
	err := w.c.each(context.Background(), namesSQL, nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil {
		return err
	}
	names = slices.AppendSeq(names, maps.Keys(w.agents))
	for _, name := range names {
		a, err := w.agent(name)
		if err != nil {
			return err
		}
		w.markBox(a, block, 0, settled)
	}
	return nil
}

const (
	writeBlockSQL = `INSERT OR REPLACE INTO blocks(block, data) VALUES(?, ?)`
	writeBoxSQL   = `INSERT OR REPLACE INTO boxes(agent, block, data) VALUES(?, ?, ?)`
)

// flush writes what has changed.
func (w *writer) flush() error {
	for _, number := range slices.Sorted(maps.Keys(w.changedBlocks)) {
		if err := w.c.exec(writeBlockSQL, number, w.blocks[number].encode(number)); err != nil {
			return err
		}
	}
	clear(w.changedBlocks)
	keys := slices.SortedFunc(maps.Keys(w.changedBoxes), func(a, b boxKey) int {
		return cmp.Or(cmp.Compare(a.agent, b.agent), cmp.Compare(a.block, b.block))
	})
	for _, key := range keys {
		if err := w.c.exec(writeBoxSQL, key.agent, key.block, w.boxes[key].encode(key.agent, key.block)); err != nil {
			return err
		}
	}
	clear(w.changedBoxes)
	if err := w.flushParts(); err != nil {
		return err
	}
	if err := w.flushThreads(); err != nil {
		return err
	}
	return w.flushAgents()
}

// How many rows a writer has in hand before it lets go of them: some 10 MB.
const (
	mostBoxes   = 4 << 10
	mostParts   = 16 << 10
	mostThreads = 8 << 10
	mostDirs    = 16 << 10
)

// trim bounds the rows in hand.
func (w *writer) trim() error {
	if len(w.boxes) < mostBoxes && len(w.parts) < mostParts && len(w.threads) < mostThreads && len(w.dirs) < mostDirs {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	clear(w.boxes)
	clear(w.blocks)
	clear(w.dirs)
	maps.DeleteFunc(w.threads, func(_ event.ThreadRef, t *thread) bool { return !t.refold && !t.reedge })
	return nil
}
