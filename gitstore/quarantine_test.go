package gitstore

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

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
		"a deep path": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, strings.Split(strings.Repeat("docs/", maxPath/len("docs/"))+"x", "/"), "100644", d.blob("x"))
		}, "longer than any"},
		"another time than its id's": {func(tb testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			path, file := forged(tb, "eve", "hello", now)
			const stamp = "at: 2006-01-02T15:04:05.000Z"
			other := strings.Replace(file, now.UTC().Format(stamp), now.Add(time.Second).UTC().Format(stamp), 1)
			return d.set(tree, path, "100644", d.blob(other))
		}, "its id says"},
		"a state that is no event": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{event.StateDir, "key", "x.md"}, "100644", d.blob("x"))
		}, "no event"},
		"a redaction that is no event": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{event.RedactionsDir, "x.md"}, "100644", d.blob("x"))
		}, "no event"},
		"a deleted format": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{formatFile}, "", plumbing.ZeroHash)
		}, "removes it"},
		"a format that says nothing": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{formatFile}, "100644", d.blob("x"))
		}, "does not say"},
		"a missing format": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{formatFile}, "100644", plumbing.NewHash(strings.Repeat("ab", 20)))
		}, ".skein in"},
		"directories 10,000 deep": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			deep := d.set(plumbing.ZeroHash, []string{"x"}, "100644", d.blob("x"))
			for range 10000 {
				deep = d.set(plumbing.ZeroHash, []string{"d"}, "40000", deep)
			}
			return d.set(tree, []string{"docs"}, "40000", deep)
		}, "longer than any"},
		"a directory of a million files": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			var raw bytes.Buffer
			h := d.blob("x")
			for i := range 1000000 {
				fmt.Fprintf(&raw, "100644 %06d\x00%s", i, h[:])
			}
			return d.set(tree, []string{"docs"}, "40000", d.put(plumbing.TreeObject, raw.String()))
		}, "more than the"},
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
		"a missing file": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"docs", "x"}, "100644", plumbing.NewHash(strings.Repeat("ab", 20)))
		}, "cannot be read"},
		"a missing directory": {func(_ testing.TB, d *depot, tree plumbing.Hash) plumbing.Hash {
			return d.set(tree, []string{"docs"}, "40000", plumbing.NewHash(strings.Repeat("ab", 20)))
		}, "cannot be read"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := talkInDepot(t)
			s, d := w.s, w.d
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

// TestWhatIsPutRight: a directory was spoilt, and is as it was again with the
// next commit. What came with that is taken, though not the branch.
func TestWhatIsPutRight(t *testing.T) {
	w := talkInDepot(t)
	d, tree := w.d, w.d.treeOf(w.d.tips[mainRef])
	path, file := forged(t, "eve", "right", time.Now())
	d.advance(d.set(d.set(tree, []string{"projects"}, "", plumbing.ZeroHash), []string{"projects"}, "40000", d.blob("no directory")))
	d.advance(d.set(tree, path, "100644", d.blob(file)))
	if r := mustSync(t, w, SyncOptions{}); r.Fetched != 1 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, "where a tree belongs") {
		t.Fatalf("%+v", r)
	}
	checkQuiet(t, w.s)
}

// TestRefusalsAreCounted: a person is not shown thousands of them.
func TestRefusalsAreCounted(t *testing.T) {
	w := talkInDepot(t)
	tree := w.d.treeOf(w.d.tips[mainRef])
	for i := range maxRefusals + 20 {
		tree = w.d.set(tree, []string{fmt.Sprint("link", i)}, "120000", w.d.blob("x"))
	}
	w.d.advance(tree)
	if r := mustSync(t, w, SyncOptions{}); len(r.Refused) != maxRefusals || len(r.Notes) != 1 || r.Notes[0] != "20 more refusals are not listed" {
		t.Fatalf("%d refusals, %q", len(r.Refused), r.Notes)
	}
}

// TestFilesOfOthersAreLetBe: a person edits the README on the host's web page.
func TestFilesOfOthersAreLetBe(t *testing.T) {
	w := talkInDepot(t)
	s, d := w.s, w.d
	tree := d.set(d.treeOf(d.tips[mainRef]), []string{"README.md"}, "100644", d.blob("our talk"))
	tree = d.set(tree, []string{formatFile}, "100644", d.blob("format: 1\n\nSee the README.\n"))
	d.advance(d.set(tree, []string{".github", "workflows", "x.yml"}, "100644", d.blob("on: push")))
	say(t, s, "mary", "after")
	if r := mustSync(t, w, SyncOptions{}); len(r.Refused) > 0 || r.Replayed != 1 || r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	if text := git(t, s.Dir(), "show", "main:README.md"); text != "our talk" {
		t.Fatal(text)
	}
	git(t, s.Dir(), "fsck", "--strict")
}

// TestTheClockFollowsWhatCame, of which the newest need not come last.
func TestTheClockFollowsWhatCame(t *testing.T) {
	w := talkInDepot(t)
	ahead := time.Now().Add(time.Hour)
	tree := w.d.treeOf(w.d.tips[mainRef])
	for thread, at := range map[string]time.Time{"a": ahead, "z": time.Now()} {
		path, file := forged(t, "eve", "hello", at)
		path[2] = thread
		tree = w.d.set(tree, path, "100644", w.d.blob(file))
	}
	w.d.advance(tree)
	mustSync(t, w, SyncOptions{})
	if m := say(t, w.s, "mary", "after"); m.At.Before(ahead.Truncate(time.Millisecond)) {
		t.Fatalf("an answer is of %s, and what it answers of %s", m.At, ahead)
	}
}

// TestAForgedFutureIsTakenAndNotFollowed: its id would otherwise drag every
// clock along.
func TestAForgedFutureIsTakenAndNotFollowed(t *testing.T) {
	w := talkInDepot(t)
	s, d := w.s, w.d
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
	w := talkInDepot(t)
	s, d := w.s, w.d
	d.advance(d.set(d.treeOf(d.tips[mainRef]), []string{".skein"}, "100644", d.blob("format: 2\n")))
	_, err := s.syncOver(context.Background(), w, SyncOptions{})
	if err == nil || !strings.Contains(err.Error(), "update skein") {
		t.Fatal(err)
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
