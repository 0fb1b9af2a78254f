package gitstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// sound makes a store with some of everything, split directories included.
func sound(t *testing.T) *Store {
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: ticking(plantTime.Add(-time.Hour), time.Second)})
	ctx := context.Background()
	mustJoin(t, s, "bob@host")
	fill(t, s, 150, func(int) string { return "axon/model" })
	for i := range 70 {
		mustPost(t, s, Post{From: "ann", Thread: fmt.Sprintf("axon/t%d", i), Body: "x"})
	}
	if _, err := s.Inbox(ctx, InboxQuery{Agent: "bob@host", MarkRead: true}); err != nil {
		t.Fatal(err)
	}
	title := "A title"
	for _, u := range []ThreadUpdate{{From: "ann", Project: "axon", Title: &title}, {From: "ann", Thread: "axon/model", Title: &title}} {
		if _, err := s.UpdateThread(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// FuzzPaths: no path makes a reader panic, and one that Verify finds in its
// place is one that readers look into.
func FuzzPaths(f *testing.F) {
	e := &event.Event{ID: idAt(plantTime, 9), At: plantTime, From: "filler"}
	for _, path := range []string{"", "/", "projects", "projects/_7/axon/_k/model/2026-11/21d/" + event.FileName(e), "projects/axon/_project/2026-11/x", "agents/_7/bob/2026-11/x"} {
		f.Add(path)
	}
	for _, path := range []string{"projects/axon/model/2026-11/x", "projects/_x/axon/_x/model/2026-11/x/x/x"} {
		proper, err := properPath(mainRef, path, e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(proper)
	}
	f.Fuzz(func(t *testing.T, path string) {
		for _, ref := range []plumbing.ReferenceName{mainRef, agentsRef} {
			want, err := properPath(ref, path, e)
			_, rest, ok := cutThread(path)
			month, _, spanned := pathSpan(filepath.ToSlash(filepath.Dir(rest)))
			inMonth := monthDir(path) == event.Month(e.At)
			if err == nil && want == path && (!ok || !spanned || !inMonth || month != testDay.AddDate(0, 0, -20).Unix()) {
				t.Errorf("%s is in its place, and readers see %q", path, rest)
			}
		}
	})
}

func TestVerifySound(t *testing.T) {
	s := sound(t)
	last := 0
	report, err := s.Verify(context.Background(), func(done, total int) {
		if done < last || done > total {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	commits := len(lines(git(t, s.Dir(), "rev-list", "--all")))
	if len(report.Problems)+len(report.Repaired) > 0 || report.Messages != 220 || report.Commits != commits || last != commits || report.Packs == 0 || report.Objects < 3*commits {
		t.Errorf("%+v after %d of %d", report, last, commits)
	}
	git(t, s.Dir(), "repack", "-adq")
	if report, err := s.Verify(context.Background(), nil); err != nil || len(report.Problems) > 0 || report.Messages != 220 {
		t.Errorf("after a repack: %+v, %v", report, err)
	}
}

// TestVerifyFinds breaks a store in one way at a time.
func TestVerifyFinds(t *testing.T) {
	e, good := plantedEvent(t, idAt(plantTime, 9), "planted")
	move := func(to string) planted { f := good; f.path = to; return f }
	name := filepath.Base(good.path)
	commit := func(files ...planted) func(*testing.T, *Store) {
		return func(t *testing.T, s *Store) { plant(t, s, "main", trailer(e.ID), files...) }
	}
	other := idAt(plantTime, 10)
	executable := good
	executable.mode = "100755"
	link := good
	link.mode, link.data = "120000", "/etc/passwd"
	crlf := good
	crlf.data = strings.Replace(good.data, "from: filler", `from: "filler"`, 1)
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, s *Store)
		want   string
	}{
		{"nothing", commit(move(strings.Replace(good.path, "/2026-11/", "/2026-11/21d/", 1))), ""},
		{"mode of an executable", commit(executable), "with mode 100755, where only files (100644)"},
		{"symbolic link", commit(link), "with mode 120000"},
		{"not canonical", commit(crlf), "is no event as skein writes it: line 3 is not in canonical form"},
		{"no event", commit(move("projects/axon/model/2026-11/notes.md")), "notes.md should be projects/axon/model/2026-11/" + name},
		{"month of another", commit(move("projects/axon/model/2026-12/" + name)), "should be " + good.path},
		{"split of another", commit(move("projects/axon/model/2026-11/22d/" + name)), "should be projects/axon/model/2026-11/21d/" + name},
		{"no month", commit(move("projects/axon/model/" + name)), "it is not in the directory of a month"},
		{"fan-out of another", commit(move("projects/_z/axon/model/2026-11/" + name)), "should be projects/" + event.FanOut("axon", 0) + "/axon/"},
		{"no slug", commit(move("projects/Axon/model/2026-11/" + name)), "is no name of a thread"},
		{"message in a project's directory", commit(move("projects/axon/_project/2026-11/" + name)), "is no place for it"},
		{"outside projects", commit(move("stray/axon/model/2026-11/" + name)), "should be projects/axon/model"},
		{"at the root", commit(move(name)), "lies where skein does not look for it"},
		{"message among agents", func(t *testing.T, s *Store) {
			plant(t, s, "agents", trailer(e.ID), move("agents/filler/2026-11/"+name))
		}, "is no place for it"},
		{"two events", commit(good, func() planted { _, f := plantedEvent(t, other, "second"); return f }()), "adds 2 files, where each commit brings one event"},
		{"no event in a commit", commit(), "adds 0 files"},
		{"changed", func(t *testing.T, s *Store) {
			plant(t, s, "main", trailer(e.ID), good)
			f := good
			f.data = strings.Replace(f.data, "planted", "altered", 1)
			plant(t, s, "main", "alter\n", f)
		}, "changes or removes " + good.path},
		{"removed", func(t *testing.T, s *Store) {
			plant(t, s, "main", trailer(e.ID), good)
			plant(t, s, "main", "remove\n", planted{path: good.path, remove: true})
		}, "changes or removes " + good.path},
		{"id of the trailer", func(t *testing.T, s *Store) { plant(t, s, "main", trailer(other), good) }, "names the event \"" + other.String()},
		{"no trailer", func(t *testing.T, s *Store) { plant(t, s, "main", "a message\n", good) }, `names the event ""`},
		{"author", func(t *testing.T, s *Store) {
			late, f := plantedEvent(t, idAt(plantTime.Add(time.Hour), 9), "late")
			plant(t, s, "main", trailer(late.ID), f)
		}, "is not by the author, or not of the time, of its event"},
		{"time against id", func(t *testing.T, s *Store) {
			odd := *e
			odd.At = odd.At.Add(time.Second)
			data, err := odd.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			plant(t, s, "main", trailer(e.ID), planted{path: "projects/axon/model/2026-11/" + event.FileName(&odd), data: string(data)})
		}, "and its id says"},
		{"one id twice", func(t *testing.T, s *Store) {
			plant(t, s, "main", trailer(e.ID), good)
			plant(t, s, "main", trailer(e.ID), move(strings.Replace(good.path, "/2026-11/", "/2026-11/21d/", 1)))
		}, "id " + e.ID.String() + " stands in more than one file"},
		{"merge", func(t *testing.T, s *Store) {
			tree := git(t, s.Dir(), "rev-parse", "main^{tree}")
			merge := git(t, s.Dir(), "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", tree, "-p", "main", "-p", "main~3", "-m", "merge")
			git(t, s.Dir(), "update-ref", "refs/heads/main", merge)
		}, "merges 2 histories, where each commit has one parent"},
		{"foreign root", func(t *testing.T, s *Store) {
			tree := git(t, s.Dir(), "rev-parse", "main^{tree}")
			root := git(t, s.Dir(), "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", tree, "-m", "all at once")
			git(t, s.Dir(), "update-ref", "refs/heads/main", root)
		}, "branch main does not begin as a store of skein does"},
		{"ref", func(t *testing.T, s *Store) { write(t, s.Dir(), ".git/refs/heads/agents", "") }, "agents"},
		{"ref to nothing", func(t *testing.T, s *Store) {
			write(t, s.Dir(), ".git/refs/heads/agents", strings.Repeat("1", 40)+"\n")
		}, strings.Repeat("1", 40)},
		{"refused request", func(t *testing.T, s *Store) { leave(t, s, "x.bad", time.Now()) }, "x.bad was not committed"},
		{"old request", func(t *testing.T, s *Store) { leave(t, s, "x.req", time.Now().Add(-time.Hour)) }, "x.req has waited since"},
		{"request on its way", func(t *testing.T, s *Store) { leave(t, s, "x.req", time.Now()) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return plantTime }})
			for range 5 {
				mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "sound"})
			}
			c.damage(t, s)
			report, err := s.Verify(context.Background(), nil)
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Join(report.Problems, "\n")
			if c.want == "" && found != "" || !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
			for _, problem := range report.Problems {
				if !strings.Contains(problem, "; ") {
					t.Errorf("does not say what to do: %s", problem)
				}
			}
		})
	}
}

func TestCheckEntries(t *testing.T) {
	entry := func(mode, name string) string { return mode + " " + name + "\x00" + strings.Repeat("h", 20) }
	for _, c := range []struct{ raw, want string }{
		{"", ""},
		{entry("100644", "a.md") + entry("40000", "b") + entry("100644", "b0"), ""},
		{entry("100644", "b") + entry("100644", "a"), `holds "a" out of order, or twice`},
		{entry("100644", "b0") + entry("40000", "b"), `holds "b" out of order`},
		{entry("100644", "a") + entry("100644", "a"), `holds "a" out of order, or twice`},
		{entry("100755", "a"), `holds "a" with mode 100755`},
		{entry("040000", "a"), `holds "a" with mode 040000`},
		{entry("160000", "a"), `holds "a" with mode 160000`},
		{entry("100644", "a")[:20], "ends in bytes that are no entry"},
	} {
		err := checkEntries([]byte(c.raw))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%.30q: %v, want %q", c.raw, err, c.want)
		}
	}
}

// leave puts a file into the queue.
func leave(t *testing.T, s *Store, name string, at time.Time) {
	t.Helper()
	path := filepath.Join(s.queue.dir, name)
	if err := os.MkdirAll(s.queue.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("something"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyFindsFlippedBytes: whichever byte of a pack or an index
// changes, Verify names the file. Every seventh is tried.
func TestVerifyFindsFlippedBytes(t *testing.T) {
	s := openTest(t, quiet)
	mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "short"})
	packs, err := filepath.Glob(filepath.Join(s.Dir(), ".git", "objects", "pack", "pack-*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatal(packs, err)
	}
	for _, name := range []string{packs[0], strings.TrimSuffix(packs[0], ".pack") + ".idx"} {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(whole); at += 7 {
			bad := append([]byte(nil), whole...)
			bad[at] ^= 1
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			v := &verifier{s: s, report: &Report{}, known: map[string]bool{}}
			if err := v.packs(context.Background()); err != nil {
				t.Fatal(err)
			}
			if !reports(v.report, name) {
				t.Fatalf("byte %d of %s: %+v", at, name, v.report)
			}
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyFindsIndexOfAnother: an index that is sound and belongs to another
// pack.
func TestVerifyFindsIndexOfAnother(t *testing.T) {
	s := openTest(t, quiet)
	for range 2 {
		mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "short"})
	}
	indexes, err := filepath.Glob(filepath.Join(s.Dir(), ".git", "objects", "pack", "pack-*.idx"))
	if err != nil || len(indexes) < 4 { // the roots, the first profile, two posts
		t.Fatal(indexes, err)
	}
	found := map[string]bool{}
	for _, victim := range indexes {
		whole, err := os.ReadFile(victim)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range indexes {
			data, err := os.ReadFile(other)
			if err != nil || other == victim {
				continue
			}
			replaceFile(t, victim, data)
			v := &verifier{s: s, report: &Report{}, known: map[string]bool{}}
			if err := v.packs(context.Background()); err != nil || !reports(v.report, victim) {
				t.Fatalf("%s in place of %s: %+v, %v", other, victim, v.report, err)
			}
			for _, kind := range []string{"it lists ", "it belongs to another pack"} {
				found[kind] = found[kind] || reports(v.report, kind)
			}
		}
		replaceFile(t, victim, whole)
	}
	if !found["it lists "] || !found["it belongs to another pack"] {
		t.Errorf("found %v", found)
	}
}

func replaceFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyRepairsExport: the files beside .git are compared and rebuilt.
func TestVerifyRepairsExport(t *testing.T) {
	s := openTest(t, Options{NoSync: true})
	var paths []string
	for range 4 {
		paths = append(paths, filepath.Join(s.Dir(), mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "original"}).Path))
	}
	if err := s.Export(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	verify := func() *Report {
		report, err := s.Verify(context.Background(), nil)
		if err != nil || len(report.Problems) > 0 {
			t.Fatalf("%+v, %v", report, err)
		}
		return report
	}
	if report := verify(); len(report.Repaired) > 0 {
		t.Fatalf("a sound export is repaired: %v", report.Repaired)
	}
	if err := os.Remove(paths[0]); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(paths[1], []byte(strings.ToUpper(string(data))), 0o600); err != nil {
		t.Fatal(err)
	}
	stray := filepath.Join(filepath.Dir(paths[0]), "01-000000-mallory-00000000.md")
	if err := os.WriteFile(stray, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if report := verify(); len(report.Repaired) != 1 || !strings.HasPrefix(report.Repaired[0], "3 files beside .git were not") {
		t.Errorf("repaired %v", report.Repaired)
	}
	if report := verify(); len(report.Repaired) > 0 {
		t.Errorf("repaired again: %v", report.Repaired)
	}
	if there, err := os.ReadFile(paths[1]); err != nil || string(there) != string(data) {
		t.Errorf("%q, %v", there, err)
	}
}

// TestVerifyBoundsItsReport: a store that is wrong all over gives a report
// that can be read.
func TestVerifyBoundsItsReport(t *testing.T) {
	v := &verifier{report: &Report{}, known: map[string]bool{}}
	for i := range 3 * maxProblems {
		v.problem("problem %d; do something", i/2)
	}
	if len(v.report.Problems) != maxProblems || v.more != maxProblems {
		t.Errorf("%d problems and %d more", len(v.report.Problems), v.more)
	}
}
