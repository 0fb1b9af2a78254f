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
	differ, err := v.s.exportDiffers(ctx, root)
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

// exportDiffers counts the files beside .git that are missing, changed, or of
// no message.
func (s *Store) exportDiffers(ctx context.Context, root *os.Root) (int, error) {
	tip, err := s.projects()
	if err != nil {
		return 0, err
	}
	exported := tip
	if h := newMirror(s).readMarker(); !h.IsZero() {
		if exported, err = s.topOf(h, projectsDir); err != nil {
			return 0, err
		}
	}
	var differ atomic.Int64
	w := walk{s: s}
	w.enter = func(d subtree) bool {
		differ.Add(int64(s.strays(root, d, tip)))
		return true
	}
	w.visit = func(_ int, f leaf) error {
		data, err := s.blob(f)
		if err != nil || !exportable(treeEntry{Name: f.name}) {
			return err
		}
		if data, err = s.shown(f.name, data); err != nil {
			return err
		}
		if there, err := root.ReadFile(filepath.FromSlash(f.path())); err != nil || !bytes.Equal(there, data) {
			differ.Add(1)
		}
		return nil
	}
	_, err = w.run(ctx, exported)
	return int(differ.Load()), err
}

// strays counts the files of events in a directory beside .git that are not in
// the tree, neither in what was exported nor at the tip.
func (s *Store) strays(root *os.Root, d, tip subtree) (n int) {
	there, err := fs.ReadDir(root.FS(), d.path)
	if err != nil {
		return 0 // its files are missing, and are counted so
	}
	raw, err := s.listing(d.hash)
	if err != nil {
		return 0
	}
	for _, f := range there {
		if _, err := event.ParseFileName(f.Name()); err != nil || !f.Type().IsRegular() {
			continue
		}
		if _, ok := lookup(raw, f.Name()); !ok && !s.isIn(tip, d.path+"/"+f.Name()) {
			n++
		}
	}
	return n
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
