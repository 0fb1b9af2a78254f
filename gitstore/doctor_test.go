package gitstore

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestDoctorOfAStore: what is wrong with its directories is told.
func TestDoctorOfAStore(t *testing.T) {
	s := openTest(t, Options{NoSync: true})
	say(t, s, "mary", "hello")
	settled(t, s)
	before, err := os.ReadDir(s.db.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	if says, err := s.CheckStore(); err != nil || says != s.Dir() {
		t.Fatal(says, err)
	}
	if after, err := os.ReadDir(s.db.StateDir()); err != nil || len(after) != len(before) {
		t.Fatalf("%d files were %d: %v", len(after), len(before), err)
	}
	if runtime.GOOS == "windows" {
		return // it has no such modes
	}
	for _, dir := range []string{s.db.Dir(), filepath.Join(s.Dir(), "projects")} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CheckStore(); err == nil || !strings.Contains(err.Error(), "chmod -R o-rwx "+dir) {
			t.Errorf("%s: %v", dir, err)
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	state := s.db.StateDir()
	if err := os.Rename(state, state+"-away"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CheckStore(); err == nil || !strings.Contains(err.Error(), "cannot write") {
		t.Error(err)
	}
	if err := os.Rename(state+"-away", state); err != nil {
		t.Fatal(err)
	}
}

// TestDoctorOfAnExport: of a large store not all contents are read, and any file
// that is missing is missed.
func TestDoctorOfAnExport(t *testing.T) {
	s := openTest(t, Options{NoSync: true})
	total := readsAll + 500
	fill(t, s, total, threadName)
	if err := s.Export(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	says, err := s.CheckExport(t.Context(), false)
	if err != nil || !strings.Contains(says, "by name all of them") {
		t.Fatal(says, err)
	}
	root, err := os.OpenRoot(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, full := range []bool{false, true} {
		c := exportCheck{s: s, root: root, full: full}
		if differ, err := c.run(t.Context()); err != nil || differ > 0 || c.named.Load() != int64(total) {
			t.Fatalf("%d of %d differ: %v", differ, c.named.Load(), err)
		}
		if read := c.read.Load(); full && read != int64(total) || !full && (read < readsAll || read > int64(total-100)) {
			t.Errorf("%d of %d files are read", read, total)
		}
	}
	var names []string
	err = filepath.WalkDir(filepath.Join(s.Dir(), "projects"), func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) != total {
		t.Fatalf("%d files: %v", len(names), err)
	}
	for _, name := range names[total-5:] {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names[:total-5] {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CheckExport(t.Context(), true); err == nil || !strings.HasPrefix(err.Error(), "1500 files") {
		t.Error(err)
	}
	if err := s.Export(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CheckExport(t.Context(), false); err == nil || !strings.HasPrefix(err.Error(), "1 files") {
		t.Error(err)
	}
}

// TestDoctorOfARemote: one that lets nobody in, and one that lets this user
// read only, are told apart; neither is changed.
func TestDoctorOfARemote(t *testing.T) {
	dir, address := bareRemote(t)
	readers, through := failing(t, address, "git-upload-pack")
	writers, through := failing(t, through, "git-receive-pack")
	s := openTest(t, quiet)
	says := func(want string, check func(context.Context) (string, error)) {
		t.Helper()
		says, err := check(t.Context())
		if err != nil {
			says = err.Error()
		}
		if !strings.Contains(says, want) {
			t.Errorf("it says %q, and not %q", says, want)
		}
	}
	says("messages stay on this machine", s.CheckRemote)
	says("nothing to push to", s.CheckRights)
	s = synced(t, through)
	says("not known", s.CheckRights)
	say(t, s, "mary", "hello")
	sync1(t, s, SyncOptions{})
	before := git(t, dir, "for-each-ref")
	say(t, s, "mary", "not yet")
	for _, c := range []struct {
		readers, writers int64
		remote, rights   string // in what is said
	}{
		{0, 0, "answers; 0 to fetch, 1 to push", "takes a push of this user"},
		{0, 403, "answers", "read but not write"},
		{0, 401, "answers", "does not let you"},
		{401, 0, "does not let you in", "takes a push of this user"},
		{404, 404, "there is no repository", "there is no repository"},
		{503, 503, "cannot be reached", "cannot be reached"},
	} {
		readers.Store(c.readers)
		writers.Store(c.writers)
		says(c.remote, s.CheckRemote)
		says(c.rights, s.CheckRights)
	}
	readers.Store(0)
	writers.Store(0)
	unlock, err := s.lockSync(t.Context(), SyncOptions{})
	if err != nil {
		t.Fatal(err)
	}
	says("another process is syncing", s.CheckRights)
	unlock()
	if now := git(t, dir, "for-each-ref"); now != before {
		t.Errorf("the remote has\n%s", now)
	}
	git(t, dir, "--git-dir="+dir, "read-tree", "main")
	commitFile(t, dir, "con.txt")
	says("the remote holds what skein refuses", s.CheckRemote)
}

// TestDoctorOfHooks: what git would run is told, wherever it is configured to
// lie, and nothing else.
func TestDoctorOfHooks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes that tell what is executed")
	}
	s := openTest(t, quiet)
	elsewhere := t.TempDir()
	for _, dir := range []string{"", elsewhere, "scripts"} {
		git(t, s.Dir(), "config", "core.hooksPath", dir)
		at := map[string]string{"": filepath.Join(s.db.Dir(), "hooks"), elsewhere: elsewhere, "scripts": filepath.Join(s.db.Dir(), "scripts")}[dir]
		if says, err := s.CheckHooks(); err != nil || says != "none" {
			t.Fatalf("%s: %s, %v", dir, says, err)
		}
		if err := os.MkdirAll(filepath.Join(at, "post-commit"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, mode := range map[string]os.FileMode{"pre-push.sample": 0o700, "pre-commit": 0o600} {
			if err := os.WriteFile(filepath.Join(at, name), nil, mode); err != nil {
				t.Fatal(err)
			}
		}
		if says, err := s.CheckHooks(); err != nil || says != "none" {
			t.Errorf("%s: %s, %v", dir, says, err)
		}
		hook := filepath.Join(at, "pre-push")
		if err := os.WriteFile(hook, nil, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CheckHooks(); err == nil || !strings.Contains(err.Error(), "git runs "+hook) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
