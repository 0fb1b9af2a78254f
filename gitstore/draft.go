package gitstore

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// draft is a group of events on their way into the branches: one commit each,
// one after the other, in one batch. It is used under the store's lock.
type draft struct {
	s     *Store
	batch *odb.Batch
	heads map[plumbing.ReferenceName]*draftHead
	fresh map[plumbing.Hash][]byte // trees that are only in the batch
	stale []plumbing.Hash          // trees that they supersede
}

// draftHead is where a branch was, and where the draft has brought it.
type draftHead struct {
	old  plumbing.Hash
	high event.ID // the greatest of its events' that the draft has seen
	tipState
}

// move brings a branch to the commit of another event.
func (h *draftHead) move(commit, tree plumbing.Hash, id event.ID) {
	h.tipState = tipState{commit, commitInfo{tree: tree, parent: h.commit, id: id}}
	h.see(id)
}

func (h *draftHead) see(id event.ID) {
	if id.Compare(h.high) > 0 {
		h.high = id
	}
}

func (s *Store) newDraft() *draft {
	return &draft{s: s, batch: s.db.NewBatch(),
		heads: make(map[plumbing.ReferenceName]*draftHead, 1), fresh: make(map[plumbing.Hash][]byte)}
}

func (d *draft) head(ref plumbing.ReferenceName) (*draftHead, error) {
	if h := d.heads[ref]; h != nil {
		return h, nil
	}
	tip, err := d.s.tipState(ref)
	if err != nil {
		return nil, err
	}
	h := &draftHead{old: tip.commit, high: tip.id, tipState: tip}
	d.heads[ref] = h
	return h, nil
}

func (d *draft) tree(h plumbing.Hash) ([]byte, error) {
	if raw, ok := d.fresh[h]; ok {
		return raw, nil
	}
	return d.s.tree(h)
}

// add puts a request's event on top of its branch. An event that is there
// already, with the same bytes, is left as it is: the leader that committed it
// died before it could say so.
func (d *draft) add(r *request) error {
	h, err := d.head(r.home.ref())
	if err != nil {
		return err
	}
	root, err := rootDir(d.tree, h.tree)
	if err != nil {
		return err
	}
	at, err := placeEvent(root, r.home, r.event, r.blobHash)
	if err != nil {
		return err
	}
	r.path = strings.Join(at.path, "/")
	if at.found {
		return nil
	}
	tree, err := d.insert(h.tree, at.path, d.batch.Add(plumbing.BlobObject, r.file))
	if err != nil {
		return err
	}
	r.commit = d.batch.Add(plumbing.CommitObject,
		encodeCommit(tree, h.commit, r.event.From, r.event.At, commitMessage(r.home, r.event)))
	h.move(r.commit, tree, r.event.ID)
	return nil
}

func commitMessage(h home, e *event.Event) string {
	return event.Subject(h.threadRef(), e) + "\n\n" + idTrailer + e.ID.String() + "\n"
}

// insert returns the tree with a file at path, new directories included.
func (d *draft) insert(tree plumbing.Hash, path []string, blob plumbing.Hash) (plumbing.Hash, error) {
	raw, err := d.tree(tree)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	line := treeEntry{Name: path[0], Hash: blob}
	if len(path) > 1 {
		sub, exists := lookup(raw, path[0])
		if exists && !sub.Dir {
			return plumbing.ZeroHash, fmt.Errorf("%s is a file where a directory belongs", path[0])
		}
		line.Dir = true
		if line.Hash, err = d.insert(sub.Hash, path[1:], blob); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	raw = splice(raw, line)
	h := d.batch.Add(plumbing.TreeObject, raw)
	d.fresh[h] = raw
	d.stale = append(d.stale, tree)
	return h, nil
}

// commit makes the draft durable and visible. On error nothing has changed,
// but for *odb.UnknownOutcomeError.
func (d *draft) commit() error {
	moved := false
	for ref, h := range d.heads {
		if h.commit != h.old {
			d.batch.Move(ref, h.old, h.commit)
			moved = true
		}
	}
	if !moved {
		return nil
	}
	if err := d.batch.Commit(); err != nil {
		return err
	}
	d.remember()
	for _, h := range d.heads {
		if h.high.Compare(h.id) > 0 {
			d.s.noteHighWater(h.high)
		}
	}
	return nil
}

// remember keeps what the next draft begins with.
func (d *draft) remember() {
	for ref, h := range d.heads {
		d.s.tips.put(ref, h.tipState)
	}
	for _, h := range d.stale {
		d.s.trees.drop(h)
		delete(d.fresh, h)
	}
	for h, raw := range d.fresh {
		d.s.trees.put(h, raw)
	}
}
