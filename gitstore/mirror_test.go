package gitstore

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// checkExport holds the files beside .git against main: the same files with
// the same bytes, readable by their owner alone, and nothing else.
func checkExport(tb testing.TB, dir string) {
	tb.Helper()
	want := map[string]string{}
	for _, line := range lines(git(tb, dir, "ls-tree", "-r", "main", "projects/", readmeFile)) {
		info, path, _ := strings.Cut(line, "\t")
		want[path] = strings.Fields(info)[2]
	}
	for path, hash := range exported(tb, dir) {
		if want[path] != hash {
			tb.Errorf("%s beside .git has the hash %q, in main %q", path, hash, want[path])
		}
		delete(want, path)
	}
	for path := range want {
		tb.Errorf("%s is missing beside .git", path)
	}
}

// exported returns the files beside .git by path, with their blob hashes.
func exported(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			if err == nil && info.Mode().Perm() != 0o700 {
				tb.Errorf("%s has the mode %v", path, info.Mode())
			}
			return err
		}
		if info.Mode() != 0o600 {
			tb.Errorf("%s has the mode %v", path, info.Mode())
		}
		data, err := os.ReadFile(path)
		rel := filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))
		files[rel] = plumbing.ComputeHash(plumbing.BlobObject, data).String()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// settled closes a store, after which its export is complete.
func settled(tb testing.TB, s *Store) string {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return s.Dir()
}

// exporting opens a store whose files are kept, in a directory that exists.
func exporting(tb testing.TB, dir string) *Store {
	tb.Helper()
	return openTest(tb, Options{Dir: dir, NoSync: true})
}

func TestExportFollowsPosts(t *testing.T) {
	s := exporting(t, t.TempDir()+"/store")
	for i := range 150 {
		mustPost(t, s, Post{From: "a", Thread: fmt.Sprint("p/t", i%3), Body: fmt.Sprint(i)})
	}
	checkExport(t, settled(t, s))
}

func TestExportIsHealedAtOpen(t *testing.T) {
	s := exporting(t, t.TempDir()+"/store")
	mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "exported"})
	dir := settled(t, s)
	for name, crash := range map[string]func(marker string){
		"nothing was exported": func(string) {},
		"the marker is gone":   func(marker string) { _ = os.Remove(marker) },
		"the marker is torn":   func(marker string) { _ = os.WriteFile(marker, []byte("d82637"), 0o600) },
		"the marker names nothing": func(marker string) {
			_ = os.WriteFile(marker, []byte(strings.Repeat("12", 20)+"\n"), 0o600)
		},
	} {
		silent := openTest(t, Options{Dir: dir, NoSync: true, NoMirror: true})
		m := mustPost(t, silent, Post{From: "a", Thread: "p/t", Body: "not exported: " + name})
		write(t, filepath.Join(dir, "projects/p/t/2026-11/.."), "."+filepath.Base(m.Path)+".tmp", "left by a crash")
		_ = os.Remove(filepath.Join(dir, "projects/p/t", "."+filepath.Base(m.Path)+".tmp"))
		settled(t, silent)
		crash(filepath.Join(gitDir(dir), "skein", "exported"))
		checkExport(t, settled(t, exporting(t, dir)))
	}
}

func TestExportReplacesWhatACrashLeft(t *testing.T) {
	s := openTest(t, quiet)
	m := mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "whole"})
	dir := settled(t, s)
	at := filepath.Join(dir, filepath.FromSlash(m.Path))
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Dir(at), filepath.Base(at), "who")
	write(t, filepath.Dir(at), "."+filepath.Base(at)+".tmp", "wh")
	checkExport(t, settled(t, exporting(t, dir)))
}

func TestExportRebuildsWhole(t *testing.T) {
	s := exporting(t, t.TempDir()+"/store")
	a := mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "one"})
	b := mustPost(t, s, Post{From: "a", Thread: "q/t", Body: "two"})
	dir := settled(t, s)
	at := filepath.Join(dir, filepath.FromSlash(a.Path))
	write(t, filepath.Dir(at), filepath.Base(at), strings.Repeat("x", len("damaged of the same length")))
	write(t, filepath.Dir(at), "21-101503-nobody-7k3q9x2m.md", "invented")
	write(t, filepath.Dir(at), "my notes.md", "kept")
	if err := os.RemoveAll(filepath.Join(dir, "projects", "q")); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, Options{Dir: dir, NoSync: true, NoMirror: true})
	var done, total int
	if err := again.Export(t.Context(), func(d, n int) { done, total = d, n }); err != nil {
		t.Fatal(err)
	}
	if done != 2 || total != 2 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(at), "my notes.md")); err != nil {
		t.Errorf("a file of the person's own is gone: %v", err)
	}
	checkExport(t, dir)
	_ = b
}

// The store's directory may be synchronised, shared or written to by agents:
// a link in it must not lead skein elsewhere.
func TestExportFollowsNoLink(t *testing.T) {
	for name, plant := range map[string]func(dir, outside string) error{
		"projects": func(dir, outside string) error { return os.Symlink(outside, filepath.Join(dir, "projects")) },
		"projects to .git": func(dir, _ string) error {
			return os.Symlink(".git", filepath.Join(dir, "projects"))
		},
		"a project": func(dir, outside string) error {
			return linkBelow(outside, filepath.Join(dir, "projects", "p"))
		},
		"a project to another": func(dir, outside string) error {
			return linkBelow("../../outside", filepath.Join(dir, "projects", "p"))
		},
		"a thread": func(dir, outside string) error {
			return linkBelow(outside, filepath.Join(dir, "projects", "p", "t"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			outside := filepath.Join(top, "outside")
			if err := os.Mkdir(outside, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, outside, "precious", "x")
			s := openTest(t, Options{Dir: filepath.Join(top, "store"), NoSync: true, NoMirror: true})
			if err := plant(s.Dir(), outside); err != nil {
				t.Fatal(err)
			}
			dir := settled(t, exporting(t, s.Dir()))
			again := exporting(t, dir)
			mustPost(t, again, Post{From: "a", Thread: "p/t", Body: "x"})
			mustPost(t, again, Post{From: "a", Thread: "q/t", Body: "x"})
			if err := again.Export(t.Context(), nil); err == nil {
				t.Error("Export says nothing of the link")
			}
			settled(t, again)
			if names, err := os.ReadDir(outside); err != nil || len(names) != 1 {
				t.Errorf("outside lie %v (%v)", names, err)
			}
			if _, err := os.Stat(filepath.Join(gitDir(dir), "p")); err == nil {
				t.Error("files were written into .git")
			}
		})
	}
}

func linkBelow(target, name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.Symlink(target, name)
}

// A link in the place of a file is replaced, not written through.
func TestExportReplacesALinkedFile(t *testing.T) {
	top := t.TempDir()
	write(t, top, "precious", "mine")
	s := openTest(t, Options{Dir: filepath.Join(top, "store"), NoSync: true, NoMirror: true})
	m := mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
	at := filepath.Join(s.Dir(), filepath.FromSlash(m.Path))
	for _, name := range []string{at, filepath.Join(filepath.Dir(at), "."+filepath.Base(at)+".tmp"), filepath.Join(s.Dir(), readmeFile)} {
		if err := linkBelow(filepath.Join(top, "precious"), name); err != nil {
			t.Fatal(err)
		}
	}
	checkExport(t, settled(t, exporting(t, s.Dir())))
	if text, err := os.ReadFile(filepath.Join(top, "precious")); err != nil || string(text) != "mine" {
		t.Errorf("the linked file now says %q (%v)", text, err)
	}
}

// A mirror that cannot be written never fails a post and is healed later.
func TestExportFailureNeverFailsAPost(t *testing.T) {
	now := time.Now()
	s := openTest(t, Options{NoSync: true, Now: func() time.Time { return now }})
	write(t, s.Dir(), "projects", "in the way")
	for i := range 3 {
		mustPost(t, s, Post{From: "a", Thread: "p/t", Body: fmt.Sprint(i)})
	}
	s.background.Wait()
	if err := os.Remove(filepath.Join(s.Dir(), "projects")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * exportRetry)
	mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "healed by the next post"})
	checkExport(t, settled(t, s))
}

// What another program committed is not put on the disk under its name.
func TestExportOfForeignNames(t *testing.T) {
	for _, c := range []struct {
		e  treeEntry
		ok bool
	}{
		{treeEntry{Name: "21-101503-a-7k3q9x2m.md"}, true},
		{treeEntry{Name: "21-101503-a-7k3q9x2m.thread.md"}, true},
		{treeEntry{Name: "2026-11", Dir: true}, true},
		{treeEntry{Name: "_project", Dir: true}, true},
		{treeEntry{Name: "README.md"}, false},
		{treeEntry{Name: "x.exe"}, false},
		{treeEntry{Name: ".git", Dir: true}, false},
		{treeEntry{Name: "..", Dir: true}, false},
		{treeEntry{Name: ".", Dir: true}, false},
		{treeEntry{Name: "a/b", Dir: true}, false},
		{treeEntry{Name: `a\b`, Dir: true}, false},
		{treeEntry{Name: "c:", Dir: true}, false},
	} {
		if exportable(c.e) != c.ok {
			t.Errorf("%+v: exportable is %t", c.e, !c.ok)
		}
	}
}
