package odb

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

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
	return writeAtomic(s.fs(), base+".idx", 0o444, true, index)
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

// repairIndexes builds the index of every pack that has none that is sound,
// and says whether there was one to build.
func (s *Storage) repairIndexes() (bool, error) {
	files, err := os.ReadDir(s.packDir())
	if err != nil {
		return false, err
	}
	repaired := false
	for _, f := range files {
		base, ok := strings.CutSuffix(f.Name(), ".pack")
		if !ok || soundIndex(s.packPath(base)+".idx") {
			continue
		}
		if err := s.rebuildIndex(s.packPath(base)); err != nil {
			s.opts.Logger.Error("a pack has no sound index, and none can be built", "pack", base, "error", err)
			continue
		}
		s.opts.Logger.Warn("a pack's index was missing or damaged; it was built again", "pack", base)
		repaired = true
	}
	return repaired, nil
}

func (s *Storage) packPath(base string) string { return filepath.Join(s.packDir(), base) }
