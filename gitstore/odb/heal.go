package odb

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// heal looks for an object that is missing or damaged where it may still be:
// in a pack whose index is damaged or gone, and in the journal. It says
// whether there is something new to read.
func (s *Storage) heal(h plumbing.Hash) (bool, error) {
	s.healing.Lock()
	defer s.healing.Unlock()
	repaired, err := s.checkIndexes()
	if err != nil {
		return repaired, err
	}
	restored, err := s.restoreObject(h)
	return repaired || restored, err
}

// restoreObject writes the pack that has an object again from the journal.
func (s *Storage) restoreObject(h plumbing.Hash) (bool, error) {
	records, err := s.journal.records()
	if err != nil {
		return false, err
	}
	for _, r := range slices.Backward(records) {
		if r.packName() == "" || !packHolds(r.pack, h) {
			continue
		}
		return true, s.restorePack(&r)
	}
	return false, nil
}

// packHolds says whether an object is in a pack as packWriter writes them.
func packHolds(data []byte, h plumbing.Hash) bool {
	p := &pack{data: data}
	for off := int64(packHeader); off < int64(len(data)-packTrailer); {
		e, err := p.entryAt(off)
		if err != nil {
			return false
		}
		content, size, ok := readStored(data[e.start:], e.size)
		if !ok {
			return false
		}
		if hashObject(e.kind, content) == h {
			return true
		}
		off = e.start + int64(size)
	}
	return false
}

// stamp tells a file from another of the same name.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(name string) stamp {
	info, err := os.Lstat(name)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// checkIndexes builds the index of every pack that has none that is sound, and
// says whether there was one to build. What it has looked at once it does not
// look at again.
func (s *Storage) checkIndexes() (repaired bool, err error) {
	files, err := os.ReadDir(s.packDir())
	if err != nil {
		return false, err
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".pack")
		if !ok {
			continue
		}
		base := s.packPath(name)
		seen := [2]stamp{stampOf(base + ".pack"), stampOf(base + ".idx")}
		if s.checked[base] == seen {
			continue
		}
		s.checked[base] = seen
		if soundIndex(base + ".idx") {
			continue
		}
		err := s.rebuildIndex(base)
		if systemError(err) {
			delete(s.checked, base)
			return repaired, err
		}
		if err != nil {
			s.reportIndex(base, err)
			continue
		}
		s.opts.Logger.Warn("a pack's index was missing or damaged; it was built again", "pack", base)
		repaired = true
	}
	return repaired, nil
}

// reportIndex is silent about a pack without any index: another process may
// just be writing or removing it.
func (s *Storage) reportIndex(base string, err error) {
	if exists(base + ".idx") {
		s.opts.Logger.Error("a pack's index is damaged, and none can be built", "pack", base, "error", err)
	}
}

// soundIndex says whether an index file is there and its checksum is right.
func soundIndex(name string) bool {
	data, err := os.ReadFile(name)
	return err == nil && len(data) >= indexFixed && soundSum(data)
}

// soundSum says whether the last 20 bytes are the SHA-1 of those before.
func soundSum(data []byte) bool {
	sum := sha1.Sum(data[:len(data)-sha1.Size])
	return bytes.Equal(sum[:], data[len(data)-sha1.Size:])
}

// rebuildIndex writes the index of the pack at base again, from the pack. It
// refuses a pack that is damaged itself.
func (s *Storage) rebuildIndex(base string) error {
	data, err := os.ReadFile(base + ".pack")
	if err != nil {
		return err
	}
	if len(data) < packHeader+packTrailer || !soundSum(data) {
		return fmt.Errorf("%s.pack is damaged; restore it from a backup or from another clone", base)
	}
	index, err := indexPack(data)
	if err != nil {
		return fmt.Errorf("index %s.pack: %w", base, err)
	}
	// An index that lasts must not belong to a pack that may yet be lost.
	if err := s.fs().SyncFile(base + ".pack"); err != nil {
		return err
	}
	s.packs.forget(base)
	return writeAtomic(s.fs(), base+".idx", packMode, true, index)
}

func indexPack(data []byte) ([]byte, error) {
	w := new(idxfile.Writer)
	parser, err := packfile.NewParser(packfile.NewScanner(bytes.NewReader(data)), w)
	if err != nil {
		return nil, err
	}
	if _, err := parser.Parse(); err != nil {
		return nil, err
	}
	index, err := w.Index()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := idxfile.NewEncoder(&b).Encode(index); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// clearGarbage removes what killed processes left: temporary files, and parts
// of a pack that nobody can still be writing.
func (s *Storage) clearGarbage() error {
	for _, dir := range []string{s.packDir(), s.StateDir()} {
		files, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			info, err := f.Info()
			if err == nil && time.Since(info.ModTime()) > garbageAge {
				s.clearFile(dir, f.Name())
			}
		}
	}
	return nil
}

func (s *Storage) clearFile(dir, name string) {
	ending := name[strings.LastIndexByte(name, '.')+1:]
	base := s.packPath(strings.TrimSuffix(name, "."+ending))
	path := filepath.Join(dir, name)
	switch {
	case strings.Contains(name, ".tmp-"):
	case dir != s.packDir():
		return
	case ending == "keep" && !exists(base+".pack") && keepOf(base) != otherKeep:
	case ending == "idx" && !exists(base+".pack"):
	case ending == "pack" && !exists(base+".idx"):
		if s.rebuildIndex(base) == nil || !ourKeep(base+".keep") {
			return // merging takes what is sound and nobody needs
		}
	default:
		return
	}
	_ = s.fs().Remove(path) // tried again next time
}

// ourKeep says whether a .keep file is the mark of a new pack of ours. It is
// empty, where those of git tell who keeps the pack.
func ourKeep(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Size() == 0
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
