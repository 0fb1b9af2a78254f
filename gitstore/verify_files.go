package gitstore

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"skein/gitstore/event"
)

// packs checks the checksums of every pack and its index.
func (v *verifier) packs(ctx context.Context) error {
	indexes, err := filepath.Glob(filepath.Join(v.s.db.Dir(), "objects", "pack", "pack-*.idx"))
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := checkPack(strings.TrimSuffix(index, ".idx"))
		if isNotThere(err) {
			if _, err := os.Stat(index); isNotThere(err) {
				continue // merged into another meanwhile
			}
		}
		v.report.Packs++
		if err != nil {
			v.problem("%v", err)
		}
	}
	return nil
}

// Where things are in the files of a pack, as git's gitformat-pack document
// says.
const (
	packCount  = 8           // in a pack: 4 bytes, the number of its objects
	indexCount = 8 + 255*4   // in an index: the same
	sumSize    = sha1.Size   // both end in the SHA-1 of what comes before,
	indexTail  = 2 * sumSize // an index with that of its pack before it
)

// checkPack checks a pack and its index, given by their path without ending.
func checkPack(base string) error {
	pack, err := checkSum(base+".pack", packCount, sumSize)
	if err != nil {
		return damagedFile(base+".pack", err, "restore it from a backup, or its objects from another clone with git fetch")
	}
	const remedy = "remove that file: skein builds it again from the pack"
	index, err := checkSum(base+".idx", indexCount, indexTail)
	if err == nil && index.count != pack.count {
		err = fmt.Errorf("it lists %d objects of %d", index.count, pack.count)
	}
	if err == nil && !bytes.Equal(index.tail[:sumSize], pack.tail) {
		err = errors.New("it belongs to another pack")
	}
	if err != nil {
		return damagedFile(base+".idx", err, remedy)
	}
	return nil
}

func damagedFile(name string, err error, remedy string) error {
	if isNotThere(err) {
		return err
	}
	return fmt.Errorf("%s is damaged (%w); %s", name, err, remedy)
}

// summed is what is read of a file along with its checksum.
type summed struct {
	count uint32
	tail  []byte
}

// checkSum reads a file and checks that it ends in the SHA-1 of what comes
// before. It returns the number at countAt and the last tail bytes.
func checkSum(name string, countAt, tail int) (summed, error) {
	f, err := os.Open(name)
	if err != nil {
		return summed{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return summed{}, err
	}
	if info.Size() < int64(countAt+4+tail) {
		return summed{}, fmt.Errorf("it is only %d bytes long", info.Size())
	}
	digest := sha1.New()
	if _, err := io.Copy(digest, bufio.NewReader(io.LimitReader(f, info.Size()-sumSize))); err != nil {
		return summed{}, err
	}
	s := summed{tail: make([]byte, tail)}
	var count [4]byte
	if _, err := f.ReadAt(count[:], int64(countAt)); err != nil {
		return s, err
	}
	if _, err := f.ReadAt(s.tail, info.Size()-int64(tail)); err != nil {
		return s, err
	}
	if !bytes.Equal(digest.Sum(nil), s.tail[tail-sumSize:]) {
		return s, errors.New("its checksum is wrong")
	}
	s.count = binary.BigEndian.Uint32(count[:])
	return s, nil
}

// waitingLong is the age at which a request in the queue has been left behind.
const waitingLong = time.Minute

// queue reports what was left in the queue.
func (v *verifier) queue(context.Context) error {
	entries, err := os.ReadDir(v.s.queue.dir)
	if err != nil && !isNotThere(err) {
		v.problem("the queue %s cannot be read: %v; give skein the right to", v.s.queue.dir, err)
	}
	for _, e := range entries {
		name := filepath.Join(v.s.queue.dir, e.Name())
		info, err := e.Info()
		if err != nil {
			continue // done meanwhile
		}
		switch filepath.Ext(name) {
		case queueBad:
			v.problem("%s was not committed because it is damaged or belongs nowhere; look at it, post its text again if it matters, and remove it", name)
		case queueRequest, queueTaken:
			if time.Since(info.ModTime()) > waitingLong {
				v.problem("%s has waited since %s; the next post commits it", name, info.ModTime().UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}

// export compares the files beside .git with the messages, as far as they have
// been exported, and rebuilds them if they differ.
func (v *verifier) export(ctx context.Context) error {
	if v.s.mirror == nil {
		return nil
	}
	root, err := os.OpenRoot(v.s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	c := exportCheck{s: v.s, root: root, full: true}
	differ, err := c.run(ctx)
	if err != nil || differ == 0 {
		return err
	}
	if err := v.s.Export(ctx, nil); err != nil {
		v.problem("%d files beside .git are not as the messages they show, and cannot be written again: %v", differ, err)
		return ctx.Err()
	}
	v.report.Repaired = append(v.report.Repaired, fmt.Sprintf("%d files beside .git were not as the messages they show; they have been written again", differ))
	return nil
}

// exportCheck compares the files beside .git with the messages.
type exportCheck struct {
	s    *Store
	root *os.Root
	full bool // the contents of all

	tip    subtree
	hides  hidden       // where the files were exported
	differ atomic.Int64 // files that are missing, changed, or of no message
	read   atomic.Int64 // whose contents were compared
	named  atomic.Int64 // that there are
}

// run returns how many files differ.
func (c *exportCheck) run(ctx context.Context) (int, error) {
	tip, err := c.s.projects()
	if err != nil {
		return 0, err
	}
	c.tip = tip
	exported := tip
	at := newMirror(c.s).readMarker()
	if at.IsZero() {
		at, err = c.s.tip(mainRef)
	} else {
		exported, err = c.s.topOf(at, projectsDir)
	}
	if err == nil {
		c.hides, err = c.s.hiddenAt(at)
	}
	if err != nil {
		return 0, err
	}
	w := walk{s: c.s}
	w.enter = func(d subtree) bool { c.names(d); return true }
	w.visit = func(_ int, f leaf) error { return c.file(f) }
	_, err = w.run(ctx, exported)
	return int(c.differ.Load()), err
}

const readsAll = 1000 // files; of more than that, a part is read that halves with each thousand

// file compares the content of a file that is there, if it is its turn.
func (c *exportCheck) file(f leaf) error {
	mask := uint32(1)<<min(31, c.read.Load()/readsAll) - 1
	if !exportable(treeEntry{Name: f.name}) || !c.full && binary.BigEndian.Uint32(f.hash[:])&mask != 0 {
		return nil
	}
	c.read.Add(1)
	data, err := c.s.blob(f)
	if err != nil {
		return err
	}
	if data, err = c.hides.shown(f.name, data); err != nil {
		return err
	}
	there, err := c.root.ReadFile(filepath.FromSlash(f.path()))
	if err == nil && !bytes.Equal(there, data) || errors.Is(err, fs.ErrPermission) {
		c.differ.Add(1)
	}
	return nil
}

// names counts the files of events that a directory beside .git lacks, and those
// in it that are not in the tree, neither in what was exported nor at the tip.
func (c *exportCheck) names(d subtree) {
	raw, err := c.s.listing(d.hash)
	if err != nil {
		return // that is for Verify to report
	}
	there, _ := fs.ReadDir(c.root.FS(), d.path) // none, if it is not there
	found := make(map[string]bool, len(there))
	for _, f := range there {
		found[f.Name()] = f.Type().IsRegular()
		if _, err := event.ParseFileName(f.Name()); err != nil || !f.Type().IsRegular() {
			continue
		}
		if _, ok := lookup(raw, f.Name()); !ok && !c.s.isIn(c.tip, d.path+"/"+f.Name()) {
			c.differ.Add(1)
		}
	}
	for e := range entries(raw) {
		if e.Dir || !exportable(e) {
			continue
		}
		if c.named.Add(1); !found[e.Name] {
			c.differ.Add(1)
		}
	}
}

// isIn tells whether there is something at a path below top.
func (s *Store) isIn(top subtree, path string) bool {
	rest, ok := strings.CutPrefix(path, top.path+"/")
	h := top.hash
	for ok {
		raw, err := s.tree(h)
		if err != nil {
			return false
		}
		name, after, more := strings.Cut(rest, "/")
		e, found := lookup(raw, name)
		if !more || !found || !e.Dir {
			return found && !more
		}
		h, rest = e.Hash, after
	}
	return false
}
