package remote

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// What is new since a minute ago is small. It is taken apart as it comes and
// held in memory, which costs a third of writing a pack and reading it again.

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

// Weigh returns the size of an object in bytes.
func (o Objects) Weigh(h plumbing.Hash) (int64, error) {
	is, ok := o[h]
	if !ok {
		return 0, plumbing.ErrObjectNotFound
	}
	return is.Size, nil
}

const (
	maxHeldPack = 4 << 20  // bytes of a pack that is held
	maxHeld     = 64 << 20 // bytes that it makes
	maxSkipped  = 16 << 30 // bytes of objects too large to be held, which are only counted
)

// errNotHeld says that a pack is for the disk.
var errNotHeld = errors.New("it is too large to be held in memory")

// holding takes a pack apart.
type holding struct {
	from    objects // what the pack may build on
	objects Objects
	held    int64
	skipped int64

	entries []packEntry
	at      map[int64]int      // entries by where they begin
	waiting map[packBase][]int // deltas by what they are made from
	settled int                // entries of which is known what they are
	lossy   bool               // some are not held
	in      *bytes.Reader
	z       unpacker
}

// unpacker is what zlib reads with.
type unpacker interface {
	io.Reader
	zlib.Resetter
}

// packEntry is what a pack has of an object.
type packEntry struct {
	id    packBase
	kind  plumbing.ObjectType
	delta []byte // until its base is known
	data  []byte
	done  bool
	lost  bool // it is too large, or made from what is
}

// packBase is how a delta names what it is made from: by its place in the pack,
// or by its id.
type packBase struct {
	at int64
	id plumbing.Hash
}

// hold takes a pack apart that is small. An object that is larger than maxObject
// is held without its content, if it comes whole; if as a delta, not at all:
// whoever needs it finds it missing.
func hold(raw []byte, from objects) (Objects, error) {
	if len(raw) > maxHeldPack {
		return nil, errNotHeld
	}
	if _, err := checkSum(bytes.NewReader(raw), int64(len(raw))); err != nil {
		return nil, err
	}
	h := &holding{from: from, objects: Objects{}, at: map[int64]int{}, waiting: map[packBase][]int{},
		in: bytes.NewReader(raw[:len(raw)-sha1.Size])}
	var header struct{ Magic, Version, Count uint32 }
	if err := binary.Read(h.in, binary.BigEndian, &header); err != nil || header.Magic != packMagic || header.Version != packVersion {
		return nil, fmt.Errorf("%w: it does not begin as one", packfile.ErrMalformedPackFile)
	}
	for range header.Count {
		if err := h.next(); err != nil {
			return nil, err
		}
	}
	switch {
	case h.in.Len() > 0:
		return nil, fmt.Errorf("%w: it goes on behind its end", packfile.ErrMalformedPackFile)
	case h.settled < len(h.entries) && !h.lossy:
		return nil, errors.New("what was sent builds on objects that are not here")
	}
	return h.objects, nil
}

const (
	packMagic   = 'P'<<24 | 'A'<<16 | 'C'<<8 | 'K'
	packVersion = 2
)

// next reads an entry, as gitformat-pack describes it.
func (h *holding) next() error {
	start := h.in.Size() - int64(h.in.Len())
	kind, size, err := h.header()
	if err != nil {
		return err
	}
	base := packBase{}
	switch kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	case plumbing.OFSDeltaObject:
		base.at, err = h.back(start)
	case plumbing.REFDeltaObject:
		_, err = io.ReadFull(h.in, base.id[:])
	default:
		err = errors.New("there is no such kind of object")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", packfile.ErrMalformedPackFile, err)
	}
	n := len(h.entries)
	h.at[start] = n
	h.entries = append(h.entries, packEntry{id: packBase{at: start}, kind: kind})
	if size > maxObject {
		return h.skip(n, size)
	}
	data, err := h.inflate(size)
	if err != nil {
		return err
	}
	if !kind.IsDelta() {
		return h.settle(n, kind, data, false)
	}
	h.entries[n].delta = data
	return h.await(n, base)
}

// header reads the kind of an object, and the size of what the pack has of it.
func (h *holding) header() (kind plumbing.ObjectType, size int64, err error) {
	c, err := h.in.ReadByte()
	kind, size = plumbing.ObjectType(c>>4&7), int64(c&15)
	for shift := 4; err == nil && c&0x80 != 0; shift += 7 {
		if shift > 53 {
			return 0, 0, fmt.Errorf("%w: an object has no size", packfile.ErrMalformedPackFile)
		}
		c, err = h.in.ReadByte()
		size |= int64(c&0x7f) << shift
	}
	return kind, size, err
}

// back reads how far back in the pack the base of a delta is.
func (h *holding) back(start int64) (at int64, err error) {
	c, err := h.in.ReadByte()
	n := int64(c & 0x7f)
	for err == nil && c&0x80 != 0 && n < start {
		c, err = h.in.ReadByte()
		n = (n+1)<<7 | int64(c&0x7f)
	}
	if _, there := h.at[start-n]; err == nil && !there {
		err = errors.New("a delta is made from nothing")
	}
	return start - n, err
}

// open begins to unpack what follows.
func (h *holding) open() (err error) {
	if h.z != nil {
		err = h.z.Reset(h.in, nil)
	} else if z, failed := zlib.NewReader(h.in); failed == nil {
		h.z = z.(unpacker) //nolint:errcheck // as package zlib says
	} else {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("%w: %w", packfile.ErrMalformedPackFile, err)
	}
	return nil
}

// take notes that so much more is held.
func (h *holding) take(size int64) error {
	if h.held += size; h.held > maxHeld {
		return errNotHeld
	}
	return nil
}

func (h *holding) inflate(size int64) ([]byte, error) {
	if err := h.take(size); err != nil {
		return nil, err
	}
	if err := h.open(); err != nil {
		return nil, err
	}
	data := make([]byte, size)
	_, err := io.ReadFull(h.z, data)
	if err == nil {
		err = h.ends()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", packfile.ErrMalformedPackFile, err)
	}
	return data, nil
}

// ends checks that an object is not longer than it says, and its check sum.
func (h *holding) ends() error {
	if n, err := h.z.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return errors.New("an object is not as long as it says")
	}
	return nil
}

// skip reads an object that is too large to be held.
func (h *holding) skip(n int, size int64) error {
	if h.skipped += size; h.skipped > maxSkipped {
		return fmt.Errorf("%w at an object of %d bytes", errTooLarge, size)
	}
	if err := h.open(); err != nil {
		return err
	}
	kind := h.entries[n].kind
	sum := plumbing.NewHasher(kind, size)
	if _, err := io.CopyN(sum, h.z, size); err != nil {
		return fmt.Errorf("%w: %w", packfile.ErrMalformedPackFile, err)
	}
	if err := h.ends(); err != nil {
		return fmt.Errorf("%w: %w", packfile.ErrMalformedPackFile, err)
	}
	if !kind.IsDelta() {
		h.objects[sum.Sum()] = Object{Type: kind, Size: size}
	}
	return h.settle(n, kind, nil, true)
}

// await makes an object of a delta, or has it wait for what it is made from.
func (h *holding) await(n int, base packBase) error {
	if base.at > 0 {
		if e := h.entries[h.at[base.at]]; e.done {
			return h.patch(n, e.kind, e.data, e.lost)
		}
	} else if kind, data, err := h.known(base.id); err == nil {
		return h.patch(n, kind, data, data == nil)
	} else if !errors.Is(err, plumbing.ErrObjectNotFound) {
		return err
	}
	h.waiting[base] = append(h.waiting[base], n)
	return nil
}

// known returns an object that has come, or that is here.
func (h *holding) known(id plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	if o, ok := h.objects[id]; ok {
		return o.Type, o.data, nil
	}
	o, err := h.from.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return 0, nil, err
	}
	data, err := content(o)
	return o.Type(), data, err
}

// patch makes an object of a delta.
func (h *holding) patch(n int, kind plumbing.ObjectType, base []byte, lost bool) error {
	delta := deltaStart(h.entries[n].delta)
	size := delta.result()
	if lost || size > maxObject {
		return h.settle(n, kind, nil, true)
	}
	if err := h.take(size); err != nil {
		return err
	}
	data, err := packfile.PatchDelta(base, delta)
	if err != nil {
		return fmt.Errorf("%w: %w", packfile.ErrMalformedPackFile, err)
	}
	return h.settle(n, kind, data, false)
}

// settle notes what an entry is, and goes on with the deltas that have waited
// for it.
func (h *holding) settle(n int, kind plumbing.ObjectType, data []byte, lost bool) error {
	e := &h.entries[n]
	e.kind, e.data, e.lost, e.done, e.delta = kind, data, lost, true, nil
	h.settled++
	h.lossy = h.lossy || lost
	waiting := h.waiting[e.id]
	if !lost {
		id := plumbing.ComputeHash(kind, data)
		h.objects[id] = Object{Type: kind, Size: int64(len(data)), data: data}
		waiting = append(waiting, h.waiting[packBase{id: id}]...)
		delete(h.waiting, packBase{id: id})
	}
	delete(h.waiting, e.id)
	for _, next := range waiting {
		if err := h.patch(next, kind, data, lost); err != nil {
			return err
		}
	}
	return nil
}
