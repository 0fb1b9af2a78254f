package odb

import (
	"bytes"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/go-git/go-git/v5/plumbing"
)

// Weigh returns how many bytes have to be held in memory, at most at once, to
// read an object: its own, or more where something it is made from is larger.
// It reads no more than headers, so it is what to ask of objects that somebody
// else has packed before they are read.
func (s *Storage) Weigh(h plumbing.Hash) (int64, error) {
	s.packs.mu.RLock()
	defer s.packs.mu.RUnlock()
	for _, p := range s.packs.packs {
		i, ok, err := p.findSafely(h)
		if err != nil {
			return 0, err
		}
		if ok {
			return p.weigh(i)
		}
	}
	return 0, plumbing.ErrObjectNotFound
}

// weigh follows an object's deltas to their base.
func (p *pack) weigh(i int) (most int64, err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	off, err := p.offset(i)
	if err == nil {
		_, err = p.content()
	}
	for range maxChain {
		if err != nil {
			return 0, err
		}
		var e packEntry
		if e, err = p.entryAt(off); err != nil {
			return 0, err
		}
		most = max(most, int64(e.size))
		switch e.kind {
		case plumbing.OFSDeltaObject:
			off = e.baseOffset
		case plumbing.REFDeltaObject:
			base, ok := p.find(e.base)
			if !ok {
				return 0, fmt.Errorf("%w: a delta without its base", errDamaged)
			}
			off, err = p.offset(base)
		default:
			return most, nil
		}
		result, derr := p.deltaResult(e)
		if derr != nil {
			return 0, derr
		}
		most = max(most, result)
	}
	return 0, fmt.Errorf("%w: a delta chain without end", errDamaged)
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
