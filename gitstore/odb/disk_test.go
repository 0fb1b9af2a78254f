package odb

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// disk is an FS that works on a real directory and takes down every change, so
// that the directory can be built again as a power loss may have left it.
//
// The model is harsher than any file system in use. What was not synced is
// kept or not, independently of everything else: each 512-byte sector of each
// write, each name that was made, renamed or removed. So later changes may be
// there without earlier ones, a rename without the data of its file, an old
// name beside the new one. Syncing a file keeps its data and not its name;
// syncing a directory keeps its names and neither their data nor its own name.
type disk struct {
	root string

	mu    sync.Mutex
	log   []change
	inode map[string]int // path → inode, as things stand
	made  int            // inodes so far
	isDir map[int]bool
	start int // of the log, behind what was there before

	cacheDir string // whole files, to be linked
}

type changeKind int

const (
	wrote   changeKind = iota // data at off in inode
	synced                    // inode's data
	linked                    // name in dir is inode
	renamed                   // from in dir is now name
	removed                   // name in dir
	dirSync                   // names of dir
	noted                     // a mark of the test
)

type change struct {
	kind      changeKind
	dir, name string
	from      string
	inode     int
	off       int64
	data      []byte
	mark      any
}

// newDisk takes what is below root now for safe on the disk. It keeps copies of
// files in cacheDir.
func newDisk(t testing.TB, root, cacheDir string) *disk {
	t.Helper()
	d := &disk{root: root, inode: map[string]int{"": 0}, isDir: map[int]bool{}, cacheDir: cacheDir}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		rel := d.rel(path)
		if err != nil || rel == "" {
			return err
		}
		d.link(rel, e.IsDir())
		if !e.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			d.add(change{kind: wrote, inode: d.inode[rel], data: data})
			d.add(change{kind: synced, inode: d.inode[rel]})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range d.inode {
		d.add(change{kind: dirSync, dir: dir})
	}
	d.start = len(d.log)
	return d
}

func (d *disk) rel(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(filepath.Clean(path), d.root), string(filepath.Separator))
}

func split(rel string) (dir, name string) {
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		return rel[:i], rel[i+1:]
	}
	return "", rel
}

func (d *disk) add(c change) { d.log = append(d.log, c) }

func (d *disk) link(rel string, isDir bool) {
	d.made++
	d.isDir[d.made] = isDir
	d.inode[rel] = d.made
	dir, name := split(rel)
	d.add(change{kind: linked, dir: dir, name: name, inode: d.made})
}

// note puts a mark into the log and returns how long it is then.
func (d *disk) note(mark any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(change{kind: noted, mark: mark})
}

func (d *disk) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	rel := d.rel(name)
	if _, there := d.inode[rel]; !there {
		d.link(rel, false)
	}
	return &diskFile{d: d, f: f, inode: d.inode[rel]}, nil
}

func (d *disk) Mkdir(name string, perm fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := OS.Mkdir(name, perm); err != nil {
		return err
	}
	d.link(d.rel(name), true)
	return nil
}

func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := OS.Rename(from, to); err != nil {
		return err
	}
	old, now := d.rel(from), d.rel(to)
	dir, name := split(now)
	oldDir, oldName := split(old)
	if dir != oldDir {
		panic("a rename between directories is not modelled")
	}
	d.inode[now] = d.inode[old]
	delete(d.inode, old)
	d.add(change{kind: renamed, dir: dir, from: oldName, name: name, inode: d.inode[now]})
	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := OS.Remove(name); err != nil {
		return err
	}
	rel := d.rel(name)
	delete(d.inode, rel)
	dir, base := split(rel)
	d.add(change{kind: removed, dir: dir, name: base})
	return nil
}

func (d *disk) SyncFile(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := os.Lstat(name); err != nil {
		return err
	}
	d.add(change{kind: synced, inode: d.inode[d.rel(name)]})
	return nil
}

func (d *disk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := os.Lstat(name); err != nil {
		return err
	}
	d.add(change{kind: dirSync, dir: d.rel(name)})
	return nil
}

type diskFile struct {
	d     *disk
	f     File
	inode int
	at    int64
}

func (f *diskFile) Write(b []byte) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	n, err := f.f.Write(b)
	f.d.add(change{kind: wrote, inode: f.inode, off: f.at, data: bytes.Clone(b[:n])})
	f.at += int64(n)
	return n, err
}

func (f *diskFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	n, err := f.f.WriteAt(b, off)
	f.d.add(change{kind: wrote, inode: f.inode, off: off, data: bytes.Clone(b[:n])})
	return n, err
}

func (f *diskFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.add(change{kind: synced, inode: f.inode})
	return nil
}

func (f *diskFile) Datasync() error { return f.Sync() }
func (f *diskFile) Close() error    { return f.f.Close() }
func (f *diskFile) Reserve(int64)   {}

// loss is how a power loss treats what was not synced.
type loss struct {
	rng    *rand.Rand
	data   float64 // chance that a write was kept
	torn   float64 // chance that a write was torn instead
	names  float64 // chance that a change of a name was kept
	filled float64 // chance that a file has its full length, in zeros
}

// losses are the kinds of power loss, from "nothing" to "everything was kept".
func randomLoss(rng *rand.Rand) loss {
	kinds := []loss{
		{},
		{data: 1, names: 1},
		{data: .5, torn: .25, names: .5, filled: .5},
		{data: .1, torn: .1, names: .9, filled: .5},
		{data: .9, torn: .05, names: .2},
		{data: 0, torn: 1, names: 1, filled: .5},
		{data: 0, names: 1},
		{data: .9, torn: .05, names: .9, filled: .1},
	}
	l := kinds[rng.IntN(len(kinds))]
	l.rng = rng
	return l
}

func (l loss) chance(p float64) bool { return l.rng.Float64() < p }

// moment picks when the power fails: at any time, but not often within a row
// of flushes, and often just before a single one or just after a mark.
func (d *disk) moment(rng *rand.Rand) int {
	for {
		k := d.start + rng.IntN(len(d.log)-d.start+1)
		if k == d.start || k == len(d.log) {
			return k
		}
		before, next := d.log[k-1].kind, d.log[k].kind
		chance := .2
		switch {
		case before == synced && next == synced:
			chance = .02
		case before == wrote && next == synced, before == noted:
			chance = 1
		}
		if rng.Float64() < chance {
			return k
		}
	}
}

// crash builds the directory as it may be when the power fails after the first
// k changes.
func (d *disk) crash(k int, l loss, to string) error {
	lastData, lastDir := map[int]int{}, map[string]int{}
	for i, c := range d.log[:k] {
		switch c.kind {
		case synced:
			lastData[c.inode] = i
		case dirSync:
			lastDir[c.dir] = i
		}
	}
	return d.build("", to, d.namesAfter(k, lastDir, l), d.contents(k, lastData, l))
}

// namesAfter returns the names of each directory.
func (d *disk) namesAfter(k int, lastDir map[string]int, l loss) map[string]map[string]int {
	dirs := map[string]map[string]int{}
	for i, c := range d.log[:k] {
		if c.kind != linked && c.kind != renamed && c.kind != removed {
			continue
		}
		last, everSynced := lastDir[c.dir]
		safe := everSynced && i < last
		if !safe && !l.chance(l.names) {
			continue
		}
		if dirs[c.dir] == nil {
			dirs[c.dir] = map[string]int{}
		}
		switch names := dirs[c.dir]; c.kind {
		case linked:
			names[c.name] = c.inode
		case removed:
			delete(names, c.name)
		case renamed:
			names[c.name] = c.inode
			if safe || !l.chance(.1) {
				delete(names, c.from)
			}
		}
	}
	return dirs
}

// file is what became of a file's data.
type file struct {
	data  []byte
	whole bool // all that was written
}

const sector = 512

func (d *disk) contents(k int, lastData map[int]int, l loss) map[int]*file {
	files := map[int]*file{}
	for i, c := range d.log[:k] {
		if c.kind == linked {
			files[c.inode] = &file{whole: true}
		}
		if c.kind != wrote {
			continue
		}
		f := files[c.inode]
		last, everSynced := lastData[c.inode]
		switch end := c.off + int64(len(c.data)); {
		case everSynced && i < last || l.chance(l.data):
			f.put(c.data, c.off)
		case l.chance(l.torn):
			f.whole = false
			f.tear(c.data, c.off, l)
		default:
			f.whole = false
			if l.chance(l.filled) {
				f.grow(end)
			}
		}
	}
	return files
}

func (f *file) grow(size int64) {
	if n := size - int64(len(f.data)); n > 0 {
		f.data = append(f.data, make([]byte, n)...)
	}
}

func (f *file) put(data []byte, off int64) {
	f.grow(off + int64(len(data)))
	copy(f.data[off:], data)
}

// tear keeps some sectors of a write: a first part of them, or any.
func (f *file) tear(data []byte, off int64, l loss) {
	firstPart := l.chance(.5)
	cut := off + l.rng.Int64N(int64(len(data))+1)
	end := off + int64(len(data))
	for at := off; at < end; {
		next := min(at-at%sector+sector, end)
		if firstPart && at < cut || !firstPart && l.chance(.5) {
			f.put(data[at-off:next-off], at)
		}
		at = next
	}
	if l.chance(l.filled) {
		f.grow(end)
	}
}

// build writes a directory. Files that are whole and never written again are
// linked from a store of them. Locks look as old as a restart takes.
func (d *disk) build(dir, to string, names map[string]map[string]int, files map[int]*file) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(names[dir])) {
		inode, path := names[dir][name], filepath.Join(to, name)
		if d.isDir[inode] {
			if err := d.build(strings.TrimPrefix(dir+"/"+name, "/"), path, names, files); err != nil {
				return err
			}
			continue
		}
		if err := d.buildFile(path, inode, files[inode]); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) buildFile(path string, inode int, f *file) error {
	if f.whole && len(f.data) > 2*sector && strings.HasPrefix(filepath.Base(path), "pack-") {
		cached := filepath.Join(d.cacheDir, fmt.Sprint(inode, "-", len(f.data)))
		d.mu.Lock()
		defer d.mu.Unlock()
		if _, err := os.Lstat(cached); err != nil {
			if err := os.WriteFile(cached, f.data, 0o600); err != nil {
				return err
			}
		}
		return os.Link(cached, path)
	}
	if err := os.WriteFile(path, bytes.TrimRight(f.data, "\x00"), 0o600); err != nil {
		return err
	}
	if err := os.Truncate(path, int64(len(f.data))); err != nil { // the rest of a journal, mostly
		return err
	}
	if strings.HasSuffix(path, ".lock") {
		before := time.Now().Add(-2 * staleEmpty)
		return os.Chtimes(path, before, before)
	}
	return nil
}
