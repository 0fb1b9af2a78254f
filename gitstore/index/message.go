package index

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"

	"skein/gitstore/event"
)

// Message is where a message lies. The rest is in the blob.
type Message struct {
	ID     event.ID
	Dir    string   // of the tree of main, with slashes
	Blob   [20]byte // the content's hash
	Thread event.ThreadRef

	n int64
}

// record is a row of messages.
type record struct {
	id      event.ID
	blob    [20]byte
	dir     int64 // in dirs
	thread  int64 // in threads
	from    int64 // in agents
	flags   byte
	expires int64 // Unix milliseconds; 0: never
	at      int64 // Unix milliseconds
}

// Flags of a record.
const (
	toNobody   = 1 << iota // it names no recipients: it is for the thread's members
	toEveryone             // it names "*"
	needAck                // it stays in the inbox when it has expired
)

func (r *record) encode(n int64) []byte {
	b := make([]byte, 0, 80)
	b = append(b, r.id[:]...)
	b = append(b, r.blob[:]...)
	b = append(b, r.flags)
	for _, v := range []int64{r.dir, r.thread, r.from, r.expires, r.at - r.id.Time().UnixMilli()} {
		b = binary.AppendVarint(b, v)
	}
	return seal(b, n)
}

func (r *record) decode(n int64, sealed []byte) error {
	b, err := unseal(sealed, n)
	if err != nil {
		return err
	}
	if len(b) < 37 {
		return damaged("message %d has %d bytes", n, len(b))
	}
	copy(r.id[:], b)
	copy(r.blob[:], b[16:])
	r.flags = b[36]
	b = b[37:]
	for _, v := range []*int64{&r.dir, &r.thread, &r.from, &r.expires, &r.at} {
		size := 0
		if *v, size = binary.Varint(b); size <= 0 {
			return damaged("message %d is cut short", n)
		}
		b = b[size:]
	}
	r.at += r.id.Time().UnixMilli()
	return nil
}

// shortOf is the number that an id's short form stands for: its last 40 bits.
func shortOf(id event.ID) int64 { return int64(binary.BigEndian.Uint64(id[8:]) & (1<<40 - 1)) }

// dirID names a directory by its path, so that no table is needed to find it.
func dirID(dir string) int64 {
	sum := sha256.Sum256([]byte(dir))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 16)
}

const (
	readMessageSQL  = `SELECT data FROM messages WHERE n = ?`
	rangeMessageSQL = `SELECT n, data FROM messages WHERE n BETWEEN ? AND ?`
	findMessageSQL  = `SELECT n, data FROM messages WHERE short BETWEEN ? AND ?`
	readDirSQL      = `SELECT path FROM dirs WHERE id = ?`
)

// record reads a message that must be there.
func (c *conn) record(n int64) (r record, err error) {
	var data []byte
	found, err := c.row(readMessageSQL, []any{n}, &data)
	if err == nil && !found {
		err = damaged("message %d is missing", n)
	}
	if err != nil {
		return r, err
	}
	return r, r.decode(n, data)
}

// numbered is a record and its number.
type numbered struct {
	n int64
	record
}

// records reads rows of a number and a record.
func (c *conn) records(ctx context.Context, query string, args []any, do func(numbered) error) error {
	var m numbered
	var data sql.RawBytes
	return c.each(ctx, query, args, func(scan func(...any) error) error {
		if err := scan(&m.n, &data); err != nil {
			return err
		}
		if err := m.decode(m.n, data); err != nil {
			return err
		}
		return do(m)
	})
}

// find returns the messages with that id: hardly ever more than one.
func (c *conn) find(id event.ID) (found []numbered, err error) {
	short := shortOf(id)
	err = c.records(context.Background(), findMessageSQL, []any{short, short}, func(m numbered) error {
		if m.id == id {
			found = append(found, m)
		}
		return nil
	})
	return found, err
}

// message completes a record for the caller.
func (v *View) message(m numbered) (Message, error) {
	var dir string
	found, err := v.c.row(readDirSQL, []any{m.dir}, &dir)
	if err == nil && (!found || dirID(dir) != m.dir) {
		err = damaged("directory %x is missing", m.dir)
	}
	if err != nil {
		return Message{}, err
	}
	ref, err := v.threadRef(m.thread)
	return Message{ID: m.id, Dir: dir, Blob: m.blob, Thread: ref, n: m.n}, err
}

func (v *View) messages(found []numbered) ([]Message, error) {
	all := make([]Message, len(found))
	for i, m := range found {
		var err error
		if all[i], err = v.message(m); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Find returns the messages that an id or an abbreviation, as
// event.Abbreviation returns it, can stand for, in the order of their ids.
func (v *View) Find(abbrev string) ([]Message, error) {
	least, most, err := shortRange(abbrev)
	if err != nil {
		return nil, err
	}
	var found []numbered
	err = v.c.records(v.ctx, findMessageSQL, []any{least, most}, func(m numbered) error {
		if m.id.Matches(abbrev) {
			found = append(found, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sortByID(found)
	return v.messages(found)
}

// shortRange returns the numbers between which the short forms lie that an
// abbreviation begins.
func shortRange(abbrev string) (least, most int64, err error) {
	const shortLen = 8
	if len(abbrev) > shortLen {
		id, err := event.ParseID(abbrev)
		return shortOf(id), shortOf(id), err
	}
	const first = "00000000000000000000000000"
	pad := func(digit string) (int64, error) {
		text := first[:len(first)-shortLen-1] + "1" + abbrev
		for len(text) < len(first) {
			text += digit
		}
		id, err := event.ParseID(text)
		return shortOf(id), err
	}
	if least, err = pad("0"); err == nil {
		most, err = pad("z")
	}
	return least, most, err
}
