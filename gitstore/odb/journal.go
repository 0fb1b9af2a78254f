package odb

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// The journal is a preallocated file of records, each a batch: the refs it
// moves and the pack it adds. Writing a record costs one flush of one file
// whose blocks are allocated already, where a durable pack, index and ref
// would cost four. Once packs and refs are durable by themselves (checkpoint)
// the next record starts the file afresh.
//
// The first record is always a checkpoint, which is short and tells the refs.
const (
	journalSize   = 4 << 20
	maxCheckpoint = 32 << 10 // bytes of a checkpoint; refs beyond are left out
)

// journal is this process's view of the journal file. Its fields are touched
// under the store's lock only.
type journal struct {
	path string
	opts Options
	boot uint64

	tips map[plumbing.ReferenceName]plumbing.Hash // what the records so far moved the refs to

	file File     // for writing; opened at the first use
	read *os.File // for reading

	note     File // announceFile, for writing and for reading
	noteRead *os.File

	generation uint64 // of the records so far; 0: none is known
	next       uint64 // sequence number of the next record
	sum        uint32 // crc of the last record
	end        int64  // offset of the next record; 0: a checkpoint must come first
}

func (j *journal) init(path string, o Options) {
	j.path, j.opts = path, o
	j.tips = map[plumbing.ReferenceName]plumbing.Hash{}
	sum := sha1.Sum([]byte(o.Boot))
	j.boot = binary.BigEndian.Uint64(sum[:])
}

func (j *journal) close() error {
	var err error
	for _, f := range []File{j.file, j.note} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	for _, f := range []*os.File{j.read, j.noteRead} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	j.file, j.note, j.read, j.noteRead = nil, nil, nil, nil
	return err
}

// open opens the file, and allocates it if it is not there.
func (j *journal) open() error {
	if j.file != nil && j.current() {
		return nil
	}
	_ = j.close() // of a file that was removed by hand: nothing in it matters any more
	file, err := j.opts.FS.OpenFile(j.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err = j.allocate(); err != nil {
			return err
		}
		file, err = j.opts.FS.OpenFile(j.path, os.O_RDWR, 0)
	}
	if err != nil {
		return err
	}
	j.file = file
	if j.read, err = os.Open(j.path); err == nil {
		err = j.refill()
	}
	if err != nil {
		return errors.Join(err, j.close())
	}
	return nil
}

// refill allocates again what a file that was cut short lacks.
func (j *journal) refill() error {
	info, err := j.read.Stat()
	if err != nil || info.Size() >= journalSize {
		return err
	}
	if _, err := j.file.WriteAt(make([]byte, journalSize-info.Size()), info.Size()); err != nil {
		return err
	}
	return j.file.Sync()
}

// current says whether the open file is still the one that other processes
// see under its name.
func (j *journal) current() bool {
	ours, err := j.read.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(j.path)
	return err == nil && os.SameFile(ours, named)
}

// allocate makes the file. The zeros are written, not only reserved: writing
// into reserved space is a change of metadata, which costs a transaction of
// the file system each time.
func (j *journal) allocate() error {
	dir := filepath.Dir(j.path)
	if err := writeAtomic(j.opts.FS, j.path, 0o600, true, make([]byte, journalSize)); err != nil {
		return err
	}
	if err := j.opts.FS.SyncDir(dir); err != nil {
		return err
	}
	return j.opts.FS.SyncDir(filepath.Dir(dir))
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
		j.generation, j.end = 0, 0
		j.next = max(j.next, uint64(time.Now().UnixNano()))
		return nil
	}
	if first.generation != j.generation {
		j.begin(first.generation, first.seq)
	}
	for {
		r, size, err := readRecord(j.read, j.end)
		if err != nil {
			return err
		}
		if r == nil || r.generation != j.generation || r.seq != j.next || r.previous != j.sum {
			return nil
		}
		j.step(r.moves, r.sum, size)
	}
}

// begin forgets the records so far: a checkpoint has come.
func (j *journal) begin(generation, seq uint64) {
	j.generation, j.next, j.sum, j.end = generation, seq, 0, 0
	clear(j.tips)
}

// step moves past a record.
func (j *journal) step(moves []move, sum uint32, size int64) {
	j.next++
	j.sum = sum
	j.end += size
	for _, m := range moves {
		j.tips[m.ref] = m.new
	}
}

// knows says whether a batch with these moves would start from the refs as the
// journal has them.
func (j *journal) knows(moves []move) bool {
	return !slices.ContainsFunc(moves, func(m move) bool {
		tip := j.tips[m.ref]
		return !tip.IsZero() && tip != m.old
	})
}

// openNote opens the note of what the refs' locks hold.
func (j *journal) openNote() error {
	if j.note != nil {
		return nil
	}
	name := filepath.Join(filepath.Dir(j.path), announceFile)
	note, err := j.opts.FS.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	read, err := os.Open(name)
	if err != nil {
		return errors.Join(err, note.Close())
	}
	j.note, j.noteRead = note, read
	return nil
}

// fits says whether a record has room before the next checkpoint. catchUp
// comes first.
func (j *journal) fits(moves []move, pack []byte) bool {
	return j.end > 0 && j.end+recordSize(moves, pack) <= journalSize
}

// append writes a record behind the last one and makes it durable. It returns
// the record for step, which is called once nothing can take it back, also if
// it fails: then void takes back what may have been written.
func (j *journal) append(moves []move, pack []byte) (data []byte, err error) {
	data = encodeRecord(record{
		generation: j.generation, seq: j.next, boot: j.boot, previous: j.sum, moves: moves, pack: pack,
	})
	if _, err := j.file.WriteAt(data, j.end); err != nil {
		return data, err
	}
	return data, j.file.Datasync()
}

// void takes back the record that append wrote, or failed to write, durably.
func (j *journal) void() error {
	if _, err := j.file.WriteAt(make([]byte, recordHeader), j.end); err != nil {
		return err
	}
	return j.file.Datasync()
}

// restart begins the journal afresh with the refs as they stand. Everything
// in it must be durable elsewhere. The record itself needs no flush: without
// it the old records are replayed, which changes nothing.
func (j *journal) restart(refs []move) error {
	r := record{generation: rand.Uint64(), seq: j.next, boot: j.boot}
	for _, m := range refs {
		if r.moves = append(r.moves, m); recordSize(r.moves, nil) > maxCheckpoint {
			r.moves = r.moves[:len(r.moves)-1]
			break
		}
	}
	data := encodeRecord(r)
	if _, err := j.file.WriteAt(data, 0); err != nil {
		j.generation, j.end = 0, 0
		return err
	}
	j.begin(r.generation, r.seq)
	j.step(r.moves, recordSum(data), int64(len(data)))
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
	return scanRecords(data[:min(len(data), journalSize)])
}

// ofThisBoot says whether the journal was begun since the machine was started.
// If not, what was written beside it may be lost. A missing file is of this
// boot: it comes before everything else.
func (j *journal) ofThisBoot() (bool, error) {
	f, err := os.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	first, _, err := readRecord(f, 0)
	if err != nil || first == nil {
		return false, err
	}
	return j.opts.Boot != "" && first.boot == j.boot, nil
}
