package odb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/edsrzf/mmap-go"
	"github.com/go-git/go-git/v5/plumbing"
)

const (
	indexTables = 8                   // magic and version come before the fan-out table
	indexHashes = indexTables + 256*4 // the hashes come behind it
	indexFixed  = indexHashes + 2*20  // without any object
	packTrailer = 20                  // SHA-1 of the pack
	maxObject   = 1 << 30             // bytes; larger ones are refused, not allocated
	maxBorrow   = 4                   // times a chain may go on in another pack; git writes packs that hold all bases
	smallFile   = 32 << 10            // below this, reading is cheaper than mapping
)

var errDamaged = errors.New("not as git wrote it")

// pack is a pack and its index. The index is mapped when the pack is found,
// the pack itself at the first read.
type pack struct {
	path  string // without ".idx" or ".pack"
	index []byte
	count int
	unmap []mmap.MMap

	keep    keepKind
	foreign atomic.Bool // not to be replaced: somebody else keeps it, or it is damaged

	load   sync.Mutex
	loaded atomic.Bool
	data   []byte
	bases  *baseCache // nil: none

	weighing sync.Once // for what follows
	weights  []weighed // by place in the index
	unfit    error
}

// openPack maps an index and checks its shape. The checksum of a large one is
// left to heal: reading all of it would make opening as slow as go-git's.
func openPack(path string) (*pack, error) {
	p := &pack{path: path}
	index, err := p.mapFile(path + ".idx")
	if err != nil {
		return nil, err
	}
	if err := p.setIndex(index); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// newPack wraps a small pack that was written just now. Its bytes are kept if
// they are few, so that they need not be read back.
func newPack(path string, data, index []byte) *pack {
	p := &pack{path: path, index: index, keep: newKeep}
	p.count = int(binary.BigEndian.Uint32(index[indexHashes-4:]))
	if len(data) < smallFile {
		p.data = bytes.Clone(data)
		p.loaded.Store(true)
	}
	return p
}

func (p *pack) setIndex(index []byte) (err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	if len(index) < indexFixed || string(index[:8]) != "\xfftOc\x00\x00\x00\x02" {
		return errDamaged
	}
	last := uint32(0)
	for i := range 256 {
		n := binary.BigEndian.Uint32(index[indexTables+4*i:])
		if n < last {
			return errDamaged
		}
		last = n
	}
	if len(index) < indexFixed+int(last)*28 {
		return errDamaged
	}
	if len(index) < smallFile && !soundSum(index) {
		return errDamaged
	}
	p.index, p.count = index, int(last)
	return nil
}

func (p *pack) mapFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < smallFile {
		return io.ReadAll(f)
	}
	m, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	p.unmap = append(p.unmap, m)
	return m, nil
}

func (p *pack) close() error {
	var err error
	for _, m := range p.unmap {
		err = errors.Join(err, m.Unmap())
	}
	p.unmap, p.index, p.data = nil, nil, nil
	p.bases.forget(p)
	return err
}

// dropPages gives back the memory of what was read so far.
func (p *pack) dropPages() {
	p.load.Lock()
	defer p.load.Unlock()
	for _, m := range p.unmap {
		dropPages(m)
	}
}

// content returns the pack's bytes, mapped at the first call.
func (p *pack) content() ([]byte, error) {
	if p.loaded.Load() {
		return p.data, nil
	}
	p.load.Lock()
	defer p.load.Unlock()
	if p.loaded.Load() {
		return p.data, nil
	}
	data, err := p.mapFile(p.path + ".pack")
	if err != nil {
		return nil, err
	}
	if err := p.checkHeader(data); err != nil {
		if len(data) >= smallFile {
			err = errors.Join(err, p.unmap[len(p.unmap)-1].Unmap())
			p.unmap = p.unmap[:len(p.unmap)-1]
		}
		return nil, err
	}
	p.data = data
	p.loaded.Store(true)
	return data, nil
}

func (p *pack) checkHeader(data []byte) error {
	if len(data) < packHeader+packTrailer || string(data[:8]) != "PACK\x00\x00\x00\x02" {
		return errDamaged
	}
	if int(binary.BigEndian.Uint32(data[8:])) != p.count {
		return fmt.Errorf("%w: it holds another number of objects than its index", errDamaged)
	}
	return nil
}

func (p *pack) hash(i int) (h plumbing.Hash) {
	copy(h[:], p.index[indexHashes+20*i:])
	return h
}

// find returns the position of h in the index.
func (p *pack) find(h plumbing.Hash) (int, bool) {
	lo := 0
	if h[0] > 0 {
		lo = int(binary.BigEndian.Uint32(p.index[indexTables+4*int(h[0]-1):]))
	}
	hi := int(binary.BigEndian.Uint32(p.index[indexTables+4*int(h[0]):]))
	i := lo + sort.Search(hi-lo, func(i int) bool {
		return bytes.Compare(p.index[indexHashes+20*(lo+i):indexHashes+20*(lo+i+1)], h[:]) >= 0
	})
	return i, i < hi && bytes.Equal(p.index[indexHashes+20*i:indexHashes+20*(i+1)], h[:])
}

// offset returns where the i-th object of the index starts in the pack.
func (p *pack) offset(i int) (int64, error) {
	table := indexHashes + p.count*24
	off := binary.BigEndian.Uint32(p.index[table+4*i:])
	if off&(1<<31) == 0 {
		return int64(off), nil
	}
	large := table + p.count*4 + 8*int(off&^(1<<31))
	if large+8 > len(p.index)-2*20 {
		return 0, errDamaged
	}
	return int64(binary.BigEndian.Uint64(p.index[large:])), nil
}

// crc returns the CRC-32 that the index has for its i-th object.
func (p *pack) crc(i int) uint32 {
	return binary.BigEndian.Uint32(p.index[indexHashes+p.count*20+4*i:])
}

// lookup finds the base of a delta by reference that is not in its own pack.
type lookup func(plumbing.Hash) (plumbing.ObjectType, []byte, error)

// object reads the i-th object.
func (p *pack) object(i int, lookup lookup) (plumbing.ObjectType, []byte, error) {
	off, err := p.offset(i)
	if err != nil {
		return 0, nil, err
	}
	if _, err := p.content(); err != nil {
		return 0, nil, err
	}
	return p.resolve(off, lookup)
}

// step is a delta on the way from an object to what it is made of.
type step struct {
	off   int64
	delta []byte
}

// resolve reads the object at off: it goes down to what is whole, and comes
// back applying deltas.
func (p *pack) resolve(off int64, lookup lookup) (plumbing.ObjectType, []byte, error) {
	var steps []step
	for size := 0; len(steps) <= maxDeltas && size <= maxObject; {
		if t, data, ok := p.bases.get(place{p, off}); ok {
			return p.apply(t, data, steps)
		}
		e, err := p.entryAt(off)
		if err != nil {
			return 0, nil, err
		}
		data, err := inflate(p.data[e.start:len(p.data)-packTrailer], e.size)
		if err != nil {
			return 0, nil, err
		}
		if !e.delta() {
			if len(steps) > 0 {
				p.bases.put(place{p, off}, e.kind, data)
			}
			return p.apply(e.kind, data, steps)
		}
		steps = append(steps, step{off, data})
		size += len(data)
		base, inside, err := p.baseOf(e)
		if err != nil {
			return 0, nil, err
		}
		if !inside {
			t, whole, err := lookup(e.base)
			if err != nil {
				return 0, nil, fmt.Errorf("delta base: %w", err)
			}
			return p.apply(t, whole, steps)
		}
		off = base
	}
	return 0, nil, fmt.Errorf("%w: a delta chain without end", errDamaged)
}

// baseOf returns the place of a delta's base, unless that is in another pack.
func (p *pack) baseOf(e packEntry) (off int64, inside bool, err error) {
	if e.kind == plumbing.OFSDeltaObject {
		return e.baseOffset, true, nil
	}
	i, ok := p.find(e.base)
	if !ok {
		return 0, false, nil
	}
	off, err = p.offset(i)
	return off, true, err
}

func (p *pack) apply(t plumbing.ObjectType, data []byte, steps []step) (plumbing.ObjectType, []byte, error) {
	for _, s := range slices.Backward(steps) {
		next, err := applyDelta(data, s.delta)
		if err != nil {
			return 0, nil, err
		}
		data = next
		p.bases.put(place{p, s.off}, t, data)
	}
	return t, data, nil
}

// packEntry is an entry's header.
type packEntry struct {
	kind       plumbing.ObjectType
	size       int           // bytes, inflated
	start      int64         // of the zlib stream
	base       plumbing.Hash // of a delta by reference
	baseOffset int64         // of a delta by offset
}

// delta says whether the entry is made of another object.
func (e packEntry) delta() bool {
	return e.kind == plumbing.OFSDeltaObject || e.kind == plumbing.REFDeltaObject
}

func (p *pack) entryAt(off int64) (packEntry, error) {
	end := int64(len(p.data) - packTrailer)
	if off < packHeader || off >= end {
		return packEntry{}, errDamaged
	}
	entry, c := off, p.data[off]
	e := packEntry{kind: plumbing.ObjectType(c >> 4 & 7), size: int(c & 15)}
	off++
	for shift := 4; c&0x80 != 0; shift += 7 {
		if off >= end || shift > 32 {
			return e, errDamaged
		}
		c = p.data[off]
		e.size |= int(c&0x7f) << shift
		off++
	}
	if e.size > maxObject {
		return e, fmt.Errorf("%w: an object of %d bytes", errDamaged, e.size)
	}
	return p.deltaBase(e, entry, off, end)
}

// deltaBase reads what follows the size in a delta's header.
func (p *pack) deltaBase(e packEntry, entry, off, end int64) (packEntry, error) {
	e.start = off
	switch e.kind {
	case plumbing.REFDeltaObject:
		if off+20 > end {
			return e, errDamaged
		}
		copy(e.base[:], p.data[off:])
		e.start = off + 20
	case plumbing.OFSDeltaObject:
		back := int64(-1)
		for c := byte(0x80); c&0x80 != 0; off++ {
			if off >= end || back > 1<<50 {
				return e, errDamaged
			}
			c = p.data[off]
			back = (back+1)<<7 | int64(c&0x7f)
		}
		e.start, e.baseOffset = off, entry-back
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	default:
		return e, fmt.Errorf("%w: an object of type %d", errDamaged, e.kind)
	}
	return e, nil
}
