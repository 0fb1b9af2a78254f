package index

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// blockSize is how many messages a block holds, by number: message n lies in
// block n/blockSize at place n%blockSize.
const blockSize = 4096

// bitmap is a set of the messages of one block, by place.
type bitmap [blockSize / 64]uint64

func (b *bitmap) set(place int64)      { b[place/64] |= 1 << (place % 64) }
func (b *bitmap) clear(place int64)    { b[place/64] &^= 1 << (place % 64) }
func (b *bitmap) has(place int64) bool { return b[place/64]>>(place%64)&1 != 0 }

func (b *bitmap) put(place int64, in bool) {
	if in {
		b.set(place)
	} else {
		b.clear(place)
	}
}

func (b *bitmap) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func (b *bitmap) empty() bool { return *b == bitmap{} }

func (b *bitmap) or(o *bitmap) {
	for i, w := range o {
		b[i] |= w
	}
}

func (b *bitmap) and(o *bitmap) {
	for i, w := range o {
		b[i] &= w
	}
}

func (b *bitmap) without(o *bitmap) {
	for i, w := range o {
		b[i] &^= w
	}
}

// places yields the members in order.
func (b *bitmap) places() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(int64(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// from keeps the members at that place and behind it.
func (b *bitmap) from(place int64) {
	for i := range b {
		switch first := int64(i) * 64; {
		case place >= first+64:
			b[i] = 0
		case place > first:
			b[i] &= ^uint64(0) << (place - first)
		}
	}
}

// keepLast keeps the last n members.
func (b *bitmap) keepLast(n int) {
	for i := len(b) - 1; i >= 0; i-- {
		for w := b[i]; bits.OnesCount64(b[i]) > n; w = b[i] {
			b[i] &= w - 1
		}
		n -= bits.OnesCount64(b[i])
	}
}

// A bitmap is written as the number of its members and their places, two bytes
// each, or if that is longer as listed and its words.
const listed = 0xffff

func (b *bitmap) append(dst []byte) []byte {
	n := b.count()
	if 2*n >= blockSize/8 {
		dst = binary.BigEndian.AppendUint16(dst, listed)
		for _, w := range b {
			dst = binary.BigEndian.AppendUint64(dst, w)
		}
		return dst
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	for place := range b.places() {
		dst = binary.BigEndian.AppendUint16(dst, uint16(place))
	}
	return dst
}

// cut reads a bitmap from the front of data. The data has passed unseal.
func (b *bitmap) cut(data []byte) (rest []byte, err error) {
	*b = bitmap{}
	if len(data) < 2 {
		return nil, damaged("a bitmap is cut short")
	}
	n := int(binary.BigEndian.Uint16(data))
	data = data[2:]
	if n == listed && len(data) >= len(b)*8 {
		for i := range b {
			b[i] = binary.BigEndian.Uint64(data[i*8:])
		}
		return data[len(b)*8:], nil
	}
	if n == listed || len(data) < 2*n {
		return nil, damaged("a bitmap is cut short")
	}
	for i := range n {
		b.set(int64(binary.BigEndian.Uint16(data[2*i:])) % blockSize)
	}
	return data[2*n:], nil
}
