package odb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage"
)

// This file is what go-git asks of a storage.Storer.

// NewEncodedObject returns an empty object in memory.
func (s *Storage) NewEncodedObject() plumbing.EncodedObject { return &plumbing.MemoryObject{} }

// SetEncodedObject stores one object durably, as a loose object. Many objects
// that belong together are a Batch.
func (s *Storage) SetEncodedObject(o plumbing.EncodedObject) (plumbing.Hash, error) {
	r, err := o.Reader()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	data, err := io.ReadAll(r)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return s.writeLoose(o.Type(), data)
}

// EncodedObject returns an object, or plumbing.ErrObjectNotFound if there is
// none of that type.
func (s *Storage) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	found, data, err := s.Get(h)
	if err != nil {
		return nil, err
	}
	if t != plumbing.AnyObject && t != found {
		return nil, plumbing.ErrObjectNotFound
	}
	o := &plumbing.MemoryObject{}
	o.SetType(found)
	_, err = o.Write(data)
	return o, err
}

// HasEncodedObject returns plumbing.ErrObjectNotFound if the object is not there.
func (s *Storage) HasEncodedObject(h plumbing.Hash) error {
	there, err := s.Has(h)
	if err == nil && !there {
		err = plumbing.ErrObjectNotFound
	}
	return err
}

// SetConfig replaces the configuration file as a whole, durably.
func (s *Storage) SetConfig(c *config.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	text, err := c.Marshal()
	if err != nil {
		return err
	}
	if err := writeAtomic(s.fs(), filepath.Join(s.dir, "config"), 0o600, true, text); err != nil {
		return err
	}
	return s.fs().SyncDir(s.dir)
}

// EncodedObjectSize returns an object's size in bytes.
func (s *Storage) EncodedObjectSize(h plumbing.Hash) (int64, error) {
	_, data, err := s.Get(h)
	return int64(len(data)), err
}

// IterEncodedObjects returns every object of type t, each once, in no
// particular order.
func (s *Storage) IterEncodedObjects(t plumbing.ObjectType) (storer.EncodedObjectIter, error) {
	hashes, err := s.Objects()
	if err != nil {
		return nil, err
	}
	return &objectIter{s: s, kind: t, hashes: hashes}, nil
}

// AddAlternate is refused: a store keeps all it needs itself.
func (s *Storage) AddAlternate(string) error {
	return errors.New("a store cannot borrow objects from another repository")
}

// Objects returns the ids of all objects, each once.
func (s *Storage) Objects() ([]plumbing.Hash, error) {
	seen := map[plumbing.Hash]bool{}
	for looks := 0; looks < calm; looks++ { // as find does
		changed, err := s.packs.rescan()
		if err == nil {
			err = s.packs.hashes(seen)
		}
		if err != nil {
			return nil, err
		}
		if !changed && looks > 0 {
			break
		}
	}
	loose, err := filepath.Glob(filepath.Join(s.dir, "objects", "[0-9a-f][0-9a-f]", "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range loose {
		if h, ok := parseHash(filepath.Base(filepath.Dir(path)) + filepath.Base(path)); ok {
			seen[h] = true
		}
	}
	all := make([]plumbing.Hash, 0, len(seen))
	for h := range seen {
		all = append(all, h)
	}
	return all, nil
}

// hashes adds the ids in all packs to seen.
func (s *packSet) hashes(seen map[plumbing.Hash]bool) (err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	for _, p := range s.packs {
		for i := range p.count {
			seen[p.hash(i)] = true
		}
	}
	return nil
}

type objectIter struct {
	s      *Storage
	kind   plumbing.ObjectType
	hashes []plumbing.Hash
}

func (it *objectIter) Next() (plumbing.EncodedObject, error) {
	for len(it.hashes) > 0 {
		h := it.hashes[0]
		it.hashes = it.hashes[1:]
		o, err := it.s.EncodedObject(it.kind, h)
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return o, err
		}
	}
	return nil, io.EOF
}

func (it *objectIter) ForEach(f func(plumbing.EncodedObject) error) error {
	return storer.ForEachIterator(it, f)
}

func (it *objectIter) Close() { it.hashes = nil }

// Reference returns a ref, HEAD included. Symbolic ones below refs/ are
// followed.
func (s *Storage) Reference(name plumbing.ReferenceName) (*plumbing.Reference, error) {
	if strings.HasPrefix(name.String(), "refs/") {
		h, err := s.Ref(name)
		if errors.Is(err, plumbing.ErrReferenceNotFound) {
			return nil, plumbing.ErrReferenceNotFound // go-git compares with ==
		}
		if err != nil {
			return nil, err
		}
		return plumbing.NewHashReference(name, h), nil
	}
	data, err := readFile(s.refPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, plumbing.ErrReferenceNotFound
	}
	if err != nil {
		return nil, err
	}
	return plumbing.NewReferenceFromStrings(name.String(), strings.TrimSpace(string(data))), nil
}

// SetReference sets a ref below refs/ durably, whatever it holds.
func (s *Storage) SetReference(r *plumbing.Reference) error {
	return s.CheckAndSetReference(r, nil)
}

// CheckAndSetReference sets a ref below refs/ durably if it still holds old;
// nil: whatever it holds. It returns storage.ErrReferenceHasChanged otherwise.
func (s *Storage) CheckAndSetReference(r, old *plumbing.Reference) error {
	if r.Type() != plumbing.HashReference || !strings.HasPrefix(r.Name().String(), "refs/") {
		return fmt.Errorf("%s cannot be changed: skein keeps HEAD on %s", r.Name(), headBranch)
	}
	unlock, err := s.Lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	for range setTries {
		if err = s.setReference(r, old); !IsRace(err) {
			return err
		}
	}
	return storage.ErrReferenceHasChanged
}

// setTries is how often a ref is set anew when git moves it at the same time.
const setTries = 5

func (s *Storage) setReference(r, old *plumbing.Reference) error {
	current, err := s.readRef(r.Name())
	if errors.Is(err, errBadRef) {
		current, err = s.Ref(r.Name())
	}
	if err != nil && !errors.Is(err, plumbing.ErrReferenceNotFound) {
		return err
	}
	if old != nil && current != old.Hash() {
		return storage.ErrReferenceHasChanged
	}
	b := s.NewBatch()
	b.Move(r.Name(), current, r.Hash())
	return b.Commit()
}

// IterReferences returns all refs below refs/, and HEAD.
func (s *Storage) IterReferences() (storer.ReferenceIter, error) {
	loose, err := s.looseRefs()
	if err != nil {
		return nil, err
	}
	packed, err := s.packedRefs() // after the loose ones: git moves refs from there to here
	if err != nil {
		return nil, err
	}
	var refs []*plumbing.Reference
	if head, err := s.Reference(plumbing.HEAD); err == nil {
		refs = append(refs, head)
	}
	for name, h := range loose {
		refs = append(refs, plumbing.NewHashReference(name, h))
	}
	for name, h := range packed {
		if _, ok := loose[name]; !ok {
			refs = append(refs, plumbing.NewHashReference(name, h))
		}
	}
	return storer.NewReferenceSliceIter(refs), nil
}

// RemoveReference is refused: nothing in a store is taken away.
func (s *Storage) RemoveReference(name plumbing.ReferenceName) error {
	return fmt.Errorf("%s cannot be removed: a store only grows", name)
}

// CountLooseRefs returns the number of refs with a file of their own.
func (s *Storage) CountLooseRefs() (int, error) {
	refs, err := s.looseRefs()
	return len(refs), err
}

// PackRefs does nothing: a store has a handful of refs, and git packs them
// when it is asked to.
func (s *Storage) PackRefs() error { return nil }
