package gitstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// shape is what git says about the trees of a branch.
type shape struct {
	files, dirs int // most in one directory
	bytes       int // largest tree object
}

func shapeOf(tb testing.TB, s *Store, ref plumbing.ReferenceName) (sh shape) {
	tb.Helper()
	tip, err := s.tipState(ref)
	if err != nil {
		tb.Fatal(err)
	}
	var visit func(h plumbing.Hash)
	visit = func(h plumbing.Hash) {
		raw, err := s.tree(h)
		if err != nil {
			tb.Fatal(err)
		}
		files, dirs := 0, 0
		for e := range entries(raw) {
			if !e.Dir {
				files++
				continue
			}
			dirs++
			visit(e.Hash)
		}
		sh = shape{max(sh.files, files), max(sh.dirs, dirs), max(sh.bytes, len(raw))}
	}
	visit(tip.tree)
	return sh
}

// newBytes returns the size of the objects that commit brought, its tree's
// included, and so what a post wrote but for the pack's index.
func newBytes(tb testing.TB, dir string, commit plumbing.Hash) (total int) {
	tb.Helper()
	objects := git(tb, dir, "rev-list", "--objects", "--no-object-names", commit.String(), "^"+commit.String()+"^")
	sizes := gitInput(tb, dir, objects+"\n", "cat-file", "--batch-check=%(objectsize)")
	for _, line := range lines(strings.TrimSpace(string(sizes))) {
		var n int
		if _, err := fmt.Sscan(line, &n); err != nil {
			tb.Fatal(err)
		}
		total += n
	}
	return total
}

// maxEntries bounds a directory: its files or slugs, and the sub-directories
// that continue them (60 minutes of an hour are the most).
const maxEntries = maxFiles + 60 + 4

// many is how many messages and threads the tests of the layout make.
func many() int {
	if testing.Short() {
		return 2_000
	}
	return 10_000
}

func TestTenThousandMessagesADay(t *testing.T) {
	for name, step := range map[string]time.Duration{"over the day": 8 * time.Second, "in one second": time.Microsecond} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, Options{NoSync: true, NoMirror: true, Now: ticking(testDay, step)})
			fill(t, s, 1, func(int) string { return "axon/busy" })
			small := mustPost(t, s, Post{From: "filler", Thread: "axon/busy", Body: sampleBody})
			fill(t, s, many(), func(int) string { return "axon/busy" })
			large := mustPost(t, s, Post{From: "filler", Thread: "axon/busy", Body: sampleBody})
			sh := shapeOf(t, s, mainRef)
			if sh.files > maxFiles || sh.files+sh.dirs > maxEntries+maxFiles {
				t.Errorf("the largest directories have %d files and %d directories", sh.files, sh.dirs)
			}
			before, after := newBytes(t, s.Dir(), small.Commit), newBytes(t, s.Dir(), large.Commit)
			t.Logf("a post wrote %d bytes at first and %d after %d; largest tree %d bytes", before, after, many(), sh.bytes)
			if after > 40<<10 {
				t.Errorf("a post wrote %d bytes", after)
			}
			if got := len(lines(git(t, s.Dir(), "ls-tree", "-r", "--name-only", "main", "projects/"))); got != many()+3 {
				t.Errorf("%d messages are there", got)
			}
		})
	}
}

func TestTenThousandThreads(t *testing.T) {
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: ticking(testDay, time.Second)})
	fill(t, s, many(), func(i int) string { return fmt.Sprintf("axon/constraint-model-%d", i) })
	m := mustPost(t, s, Post{From: "filler", Thread: "axon/one-more", Body: sampleBody})
	sh := shapeOf(t, s, mainRef)
	wrote := newBytes(t, s.Dir(), m.Commit)
	t.Logf("a post wrote %d bytes; largest tree %d bytes, %d directories", wrote, sh.bytes, sh.dirs)
	if sh.dirs > maxFiles+32 || wrote > 40<<10 {
		t.Errorf("a directory has %d directories, a post wrote %d bytes", sh.dirs, wrote)
	}
	again := mustPost(t, s, Post{From: "filler", Thread: fmt.Sprint("axon/constraint-model-", many()-1), Body: sampleBody})
	if got := git(t, s.Dir(), "ls-tree", "-r", "--name-only", "main", again.Path[:strings.LastIndex(again.Path, "/")+1]); len(lines(got)) != 2 {
		t.Errorf("the thread's second message went elsewhere than its first: %s", got)
	}
}

func TestManyAgentsAndProjects(t *testing.T) {
	s := openTest(t, quiet)
	for i := range 500 {
		mustPost(t, s, Post{From: fmt.Sprintf("agent-%d", i), Thread: fmt.Sprintf("project-%d/x", i), Body: "x"})
	}
	for _, ref := range []plumbing.ReferenceName{mainRef, agentsRef} {
		if sh := shapeOf(t, s, ref); sh.dirs > maxFiles+32 {
			t.Errorf("a directory of %s has %d directories", ref, sh.dirs)
		}
	}
	for i := range 500 {
		if _, found, err := s.agentDir(fmt.Sprintf("agent-%d", i)); err != nil || !found {
			t.Fatalf("agent-%d is not found (%v)", i, err)
		}
	}
	checkQuiet(t, s)
}

// The same events in the same order lie in the same places, whoever commits
// them and in whatever groups, so that replaying them elsewhere changes nothing.
func TestPathsAreDeterministic(t *testing.T) {
	var roots []string
	for _, group := range []int{1, 7, 1000} {
		s := openTest(t, quiet)
		for i := 0; i < 1000; {
			var r *request
			for range min(group, 1000-i) {
				r = fixedRequest(t, i)
				s.queue.add(r)
				i++
			}
			if err := s.lead(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		roots = append(roots, git(t, s.Dir(), "rev-parse", "main"))
	}
	if roots[0] != roots[1] || roots[0] != roots[2] {
		t.Errorf("the tips differ: %v", roots)
	}
}

// fixedRequest is the same event whenever it is asked for.
func fixedRequest(tb testing.TB, i int) *request {
	tb.Helper()
	var id event.ID
	at := testDay.Add(time.Duration(i) * time.Second).UnixMilli()
	for b := range 6 {
		id[b] = byte(at >> (40 - 8*b))
	}
	random := rand.New(rand.NewPCG(1, uint64(i)))
	for b := 6; b < len(id); b++ {
		id[b] = byte(random.Uint32())
	}
	r := newRequest(home{project: "axon", thread: fmt.Sprintf("thread-%d", i%100)},
		&event.Event{ID: id, From: "a", At: id.Time(), Body: fmt.Append(nil, i)})
	var err error
	if r.file, err = r.event.Marshal(); err != nil {
		tb.Fatal(err)
	}
	return r
}

// A file where the layout wants a directory, put there by another program, is
// gone around for slugs.
func TestFileInTheWayOfAProject(t *testing.T) {
	s := openTest(t, quiet)
	d := s.newDraft()
	unlock, err := s.db.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h, err := d.head(mainRef)
	if err != nil {
		t.Fatal(err)
	}
	if h.tree, err = d.insert(h.tree, []string{"projects", "axon"}, d.batch.Add(plumbing.BlobObject, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	h.commit = d.batch.Add(plumbing.CommitObject, encodeCommit(h.tree, h.old, "a", testDay, "x\n"))
	err = d.commit()
	unlock()
	if err != nil {
		t.Fatal(err)
	}
	m := mustPost(t, s, Post{From: "a", Thread: "axon/t", Body: "x"})
	if want := "projects/" + event.FanOut("axon", 0) + "/axon/t/"; !strings.HasPrefix(m.Path, want) {
		t.Errorf("posted to %s, want %s…", m.Path, want)
	}
	git(t, s.Dir(), "fsck", "--strict")
}

func TestSpliceOrdersAsGitDoes(t *testing.T) {
	dir := openTest(t, quiet).Dir()
	random := rand.New(rand.NewPCG(7, 7))
	names := []string{"a", "a.b", "a-b", "a0", "ab", "a.md", "21-101503-x.md", "21d", "21-10h", "_7", "_project", "Z", "é", "21", "2", "a-", "a~"}
	blob, tree := plumbing.NewHash("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), plumbing.NewHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
	for range 20 {
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		var raw []byte
		var list strings.Builder
		for _, name := range names {
			e := treeEntry{Name: name, Dir: random.IntN(2) == 0, Hash: blob}
			mode, kind := "100644", "blob"
			if e.Dir {
				e.Hash, mode, kind = tree, "040000", "tree"
			}
			raw = splice(raw, e)
			fmt.Fprintf(&list, "%s %s %s\t%s\n", mode, kind, e.Hash, name)
		}
		want := strings.TrimSpace(string(gitInput(t, dir, list.String(), "mktree", "--missing")))
		if got := plumbing.ComputeHash(plumbing.TreeObject, raw).String(); got != want {
			t.Fatalf("the spliced tree is %s, git makes %s of\n%s", got, want, list.String())
		}
		replaced := splice(raw, treeEntry{Name: names[0], Dir: isDirNamed(raw, names[0]), Hash: plumbing.NewHash(strings.Repeat("ab", 20))})
		if len(replaced) != len(raw) || slices.Equal(replaced, raw) {
			t.Fatal("replacing an entry did not replace it")
		}
	}
}

func isDirNamed(raw []byte, name string) bool {
	e, _ := lookup(raw, name)
	return e.Dir
}

func FuzzTree(f *testing.F) {
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa40000 b\x00bbbbbbbbbbbbbbbbbbbb"), "c")
	f.Add([]byte("40000 \x00aaaaaaaaaaaaaaaaaaaa"), "a")
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		n := 0
		for e := range entries(raw) {
			if found, ok := lookup(raw, e.Name); !ok || found.Name != e.Name {
				t.Fatalf("%q is listed but not found", e.Name)
			}
			n++
		}
		if name == "" || strings.ContainsRune(name, 0) || !checkTree(raw) {
			return
		}
		out := splice(raw, treeEntry{Name: name})
		if !checkTree(out) || len(out) < len(raw) {
			t.Fatalf("splicing %q into %q gives %q", name, raw, out)
		}
		if _, ok := lookup(out, name); !ok || !bytes.Contains(out, []byte(name)) {
			t.Fatalf("%q is lost", name)
		}
	})
}

func TestTreeCacheIsBounded(t *testing.T) {
	var c treeCache
	used := plumbing.Hash{2: 1}
	c.put(used, make([]byte, 100))
	for i := range 10_000 {
		h := plumbing.Hash{byte(i), byte(i >> 8)}
		c.put(h, make([]byte, 5000))
		if _, ok := c.get(h); !ok {
			t.Fatal("what was just put is not there")
		}
		if _, ok := c.get(used); !ok {
			t.Fatalf("what is used all the time was forgotten after %d others", i)
		}
		if i%3 == 0 {
			c.drop(h)
		}
	}
	total := 0
	for _, generation := range []map[plumbing.Hash][]byte{c.young, c.old} {
		for _, raw := range generation {
			total += len(raw)
		}
	}
	if total > treeCacheSize {
		t.Errorf("the cache holds %d bytes", total)
	}
}
