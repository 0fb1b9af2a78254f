package odb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Refs are files under refs/, or lines of packed-refs, as git keeps them.

var errBadRef = errors.New("holds no object id (git fsck --lost-found shows what it may have held)")

// Ref returns the object id of a ref below refs/. It returns
// plumbing.ErrReferenceNotFound only when the ref really is nowhere: one that
// is damaged, gone, or points at nothing, but which the journal knows, is put
// back first.
func (s *Storage) Ref(name plumbing.ReferenceName) (plumbing.Hash, error) {
	h, err := s.readRef(name)
	if err == nil {
		if err = s.checkTip(name, h); err == nil {
			return h, nil
		}
	}
	if !brokenRef(err) {
		return plumbing.ZeroHash, err
	}
	return s.mendRef(name, err)
}

// brokenRef says whether a ref cannot be used as it stands.
func brokenRef(err error) bool {
	return errors.Is(err, plumbing.ErrReferenceNotFound) || errors.Is(err, errBadRef) || errors.Is(err, errDangling)
}

var errDangling = errors.New("which is not in the store; restore the objects from a backup or from another clone")

// checkTip looks once for every value of a ref whether it is an object.
func (s *Storage) checkTip(name plumbing.ReferenceName, h plumbing.Hash) error {
	if seen, ok := s.tips.Load(name); ok && seen == h {
		return nil
	}
	there, err := s.Has(h)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%s points at %s, %w", name, h, errDangling)
	}
	s.tips.Store(name, h)
	return nil
}

// symbolicRefs bounds how often one ref may stand for another.
const symbolicRefs = 5

// readRef reads a ref as it stands: the loose file, else packed-refs.
func (s *Storage) readRef(name plumbing.ReferenceName) (plumbing.Hash, error) {
	for range symbolicRefs {
		data, err := readFile(s.refPath(name))
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) && !isDirectory(s.refPath(name)) {
				return plumbing.ZeroHash, err
			}
			return s.readPackedRef(name)
		}
		text := strings.TrimSpace(string(data))
		if target, ok := strings.CutPrefix(text, "ref: refs/"); ok {
			name = plumbing.ReferenceName("refs/" + target)
			continue
		}
		if h, ok := parseHash(text); ok {
			return h, nil
		}
		break
	}
	return plumbing.ZeroHash, fmt.Errorf("%s %w", s.refPath(name), errBadRef)
}

// readPackedRef reads a ref that has no file of its own. git writes packed-refs
// before it removes the file, so a ref that was loose a moment ago is in it now.
func (s *Storage) readPackedRef(name plumbing.ReferenceName) (plumbing.Hash, error) {
	packed, err := s.packedRefs()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	h, ok := packed[name]
	if !ok {
		return h, fmt.Errorf("%s: %w", name, plumbing.ErrReferenceNotFound)
	}
	return h, nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (s *Storage) refPath(name plumbing.ReferenceName) string {
	return filepath.Join(s.dir, filepath.FromSlash(name.String()))
}

// parseHash accepts 40 lower-case hexadecimal digits and nothing else.
func parseHash(s string) (plumbing.Hash, bool) {
	h := plumbing.NewHash(s)
	return h, len(s) == 40 && h.String() == s && !h.IsZero()
}

// packedRefs reads the packed-refs file; damaged lines are refused, since a ref
// left out would look deleted.
func (s *Storage) packedRefs() (map[plumbing.ReferenceName]plumbing.Hash, error) {
	path := filepath.Join(s.dir, "packed-refs")
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[plumbing.ReferenceName]plumbing.Hash{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "^") {
			continue
		}
		id, name, _ := strings.Cut(line, " ")
		h, ok := parseHash(id)
		if !ok || !strings.HasPrefix(name, "refs/") {
			return nil, fmt.Errorf("%s %w in line %q", path, errBadRef, line)
		}
		all[plumbing.ReferenceName(name)] = h
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s %w: %w", path, errBadRef, err)
	}
	return all, nil
}

// looseRefs returns the refs below refs/ that have a file of their own, those
// that are damaged left out.
func (s *Storage) looseRefs() (map[plumbing.ReferenceName]plumbing.Hash, error) {
	all := map[plumbing.ReferenceName]plumbing.Hash{}
	err := s.walkRefs(func(path string) error {
		rel, err := filepath.Rel(s.dir, path)
		if err != nil || strings.HasSuffix(path, ".lock") {
			return err
		}
		name := plumbing.ReferenceName(filepath.ToSlash(rel))
		value, err := s.readRef(name)
		if brokenRef(err) {
			return nil
		}
		all[name] = value
		return err
	})
	return all, err
}

// walkRefs visits every file below refs/.
func (s *Storage) walkRefs(visit func(path string) error) error {
	return filepath.WalkDir(filepath.Join(s.dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while walking
		}
		if err != nil || d.IsDir() {
			return err
		}
		return visit(path)
	})
}

// syncRef makes a ref's value durable, wherever it is kept, and the names of
// the directories that lead to it.
func (s *Storage) syncRef(name plumbing.ReferenceName) error {
	path := s.refPath(name)
	err := s.fs().SyncFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.fs().SyncFile(filepath.Join(s.dir, "packed-refs")); errors.Is(err, fs.ErrNotExist) {
			return nil // it is nowhere: there is nothing to keep
		}
		if err == nil {
			err = s.fs().SyncDir(s.dir)
		}
	}
	if err != nil {
		return err
	}
	for dir := filepath.Dir(path); len(dir) > len(s.dir); dir = filepath.Dir(dir) {
		if err := s.fs().SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
