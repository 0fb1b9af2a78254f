package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestAMergeIsRefused: histories are one line.
func TestAMergeIsRefused(t *testing.T) {
	w := talkInDepot(t)
	d := w.d
	root, err := parseCommit(d.objects[d.tips[mainRef]].data)
	if err != nil {
		t.Fatal(err)
	}
	d.advance(d.treeOf(d.tips[mainRef]), root.parent)
	if r := mustSync(t, w, SyncOptions{}); len(r.Refused) != 1 || !strings.Contains(r.Refused[0].String(), "a commit in ") || !strings.Contains(r.Refused[0].Reason, "merges") {
		t.Fatalf("%+v", r)
	}
}

// TestATreeOfTrees is a bomb: a few trees that unfold to billions of paths.
func TestATreeOfTrees(t *testing.T) {
	w := talkInDepot(t)
	d := w.d
	h := d.set(plumbing.ZeroHash, []string{"x"}, "100644", d.blob("x"))
	for range 12 {
		var raw bytes.Buffer
		for i := range 10 {
			fmt.Fprintf(&raw, "40000 d%d\x00%s", i, h[:])
		}
		h = d.put(plumbing.TreeObject, raw.String())
	}
	d.advance(d.set(d.treeOf(d.tips[mainRef]), []string{"docs"}, "40000", h))
	checkUnfit(t, w, "again and again")
}

// checkUnfit checks that a depot's branch main of which nothing can be told is
// refused and left alone, that agents is synced nevertheless, and that a repair
// puts main right.
func checkUnfit(t *testing.T, w *depotWire, why string) {
	t.Helper()
	hostile := w.d.tips[mainRef]
	m := say(t, w.s, "bob", "meanwhile")
	if err := w.s.Join(t.Context(), "carol"); err != nil {
		t.Fatal(err)
	}
	r := mustSync(t, w, SyncOptions{})
	if len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, why) || len(r.Held) != 1 || strings.ContainsAny(r.Held[0], "\n\x1b") {
		t.Fatalf("%+v", r)
	}
	if w.d.tips[mainRef] != hostile {
		t.Error("the remote's main was moved")
	}
	if tip, err := w.s.tip(agentsRef); err != nil || w.d.tips[agentsRef] != tip {
		t.Errorf("agents was not synced: %v", err)
	}
	checkQuiet(t, w.s)
	mustSync(t, w, SyncOptions{Repair: true})
	other := newDepotWire(openTest(t, quiet), w.d)
	if r := mustSync(t, other, SyncOptions{}); len(r.Refused) > 0 {
		t.Errorf("after a repair: %+v", r)
	}
	if _, err := other.s.Show(t.Context(), m.ID.String()); err != nil {
		t.Error(err)
	}
}

// TestHistoriesThatCannotBeFollowed: a commit that is not there, is none, or is
// larger than any.
func TestHistoriesThatCannotBeFollowed(t *testing.T) {
	const who = "author eve <eve@skein> 1795256104 +0000\ncommitter eve <eve@skein> 1795256104 +0000\n\n"
	for name, c := range map[string]struct {
		evil func(d *depot, tip, tree plumbing.Hash) plumbing.Hash
		want string
	}{
		"a missing parent": {func(d *depot, _, tree plumbing.Hash) plumbing.Hash {
			return d.put(plumbing.CommitObject, "tree "+tree.String()+"\nparent "+strings.Repeat("ab", 20)+"\n"+who+"x\n")
		}, "did not come"},
		"a parent that is a tree": {func(d *depot, _, tree plumbing.Hash) plumbing.Hash {
			h := d.set(tree, []string{"docs", "x"}, "100644", d.blob("x"))
			return d.put(plumbing.CommitObject, "tree "+tree.String()+"\nparent "+h.String()+"\n"+who+"x\n")
		}, "where a commit belongs"},
		"a commit of a word": {func(d *depot, tip, _ plumbing.Hash) plumbing.Hash {
			return d.put(plumbing.CommitObject, "parent "+tip.String()+"\n"+who+"x\n")
		}, "names no tree"},
		"a gigantic commit": {func(d *depot, tip, tree plumbing.Hash) plumbing.Hash {
			return d.put(plumbing.CommitObject, "tree "+tree.String()+"\nparent "+tip.String()+"\n"+who+strings.Repeat("x", maxIncoming)+"\n")
		}, "more than the"},
		"a tip that is a file": {func(d *depot, _, _ plumbing.Hash) plumbing.Hash { return d.blob("x") }, "where a commit belongs"},
	} {
		t.Run(name, func(t *testing.T) {
			w := talkInDepot(t)
			d := w.d
			tip := d.tips[mainRef]
			d.tips[mainRef] = c.evil(d, tip, d.treeOf(tip))
			checkUnfit(t, w, c.want)
		})
	}
}

// TestOddCommits are those that other programs make and that do no harm: signed
// ones, with other headers, of any author and date, empty ones, and many.
func TestOddCommits(t *testing.T) {
	w := talkInDepot(t)
	s, d := w.s, w.d
	path, file := forged(t, "eve", "by hand", time.Now())
	tree := d.set(d.treeOf(d.tips[mainRef]), path, "100644", d.blob(file))
	odd := []string{
		"author eve <e@e> 1 +0000\ncommitter eve <e@e> 99999999999 -1200\nencoding latin1\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n tree " +
			strings.Repeat("ab", 20) + "\n -----END PGP SIGNATURE-----\nmergetag x\n\nsigned\n",
		"author eve <e@e> 1 +0000\ncommitter eve <e@e> 1 +0000\n\ntree " + strings.Repeat("ab", 20) + "\nSkein-Id: none\n",
		"author  <> 0 +0000\ncommitter \x1b[2J <\x00> x\n\n\xff\xfe",
		"\n",
	}
	empty := 1000
	if os.Getenv("SKEIN_SOAK") != "" {
		empty = 100000
	}
	for i := range empty {
		said := "author eve <e@e> 1 +0000\ncommitter eve <e@e> 1 +0000\n\nnothing\n"
		if i < len(odd) {
			said = odd[i]
		}
		d.tips[mainRef] = d.put(plumbing.CommitObject, "tree "+tree.String()+"\nparent "+d.tips[mainRef].String()+"\n"+said)
	}
	m := say(t, s, "mary", "after")
	if r := mustSync(t, w, SyncOptions{}); len(r.Refused) > 0 || r.Fetched != 1 || r.Replayed != 1 || r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	if got, err := s.Show(t.Context(), m.ID.String()); err != nil || string(got.Body) != "after" {
		t.Fatal(err)
	}
	if r := mustSync(t, w, SyncOptions{}); r.Pushes+r.Fetched > 0 {
		t.Fatalf("%+v", r)
	}
}

// TestManyFilesOfOthers change in each of many commits, more of them than a
// store could hold if it were one commit. It takes a while, and is told.
func TestManyFilesOfOthers(t *testing.T) {
	w := talkInDepot(t)
	var trees []plumbing.Hash
	for _, text := range []string{"a", "b", "c", "d"} {
		var raw strings.Builder
		for i := range 1100 {
			h := w.d.blob(fmt.Sprint(text, i))
			fmt.Fprintf(&raw, "100644 %04d\x00%s", i, h[:])
		}
		trees = append(trees, w.d.set(w.d.treeOf(w.d.tips[mainRef]), []string{"docs"}, "40000", w.d.put(plumbing.TreeObject, raw.String())))
	}
	for i := range 1000 {
		w.d.advance(trees[i%len(trees)])
	}
	told := ""
	if r := mustSync(t, w, SyncOptions{Progress: func(text string) { told += text + "\n" }}); len(r.Refused) > 0 {
		t.Fatalf("%+v", r)
	}
	if !strings.Contains(told, "checking what came:  75%\n") {
		t.Fatalf("told:\n%s", told)
	}
}

// TestACommitThatNamesAnotherEvent: by its trailer it would pass for the one
// that brings an event of somebody else.
func TestACommitThatNamesAnotherEvent(t *testing.T) {
	w := talkInDepot(t)
	s, d := w.s, w.d
	m := say(t, s, "mary", "mine")
	path, file := forged(t, "eve", "hello", time.Now())
	tree := d.set(d.treeOf(d.tips[mainRef]), path, "100644", d.blob(file))
	d.tips[mainRef] = d.put(plumbing.CommitObject, "tree "+tree.String()+"\nparent "+d.tips[mainRef].String()+
		"\nauthor eve <eve@skein> 1795256104 +0000\ncommitter eve <eve@skein> 1795256104 +0000\n\nas if by mary\n\nSkein-Id: "+m.ID.String()+"\n")
	r := mustSync(t, w, SyncOptions{})
	if len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, "does not bring it") || r.Fetched != 1 {
		t.Fatalf("%+v", r)
	}
	mustSync(t, w, SyncOptions{Repair: true})
	if log := git(t, s.Dir(), "log", "--format=%s", "main"); strings.Contains(log, "as if by mary") {
		t.Fatal(log)
	}
}

// TestARefusalIsToldOnce: that its commit names the event is no second reason,
// and an empty commit on top of what is spoilt is no second refusal.
func TestARefusalIsToldOnce(t *testing.T) {
	w := talkInDepot(t)
	d := w.d
	tree := d.set(d.treeOf(d.tips[mainRef]), []string{"projects", "axon", "talk", "2026-11", "x.md"}, "100644", d.blob("of a newer skein"))
	d.tips[mainRef] = d.put(plumbing.CommitObject, "tree "+tree.String()+"\nparent "+d.tips[mainRef].String()+
		"\nauthor eve <eve@skein> 1795256104 +0000\ncommitter eve <eve@skein> 1795256104 +0000\n\nnew\n\nSkein-Id: 01jd8z3k4q8v7n2m5x7k3q9x2m\n")
	spoilt := d.put(plumbing.TreeObject, "no list of files")
	d.advance(spoilt)
	d.advance(spoilt)
	r := mustSync(t, w, SyncOptions{})
	if len(r.Refused) != 2 || !strings.Contains(r.Refused[0].Reason, "no event as this skein knows it") || !strings.Contains(r.Refused[1].Reason, "not in order") {
		t.Fatalf("%q", r.Refused)
	}
}

// TestALookEndsWhenItIsToldTo, and not after all of a long history.
func TestALookEndsWhenItIsToldTo(t *testing.T) {
	for name, kind := range map[string]plumbing.ObjectType{"among the commits": plumbing.CommitObject, "among the files": plumbing.BlobObject} {
		t.Run(name, func(t *testing.T) {
			w := talkInDepot(t)
			for i := range 20 {
				w.d.advance(w.d.set(w.d.treeOf(w.d.tips[mainRef]), []string{"docs", fmt.Sprint(i)}, "100644", w.d.blob(fmt.Sprint(i))))
			}
			a, err := w.fetch(t.Context(), 0, mainRef)
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(t.Context())
			reads := 0
			a.objects = noting{a.objects, func(is plumbing.ObjectType) {
				if is == kind {
					reads++
					end()
				}
			}}
			if _, err := w.s.inspect(ctx, a, mainRef, false); !errors.Is(err, context.Canceled) || reads != 1 {
				t.Fatalf("after %d reads: %v", reads, err)
			}
		})
	}
}

// noting are objects of which it is told what is read.
type noting struct {
	objectReader
	read func(plumbing.ObjectType)
}

func (n noting) Get(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	kind, data, err := n.objectReader.Get(h)
	n.read(kind)
	return kind, data, err
}
