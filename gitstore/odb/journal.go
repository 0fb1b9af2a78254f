package odb

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// The journal is a preallocated file of records, each a batch: the refs it
// moves and the pack it adds. Writing a record costs one flush of one file
// whose blocks are allocated already, where a durable pack, index and ref
// would cost four. Once packs and refs are durable by themselves (checkpoint)
// the next record starts the file afresh; records before a checkpoint are
// recognised by their lower sequence number.
//
// The first record is always a checkpoint, which is short and tells the refs.
//
// A record, integers in big-endian order:
//
//	magic "SKJ1"  4 bytes
//	crc           4 bytes   CRC-32C of everything after it
//	boot          8 bytes   which start of the machine wrote it
//	sequence      8 bytes   one more than the record before
//	moves         4 bytes   number of ref moves
//	length        4 bytes   of the payload in bytes
//	payload                 moves, then the pack (empty in a checkpoint)
//
// and a move: length of the ref's name (2 bytes), the name, old and new object
// ids (20 bytes each; zero: none).
const (
	journalSize  = 4 << 20
	recordHeader = 32
	journalMagic = "SKJ1"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// move is one ref's change in a batch.
type move struct {
	ref      plumbing.ReferenceName
	old, new plumbing.Hash
}

// record is what one batch, or one checkpoint, left in the journal.
type record struct {
	seq   uint64
	boot  uint64
	moves []move
	pack  []byte
}

// packName returns the base name of the record's pack, "" if it has none.
func (r *record) packName() string {
	if len(r.pack) < sha1.Size {
		return ""
	}
	return packBase(r.pack[len(r.pack)-sha1.Size:])
}

// journal is this process's view of the journal file. Its fields are touched
// under the store's lock only.
type journal struct {
	path string
	opts Options
	boot uint64

	tips map[plumbing.ReferenceName]plumbing.Hash // what the records so far moved the refs to

	file  File     // for writing; opened at the first append
	note  File     // announceFile
	read  *os.File // for reading
	first uint64   // sequence number of the record at offset 0; 0: unknown
	next  uint64   // sequence number of the next record
	end   int64    // offset of the next record
	last  int64    // offset of the last record, for void
}

func (j *journal) init(path string, o Options) {
	j.path, j.opts = path, o
	j.tips = map[plumbing.ReferenceName]plumbing.Hash{}
	sum := sha1.Sum([]byte(o.Boot))
	j.boot = binary.BigEndian.Uint64(sum[:])
}

func (j *journal) close() error {
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	if j.note != nil {
		err = errors.Join(err, j.note.Close())
	}
	if j.read != nil {
		err = errors.Join(err, j.read.Close())
	}
	j.file, j.note, j.read = nil, nil, nil
	return err
}

// open opens the file, and allocates it if it is not there. The zeros are
// written, not only reserved: writing into reserved space is a change of
// metadata, which costs a transaction of the file system each time.
func (j *journal) open() error {
	if j.file != nil {
		return nil
	}
	file, err := j.opts.FS.OpenFile(j.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err = writeAtomic(j.opts.FS, j.path, 0o600, true, make([]byte, journalSize)); err != nil {
			return err
		}
		if err = j.opts.FS.SyncDir(filepath.Dir(j.path)); err != nil {
			return err
		}
		file, err = j.opts.FS.OpenFile(j.path, os.O_RDWR, 0)
	}
	if err != nil {
		return err
	}
	read, err := os.Open(j.path)
	if err != nil {
		_ = file.Close()
		return err
	}
	j.file, j.read = file, read
	return nil
}

// catchUp moves past the records that other processes have written.
func (j *journal) catchUp() error {
	if err := j.open(); err != nil {
		return err
	}
	first, _, err := readRecord(j.read, 0)
	if err != nil {
		return err
	}
	if first == nil {
		// New, or nothing in it can be believed. Counting goes on from the
		// clock, above whatever an older record may say.
		j.first, j.end = 0, 0
		j.next = max(j.next, uint64(time.Now().UnixNano()))
		return nil
	}
	if first.seq != j.first {
		j.first, j.next, j.end = first.seq, first.seq, 0
		clear(j.tips)
	}
	for {
		r, size, err := readRecord(j.read, j.end)
		if err != nil {
			return err
		}
		if r == nil || r.seq != j.next {
			return nil
		}
		j.end += size
		j.next++
		j.learn(r.moves)
	}
}

func (j *journal) learn(moves []move) {
	for _, m := range moves {
		j.tips[m.ref] = m.new
	}
}

// announce overwrites the note of what the refs' locks will hold.
func (j *journal) announce(note []byte) error {
	if j.note == nil {
		file, err := j.opts.FS.OpenFile(filepath.Join(filepath.Dir(j.path), announceFile), os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		j.note = file
	}
	_, err := j.note.WriteAt(note, 0)
	return err
}

// fits says whether a record with a payload of n bytes has room before the
// next checkpoint. catchUp comes first.
func (j *journal) fits(moves []move, pack []byte) bool {
	return j.end+recordSize(moves, pack) <= journalSize
}

// append writes a record behind the last one and makes it durable.
func (j *journal) append(moves []move, pack []byte) error {
	data := encodeRecord(record{seq: j.next, boot: j.boot, moves: moves, pack: pack})
	if _, err := j.file.WriteAt(data, j.end); err != nil {
		return err
	}
	if err := j.file.Datasync(); err != nil {
		return err
	}
	j.last = j.end
	j.end += int64(len(data))
	j.next++
	j.learn(moves)
	return nil
}

// void takes back the record that append wrote last, durably.
func (j *journal) void() error {
	if _, err := j.file.WriteAt(make([]byte, recordHeader), j.last); err != nil {
		return err
	}
	j.end = j.last
	j.next--
	return j.file.Datasync()
}

// restart begins the journal afresh with the refs as they stand. Everything
// in it must be durable elsewhere. The record itself needs no flush: without
// it the old records are replayed, which changes nothing.
func (j *journal) restart(refs []move) error {
	data := encodeRecord(record{seq: j.next, boot: j.boot, moves: refs})
	if _, err := j.file.WriteAt(data, 0); err != nil {
		return err
	}
	j.first, j.end = j.next, int64(len(data))
	j.next++
	j.learn(refs)
	return nil
}

// records reads what the journal holds, oldest first. A missing file is an
// empty journal.
func (j *journal) records() ([]record, error) {
	data, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []record
	for off := int64(0); ; {
		r, size, err := readRecord(bytes.NewReader(data), off)
		if err != nil {
			return nil, err
		}
		if r == nil || len(all) > 0 && r.seq != all[len(all)-1].seq+1 {
			return all, nil
		}
		all = append(all, *r)
		off += size
	}
}

// startedBeforeBoot says whether the first record is from before the machine
// was last started, so that what followed it may be lost elsewhere.
func (j *journal) startedBeforeBoot() (bool, error) {
	f, err := os.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	first, _, err := readRecord(f, 0)
	if err != nil || first == nil {
		return false, err
	}
	return j.opts.Boot == "" || first.boot != j.boot, nil
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
	binary.BigEndian.PutUint64(b[8:], r.boot)
	binary.BigEndian.PutUint64(b[16:], r.seq)
	binary.BigEndian.PutUint32(b[24:], uint32(len(r.moves)))
	for _, m := range r.moves {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m.ref)))
		b = append(b, m.ref...)
		b = append(b, m.old[:]...)
		b = append(b, m.new[:]...)
	}
	b = append(b, r.pack...)
	binary.BigEndian.PutUint32(b[28:], uint32(len(b)-recordHeader))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// readRecord reads the record at off and returns its size. The record is nil
// where there is none: torn, voided, never written.
func readRecord(f io.ReaderAt, off int64) (*record, int64, error) {
	head := make([]byte, recordHeader)
	if n, err := f.ReadAt(head, off); n < recordHeader {
		if err == io.EOF {
			err = nil
		}
		return nil, 0, err
	}
	length := int64(binary.BigEndian.Uint32(head[28:]))
	if string(head[:4]) != journalMagic || off+recordHeader+length > journalSize {
		return nil, 0, nil
	}
	payload := make([]byte, length)
	if n, err := f.ReadAt(payload, off+recordHeader); int64(n) < length {
		if err == io.EOF {
			err = nil
		}
		return nil, 0, err
	}
	sum := crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, payload)
	if sum != binary.BigEndian.Uint32(head[4:]) {
		return nil, 0, nil
	}
	r := &record{boot: binary.BigEndian.Uint64(head[8:]), seq: binary.BigEndian.Uint64(head[16:])}
	if !r.decode(payload, binary.BigEndian.Uint32(head[24:])) {
		return nil, 0, nil
	}
	return r, recordHeader + length, nil
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
