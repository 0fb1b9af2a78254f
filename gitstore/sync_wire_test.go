package gitstore

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
	"skein/gitstore/remote"
)

// depot is a remote in memory, for tests that need thousands.
type depot struct {
	objects map[plumbing.Hash]thing
	tips    remote.Tips
	policy  func(blob []byte) bool // a push with such a file is refused as a whole; nil: none is
	reason  string                 // for which it is
}

type thing struct {
	kind plumbing.ObjectType
	data []byte
}

func newDepot() *depot {
	return &depot{objects: map[plumbing.Hash]thing{}, tips: remote.Tips{}, reason: "a secret was found"}
}

func (d *depot) clone() *depot {
	return &depot{maps.Clone(d.objects), maps.Clone(d.tips), d.policy, d.reason}
}

// depotWire is one store's way to a depot.
type depotWire struct {
	s      *Store
	d      *depot
	has    map[plumbing.Hash]bool // what the store is known to have of the depot's objects
	trip   func(step string) error
	pushes int
}

func newDepotWire(s *Store, d *depot) *depotWire {
	return &depotWire{s: s, d: d, has: map[plumbing.Hash]bool{}, trip: func(string) error { return nil }}
}

// brought is what a fetch has brought from a depot.
type brought struct {
	objects map[plumbing.Hash]thing
}

func (b brought) Get(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	t, ok := b.objects[h]
	if !ok {
		return 0, nil, plumbing.ErrObjectNotFound
	}
	return t.kind, t.data, nil
}

func (b brought) Weigh(h plumbing.Hash) (odb.Weight, error) {
	t, ok := b.objects[h]
	if !ok {
		return odb.Weight{}, plumbing.ErrObjectNotFound
	}
	return odb.Weight{Most: int64(len(t.data)), Work: int64(len(t.data))}, nil
}

func (w *depotWire) fetch(_ context.Context, depth remote.Depth, refs ...plumbing.ReferenceName) (*arrival, error) {
	if err := w.trip("fetch"); err != nil {
		return nil, err
	}
	a := &arrival{tips: maps.Clone(w.d.tips), release: func() error { return nil }, close: func() error { return nil }}
	came := brought{map[plumbing.Hash]thing{}}
	for ref, tip := range w.d.tips {
		asked := func(pattern plumbing.ReferenceName) bool {
			ok, err := path.Match(pattern.String(), ref.String())
			return ok && err == nil
		}
		switch {
		case !slices.ContainsFunc(refs, asked):
		case depth == 0:
			w.collect(tip, came.objects)
		default:
			a.shallow = append(a.shallow, w.collectPart(tip, depth, came.objects)...)
		}
	}
	a.objects, a.count, a.work = came, len(came.objects), workOf(came, maps.Keys(came.objects))
	a.fresh = func(h plumbing.Hash) bool { _, ok := came.objects[h]; return ok }
	return a, nil
}

// collect gathers what a commit of the depot needs and the store lacks.
func (w *depotWire) collect(h plumbing.Hash, into map[plumbing.Hash]thing) {
	t, ok := w.d.objects[h]
	if !ok || w.has[h] || into[h].data != nil {
		return
	}
	// Asking for each tree and file would cost more than bringing it once more,
	// which git does too, with what deltas are made from.
	if t.kind == plumbing.CommitObject {
		if there, err := w.s.db.Has(h); err == nil && there {
			w.has[h] = true
			return
		}
	}
	into[h] = t
	switch t.kind {
	case plumbing.CommitObject:
		c, err := parseCommit(t.data)
		if err != nil {
			return
		}
		w.collect(c.tree, into)
		w.collect(c.parent, into)
	case plumbing.TreeObject:
		for e := range entries(t.data) {
			w.collect(e.Hash, into)
		}
	}
}

// collectPart gathers so many commits, whatever the store has of them, with what
// they need. It returns the last of them if it has a parent.
func (w *depotWire) collectPart(h plumbing.Hash, depth remote.Depth, into map[plumbing.Hash]thing) (cut []plumbing.Hash) {
	for ; !h.IsZero() && depth > 0; depth-- {
		c, err := parseCommit(w.d.objects[h].data)
		if err != nil {
			panic(err)
		}
		into[h] = w.d.objects[h]
		w.collect(c.tree, into)
		if cut = nil; !c.parent.IsZero() {
			cut = []plumbing.Hash{h}
		}
		h = c.parent
	}
	return cut
}

func (w *depotWire) push(_ context.Context, _ *arrival, updates []remote.Update) (map[plumbing.ReferenceName]error, error) {
	w.pushes++
	if err := w.trip("push"); err != nil {
		return nil, err
	}
	outcome := map[plumbing.ReferenceName]error{}
	refused := slices.ContainsFunc(updates, w.refuses)
	for _, u := range updates {
		if refused {
			outcome[u.Branch] = &remote.Error{Kind: remote.Refused, Branch: u.Branch.Short(), Text: w.d.reason}
			continue
		}
		outcome[u.Branch] = w.update(u)
	}
	if err := w.trip("answer"); err != nil {
		return nil, err
	}
	return outcome, nil
}

// refuses tells whether an update brings a file that the depot's policy forbids.
func (w *depotWire) refuses(u remote.Update) bool {
	seen := map[plumbing.Hash]bool{}
	var look func(h plumbing.Hash) bool
	look = func(h plumbing.Hash) bool {
		if _, there := w.d.objects[h]; there || seen[h] || h.IsZero() {
			return false
		}
		seen[h] = true
		kind, data, err := w.s.db.Get(h)
		if err != nil {
			panic(err)
		}
		switch kind {
		case plumbing.CommitObject:
			c, err := parseCommit(data)
			if err != nil {
				panic(err)
			}
			return look(c.tree) || look(c.parent)
		case plumbing.TreeObject:
			for e := range entries(data) {
				if look(e.Hash) {
					return true
				}
			}
			return false
		}
		return w.d.policy(data)
	}
	return w.d.policy != nil && look(u.New)
}

func (w *depotWire) update(u remote.Update) error {
	at := w.d.tips[u.Branch]
	if u.Lease.IsZero() && !at.IsZero() {
		if built, err := w.s.isAncestor(context.Background(), at, u.New); err != nil || !built {
			return &remote.Error{Kind: remote.Race, Branch: u.Branch.Short(), Text: "fetch first"}
		}
	} else if at != u.Lease {
		return &remote.Error{Kind: remote.Race, Branch: u.Branch.Short(), Text: "stale info"}
	}
	if !w.take(u.New) {
		return &remote.Error{Kind: remote.Refused, Branch: u.Branch.Short(), Text: "shallow update not allowed"}
	}
	w.d.tips[u.Branch] = u.New
	return nil
}

// take copies what a commit needs from the store to the depot. As a real remote,
// it does not take a history that has no beginning.
func (w *depotWire) take(h plumbing.Hash) bool {
	if _, ok := w.d.objects[h]; ok || h.IsZero() {
		return true
	}
	if cut, err := w.s.db.IsShallow(h); err != nil || cut {
		return false
	}
	kind, data, err := w.s.db.Get(h)
	if err != nil {
		panic(err)
	}
	switch kind {
	case plumbing.CommitObject:
		c, err := parseCommit(data)
		if err != nil {
			panic(err)
		}
		if !w.take(c.tree) || !w.take(c.parent) {
			return false
		}
	case plumbing.TreeObject:
		for e := range entries(data) {
			w.take(e.Hash)
		}
	}
	w.d.objects[h] = thing{kind, data}
	return true
}

// put adds an object to a depot by hand.
func (d *depot) put(kind plumbing.ObjectType, data string) plumbing.Hash {
	h := plumbing.ComputeHash(kind, []byte(data))
	d.objects[h] = thing{kind, []byte(data)}
	return h
}

var errLost = &remote.Error{Kind: remote.Network, URL: "depot", Text: "the line is dead"}

// atOnce does not wait before another attempt.
func atOnce(context.Context, time.Duration) error { return nil }

func mustSync(tb testing.TB, w *depotWire, o SyncOptions) *SyncReport {
	tb.Helper()
	o.pause = atOnce
	report, err := w.s.syncOver(context.Background(), w, o)
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

// trySync syncs over a line that may be dead.
func trySync(tb testing.TB, w *depotWire, o SyncOptions) {
	tb.Helper()
	o.pause = atOnce
	_, err := w.s.syncOver(context.Background(), w, o)
	var e *remote.Error
	if err != nil && !errors.As(err, &e) {
		tb.Fatal(err)
	}
}
