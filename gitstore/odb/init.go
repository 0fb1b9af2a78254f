package odb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
)

// config is the repository's configuration. The repository is bare, so that
// no one commits a deletion by accident from the files beside it, and git
// never starts its own maintenance in the middle of a post.
const config = `[core]
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

const headBranch = plumbing.ReferenceName("refs/heads/main")

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
	head := []byte("ref: " + headBranch.String() + "\n")
	if err := writeOnce(o.FS, filepath.Join(dir, "HEAD"), head); err != nil {
		return err
	}
	if err := writeConfig(o.FS, dir); err != nil {
		return err
	}
	for _, synced := range []string{"refs", "objects", "", ".."} {
		if err := o.FS.SyncDir(filepath.Join(dir, synced)); err != nil {
			return err
		}
	}
	return nil
}

func writeConfig(fsys FS, dir string) error {
	return writeOnce(fsys, filepath.Join(dir, "config"), []byte(config))
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
func writeAtomic(fsys FS, name string, perm fs.FileMode, sync bool, parts ...[]byte) error {
	temp := tempName(name)
	if err := writeFile(fsys, temp, perm, sync, parts...); err != nil {
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		_ = fsys.Remove(temp)
		return err
	}
	return nil
}
