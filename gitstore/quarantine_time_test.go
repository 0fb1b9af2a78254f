package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestTheSameAgainAndAgain is a bomb in time: a few bytes each that are long to
// look at.
func TestTheSameAgainAndAgain(t *testing.T) {
	wide := func(d *depot, text string) plumbing.Hash { // a directory of many files, the first of which is its own
		var raw bytes.Buffer
		for n := range 40000 {
			h := d.blob("the same")
			if n == 0 {
				h = d.blob(text)
			}
			fmt.Fprintf(&raw, "100644 %06d\x00%s", n, h[:])
		}
		return d.put(plumbing.TreeObject, raw.String())
	}
	for name, fill := range map[string]func(d *depot, tree plumbing.Hash){
		"a directory and another by turns": func(d *depot, tree plumbing.Hash) {
			docs := [2]plumbing.Hash{wide(d, "this"), wide(d, "that")}
			for i := range 100 {
				d.advance(d.set(tree, []string{"docs"}, "40000", docs[i%2]))
			}
		},
		"a file in many places": func(d *depot, tree plumbing.Hash) {
			docs := wide(d, "this")
			for i := range 8 {
				tree = d.set(tree, []string{fmt.Sprint("docs", i)}, "40000", docs)
			}
			d.advance(tree)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := openTest(t, quiet), newDepot()
			w := newDepotWire(s, d)
			say(t, s, "mary", "before")
			mustSync(t, w, SyncOptions{})
			fill(d, d.treeOf(d.tips[mainRef]))
			checkUnfit(t, w, "again and again")
		})
	}
}

// TestACancelledLookEnds within a commit, however much it brings.
func TestACancelledLookEnds(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	tree := d.treeOf(d.tips[mainRef])
	for i := range 300 {
		tree = d.set(tree, []string{"docs", fmt.Sprint(i)}, "100644", d.blob(fmt.Sprint(i)))
	}
	d.advance(tree)
	a, err := w.fetch(t.Context(), 0, mainRef)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	looked := 0
	in := newInspection(s, a, mainRef, mainRef, a.tips[mainRef])
	in.look = func() {
		if looked++; looked == 10 {
			cancel()
		}
	}
	if _, err := in.run(ctx); !errors.Is(err, context.Canceled) || looked != 10 {
		t.Fatal(err, looked)
	}
}
