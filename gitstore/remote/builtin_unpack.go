package remote

import (
	"cmp"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"skein/gitstore/odb"
)

// unpacking takes a pack apart: it makes every object once, and computes its id.
// Entries are read from first to last; then deltas are applied from what is
// whole outwards. Beside a table of the entries, no more is in memory than what
// lies on the way from an object that is whole to the one that is made, which
// odb.Burden bounds.
type unpacking struct {
	in      *packReader
	from    objects // what the pack may build on; nil: nothing
	made    func(n int, o made) error
	lenient bool // what would take a delta of more than maxObject bytes, or one on such an object, is left out, rather than an error

	burden  odb.Burden
	least   odb.Burden // what it comes to at least, as all entries say before any delta is applied
	count   int        // of entries, as the pack has it
	entries []packEntry
	byID    map[plumbing.Hash]int32 // ids that deltas are made from → 1 + one of these
	todo    []patching
	done    int  // entries of which is known what they are
	lossy   bool // something was left out
	z       unpacker
}

// made is an object.
type made struct {
	kind  plumbing.ObjectType
	id    plumbing.Hash
	size  int64
	data  []byte // nil if it is lost, or empty
	chain odb.Chain
	lost  bool // it is too large, or made from what is, so that its content is not here; its id is zero if that is unknown
}

// packEntry is what a pack has of an object.
type packEntry struct {
	at, data int64 // where it begins, and where that which is compressed does
	size     int64 // bytes of that
	makes    int64 // bytes of the object
	kind     plumbing.ObjectType
	child    int32 // 1 + a delta that names it by its place; 0: there is none
	next     int32 // 1 + another delta that is made from the same
	id       plumbing.Hash
}

// patching is a delta whose base is known.
type patching struct {
	n    int32
	base *made
}

// unpacker is what zlib reads with.
type unpacker interface {
	io.Reader
	zlib.Resetter
}

func newUnpacking(ctx context.Context, pack io.ReaderAt, size int64, from objects) *unpacking {
	u := &unpacking{in: newPackReader(ctx, pack, size-packTrailer), from: from, byID: map[plumbing.Hash]int32{}}
	u.burden.Packed, u.least.Packed = size, size
	return u
}

const (
	packMagic   = 'P'<<24 | 'A'<<16 | 'C'<<8 | 'K'
	packVersion = 2
	packHeader  = 12 // bytes
	packTrailer = 20 // bytes of the sum at its end
)

// run takes all of it apart. An odb.BurdenError is of a pack that takes more
// than it may, before it has.
func (u *unpacking) run() error {
	var header struct{ Magic, Version, Count uint32 }
	if err := binary.Read(u.in, binary.BigEndian, &header); err != nil || header.Magic != packMagic || header.Version != packVersion {
		return malformed(errors.New("it does not begin as one"))
	}
	u.count = int(header.Count)
	for range header.Count {
		if err := u.scan(); err != nil {
			return err
		}
	}
	if u.in.at < u.in.end {
		return malformed(errors.New("it goes on behind its end"))
	}
	if err := u.resolve(); err != nil {
		return err
	}
	if u.done < len(u.entries) && !u.lossy {
		return errors.New("what was sent builds on objects that are not here")
	}
	return nil
}

func malformed(err error) error {
	return fmt.Errorf("%w: %w", packfile.ErrMalformedPackFile, err)
}

// scan reads an entry, as gitformat-pack describes it.
func (u *unpacking) scan() error {
	e := packEntry{at: u.in.at}
	kind, size, err := u.header()
	if err != nil {
		return malformed(err)
	}
	e.kind, e.size = kind, size
	n := int32(len(u.entries))
	switch kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	case plumbing.OFSDeltaObject:
		err = u.awaitPlace(&e, n)
	case plumbing.REFDeltaObject:
		err = u.awaitID(&e, n)
	default:
		err = errors.New("there is no such kind of object")
	}
	if err != nil {
		return malformed(err)
	}
	e.data = u.in.at
	u.entries = append(u.entries, e)
	if kind.IsDelta() {
		return u.scanDelta(&u.entries[n])
	}
	return u.scanWhole(int(n))
}

// header reads the kind of an object, and the size of what the pack has of it.
func (u *unpacking) header() (kind plumbing.ObjectType, size int64, err error) {
	c, err := u.in.ReadByte()
	kind, size = plumbing.ObjectType(c>>4&7), int64(c&15)
	for shift := 4; err == nil && c&0x80 != 0; shift += 7 {
		if shift > 53 {
			return 0, 0, errors.New("an object has no size")
		}
		c, err = u.in.ReadByte()
		size |= int64(c&0x7f) << shift
	}
	return kind, size, err
}

// awaitPlace has a delta wait for what lies further to the front of the pack.
func (u *unpacking) awaitPlace(e *packEntry, n int32) error {
	c, err := u.in.ReadByte()
	back := int64(c & 0x7f)
	for err == nil && c&0x80 != 0 && back < e.at {
		c, err = u.in.ReadByte()
		back = (back+1)<<7 | int64(c&0x7f)
	}
	if err != nil {
		return err
	}
	at := e.at - back
	i := sort.Search(len(u.entries), func(i int) bool { return u.entries[i].at >= at })
	if i == len(u.entries) || u.entries[i].at != at {
		return errors.New("a delta is made from nothing")
	}
	e.next, u.entries[i].child = u.entries[i].child, n+1
	return nil
}

// awaitID has a delta wait for an object of that id.
func (u *unpacking) awaitID(e *packEntry, n int32) error {
	var id plumbing.Hash
	if _, err := io.ReadFull(u.in, id[:]); err != nil {
		return err
	}
	e.next, u.byID[id] = u.byID[id], n+1
	return nil
}

// scanDelta reads over a delta, but for how long that is which it makes.
func (u *unpacking) scanDelta(e *packEntry) error {
	if err := u.least.Add(odb.Chain{}, e.size); err != nil {
		return err
	}
	var start deltaStart
	if err := u.inflate(&start, e.size); err != nil {
		return err
	}
	if e.makes = start.result(); e.makes < 0 {
		return malformed(errors.New("a delta does not say what it makes"))
	}
	if err := u.least.Add(odb.Chain{}, e.makes); err != nil {
		return err
	}
	return nil
}

// scanWhole makes an object that is no delta.
func (u *unpacking) scanWhole(n int) error {
	e := &u.entries[n]
	e.makes = e.size
	o := made{kind: e.kind, size: e.size, chain: odb.Chain{Bytes: e.size}}
	if err := cmp.Or(u.burden.Add(o.chain, e.size), u.least.Add(o.chain, e.size)); err != nil {
		return err
	}
	if e.size > maxObject {
		sum := plumbing.NewHasher(e.kind, e.size)
		if err := u.inflate(sum, e.size); err != nil {
			return err
		}
		o.id, o.lost = sum.Sum(), true
		return u.note(n, &o)
	}
	data, err := u.bytes(e.size)
	if err != nil {
		return err
	}
	o.data, o.id = data, plumbing.ComputeHash(e.kind, data)
	return u.note(n, &o)
}

// note tells of an object that is made.
func (u *unpacking) note(n int, o *made) error {
	u.done++
	u.entries[n].id = o.id
	u.lossy = u.lossy || o.lost
	return u.made(n, *o)
}

// open begins to unpack what follows.
func (u *unpacking) open() (err error) {
	if u.z != nil {
		return u.z.Reset(u.in, nil)
	}
	z, err := zlib.NewReader(u.in)
	if err == nil {
		u.z = z.(unpacker) //nolint:errcheck // as package zlib says
	}
	return err
}

// inflate unpacks so many bytes, and checks that there are no more.
func (u *unpacking) inflate(to io.Writer, size int64) error {
	err := u.open()
	if err == nil {
		_, err = io.CopyN(to, u.z, size)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = u.ends()
	}
	if err != nil {
		return malformed(err)
	}
	return nil
}

// ends checks that an object is not longer than it says, and its check sum.
func (u *unpacking) ends() error {
	n, err := u.z.Read(make([]byte, 1))
	switch {
	case n > 0 || err == nil:
		return errors.New("an object is not as long as it says")
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// bytes unpacks so many bytes into memory.
func (u *unpacking) bytes(size int64) ([]byte, error) {
	if size > u.in.left()*maxRatio {
		return nil, malformed(errors.New("an object is not as long as it says"))
	}
	err := u.open()
	data := make([]byte, size)
	if err == nil {
		_, err = io.ReadFull(u.z, data)
	}
	if err == nil {
		err = u.ends()
	}
	if err != nil {
		return nil, malformed(err)
	}
	return data, nil
}

const maxRatio = 1100 // more than the bytes that zlib can make of one

// content is what the pack has of an entry.
func (u *unpacking) content(n int) ([]byte, error) {
	e := &u.entries[n]
	u.in.seek(e.data, u.end(n))
	return u.bytes(e.size)
}

// end is where an entry ends.
func (u *unpacking) end(n int) int64 {
	if n+1 < len(u.entries) {
		return u.entries[n+1].at
	}
	return u.in.end
}

// resolve applies the deltas, from what is whole outwards; then those that are
// made from objects which are here and did not come.
func (u *unpacking) resolve() error {
	for n := range u.entries {
		e := &u.entries[n]
		if e.kind.IsDelta() || e.child == 0 && u.byID[e.id] == 0 {
			continue
		}
		o := made{kind: e.kind, id: e.id, size: e.size, chain: odb.Chain{Bytes: e.size}, lost: e.size > maxObject}
		if !o.lost {
			var err error
			if o.data, err = u.content(n); err != nil {
				return err
			}
		}
		if err := u.spread(e.child, &o); err != nil {
			return err
		}
	}
	for id := range u.byID {
		o, err := u.known(id)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			continue
		}
		if err == nil {
			err = u.spread(0, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// known returns an object that is here.
func (u *unpacking) known(id plumbing.Hash) (*made, error) {
	if u.from == nil {
		return nil, plumbing.ErrObjectNotFound
	}
	o, err := u.from.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return nil, err
	}
	data, err := content(o)
	return &made{kind: o.Type(), id: id, size: int64(len(data)), data: data, chain: odb.Chain{Bytes: int64(len(data))}}, err
}

// spread makes everything that is made from an object, by a list of work: a chain
// may be thousands of deltas long. What was found last is done first, so the
// bases that are still to be used all lie on the way to it.
func (u *unpacking) spread(child int32, o *made) error {
	u.await(child, o)
	for len(u.todo) > 0 {
		last := len(u.todo) - 1
		next := u.todo[last]
		u.todo = u.todo[:last]
		o, err := u.patch(int(next.n), next.base)
		if err != nil {
			return err
		}
		u.await(u.entries[next.n].child, o)
	}
	return nil
}

// await lists the deltas that have waited for an object.
func (u *unpacking) await(child int32, o *made) {
	for ; child > 0; child = u.entries[child-1].next {
		u.todo = append(u.todo, patching{child - 1, o})
	}
	if o.id.IsZero() {
		return
	}
	for child = u.byID[o.id]; child > 0; child = u.entries[child-1].next {
		u.todo = append(u.todo, patching{child - 1, o})
	}
	delete(u.byID, o.id)
}

// patch makes an object of a delta.
func (u *unpacking) patch(n int, base *made) (*made, error) {
	e := &u.entries[n]
	o := &made{kind: base.kind, size: e.makes, chain: base.chain.On(e.makes), lost: base.lost || max(e.size, e.makes) > maxObject}
	if err := u.burden.Add(o.chain, o.size+e.size); err != nil {
		return nil, err
	}
	if o.lost && !u.lenient {
		return nil, errLargeObject
	}
	if !o.lost {
		delta, err := u.content(n)
		if err == nil {
			o.data, err = packfile.PatchDelta(base.data, delta)
		}
		if err != nil {
			return nil, malformed(err)
		}
		o.id = plumbing.ComputeHash(o.kind, o.data)
	}
	return o, u.note(n, o)
}
