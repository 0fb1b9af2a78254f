package gitstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
)

// The root commits never change: stores made by different versions on
// different machines share them, and only so can be joined.
const (
	mainRoot   = "d82637b090b5748aeb2a92bd3088a41934efc1f9"
	agentsRoot = "d8138f8b5dafd7f98d78d20642df53d386da0a3c"
)

func TestOpenMakesAStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "store")
	if Exists(dir) {
		t.Error("a store exists before it is made")
	}
	s := openTest(t, Options{Dir: dir, NoSync: true})
	if !Exists(dir) || s.Dir() != dir {
		t.Errorf("the store %s does not exist", s.Dir())
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v (%v)", info.Mode(), err)
	}
	if got := git(t, dir, "rev-parse", "main", "agents"); got != mainRoot+"\n"+agentsRoot {
		t.Errorf("the root commits are\n%s", got)
	}
	checkStore(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "README.md")); err != nil || string(text) != readmeText {
		t.Errorf("README.md says %q (%v)", text, err)
	}
	again := openTest(t, Options{Dir: dir, NoSync: true})
	mustPost(t, again, Post{From: "a", Thread: "p/t", Body: "x"})
	checkStore(t, dir)
}

func TestOpenFillsAnEmptyDirectory(t *testing.T) {
	openTest(t, Options{Dir: t.TempDir(), NoSync: true})
}

// dieOpeningRole makes a store, unless it dies over it.
func dieOpeningRole(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	disk := &dyingFS{FS: odb.OS}
	disk.left.Store(int64(n))
	s, err := Open(context.Background(), Options{Dir: args[0], NoMirror: true, FS: disk})
	if err != nil {
		return err
	}
	disk.left.Store(0)
	return s.Close()
}

func TestCreationDiesAtEachStep(t *testing.T) {
	for steps := 1; ; steps++ {
		dir := filepath.Join(t.TempDir(), "store")
		_, died := start(t, "die-opening", dir, strconv.Itoa(steps)).wait()
		s := openTest(t, Options{Dir: dir, NoSync: true, NoMirror: true})
		mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
		if steps%10 == 0 {
			checkQuiet(t, s)
		}
		names, err := os.ReadDir(dir)
		if err != nil || len(names) > 2 || names[0].Name() != ".git" {
			t.Errorf("after a death at step %d the directory holds %v (%v)", steps, names, err)
		}
		if died == nil {
			if steps < 20 {
				t.Errorf("making a store took only %d steps", steps)
			}
			return
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name, says string
		make       func(t *testing.T, dir string)
	}{
		{"a directory of something else", "not a skein store", func(t *testing.T, dir string) { write(t, dir, "notes.txt", "mine") }},
		{"a working repository", "not a skein store", func(t *testing.T, dir string) { git(t, dir, "init", "-q") }},
		{"a bare repository in .git", "lost its branch main", func(t *testing.T, dir string) {
			git(t, dir, "init", "-q", "--bare", filepath.Join(dir, ".git"))
		}},
		{"a store whose .git is gone", "not a skein store", func(t *testing.T, dir string) { write(t, dir, "README.md", readmeText) }},
		{"a file", "make the store's directory", func(t *testing.T, dir string) {
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Dir(dir), filepath.Base(dir), "x")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			c.make(t, dir)
			_, err := Open(t.Context(), Options{Dir: dir, NoSync: true})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v, want %q", err, c.says)
			}
			names, err := filepath.Glob(filepath.Join(dir, staging+"*"))
			if err != nil || len(names) > 0 {
				t.Errorf("left behind: %v (%v)", names, err)
			}
		})
	}
}

func write(tb testing.TB, dir, name, text string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// A lost branch must never be taken for a new store: that would hide all
// messages and then write over them.
func TestLostBranchIsNoEmptyStore(t *testing.T) {
	for _, ref := range []plumbing.ReferenceName{mainRef, agentsRef} {
		t.Run(ref.Short(), func(t *testing.T) {
			s := openTest(t, quiet)
			mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
			if err := os.Remove(filepath.Join(gitDir(s.Dir()), filepath.FromSlash(ref.String()))); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Options{Dir: s.Dir(), NoSync: true})
			if err == nil || !strings.Contains(err.Error(), "lost its branch "+ref.Short()) {
				t.Errorf("opening says %v", err)
			}
			if _, err := s.Post(t.Context(), Post{From: "b", Thread: "p/t", Body: "x"}); err == nil {
				t.Error("an open store goes on without its branch")
			}
		})
	}
}

func TestEmptyRefIsNoEmptyStore(t *testing.T) {
	s := openTest(t, quiet)
	mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
	write(t, filepath.Join(gitDir(s.Dir()), "refs", "heads"), "main", "")
	if _, err := Open(t.Context(), Options{Dir: s.Dir(), NoSync: true}); err == nil {
		t.Error("a store with an empty ref was opened")
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	s := openTest(t, quiet)
	mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
	setFormat(t, s.Dir(), "format: 2\nlayout: flat\n")
	_, err := Open(t.Context(), Options{Dir: s.Dir(), NoSync: true})
	var newer *FormatError
	if !errors.As(err, &newer) || newer.Format != 2 || !strings.Contains(err.Error(), "update skein") {
		t.Errorf("opening says %v", err)
	}
	// Another process brought the store up to date while this one had it open.
	if _, err := s.Post(t.Context(), Post{From: "a", Thread: "p/t", Body: "x"}); !errors.As(err, &newer) {
		t.Errorf("posting says %v", err)
	}
	setFormat(t, s.Dir(), "what?\n")
	if _, err := Open(t.Context(), Options{Dir: s.Dir(), NoSync: true}); err == nil || errors.As(err, &newer) {
		t.Errorf("opening says %v", err)
	}
}

// setFormat commits another .skein with git.
func setFormat(tb testing.TB, dir, text string) {
	tb.Helper()
	blob := strings.TrimSpace(string(gitInput(tb, dir, text, "hash-object", "-w", "--stdin")))
	var tree strings.Builder
	for _, line := range lines(git(tb, dir, "ls-tree", "main")) {
		if strings.HasSuffix(line, "\t"+formatFile) {
			line = "100644 blob " + blob + "\t" + formatFile
		}
		tree.WriteString(line + "\n")
	}
	root := strings.TrimSpace(string(gitInput(tb, dir, tree.String(), "mktree")))
	commit := git(tb, dir, "-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-p", "main", "-m", "newer", root)
	git(tb, dir, "update-ref", "refs/heads/main", commit)
}

// openRole opens the store and posts once.
func openRole(args []string) error {
	s, err := Open(context.Background(), Options{Dir: args[0], NoSync: true})
	if err != nil {
		return err
	}
	_, err = s.Post(context.Background(), Post{From: args[1], Thread: "p/t", Body: "x"})
	return errors.Join(err, s.Close())
}

func TestManyProcessesMakeOneStore(t *testing.T) {
	for range 3 {
		dir := filepath.Join(t.TempDir(), "store")
		var all []*process
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			all = append(all, start(t, "open", dir, name))
		}
		for _, p := range all {
			if _, err := p.wait(); err != nil {
				t.Error(err)
			}
		}
		if h := checkStore(t, dir); len(h.ids) != len(all) {
			t.Errorf("%d processes posted %d messages", len(all), len(h.ids))
		}
		if left, err := filepath.Glob(filepath.Join(dir, ".git-*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}

// What a user has told git to do must not reach the store.
func TestUserConfigurationChangesNothing(t *testing.T) {
	plain := openTest(t, quiet)
	mustPost(t, plain, Post{From: "a", Thread: "p/t", Body: "a\r\nb"})
	home := t.TempDir()
	write(t, home, ".gitconfig", `[core]
	autocrlf = true
	fsync = none
	compression = 9
	fileMode = true
	hooksPath = /nonexistent
	sharedRepository = world
[i18n]
	commitEncoding = latin1
[user]
	name = Somebody
	signingKey = x
[commit]
	gpgSign = true
[gc]
	auto = 1
[init]
	defaultBranch = trunk
	templateDir = /nonexistent
	defaultObjectFormat = sha256
[extensions]
	objectFormat = sha256
[safe]
	bareRepository = explicit
`)
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("GIT_DIR", "/nonexistent")
	t.Setenv("GIT_OBJECT_DIRECTORY", "/nonexistent")
	t.Setenv("GIT_AUTHOR_NAME", "Somebody")
	s := openTest(t, quiet)
	m := mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "a\r\nb"})
	for _, name := range []string{"GIT_DIR", "GIT_OBJECT_DIRECTORY"} {
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	checkQuiet(t, s)
	if got := git(t, s.Dir(), "log", "-1", "--format=%an %cn", "main"); got != "a a" {
		t.Errorf("the author is %s", got)
	}
	if got := git(t, s.Dir(), "cat-file", "blob", "main:"+m.Path); !strings.HasSuffix(got, "a\r\nb") {
		t.Errorf("the body was changed: %q", got)
	}
	if got, want := git(t, s.Dir(), "rev-list", "--max-parents=0", "main"), git(t, plain.Dir(), "rev-list", "--max-parents=0", "main"); got != want {
		t.Errorf("the root commit is %s, without the configuration %s", got, want)
	}
}
