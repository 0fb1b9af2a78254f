package odb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Every pack of skein's has a .keep file, which keeps git from removing it.
// What the file holds tells where the pack comes from.
type keepKind int

const (
	noKeep      keepKind = iota
	newKeep              // a batch: empty
	mergedKeep           // batches, copied together
	compactKeep          // compressed, with deltas
	otherKeep            // git's own, of somebody who still needs the pack
)

const (
	mergedText  = "skein\n"
	compactText = "skein compact\n"
)

// keepOf reads the .keep file of the pack at base.
func keepOf(base string) keepKind {
	if ourKeep(base + ".keep") {
		return newKeep
	}
	text, err := os.ReadFile(base + ".keep")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noKeep
	case err != nil:
		return otherKeep
	case string(text) == mergedText:
		return mergedKeep
	case string(text) == compactText:
		return compactKeep
	}
	return otherKeep
}

// writeKeep marks the pack at base as new, whatever became of an earlier one
// of that name.
func (s *Storage) writeKeep(base string) error {
	marks, _ := filepath.Glob(base + "." + retiredMark + "*") // the pattern is right
	for _, mark := range marks {
		if err := s.fs().Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err := writeFile(s.fs(), base+".keep", 0o600, false, nil)
	if errors.Is(err, fs.ErrExist) {
		return nil // the pack's own
	}
	return err
}
