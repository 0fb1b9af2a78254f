package odb

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
)

// A journal record, integers in big-endian order:
//
//	magic "SKJ1"  4 bytes
//	crc           4 bytes   CRC-32C of everything after it
//	generation    8 bytes   random; the same in all records since a checkpoint
//	sequence      8 bytes   one more than the record before
//	boot          8 bytes   which start of the machine wrote it
//	previous      4 bytes   crc of the record before; 0 in a checkpoint
//	moves         4 bytes   number of ref moves
//	length        4 bytes   of the payload in bytes
//	payload                 moves, then the pack (empty in a checkpoint)
//
// and a move: length of the ref's name (2 bytes), the name, old and new object
// ids (20 bytes each; zero: none).
//
// The file is written over again and again, so old records lie behind the
// newest. Generation, sequence and previous tell them apart: what follows a
// record that was replaced is never taken for its successor. What a batch
// carries cannot pass for a record, since it cannot know the generation.
const (
	journalMagic = "SKJ1"
	recordHeader = 44
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// move is one ref's change in a batch.
type move struct {
	ref      plumbing.ReferenceName
	old, new plumbing.Hash
}

// record is what one batch, or one checkpoint, left in the journal.
type record struct {
	generation uint64
	seq        uint64
	boot       uint64
	previous   uint32
	sum        uint32 // crc
	moves      []move
	pack       []byte

	stray bool // the record before it in its generation is missing
}

// packName returns the base name of the record's pack, "" if it has none.
func (r *record) packName() string {
	if len(r.pack) < sha1.Size {
		return ""
	}
	return packBase(r.pack[len(r.pack)-sha1.Size:])
}

func recordSize(moves []move, pack []byte) int64 {
	size := recordHeader + len(pack)
	for _, m := range moves {
		size += 2 + len(m.ref) + 40
	}
	return int64(size)
}

func encodeRecord(r record) []byte {
	b := make([]byte, recordHeader, recordSize(r.moves, r.pack))
	copy(b, journalMagic)
	binary.BigEndian.PutUint64(b[8:], r.generation)
	binary.BigEndian.PutUint64(b[16:], r.seq)
	binary.BigEndian.PutUint64(b[24:], r.boot)
	binary.BigEndian.PutUint32(b[32:], r.previous)
	binary.BigEndian.PutUint32(b[36:], uint32(len(r.moves)))
	for _, m := range r.moves {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m.ref)))
		b = append(b, m.ref...)
		b = append(b, m.old[:]...)
		b = append(b, m.new[:]...)
	}
	b = append(b, r.pack...)
	binary.BigEndian.PutUint32(b[40:], uint32(len(b)-recordHeader))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// recordSum returns the crc of an encoded record.
func recordSum(data []byte) uint32 { return binary.BigEndian.Uint32(data[4:]) }

// readRecord reads the record at off and returns its size. The record is nil
// where there is none: torn, voided, never written.
func readRecord(f io.ReaderAt, off int64) (*record, int64, error) {
	head := make([]byte, recordHeader)
	if whole, err := readFull(f, head, off); !whole {
		return nil, 0, err
	}
	length := int64(binary.BigEndian.Uint32(head[40:]))
	if string(head[:4]) != journalMagic || off+recordHeader+length > journalSize {
		return nil, 0, nil
	}
	payload := make([]byte, length)
	if whole, err := readFull(f, payload, off+recordHeader); !whole {
		return nil, 0, err
	}
	sum := crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, payload)
	if sum != binary.BigEndian.Uint32(head[4:]) {
		return nil, 0, nil
	}
	r := &record{
		generation: binary.BigEndian.Uint64(head[8:]),
		seq:        binary.BigEndian.Uint64(head[16:]),
		boot:       binary.BigEndian.Uint64(head[24:]),
		previous:   binary.BigEndian.Uint32(head[32:]),
		sum:        sum,
	}
	if !r.decode(payload, binary.BigEndian.Uint32(head[36:])) {
		return nil, 0, nil
	}
	return r, recordHeader + length, nil
}

// readFull fills b from off, unless the file ends before.
func readFull(f io.ReaderAt, b []byte, off int64) (whole bool, err error) {
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return true, nil
	}
	if err == io.EOF {
		err = nil
	}
	return false, err
}

func (r *record) decode(payload []byte, moves uint32) bool {
	for range moves {
		if len(payload) < 2 {
			return false
		}
		n := int(binary.BigEndian.Uint16(payload))
		if len(payload) < 2+n+40 {
			return false
		}
		m := move{ref: plumbing.ReferenceName(payload[2 : 2+n])}
		copy(m.old[:], payload[2+n:])
		copy(m.new[:], payload[2+n+20:])
		r.moves = append(r.moves, m)
		payload = payload[2+n+40:]
	}
	r.pack = payload
	return true
}

// scanRecords returns the records of the generation that data begins with,
// oldest first. Records behind one that is damaged are found as well, and
// marked as stray. There are none if the first record is damaged.
func scanRecords(data []byte) ([]record, error) {
	f := bytes.NewReader(data)
	first, size, err := readRecord(f, 0)
	if err != nil || first == nil {
		return nil, err
	}
	all := []record{*first}
	for off := size; ; off += size {
		next := bytes.Index(data[off:], []byte(journalMagic))
		if next < 0 {
			return all, nil
		}
		off += int64(next)
		r, n, err := readRecord(f, off)
		if err != nil {
			return nil, err
		}
		last := &all[len(all)-1]
		if r == nil || r.generation != first.generation || r.seq <= last.seq {
			size = int64(len(journalMagic))
			continue
		}
		r.stray = last.stray || r.previous != last.sum
		all, size = append(all, *r), n
	}
}
