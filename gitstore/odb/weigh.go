package odb

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// Weight is what reading an object takes.
type Weight struct {
	Most int64 // bytes that are held in memory at most at once: its own, or more where something on the way to it is larger
	Work int64 // as Chain.Work has it
}

// Weigh returns what reading an object of a pack takes. It reads no more than
// headers, of each pack once, so it is what to ask of objects that somebody else
// has packed before they are read. A pack that must not be read is a
// *BurdenError.
func (s *Storage) Weigh(h plumbing.Hash) (Weight, error) {
	s.packs.mu.RLock()
	defer s.packs.mu.RUnlock()
	for _, p := range s.packs.packs {
		i, ok, err := p.findSafely(h)
		if err != nil {
			return Weight{}, err
		}
		if ok {
			return p.weigh(i)
		}
	}
	return Weight{}, plumbing.ErrObjectNotFound
}

// CheckPack looks at a pack with its index, base being their path without ending,
// that somebody else has made. One that must not be read is a *BurdenError.
func CheckPack(ctx context.Context, base string) error {
	p, err := openPack(base)
	if err != nil {
		return err
	}
	_, err = p.survey(ctx)
	return errors.Join(err, p.close())
}

func (p *pack) weigh(i int) (Weight, error) {
	p.weighing.Do(func() { p.weights, p.unfit = p.survey(context.Background()) })
	if p.unfit != nil {
		return Weight{}, p.unfit
	}
	w := p.weights[i]
	return Weight{int64(w.most), Chain{int(w.deltas), int64(w.way)}.Work(int64(w.size))}, nil
}

// weighed is what is known of an object of a pack. Packs may have millions.
type weighed struct {
	size, most uint32 // bytes, or maxObject of what is larger
	delta      uint32 // bytes of the delta that makes it
	way        uint32 // bytes of its chain
	deltas     int16
	known      bool
}

const checkEvery = 4096 // objects, after which a survey looks whether it is still asked for

// survey follows the deltas of all objects to their bases, each step once.
func (p *pack) survey(ctx context.Context) (all []weighed, err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	data, err := p.content()
	if err != nil {
		return nil, err
	}
	places, err := p.places()
	if err != nil {
		return nil, err
	}
	all = make([]weighed, p.count)
	burden := Burden{Packed: int64(len(data))}
	var way []int
	for i := range all {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		base := i
		for base >= 0 && !all[base].known {
			way = append(way, base)
			if len(way) > maxDeltas+1 { // or a circle of deltas by reference
				return nil, burden.Add(Chain{Deltas: len(way)}, 0)
			}
			if base, err = p.measure(base, &all[base], places); err != nil {
				return nil, err
			}
		}
		for _, at := range slices.Backward(way) {
			if err := all[at].follow(all, base, &burden); err != nil {
				return nil, err
			}
			base = at
		}
		way = way[:0]
	}
	return all, nil
}

// measure notes of the i-th object what its own entry says, and returns which
// object it is made from; -1: none.
func (p *pack) measure(i int, w *weighed, places []indexed) (base int, err error) {
	off, err := p.offset(i)
	if err != nil {
		return 0, err
	}
	e, err := p.entryAt(off)
	if err != nil {
		return 0, err
	}
	size := int64(e.size)
	w.most = uint32(size)
	if base, err = p.baseIndex(e, places); err != nil || base < 0 {
		w.size = w.most
		return base, err
	}
	w.delta = w.most
	if size, err = p.deltaResult(e); err != nil {
		return 0, err
	}
	w.size = uint32(min(size, maxObject))
	w.most = max(w.most, w.size)
	return base, nil
}

// follow notes the way to an object over its base, whose way is known.
func (w *weighed) follow(all []weighed, base int, b *Burden) error {
	c := Chain{Bytes: int64(w.size)}
	if base >= 0 {
		from := all[base]
		c = Chain{int(from.deltas), int64(from.way)}.On(int64(w.size))
		w.most = max(w.most, from.most)
	}
	if err := b.Add(c, int64(w.size)+int64(w.delta)); err != nil {
		return err
	}
	w.way, w.deltas, w.known = uint32(c.Bytes), int16(c.Deltas), true
	return nil
}

// baseIndex returns which object of the pack an entry is made from; -1: none.
func (p *pack) baseIndex(e packEntry, places []indexed) (int, error) {
	found := false
	i := -1
	switch e.kind {
	case plumbing.OFSDeltaObject:
		var at int
		at, found = slices.BinarySearchFunc(places, e.baseOffset, func(a indexed, off int64) int { return cmp.Compare(a.off, off) })
		if found {
			i = int(places[at].i)
		}
	case plumbing.REFDeltaObject:
		i, found = p.find(e.base)
	default:
		return -1, nil
	}
	if !found {
		return 0, fmt.Errorf("%w: a delta without its base", errDamaged)
	}
	return i, nil
}

// indexed is where the i-th object of an index is.
type indexed struct {
	off int64
	i   uint32
}

// places lists where the objects are, in the order of the pack.
func (p *pack) places() ([]indexed, error) {
	all := make([]indexed, p.count)
	for i := range all {
		off, err := p.offset(i)
		if err != nil {
			return nil, err
		}
		all[i] = indexed{off, uint32(i)}
	}
	slices.SortFunc(all, func(a, b indexed) int { return cmp.Compare(a.off, b.off) })
	return all, nil
}

// deltaResult reads the size of what a delta makes, which is the second number
// in it (gitformat-pack).
func (p *pack) deltaResult(e packEntry) (size int64, err error) {
	r, err := inflater(bytes.NewReader(p.data[e.start : len(p.data)-packTrailer]))
	if err != nil {
		return 0, err
	}
	defer inflaters.Put(r)
	head := make([]byte, min(e.size, 20)) // room for both numbers
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, fmt.Errorf("inflate: %w", err)
	}
	for range 2 {
		size = 0
		for shift := 0; ; shift += 7 {
			if len(head) == 0 || shift > 56 {
				return 0, fmt.Errorf("%w: a delta without sizes", errDamaged)
			}
			c := head[0]
			head = head[1:]
			size |= int64(c&0x7f) << shift
			if c&0x80 == 0 {
				break
			}
		}
	}
	return size, nil
}
