package gitstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

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

// TestHostileContent: a remote holds something that skein would never write.
// It is refused by name and gets nowhere, what is in order beside it is taken,
// the remote stays as it is, and --repair puts it right.
func TestHostileContent(t *testing.T) {
	now := time.Now()
	const month = "projects/axon/talk/2026-11/"
	cases := map[string]struct {
		evil func(tb testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash
		want string
	}{
		"symlink": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"link"}, "120000", d.blob("/etc/passwd"))
		}, "mode is 120000"},
		"submodule": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"sub"}, "160000", d.tips[mainRef])
		}, "mode is 160000"},
		"executable": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"run"}, "100755", d.blob("#!/bin/sh"))
		}, "mode is 100755"},
		"dot git": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{".GIT", "config"}, "100644", d.blob("[core]"))
		}, `.GIT`},
		"dot git's short name": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"projects", "GIT~1"}, "100644", d.blob("x"))
		}, `GIT~1`},
		"modules file": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{".gitmodules"}, "100644", d.blob("x"))
		}, `.gitmodules`},
		"parent directory": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"projects", "..", "x"}, "100644", d.blob("x"))
		}, `..`},
		"backslash": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{`a\b`}, "100644", d.blob("x"))
		}, `a\\b`},
		"device": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"con.txt"}, "100644", d.blob("x"))
		}, `con.txt`},
		"escape sequence": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"\x1b[2J"}, "100644", d.blob("x"))
		}, `\x1b[2J`},
		"case collision": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(d.set(tree, []string{"A"}, "100644", d.blob("x")), []string{"a"}, "100644", d.blob("y"))
		}, "but for capitals"},
		"case collision with what is there": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"PROJECTS"}, "100644", d.blob("x"))
		}, "but for capitals"},
		"gigantic file": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, strings.Split(month+"21-101503-eve-7k3q9x2m.md", "/"), "100644", d.blob(strings.Repeat("x", maxIncoming+1)))
		}, "more than the"},
		"broken front matter": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, strings.Split(month+"21-101503-eve-7k3q9x2m.md", "/"), "100644", d.blob("---\nid: !!x\n---\n"))
		}, "no event"},
		"somebody else's path": {func(tb testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			path, file := forged(tb, "eve", "hello", now)
			path[4] = strings.Replace(path[4], "eve", "bob", 1)
			return d.set(tree, path, "100644", d.blob(file))
		}, "its event belongs to"},
		"a thread that is no slug": {func(tb testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			path, file := forged(tb, "eve", "hello", now)
			path[2] = "a..b"
			return d.set(tree, path, "100644", d.blob(file))
		}, "no name of a thread"},
		"a path of fan-outs": {func(tb testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			path := []string{"projects"}
			for range 80 {
				path = append(path, "_a")
			}
			return d.set(tree, append(path, "x"), "100644", d.blob("---\n"))
		}, "refused"},
		"a deleted message": {func(tb testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"projects"}, "", plumbing.ZeroHash)
		}, "removes it"},
		"a changed message": {func(tb testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			var path []string
			for dir := tree; ; {
				e, ok := lookup(d.objects[dir].data, "projects")
				if !ok {
					for e = range entries(d.objects[dir].data) {
						break
					}
				}
				path = append(path, e.Name)
				if dir = e.Hash; !e.Dir {
					return d.set(tree, path, "100644", d.blob("something else"))
				}
			}
		}, "changes it"},
		"a directory that is a file's object": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"docs"}, "40000", d.blob("x"))
		}, "where a tree belongs"},
		"a missing object": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"docs"}, "40000", plumbing.NewHash(strings.Repeat("ab", 20)))
		}, "cannot be read"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, d := openTest(t, quiet), newDepot()
			w := newDepotWire(s, d)
			say(t, s, "mary", "before")
			mustSync(t, w, SyncOptions{})
			d.advance(c.evil(t, d, d.treeOf(d.tips[mainRef])))
			path, file := forged(t, "eve", "I am in order", now)
			d.advance(d.set(d.treeOf(d.tips[mainRef]), path, "100644", d.blob(file)))
			hostile := d.tips[mainRef]
			say(t, s, "bob", "meanwhile")

			r := mustSync(t, w, SyncOptions{})
			if len(r.Refused) == 0 || !strings.Contains(fmt.Sprint(r.Refused), c.want) {
				t.Fatalf("refused: %v", r.Refused)
			}
			if strings.ContainsAny(fmt.Sprint(r.Refused, r.Held), "\n\x1b") || len(r.Held) != 1 {
				t.Fatalf("%q", r.Held)
			}
			if r.Fetched != 1 || d.tips[mainRef] != hostile {
				t.Fatalf("%+v", r)
			}
			if r := mustSync(t, w, SyncOptions{}); r.Fetched != 0 {
				t.Fatalf("the same again: %+v", r)
			}
			if h := checkQuiet(t, s); len(h.ids) != 3 {
				t.Fatalf("%d of 3 messages", len(h.ids))
			}
			mustSync(t, w, SyncOptions{Repair: true})
			other := newDepotWire(openTest(t, quiet), d)
			if r := mustSync(t, other, SyncOptions{}); len(r.Refused) > 0 || r.Fetched != 5 {
				t.Fatalf("after a repair: %+v", r)
			}
		})
	}
}

// TestAMergeIsRefused: histories are one line.
func TestAMergeIsRefused(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	root, err := parseCommit(d.objects[d.tips[mainRef]].data)
	if err != nil {
		t.Fatal(err)
	}
	d.advance(d.treeOf(d.tips[mainRef]), root.parent)
	if r := mustSync(t, w, SyncOptions{}); len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, "merges") {
		t.Fatalf("%+v", r)
	}
}

// TestFilesOfOthersAreLetBe: a person edits the README on the host's web page.
func TestFilesOfOthersAreLetBe(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	tree := d.set(d.treeOf(d.tips[mainRef]), []string{"README.md"}, "100644", d.blob("our talk"))
	d.advance(d.set(tree, []string{".github", "workflows", "x.yml"}, "100644", d.blob("on: push")))
	say(t, s, "mary", "after")
	if r := mustSync(t, w, SyncOptions{}); len(r.Refused) > 0 || r.Replayed != 1 || r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	if text := git(t, s.Dir(), "show", "main:README.md"); text != "our talk" {
		t.Fatal(text)
	}
}

// TestAForgedFutureIsTakenAndNotFollowed: its id would otherwise drag every
// clock along.
func TestAForgedFutureIsTakenAndNotFollowed(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	path, file := forged(t, "eve", "from tomorrow", time.Now().Add(100*365*24*time.Hour))
	d.advance(d.set(d.treeOf(d.tips[mainRef]), path, "100644", d.blob(file)))
	r := mustSync(t, w, SyncOptions{})
	if r.Fetched != 1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "clock") {
		t.Fatalf("%+v", r)
	}
	if m := say(t, s, "mary", "after"); m.At.After(time.Now().Add(time.Hour)) {
		t.Fatalf("the clock followed to %s", m.At)
	}
}

// TestANewerFormatIsLeftAlone.
func TestANewerFormatIsLeftAlone(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	d.advance(d.set(d.treeOf(d.tips[mainRef]), []string{".skein"}, "100644", d.blob("format: 2\n")))
	_, err := s.syncOver(context.Background(), w, SyncOptions{})
	if err == nil || !strings.Contains(err.Error(), "update skein") {
		t.Fatal(err)
	}
}

// TestATreeOfTrees is a bomb: a few trees that unfold to billions of paths.
func TestATreeOfTrees(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	h := d.set(plumbing.ZeroHash, []string{"x"}, "100644", d.blob("x"))
	for range 12 {
		var raw bytes.Buffer
		for i := range 10 {
			fmt.Fprintf(&raw, "40000 d%d\x00%s", i, h[:])
		}
		h = d.put(plumbing.TreeObject, raw.String())
	}
	d.advance(d.set(d.treeOf(d.tips[mainRef]), []string{"docs"}, "40000", h))
	checkUnfit(t, w, "more files than any store")
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
			s, d := openTest(t, quiet), newDepot()
			w := newDepotWire(s, d)
			say(t, s, "mary", "before")
			mustSync(t, w, SyncOptions{})
			tip := d.tips[mainRef]
			d.tips[mainRef] = c.evil(d, tip, d.treeOf(tip))
			checkUnfit(t, w, c.want)
		})
	}
}

// TestOddCommits are those that other programs make and that do no harm: signed
// ones, with other headers, of any author and date, empty ones, and many.
func TestOddCommits(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	path, file := forged(t, "eve", "by hand", time.Now())
	tree := d.set(d.treeOf(d.tips[mainRef]), path, "100644", d.blob(file))
	odd := []string{
		"author eve <e@e> 1 +0000\ncommitter eve <e@e> 99999999999 -1200\nencoding latin1\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n tree " +
			strings.Repeat("ab", 20) + "\n -----END PGP SIGNATURE-----\nmergetag x\n\nsigned\n",
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

// TestACommitThatNamesAnotherEvent: by its trailer it would pass for the one
// that brings an event of somebody else.
func TestACommitThatNamesAnotherEvent(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
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

// TestHarmlessNames: what some system takes for .git, for a device or for
// another file, however it is spelt.
func TestHarmlessNames(t *testing.T) {
	for _, name := range []string{".git", ".GIT", ".Git ", ".git.", ".git...", ".git . .", ".git\u200c", ".g\u200cit", "\u200d.git", ".g\u0131t", "git~1", "GIT~1", "gi7eba~1",
		".git::$INDEX_ALLOCATION", ".git:x", `.git\config`, ".gitmodules", ".gitmodules ", "gitmod~1", ".", "..", "...", ". .", "..\u200c", "a/b", `a\b`, `..\x`, "c:", "c:x",
		"con", "CON", "nul.txt", "aux.", "com1.md", "lpt9", "x ", "x.", "a\x00b", "a\nb", "a\tb", "\x1b[2J", "a\x7fb", "a*b", `a"b`, "a<b", "a|b", "\xff", "\ufeffx"} {
		if harmless(strings.ToLower(name)) {
			t.Errorf("%q passes", name)
		}
	}
	for _, name := range []string{".github", ".gitattributes", ".gitignore", "README.md", "a~b", "x y", "_7", "21-101503-eve-7k3q9x2m.md", ".skein", "console", "git"} {
		if !harmless(strings.ToLower(name)) {
			t.Errorf("%q does not pass", name)
		}
	}
}

// TestOddTrees are not in order, which git itself would not write.
func TestOddTrees(t *testing.T) {
	h := string(make([]byte, 20))
	for name, raw := range map[string]string{
		"twice":                  "100644 a\x00" + h + "100644 a\x00" + h,
		"a file and a directory": "100644 a\x00" + h + "100644 a.b\x00" + h + "40000 a\x00" + h,
		"out of order":           "100644 b\x00" + h + "100644 a\x00" + h,
		"no name":                "100644 \x00" + h,
		"a slash":                "100644 a/b\x00" + h,
		"a mode with a zero":     "040000 a\x00" + h,
		"no mode":                " a\x00" + h,
		"a mode of others":       "100664 a\x00" + h,
		"cut short":              "100644 a\x00" + h[:19],
		"more behind":            "100644 a\x00" + h + "\x00",
	} {
		bad, err := badEntries([]byte(raw))
		if err == nil && len(bad) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}

// TestAnEventAtAnotherLevel: the same event lies at the top of its month at the
// remote, and, since the month was full when it came, further down here. It is
// one event.
func TestAnEventAtAnotherLevel(t *testing.T) {
	s, d := openTest(t, quiet), newDepot()
	w := newDepotWire(s, d)
	mustSync(t, w, SyncOptions{}) // the depot has the roots
	fill(t, s, maxFiles+20, func(int) string { return "axon/talk" })
	root := d.tips[mainRef]
	path, file := forged(t, "eve", "the same", time.Now())
	with := d.set(d.treeOf(root), path, "100644", d.blob(file))
	d.advance(d.set(with, []string{"link"}, "120000", d.blob("x")))
	if r := mustSync(t, w, SyncOptions{}); r.Fetched != 1 || len(r.Refused) != 1 {
		t.Fatalf("%+v", r)
	}
	tip, err := s.tip(mainRef)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.rootTree(tip)
	if err != nil {
		t.Fatal(err)
	}
	if s.isIn(subtree{hash: tree}, "/"+strings.Join(path, "/")) {
		t.Fatal("the month has room; make it fuller")
	}
	d.tips[mainRef] = root // a person takes the link off
	d.advance(with)
	if r := mustSync(t, w, SyncOptions{}); len(r.Refused) > 0 || r.Replayed != maxFiles+20 {
		t.Fatalf("%+v", r)
	}
	git(t, s.Dir(), "fsck", "--strict")
	found := 0
	top, err := s.projects()
	if err != nil {
		t.Fatal(err)
	}
	var files []leaf
	if err := s.filesBelow(t.Context(), top, &files); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.name == path[4] {
			found++
		}
	}
	if found != 1 {
		t.Fatalf("the event lies at %d places", found)
	}
}
