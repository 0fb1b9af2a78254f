package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// exporter writes files of the branch main beside .git. Every file and every
// directory is reached through its parent's descriptor and no symbolic link is
// followed, so that nothing outside is ever written.
type exporter struct {
	s     *Store
	top   *os.Root
	whole bool // compare what is there with the store, and remove what is not in it
	hides hidden

	done, total int
	progress    func(done, total int)
	failed      int
	firstErr    error
}

func newExporter(s *Store, whole bool) (*exporter, error) {
	top, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	return &exporter{s: s, top: top, whole: whole}, nil
}

func (x *exporter) close() { _ = x.top.Close() }

// commit brings the files from one commit to another; from may be zero.
func (x *exporter) commit(ctx context.Context, from, to plumbing.Hash) error {
	before, err := x.rootOf(from)
	if err != nil {
		return err
	}
	after, err := x.rootOf(to)
	if err != nil {
		return err
	}
	if x.hides, err = x.s.hiddenAt(to); err != nil {
		return err
	}
	d := &exportedDir{x: x, root: x.top}
	x.note(readmeFile, x.readme(d, before, after))
	was, _ := lookup(before, projectsDir)
	is, ok := lookup(after, projectsDir)
	if ok && is.Dir && is.Hash != was.Hash {
		sub := d.sub(projectsDir)
		defer sub.close()
		if err := x.tree(ctx, sub, was.Hash, is.Hash); err != nil {
			return err
		}
	}
	if err := x.hideNew(ctx, before, to); err != nil {
		return err
	}
	if x.failed > 0 {
		return fmt.Errorf("%d files could not be written, the first: %w", x.failed, x.firstErr)
	}
	return nil
}

func (x *exporter) rootOf(commit plumbing.Hash) ([]byte, error) {
	if commit.IsZero() {
		return nil, nil
	}
	root, err := x.s.rootTree(commit)
	if err != nil {
		return nil, err
	}
	return x.s.tree(root)
}

// note remembers that a file could not be written.
func (x *exporter) note(name string, err error) {
	if err == nil {
		return
	}
	if x.failed++; x.firstErr == nil {
		x.firstErr = fmt.Errorf("%s: %w", name, err)
	}
}

func (x *exporter) readme(d *exportedDir, before, after []byte) error {
	was, _ := lookup(before, readmeFile)
	is, ok := lookup(after, readmeFile)
	if !ok || is.Dir || is.Hash == was.Hash {
		return nil
	}
	return d.write(readmeFile, is.Hash, true)
}

// tree exports what a directory holds and its older version did not.
func (x *exporter) tree(ctx context.Context, d *exportedDir, old, new plumbing.Hash) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	before, err := x.s.tree(old)
	if err != nil {
		return err
	}
	after, err := x.s.tree(new)
	if err != nil {
		return err
	}
	for e := range entries(after) {
		was, ok := lookup(before, e.Name)
		if ok && was == e || !exportable(e) {
			continue
		}
		if !e.Dir {
			x.file(d, e)
			continue
		}
		if !was.Dir {
			was.Hash = plumbing.ZeroHash
		}
		if err := x.subtree(ctx, d, was.Hash, e); err != nil {
			return err
		}
	}
	if x.whole {
		x.note(d.name, d.removeStrays(after))
	}
	return nil
}

func (x *exporter) subtree(ctx context.Context, d *exportedDir, old plumbing.Hash, e treeEntry) error {
	sub := d.sub(e.Name)
	defer sub.close()
	return x.tree(ctx, sub, old, e.Hash)
}

func (x *exporter) file(d *exportedDir, e treeEntry) {
	x.note(e.Name, d.write(e.Name, e.Hash, x.whole))
	x.done++
	if x.progress != nil {
		x.progress(x.done, x.total)
	}
}

// exportable tells whether the store itself would have given something that
// name. What another program committed is not put on the disk.
func exportable(e treeEntry) bool {
	if !e.Dir {
		_, err := event.ParseFileName(e.Name)
		return err == nil
	}
	for i := range len(e.Name) {
		c := e.Name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && (c != '.' || i == 0) {
			return false
		}
	}
	return true
}

// countAll counts the messages of a commit, for progress.
func (x *exporter) countAll(commit plumbing.Hash) error {
	root, err := x.rootOf(commit)
	if err != nil {
		return err
	}
	projects, _ := lookup(root, projectsDir)
	return x.count(projects.Hash)
}

func (x *exporter) count(h plumbing.Hash) error {
	raw, err := x.s.tree(h)
	if err != nil {
		return err
	}
	for e := range entries(raw) {
		switch {
		case !exportable(e):
		case !e.Dir:
			x.total++
		default:
			if err := x.count(e.Hash); err != nil {
				return err
			}
		}
	}
	return nil
}

// exportedDir is a directory beside .git, made and opened when the first file
// in it is written.
type exportedDir struct {
	x      *exporter
	parent *exportedDir
	name   string
	root   *os.Root
}

func (d *exportedDir) sub(name string) *exportedDir {
	return &exportedDir{x: d.x, parent: d, name: name}
}

func (d *exportedDir) close() {
	if d.root != nil {
		_ = d.root.Close()
	}
}

func (d *exportedDir) open() (*os.Root, error) {
	if d.root != nil {
		return d.root, nil
	}
	parent, err := d.parent.open()
	if err != nil {
		return nil, err
	}
	info, err := parent.Lstat(d.name)
	if isNotThere(err) {
		if err = parent.Mkdir(d.name, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			info, err = parent.Lstat(d.name)
		}
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is in the way: it is no directory", d.name)
	}
	d.root, err = parent.OpenRoot(d.name)
	return d.root, err
}

// write brings a blob under its name. A file of its size is taken to be it,
// unless the contents are to be compared.
func (d *exportedDir) write(name string, blob plumbing.Hash, compare bool) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	t, data, err := d.x.s.db.Get(blob)
	if err != nil {
		return err
	}
	if t != plumbing.BlobObject {
		return fmt.Errorf("object %s is a %s; a blob was expected", blob, t)
	}
	if data, err = d.x.hides.shown(name, data); err != nil {
		return err
	}
	info, err := root.Lstat(name)
	if err == nil && info.Mode().IsRegular() && info.Size() == int64(len(data)) {
		if !compare {
			return nil
		}
		if there, err := root.ReadFile(name); err == nil && bytes.Equal(there, data) {
			return nil
		}
	}
	return replaceIn(root, name, data)
}

// replaceIn writes a file that has its name only when it is whole.
func replaceIn(root *os.Root, name string, data []byte) error {
	temp := "." + name + ".tmp"
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // left by a crash: only one export runs at a time
		if err := root.Remove(temp); err != nil {
			return err
		}
		f, err = root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp)
	}
	return err
}

// removeStrays removes the files of events that the directory does not hold.
func (d *exportedDir) removeStrays(tree []byte) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	names, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, there := range names {
		if _, err := event.ParseFileName(there.Name()); err != nil || !there.Type().IsRegular() {
			continue
		}
		if e, ok := lookup(tree, there.Name()); ok && !e.Dir {
			continue
		}
		if err := root.Remove(there.Name()); err != nil {
			return err
		}
	}
	return nil
}
