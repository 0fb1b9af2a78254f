package odb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// Loose objects come from git beside us (gc unpacks what it thinks
// unreachable) and from go-git code that stores a single object.

func (s *Storage) loosePath(h plumbing.Hash) string {
	name := h.String()
	return filepath.Join(s.dir, "objects", name[:2], name[2:])
}

func (s *Storage) hasLoose(h plumbing.Hash) bool {
	_, err := os.Lstat(s.loosePath(h))
	return err == nil
}

func (s *Storage) readLoose(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	path := s.loosePath(h)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return plumbing.InvalidObject, nil, plumbing.ErrObjectNotFound
	}
	if err != nil {
		return plumbing.InvalidObject, nil, err
	}
	defer f.Close()
	t, data, err := parseLoose(f)
	if err == nil && hashObject(t, data) != h {
		err = fmt.Errorf("%w: it hashes to something else", errDamaged)
	}
	if err != nil {
		return plumbing.InvalidObject, nil, &DamagedError{Object: h, Where: path, Err: err}
	}
	return t, data, nil
}

// parseLoose reads "type size NUL content", deflated.
func parseLoose(f io.Reader) (plumbing.ObjectType, []byte, error) {
	r, err := inflater(f)
	if err != nil {
		return 0, nil, err
	}
	defer inflaters.Put(r)
	raw, err := io.ReadAll(io.LimitReader(r, maxObject))
	if err != nil {
		return 0, nil, err
	}
	head, data, ok := bytes.Cut(raw, []byte{0})
	kind, size, sized := bytes.Cut(head, []byte{' '})
	t, terr := plumbing.ParseObjectType(string(kind))
	n, nerr := strconv.Atoi(string(size))
	if !ok || !sized || terr != nil || nerr != nil || n != len(data) {
		return 0, nil, errDamaged
	}
	return t, data, nil
}

// writeLoose stores one object durably.
func (s *Storage) writeLoose(t plumbing.ObjectType, data []byte) (plumbing.Hash, error) {
	h := hashObject(t, data)
	if there, _ := s.Has(h); there { // where an index is damaged, once more does no harm
		return h, nil
	}
	path := s.loosePath(h)
	if err := mkdir(s.fs(), filepath.Dir(path)); err != nil {
		return h, err
	}
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	fmt.Fprintf(w, "%s %d\x00", t, len(data))
	_, _ = w.Write(data) // into memory: it cannot fail
	if err := w.Close(); err != nil {
		return h, err
	}
	temp := filepath.Join(filepath.Dir(path), "tmp_obj_"+strconv.FormatUint(rand.Uint64(), 36)) // git prune knows it
	if err := writeFile(s.fs(), temp, packMode, !s.opts.NoSync, b.Bytes()); err != nil {
		return h, err
	}
	if err := s.fs().Rename(temp, path); err != nil {
		_ = s.fs().Remove(temp)
		return h, err
	}
	if s.opts.NoSync {
		return h, nil
	}
	if err := s.fs().SyncDir(filepath.Dir(path)); err != nil {
		return h, err
	}
	return h, s.fs().SyncDir(filepath.Join(s.dir, "objects"))
}
