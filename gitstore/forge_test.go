package gitstore

import (
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// What no skein would write is made here by hand, in a depot.

// talkInDepot is a store with a message that a depot has too.
func talkInDepot(t *testing.T) *depotWire {
	t.Helper()
	w := newDepotWire(openTest(t, quiet), newDepot())
	say(t, w.s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	return w
}

// set returns the tree with an entry at a path, of any mode and name, as no
// store would write it.
func (d *depot) set(tree plumbing.Hash, path []string, mode string, h plumbing.Hash) plumbing.Hash {
	type line struct{ mode, name, hash string }
	var all []line
	for rest := d.objects[tree].data; len(rest) > 0; {
		m, n, h, next, ok := nextEntry(rest)
		if !ok {
			panic("a depot's tree is broken")
		}
		all = append(all, line{string(m), string(n), string(h)})
		rest = next
	}
	add := line{mode, path[0], string(h[:])}
	old := -1
	for i, l := range all {
		if l.name == path[0] {
			old = i
		}
	}
	if len(path) > 1 {
		var sub plumbing.Hash
		if old >= 0 {
			copy(sub[:], all[old].hash)
		}
		sub = d.set(sub, path[1:], mode, h)
		add = line{"40000", path[0], string(sub[:])}
	}
	if old >= 0 {
		all = append(all[:old], all[old+1:]...)
	}
	if mode != "" || len(path) > 1 { // "" removes
		all = append(all, add)
	}
	key := func(l line) string {
		if l.mode == "40000" {
			return l.name + "/"
		}
		return l.name
	}
	sort.Slice(all, func(i, j int) bool { return key(all[i]) < key(all[j]) })
	var raw strings.Builder
	for _, l := range all {
		raw.WriteString(l.mode + " " + l.name + "\x00" + l.hash)
	}
	return d.put(plumbing.TreeObject, raw.String())
}

func (d *depot) blob(text string) plumbing.Hash { return d.put(plumbing.BlobObject, text) }

func (d *depot) treeOf(commit plumbing.Hash) plumbing.Hash {
	c, err := parseCommit(d.objects[commit].data)
	if err != nil {
		panic(err)
	}
	return c.tree
}

// advance commits a tree on main.
func (d *depot) advance(tree plumbing.Hash, parents ...plumbing.Hash) {
	text := "tree " + tree.String() + "\n"
	for _, p := range append([]plumbing.Hash{d.tips[mainRef]}, parents...) {
		text += "parent " + p.String() + "\n"
	}
	d.tips[mainRef] = d.put(plumbing.CommitObject, text+"author eve <eve@skein> 1795256104 +0000\ncommitter eve <eve@skein> 1795256104 +0000\n\nwork\n")
}

// forged returns an event's file, and where it belongs.
func forged(tb testing.TB, from, text string, at time.Time) (path []string, file string) {
	tb.Helper()
	id, err := event.NewClock(func() time.Time { return at }).Next()
	if err != nil {
		tb.Fatal(err)
	}
	e := &event.Event{ID: id, From: from, At: id.Time(), Body: []byte(text)}
	data, err := e.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return []string{"projects", "axon", "talk", event.Month(e.At), event.FileName(e)}, string(data)
}
