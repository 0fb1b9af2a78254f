package odb

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A delta says how an object is made of another, its base: "copy these bytes of
// the base" and "insert these bytes" (gitformat-pack, "Deltified
// representation").

const (
	maxCopy   = 0xffff // bytes of one copy instruction; git makes no longer ones
	maxInsert = 0x7f
	minMatch  = 8       // bytes; a copy takes up to 7
	maxBase   = 1 << 20 // bytes; in larger bases only beginning and end are compared
)

// differ makes deltas. Its memory is used again, by one goroutine at a time.
type differ struct {
	table []int32 // hash of minMatch bytes → 1 + where in the base they begin
	shift int
}

// delta appends the delta that makes target of base. Versions of a tree differ
// in one place, so what is alike at both ends is taken first, and only what is
// between is searched.
func (d *differ) delta(b, base, target []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(base)))
	b = binary.AppendUvarint(b, uint64(len(target)))
	head := commonPrefix(base, target)
	tail := commonSuffix(base[head:], target[head:])
	b = appendCopy(b, 0, head)
	b = d.middle(b, base, target[head:len(target)-tail])
	return appendCopy(b, len(base)-tail, tail)
}

// middle appends instructions for a part of the target that may come from
// anywhere in the base.
func (d *differ) middle(b, base, part []byte) []byte {
	if len(part) < 2*minMatch || len(base) < 2*minMatch || len(base) > maxBase {
		return appendInsert(b, part)
	}
	d.index(base)
	from := 0 // what is before was appended
	for at := 0; at+minMatch <= len(part); {
		off := int(d.table[d.hash(part[at:])]) - 1
		if off < 0 {
			at++
			continue
		}
		n := commonPrefix(base[off:], part[at:])
		if n < minMatch {
			at++
			continue
		}
		back := commonSuffix(base[:off], part[from:at])
		b = appendInsert(b, part[from:at-back])
		b = appendCopy(b, off-back, n+back)
		at += n
		from = at
	}
	return appendInsert(b, part[from:])
}

// index enters every place of the base, the first of equal ones last.
func (d *differ) index(base []byte) {
	size := 1 << max(bits.Len(uint(len(base))), 8)
	if cap(d.table) < size {
		d.table = make([]int32, size)
	}
	d.table = d.table[:size]
	clear(d.table)
	d.shift = 64 - bits.Len(uint(size-1))
	for at := len(base) - minMatch; at >= 0; at-- {
		d.table[d.hash(base[at:])] = int32(at + 1)
	}
}

func (d *differ) hash(b []byte) uint64 {
	return binary.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15 >> d.shift
}

func commonPrefix(a, b []byte) int {
	n, most := 0, min(len(a), len(b))
	for n+8 <= most {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b []byte) int {
	n, most := 0, min(len(a), len(b))
	for n < most && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// appendCopy writes, for each byte of offset and size that is not zero, a bit
// in the first byte and the byte itself.
func appendCopy(b []byte, off, n int) []byte {
	for n > 0 {
		size := min(n, maxCopy)
		at := len(b)
		b = append(b, 0x80)
		for i := range 4 {
			if c := byte(off >> (8 * i)); c != 0 {
				b[at] |= 1 << i
				b = append(b, c)
			}
		}
		for i := range 2 {
			if c := byte(size >> (8 * i)); c != 0 {
				b[at] |= 0x10 << i
				b = append(b, c)
			}
		}
		off += size
		n -= size
	}
	return b
}

func appendInsert(b, data []byte) []byte {
	for len(data) > 0 {
		n := min(len(data), maxInsert)
		b = append(b, byte(n))
		b = append(b, data[:n]...)
		data = data[n:]
	}
	return b
}

// applyDelta returns what a delta makes of base. Nothing is allocated before
// the whole delta was checked: it may come from anywhere.
func applyDelta(base, delta []byte) ([]byte, error) {
	from, n := binary.Uvarint(delta)
	if n <= 0 || from != uint64(len(base)) {
		return nil, fmt.Errorf("%w: a delta for another base", errDamaged)
	}
	size, m := binary.Uvarint(delta[n:])
	if m <= 0 || size > maxObject {
		return nil, fmt.Errorf("%w: a delta without a size", errDamaged)
	}
	todo := delta[n+m:]
	made := 0
	for rest := todo; len(rest) > 0; {
		part, next, ok := instruction(base, rest)
		if made += len(part); !ok || made > int(size) {
			return nil, fmt.Errorf("%w: a delta that does not fit its base", errDamaged)
		}
		rest = next
	}
	if made != int(size) {
		return nil, fmt.Errorf("%w: a delta makes %d bytes, not %d", errDamaged, made, size)
	}
	data := make([]byte, 0, made)
	for len(todo) > 0 {
		var part []byte
		part, todo, _ = instruction(base, todo)
		data = append(data, part...)
	}
	return data, nil
}

// instruction returns the bytes of the first instruction, and what follows it.
func instruction(base, todo []byte) (part, rest []byte, ok bool) {
	c := todo[0]
	todo = todo[1:]
	if c&0x80 == 0 {
		if c == 0 || int(c) > len(todo) {
			return nil, nil, false
		}
		return todo[:c], todo[c:], true
	}
	var value [7]byte // 4 of the offset, 3 of the size
	for i := range value {
		if c&(1<<i) == 0 {
			continue
		}
		if len(todo) == 0 {
			return nil, nil, false
		}
		value[i], todo = todo[0], todo[1:]
	}
	off := int64(binary.LittleEndian.Uint32(value[:]))
	size := int64(value[4]) | int64(value[5])<<8 | int64(value[6])<<16
	if size == 0 {
		size = 0x10000
	}
	if off+size > int64(len(base)) {
		return nil, nil, false
	}
	return base[off : off+size], todo, true
}
