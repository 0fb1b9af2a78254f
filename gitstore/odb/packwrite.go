package odb

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
)

// packHeader is the length of a pack's header: "PACK", version, object count
// (git's gitformat-pack document).
const packHeader = 12

// entry is an object's place in a pack.
type entry struct {
	hash   plumbing.Hash
	crc    uint32 // CRC-32 of the entry as it stands in the pack
	offset int64
}

// packWriter builds a pack in memory. Objects are stored uncompressed (zlib's
// stored blocks): deflating a small object costs more than writing it, and
// compaction will do it better, with deltas.
type packWriter struct {
	buf     []byte
	entries []entry
	have    map[plumbing.Hash]bool
}

func newPackWriter() *packWriter {
	w := &packWriter{have: map[plumbing.Hash]bool{}}
	w.buf = append(w.buf, "PACK\x00\x00\x00\x02\x00\x00\x00\x00"...)
	return w
}

// add appends an object and returns its id. One that is there already is not
// written again.
func (w *packWriter) add(t plumbing.ObjectType, data []byte) plumbing.Hash {
	h := hashObject(t, data)
	if w.have[h] {
		return h
	}
	w.have[h] = true
	start := len(w.buf)
	w.buf = appendEntryHeader(w.buf, t, len(data))
	w.buf = appendStored(w.buf, data)
	w.entries = append(w.entries, entry{h, crc32.ChecksumIEEE(w.buf[start:]), int64(start)})
	return h
}

// finish completes the pack and returns it, its index and its base name.
func (w *packWriter) finish() (pack, index []byte, name string) {
	binary.BigEndian.PutUint32(w.buf[8:], uint32(len(w.entries)))
	sum := sha1.Sum(w.buf)
	w.buf = append(w.buf, sum[:]...)
	return w.buf, encodeIndex(w.entries, sum[:]), packBase(sum[:])
}

func packBase(sum []byte) string { return "pack-" + plumbing.Hash(sum).String() }

// hashObject returns an object's id. Our own content is hashed with the plain
// SHA-1, which is three times as fast as the one that detects collisions;
// what comes from outside goes through git or go-git, which detect them.
func hashObject(t plumbing.ObjectType, data []byte) (h plumbing.Hash) {
	d := sha1.New()
	var head [32]byte
	b := append(head[:0], t.Bytes()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(data)), 10)
	d.Write(append(b, 0))
	d.Write(data)
	d.Sum(h[:0])
	return h
}

// appendEntryHeader writes type and size: 4 bits of size beside the type, then
// 7 a byte, lowest first.
func appendEntryHeader(b []byte, t plumbing.ObjectType, size int) []byte {
	c := byte(t)<<4 | byte(size&15)
	for size >>= 4; size != 0; size >>= 7 {
		b = append(b, c|0x80)
		c = byte(size & 0x7f)
	}
	return append(b, c)
}

// appendOffset writes how far before its own entry the base of a delta is: 7
// bits a byte, highest first, each but the last one less than it counts.
func appendOffset(b []byte, back int64) []byte {
	var text [10]byte
	at := len(text) - 1
	text[at] = byte(back & 0x7f)
	for back >>= 7; back > 0; back >>= 7 {
		back--
		at--
		text[at] = 0x80 | byte(back&0x7f)
	}
	return append(b, text[at:]...)
}

// encodeIndex returns a pack's version 2 index. It sorts entries by hash.
func encodeIndex(entries []entry, packSum []byte) []byte {
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	b := make([]byte, 0, indexFixed+len(entries)*28)
	b = append(b, "\xfftOc\x00\x00\x00\x02"...)
	n := 0
	for first := range 256 {
		for n < len(entries) && int(entries[n].hash[0]) == first {
			n++
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, e := range entries {
		b = append(b, e.hash[:]...)
	}
	for _, e := range entries {
		b = binary.BigEndian.AppendUint32(b, e.crc)
	}
	b = appendOffsets(b, entries)
	b = append(b, packSum...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// appendOffsets writes 4 bytes an entry; offsets from 2 GiB on go to a second
// table of 8 bytes each.
func appendOffsets(b []byte, entries []entry) []byte {
	var large []int64
	for _, e := range entries {
		off := uint32(e.offset)
		if e.offset >= 1<<31 {
			off = 1<<31 | uint32(len(large))
			large = append(large, e.offset)
		}
		b = binary.BigEndian.AppendUint32(b, off)
	}
	for _, off := range large {
		b = binary.BigEndian.AppendUint64(b, uint64(off))
	}
	return b
}
