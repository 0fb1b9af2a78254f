package odb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
)

// objectSet is the objects that go into one new pack, and where each is now.
// They are known by number, so that a million of them take some 40 MB.
type objectSet struct {
	s       *Storage
	sources []*source
	state   []objectState
	slots   []uint32 // a hash table of numbers + 1
	count   int      // of different objects
}

// source is a pack that is read from, or the loose objects. Its objects are
// numbered from first on, in the order of their hashes.
type source struct {
	first int
	p     *pack           // nil: loose
	order []uint32        // positions in the index, by place in the pack
	loose []plumbing.Hash // sorted
}

// none is the number of no object.
const none = ^uint32(0)

// objectState is what is known of an object of a set. The walker sets the
// fields up to flags, the writer the rest.
type objectState struct {
	base  uint32 // that its delta is made on, or none
	blob  uint32 // of a tree: the last message that the versions after it brought, or none
	seq   uint16 // place in the versions of its path, as far as deltas go
	depth uint8  // deltas that lead to it, at most
	flags objectFlags
	from  uint16 // the source

	crc uint32
	at  int64 // in the new pack; 0: not yet
}

type objectFlags uint8

const (
	kindBits objectFlags = 7              // the object's type
	copyOf   objectFlags = 1 << iota << 2 // the object has another number
	hasChild                              // a commit of the set has it for a parent
	taken                                 // it and all in it are on their way
	emitted                               // it is on its way
)

func newObjectSet(s *Storage, packs []*pack, loose []plumbing.Hash) (*objectSet, error) {
	set := &objectSet{s: s}
	n := 0
	for _, p := range packs {
		_, err := p.content()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil {
			return nil, objectError(plumbing.ZeroHash, p.path+".pack", err)
		}
		set.sources = append(set.sources, &source{first: n, p: p})
		n += p.count
	}
	slices.SortFunc(loose, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	set.sources = append(set.sources, &source{first: n, loose: loose})
	n += len(loose)
	if n >= 1<<31 || len(packs) >= 1<<16 {
		return nil, errors.New("there are too many objects, or packs, to make one of them")
	}
	set.state = make([]objectState, n)
	set.slots = make([]uint32, tableSize(n))
	for from, src := range set.sources {
		for i := src.first; i < src.first+src.len(); i++ {
			set.state[i] = objectState{base: none, blob: none, from: uint16(from)}
			set.enter(uint32(i))
		}
	}
	for _, src := range set.sources {
		if err := src.sort(); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// tableSize is a power of two, so that at most every other slot is taken.
func tableSize(n int) int {
	size := 16
	for size/2 < n {
		size *= 2
	}
	return size
}

func (set *objectSet) enter(i uint32) {
	slot := set.slot(set.hash(i))
	if set.slots[slot] != 0 {
		set.state[i].flags |= copyOf
		return
	}
	set.slots[slot] = i + 1
	set.count++
}

// slot returns where the number of an object stands in the table, or would.
func (set *objectSet) slot(h plumbing.Hash) uint64 {
	mask := uint64(len(set.slots) - 1)
	slot := binary.LittleEndian.Uint64(h[4:]) & mask
	for set.slots[slot] != 0 && set.hash(set.slots[slot]-1) != h {
		slot = (slot + 1) & mask
	}
	return slot
}

// find returns an object's number, or none.
func (set *objectSet) find(h plumbing.Hash) uint32 { return set.slots[set.slot(h)] - 1 }

func (set *objectSet) source(i uint32) *source { return set.sources[set.state[i].from] }

func (set *objectSet) hash(i uint32) plumbing.Hash {
	src := set.source(i)
	if src.p == nil {
		return src.loose[int(i)-src.first]
	}
	return src.p.hash(int(i) - src.first)
}

func (src *source) len() int {
	if src.p == nil {
		return len(src.loose)
	}
	return src.p.count
}

// sort puts the positions of a pack's objects in the order of their places.
func (src *source) sort() error {
	if src.p == nil {
		return nil
	}
	type at struct {
		off int64
		i   uint32
	}
	all := make([]at, src.p.count)
	for i := range all {
		off, err := src.p.offset(i)
		if err != nil {
			return err
		}
		all[i] = at{off, uint32(i)}
	}
	slices.SortFunc(all, func(a, b at) int { return int(a.off - b.off) })
	src.order = make([]uint32, len(all))
	for rank, a := range all {
		src.order[rank] = a.i
	}
	return nil
}

// offset returns where the object of a rank begins, or the last one ends.
func (src *source) offset(rank int) int64 {
	if rank == len(src.order) {
		return int64(len(src.p.data) - packTrailer)
	}
	off, _ := src.p.offset(int(src.order[rank])) // sort has read it
	return off
}

// rank returns the place in order of what begins at off.
func (src *source) rank(off int64) (int, bool) {
	rank := sort.Search(len(src.order), func(n int) bool { return src.offset(n) >= off })
	return rank, rank < len(src.order) && src.offset(rank) == off
}

// packed is an object's entry as it stands in a source.
type packed struct {
	packEntry
	tail []byte // the zlib stream
	base uint32 // the number of a delta's base
}

// header reads where and of what kind an entry is. It is not for loose objects.
func (set *objectSet) header(i uint32) (src *source, off int64, e packEntry, err error) {
	src = set.source(i)
	if off, err = src.p.offset(int(i) - src.first); err == nil {
		e, err = src.p.entryAt(off)
	}
	return src, off, e, err
}

// plain says whether an object stands in no pack, or uncompressed in one.
func (set *objectSet) plain(i uint32) (bool, error) {
	if set.source(i).p == nil {
		return true, nil
	}
	src, _, e, err := set.header(i)
	return err == nil && !e.delta() && stored(src.p.data[e.start:]), err
}

// entry returns an object's entry after a check against its CRC. It is not for
// loose objects.
func (set *objectSet) entry(i uint32) (e packed, err error) {
	src, off, head, err := set.header(i)
	if err != nil {
		return e, set.damaged(i, err)
	}
	e.packEntry = head
	rank, _ := src.rank(off)
	end := src.offset(rank + 1)
	if end <= e.start || end > int64(len(src.p.data)) || crc32.ChecksumIEEE(src.p.data[off:end]) != src.p.crc(int(i)-src.first) {
		return e, set.damaged(i, fmt.Errorf("%w: its checksum differs", errDamaged))
	}
	e.tail, e.base = src.p.data[e.start:end], none
	if e.kind == plumbing.REFDeltaObject {
		e.base = set.find(e.packEntry.base)
	}
	if e.kind == plumbing.OFSDeltaObject {
		if rank, ok := src.rank(e.baseOffset); ok {
			e.base = set.find(src.p.hash(int(src.order[rank])))
		}
	}
	return e, nil
}

func (set *objectSet) damaged(i uint32, err error) error {
	return objectError(set.hash(i), set.source(i).p.path+".pack", err)
}

// kind returns an object's type without reading more than headers.
func (set *objectSet) kind(i uint32) (plumbing.ObjectType, error) {
	if set.source(i).p == nil {
		t, _, err := set.read(i)
		return t, err
	}
	src, _, e, err := set.header(i)
	for n := 0; err == nil && n <= maxDeltas; n++ {
		if !e.delta() {
			return e.kind, nil
		}
		base, inside, berr := src.p.baseOf(e)
		if berr != nil || !inside {
			break
		}
		e, err = src.p.entryAt(base)
	}
	t, _, err := set.read(i)
	return t, err
}

// read returns an object after checking that it hashes to its name. What
// stands uncompressed in a mapped pack is not copied: the bytes are good until
// the sources are closed.
func (set *objectSet) read(i uint32) (plumbing.ObjectType, []byte, error) {
	src, h := set.source(i), set.hash(i)
	if src.p == nil {
		return set.s.Get(h)
	}
	t, data, err := src.p.view(int(i)-src.first, set.s.Get)
	if err == nil && hashObject(t, data) == h {
		return t, data, nil
	}
	return set.s.Get(h) // there may be another copy, or the journal has it
}

// view reads the i-th object, without a copy if it is stored in one piece.
func (p *pack) view(i int, lookup lookup) (plumbing.ObjectType, []byte, error) {
	off, err := p.offset(i)
	if err != nil {
		return 0, nil, err
	}
	e, err := p.entryAt(off)
	if err != nil {
		return 0, nil, err
	}
	if !e.delta() {
		if data, ok := viewStored(p.data[e.start:], e.size); ok {
			return e.kind, data, nil
		}
	}
	return p.resolve(off, lookup)
}

// sorted returns the numbers of all objects in the order of their hashes.
func (set *objectSet) sorted() []uint32 { return set.merge(set.sources) }

func (set *objectSet) merge(sources []*source) []uint32 {
	if len(sources) == 1 {
		return set.numbers(sources[0])
	}
	a, b := set.merge(sources[:len(sources)/2]), set.merge(sources[len(sources)/2:])
	all := make([]uint32, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		x, y := set.hash(a[0]), set.hash(b[0])
		if bytes.Compare(x[:], y[:]) < 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}

func (set *objectSet) numbers(src *source) []uint32 {
	all := make([]uint32, 0, src.len())
	for i := src.first; i < src.first+src.len(); i++ {
		if set.state[i].flags&copyOf == 0 {
			all = append(all, uint32(i))
		}
	}
	return all
}
