package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
)

// What is new since a minute ago is small. It is taken apart as it comes and
// held in memory, which costs less than writing a pack and reading it again:
// BenchmarkSmallFetch does both.

// Objects are what a small fetch has brought, by their ids, which have been
// computed from what came.
type Objects map[plumbing.Hash]Object

// Object is one of them.
type Object struct {
	Type plumbing.ObjectType
	Size int64
	data []byte // nil if it is larger than is held
}

// Get returns an object, or plumbing.ErrObjectNotFound.
func (o Objects) Get(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	is, ok := o[h]
	if !ok {
		return 0, nil, plumbing.ErrObjectNotFound
	}
	if int64(len(is.data)) != is.Size {
		return 0, nil, fmt.Errorf("object %s has %d bytes, more than the %d that are held", h, is.Size, maxObject)
	}
	return is.Type, is.data, nil
}

// Weigh returns what reading an object takes: it is there.
func (o Objects) Weigh(h plumbing.Hash) (odb.Weight, error) {
	is, ok := o[h]
	if !ok {
		return odb.Weight{}, plumbing.ErrObjectNotFound
	}
	return odb.Weight{Most: is.Size, Work: is.Size}, nil
}

const (
	maxHeldPack = 4 << 20  // bytes of a pack that is held
	maxHeld     = 64 << 20 // bytes that it makes
)

// errNotHeld says that a pack is for the disk.
var errNotHeld = errors.New("it is too large to be held in memory")

// hold takes a pack apart that is small. An object that is larger than maxObject
// is held without its content, if it comes whole; if as a delta, not at all:
// whoever needs it finds it missing.
func hold(ctx context.Context, raw []byte, from objects) (Objects, error) {
	if len(raw) > maxHeldPack {
		return nil, errNotHeld
	}
	if _, err := checkSum(ctx, bytes.NewReader(raw), int64(len(raw))); err != nil {
		return nil, err
	}
	all, held := Objects{}, int64(0)
	u := newUnpacking(ctx, bytes.NewReader(raw), int64(len(raw)), from)
	u.lenient = true
	u.made = func(_ int, o made) error {
		if !o.id.IsZero() {
			all[o.id] = Object{Type: o.kind, Size: o.size, data: o.data}
		}
		if held += int64(len(o.data)); held > maxHeld {
			return errNotHeld
		}
		return nil
	}
	if err := u.run(); err != nil {
		return nil, err
	}
	return all, nil
}
