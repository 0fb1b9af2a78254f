package odb

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// ownConfig is the repository's configuration. The repository is bare, so that
// no one commits a deletion by accident from the files beside it, and git
// never starts its own maintenance in the middle of a post.
const ownConfig = `[core]
	repositoryformatversion = 0
	filemode = false
	bare = true
	logallrefupdates = false
[gc]
	auto = 0
	autoDetach = false
	packRefs = false
[maintenance]
	auto = false
[receive]
	denyNonFastForwards = true
	autogc = false
`

const (
	headBranch = plumbing.ReferenceName("refs/heads/main")
	headFile   = "ref: " + string(headBranch) + "\n"
)

// Init makes dir an empty bare repository: no objects, no refs, HEAD on main.
// What is there already stays as it is, so two processes may race to it. The
// repository is durable on return; the name of dir in its parent is too.
func Init(dir string, o Options) error {
	o = o.withDefaults()
	for _, sub := range []string{"", "objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags", "info", "skein"} {
		if err := mkdir(o.FS, filepath.Join(dir, filepath.FromSlash(sub))); err != nil {
			return err
		}
	}
	if err := writeOnce(o.FS, filepath.Join(dir, "HEAD"), []byte(headFile)); err != nil {
		return err
	}
	if err := writeOnce(o.FS, filepath.Join(dir, "config"), []byte(ownConfig)); err != nil {
		return err
	}
	for _, synced := range []string{"refs", "objects", "", ".."} {
		if err := o.FS.SyncDir(filepath.Join(dir, synced)); err != nil {
			return err
		}
	}
	return nil
}

// check refuses repositories whose objects or refs this package would misread,
// and puts back the files that every store has alike.
func (s *Storage) check() error {
	for _, sub := range []string{"objects", "refs"} {
		if !isDirectory(filepath.Join(s.dir, sub)) {
			return fmt.Errorf("%s is not a git directory: it has no directory %s", s.dir, sub)
		}
	}
	if borrowed, err := os.ReadFile(filepath.Join(s.dir, "objects", "info", "alternates")); err == nil && len(borrowed) > 0 {
		return fmt.Errorf("%s borrows objects from another repository; run git repack -a -d in it and remove objects/info/alternates", s.dir)
	}
	for _, dir := range []string{"skein", "objects/pack"} {
		if err := mkdir(s.fs(), filepath.Join(s.dir, filepath.FromSlash(dir))); err != nil {
			return err
		}
	}
	if err := s.checkHead(); err != nil {
		return err
	}
	return s.checkConfig()
}

// checkHead writes HEAD again if it is missing or damaged: it never changes.
func (s *Storage) checkHead() error {
	path := filepath.Join(s.dir, "HEAD")
	head, err := readFile(path)
	if err == nil && bytes.HasPrefix(head, []byte("ref: refs/")) {
		return nil
	}
	if _, ok := parseHash(strings.TrimSpace(string(head))); ok || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.opts.Logger.Warn("HEAD was missing or damaged; it was written again", "path", path)
	return writeAtomic(s.fs(), path, 0o600, true, []byte(headFile))
}

func (s *Storage) checkConfig() error {
	path := filepath.Join(s.dir, "config")
	text, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(bytes.Trim(text, "\x00 \n")) == 0 {
		return writeAtomic(s.fs(), path, 0o600, true, []byte(ownConfig))
	}
	cfg, err := s.Config()
	if err != nil {
		return fmt.Errorf("%s cannot be read (%w); restore it, or remove it and skein writes a new one", path, err)
	}
	version := cfg.Raw.Section("core").Option("repositoryformatversion")
	if version != "" && version != "0" {
		return fmt.Errorf("%s asks for repository format %s; skein keeps format 0", path, version)
	}
	if format := cfg.Raw.Section("extensions").Option("objectformat"); format != "" && format != "sha1" {
		return fmt.Errorf("%s asks for %s objects; skein keeps sha1", path, format)
	}
	return nil
}

func mkdir(fsys FS, name string) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	if err := fsys.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// writeOnce writes a file that is complete as soon as it has its name, unless
// it is there already.
func writeOnce(fsys FS, name string, data []byte) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	return writeAtomic(fsys, name, 0o600, true, data)
}

// writeAtomic writes a file under a temporary name and renames it to name,
// replacing what was there.
func writeAtomic(fsys FS, name string, perm fs.FileMode, sync bool, data []byte) error {
	temp := tempName(name)
	if err := writeFile(fsys, temp, perm, sync, data); err != nil {
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		_ = fsys.Remove(temp)
		return err
	}
	return nil
}
