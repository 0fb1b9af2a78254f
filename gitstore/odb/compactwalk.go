package odb

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// walker puts the objects of a set in the order in which they are written, and
// finds for each what its delta is made on. It follows every line of commits
// from its end back, and holds the trees of neighbours against each other: a
// tree that changed is made on the next version of the same path, a message on
// one that came after it in the same directory. So bases are always newer,
// reading the newest costs no delta, and no similar object has to be searched.
type walker struct {
	set    *objectSet
	emit   func(job) error
	recent uint32 // the message emitted last
}

const (
	maxDepth     = 50 // deltas that lead to an object; git's own limit
	maxBlobDepth = 8  // for messages, which are read more often than old trees

	// The versions of a tree are counted in digits of hopBase. A version whose
	// last digit is not 0 is made on the one after it, one that ends in 0 on the
	// last such one, and so on. That makes hopBase^3 versions of one whole tree
	// with chains of at most 3 * (hopBase - 1), where a chain of neighbours would
	// need a whole tree for every 50.
	hopBase = 16
	maxHops = hopBase * hopBase * hopBase
)

func (w *walker) state(i uint32) *objectState { return &w.set.state[i] }

// run emits every object of the set once.
func (w *walker) run() error {
	w.recent = none
	if err := w.classify(); err != nil {
		return err
	}
	for _, want := range []objectFlags{0, hasChild} {
		for i := range w.set.state {
			if f := w.state(uint32(i)).flags; f.is(plumbing.CommitObject) && f&hasChild == want {
				if err := w.line(uint32(i)); err != nil {
					return err
				}
			}
		}
	}
	return w.rest()
}

// is says whether an object has this type and is not a copy.
func (f objectFlags) is(t plumbing.ObjectType) bool {
	return f&copyOf == 0 && f&kindBits == objectFlags(t)
}

// classify notes every object's type, and which commits have children.
func (w *walker) classify() error {
	for i := range w.set.state {
		st := w.state(uint32(i))
		if st.flags&copyOf != 0 {
			continue
		}
		t, err := w.set.kind(uint32(i))
		if err != nil {
			return fmt.Errorf("object %s: %w", w.set.hash(uint32(i)), err)
		}
		st.flags |= objectFlags(t)
		if t != plumbing.CommitObject {
			continue
		}
		_, data, err := w.set.read(uint32(i))
		if err != nil {
			return err
		}
		for _, parent := range parseCommit(data).parents {
			if p := w.set.find(parent); p != none {
				w.state(p).flags |= hasChild
			}
		}
	}
	return nil
}

// line emits commits from i back along first parents, with what each brought.
func (w *walker) line(i uint32) error {
	first := true
	for i != none && w.state(i).flags&emitted == 0 {
		c, tree, err := w.commit(i)
		if err != nil {
			return err
		}
		if first {
			if err := w.snapshot(tree); err != nil {
				return err
			}
		}
		if i, err = w.step(c, tree); err != nil {
			return err
		}
		first = false
	}
	return nil
}

// commit emits a commit and returns its tree, if that is in the set.
func (w *walker) commit(i uint32) (commitLinks, node, error) {
	_, data, err := w.set.read(i)
	if err != nil {
		return commitLinks{}, node{}, err
	}
	if err := w.send(job{i: i, base: none, kind: plumbing.CommitObject, data: data}); err != nil {
		return commitLinks{}, node{}, err
	}
	c := parseCommit(data)
	tree, err := w.node(c.tree)
	return c, tree, err
}

// step emits what a commit changed, and returns its parent.
func (w *walker) step(c commitLinks, tree node) (parent uint32, err error) {
	parent = none
	if len(c.parents) > 0 {
		parent = w.set.find(c.parents[0])
	}
	if parent == none || !w.state(parent).flags.is(plumbing.CommitObject) {
		return none, w.take(tree)
	}
	_, data, err := w.set.read(parent)
	if err != nil {
		return none, err
	}
	before, err := w.node(parseCommit(data).tree)
	if err != nil {
		return none, err
	}
	return parent, w.diff(tree, before)
}

// node reads a tree, if it is one of the set.
func (w *walker) node(h plumbing.Hash) (node, error) {
	i := w.set.find(h)
	if i == none || !w.state(i).flags.is(plumbing.TreeObject) {
		return node{i: none}, nil
	}
	_, data, err := w.set.read(i)
	return node{i, data}, err
}

// snapshot emits a tree as it stands, and those in it, without the messages.
func (w *walker) snapshot(tree node) error {
	if tree.i == none || w.state(tree.i).flags&emitted != 0 {
		return nil
	}
	if err := w.version(tree, node{i: none}); err != nil {
		return err
	}
	return tree.entries(func(e treeEntry) error {
		if !e.isTree() {
			return nil
		}
		sub, err := w.node(e.hash)
		if err != nil {
			return err
		}
		return w.snapshot(sub)
	})
}

// take emits a tree and everything in it.
func (w *walker) take(tree node) error {
	if tree.i == none || w.state(tree.i).flags&taken != 0 {
		return nil
	}
	if err := w.version(tree, node{i: none}); err != nil {
		return err
	}
	w.state(tree.i).flags |= taken
	return tree.entries(w.takeEntry)
}

func (w *walker) takeEntry(e treeEntry) error {
	if !e.isTree() {
		return w.blob(e.hash, w.recent)
	}
	sub, err := w.node(e.hash)
	if err != nil {
		return err
	}
	return w.take(sub)
}

// diff emits before, a version of the tree after, and what differs in them.
func (w *walker) diff(after, before node) error {
	switch {
	case before.i == none:
		return w.take(after)
	case after.i == none:
		return w.take(before)
	case after.i == before.i:
		return nil
	}
	if err := w.version(before, after); err != nil {
		return err
	}
	last := w.state(after.i).blob
	a, b := after.data, before.data
	for len(a) > 0 || len(b) > 0 {
		x, arest := nextEntry(a)
		y, brest := nextEntry(b)
		order := compareEntries(x, y)
		if order <= 0 {
			a = arest
		}
		if order >= 0 {
			b = brest
		}
		if order == 0 && x.hash == y.hash {
			continue
		}
		if err := w.change(order, x, y, &last); err != nil {
			return err
		}
	}
	w.state(before.i).blob = last
	return nil
}

// change emits what one entry's difference brings: x is there after, y before,
// as order says.
func (w *walker) change(order int, x, y treeEntry, last *uint32) error {
	if order == 0 && x.isTree() && y.isTree() {
		after, err := w.node(x.hash)
		if err != nil {
			return err
		}
		before, err := w.node(y.hash)
		if err != nil {
			return err
		}
		return w.diff(after, before)
	}
	if order <= 0 {
		if err := w.alone(x, last); err != nil {
			return err
		}
	}
	if order >= 0 {
		return w.alone(y, last)
	}
	return nil
}

// alone emits what only one of two versions has.
func (w *walker) alone(e treeEntry, last *uint32) error {
	if e.isTree() {
		return w.takeEntry(e)
	}
	base := *last
	if base == none {
		base = w.recent
	}
	if err := w.blob(e.hash, base); err != nil {
		return err
	}
	*last = w.recent
	return nil
}

// version emits a tree, made on the version after it if there is one.
func (w *walker) version(tree, after node) error {
	st := w.state(tree.i)
	if st.flags&emitted != 0 {
		return nil
	}
	j := job{i: tree.i, base: none, kind: plumbing.TreeObject, data: tree.data}
	if after.i != none && w.state(after.i).flags&emitted != 0 {
		j.base = w.hop(after.i)
		st.seq = uint16((int(w.state(after.i).seq) + 1) % maxHops)
	}
	if j.base == after.i {
		j.on = after.data
	}
	return w.send(j)
}

// hop returns what the version before the tree after is made on.
func (w *walker) hop(after uint32) uint32 {
	seq := int(w.state(after).seq) + 1
	span := 1
	for seq%(span*hopBase) == 0 {
		if span *= hopBase; span == maxHops {
			return none
		}
	}
	base := after
	for int(w.state(base).seq) != seq-span {
		if base = w.state(base).base; base == none {
			return after // its own delta was taken over from elsewhere
		}
	}
	return base
}

func (w *walker) blob(h plumbing.Hash, base uint32) error {
	i := w.set.find(h)
	if i == none || !w.state(i).flags.is(plumbing.BlobObject) || w.state(i).flags&emitted != 0 {
		return nil
	}
	if base != none && int(w.state(base).depth) >= maxBlobDepth {
		base = none
	}
	w.recent = i
	return w.send(job{i: i, base: base, kind: plumbing.BlobObject})
}

// rest emits what no commit of the set leads to.
func (w *walker) rest() error {
	for i := range w.set.state {
		f := w.state(uint32(i)).flags
		if f&(copyOf|emitted) != 0 {
			continue
		}
		if err := w.send(job{i: uint32(i), base: none, kind: plumbing.ObjectType(f & kindBits)}); err != nil {
			return err
		}
	}
	return nil
}

// reuse has an object written as it stands if it is a delta already, on an
// object that is written, or if it is compressed and has nothing to be made on.
func (w *walker) reuse(j *job) error {
	plain, err := w.set.plain(j.i)
	if err != nil || plain {
		return err
	}
	e, err := w.set.entry(j.i)
	if err != nil {
		return err
	}
	j.size = e.size
	switch {
	case e.delta() && e.base != none && w.state(e.base).flags&emitted != 0 && w.state(e.base).depth < maxDepth:
		j.base, j.body, j.delta = e.base, e.tail, true
	case !e.delta() && j.base == none:
		j.body = e.tail
	}
	return nil
}

// copies emits every object as it stands, pack by pack.
func (w *walker) copies() error {
	for _, src := range w.set.sources {
		for _, at := range src.order {
			i := uint32(src.first) + at
			if w.state(i).flags&copyOf != 0 {
				continue
			}
			if err := w.asIs(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// asIs emits an object as it stands, but for a delta whose base is not written
// yet.
func (w *walker) asIs(i uint32) error {
	e, err := w.set.entry(i)
	if err != nil {
		return err
	}
	j := job{i: i, base: none, kind: e.kind, size: e.size}
	switch {
	case !e.delta():
		j.body = e.tail
	case e.base != none && w.state(e.base).flags&emitted != 0:
		j.base, j.body, j.delta = e.base, e.tail, true
	default:
		if j.kind, err = w.set.kind(i); err != nil {
			return err
		}
	}
	w.state(i).flags |= emitted
	return w.emit(j)
}

// send hands an object on.
func (w *walker) send(j job) error {
	st := w.state(j.i)
	if err := w.reuse(&j); err != nil {
		return err
	}
	if j.base != none && w.state(j.base).depth >= maxDepth {
		j.base = none
	}
	if j.base != none {
		st.base, st.depth = j.base, w.state(j.base).depth+1
	}
	st.flags |= emitted
	return w.emit(j)
}
