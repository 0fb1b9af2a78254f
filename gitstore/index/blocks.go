package index

import (
	"context"
	"encoding/binary"
	"slices"

	"skein/gitstore/event"
)

// block is what is known of blockSize messages together. Numbers are given as
// messages come, which is nearly the order of their ids: only what another
// machine wrote comes late.
type block struct {
	everyone bitmap // for everyone: it says so, or names nobody in an open thread
	expired  bitmap // has expired, by state.swept, and asks for no acknowledgement

	least, most event.ID // of the block's messages
	top         event.ID // the greatest in this block and those before
	late        bool     // not each id is greater than all of lower number
}

// note takes account of the id of a new message in the block.
func (b *block) note(id event.ID) {
	if b.least.IsZero() || id.Compare(b.least) < 0 {
		b.least = id
	}
	if id.Compare(b.most) > 0 {
		b.most = id
	}
	if id.Compare(b.top) > 0 {
		b.top = id
	} else {
		b.late = true
	}
}

func (b *block) encode(number int64) []byte {
	data := make([]byte, 0, 3*len(b.top)+1+2*(blockSize/8+2)+sealSize)
	for _, id := range []event.ID{b.least, b.most, b.top} {
		data = append(data, id[:]...)
	}
	if b.late {
		data = append(data, 1)
	} else {
		data = append(data, 0)
	}
	return seal(b.expired.append(b.everyone.append(data)), number)
}

func (b *block) decode(number int64, sealed []byte) error {
	data, err := unseal(sealed, number)
	if err != nil {
		return err
	}
	if len(data) < 3*len(b.top)+1 {
		return damaged("block %d is cut short", number)
	}
	for _, id := range []*event.ID{&b.least, &b.most, &b.top} {
		data = data[copy(id[:], data):]
	}
	b.late = data[0] != 0
	if data, err = b.everyone.cut(data[1:]); err == nil {
		_, err = b.expired.cut(data)
	}
	return err
}

const readBlockSQL = `SELECT data FROM blocks WHERE block = ?`

// block reads a block that must be there.
func (c *conn) block(number int64) (*block, error) {
	var data []byte
	found, err := c.row(readBlockSQL, []any{number}, &data)
	if err == nil && !found {
		err = damaged("block %d is missing", number)
	}
	if err != nil {
		return nil, err
	}
	b := &block{}
	return b, b.decode(number, data)
}

// block returns a block, which must not be modified.
func (v *View) block(number int64) (*block, error) {
	if b := v.blocks[number]; b != nil {
		return b, nil
	}
	b, err := v.c.block(number)
	if err != nil {
		return nil, err
	}
	v.blocks[number] = b
	return b, nil
}

// firstID is the least id that can have been made in that millisecond.
func firstID(ms int64) (id event.ID) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(ms, 0))<<16)
	copy(id[:6], b[:6])
	return id
}

// nextMessageSQL finds the message of that number, or the next one there is.
const nextMessageSQL = `SELECT n, data FROM messages WHERE n >= ? ORDER BY n LIMIT 1`

// since returns the places of a block whose ids are not less than id.
func (c *conn) since(number int64, b *block, id event.ID) (*bitmap, error) {
	m := &bitmap{}
	switch {
	case b.most.Compare(id) < 0:
		return m, nil
	case b.least.Compare(id) >= 0:
		for i := range m {
			m[i] = ^uint64(0)
		}
		return m, nil
	}
	first := number * blockSize
	if !b.late {
		place, err := c.firstSince(first, id)
		for ; place < blockSize; place++ {
			m.set(place)
		}
		return m, err
	}
	err := c.records(context.Background(), rangeMessageSQL, []any{first, first + blockSize - 1}, func(r numbered) error {
		if r.id.Compare(id) >= 0 {
			m.set(r.n - first)
		}
		return nil
	})
	return m, err
}

// firstSince returns the place of the first message from number first on whose
// id is not less than id, where numbers are in the order of ids.
func (c *conn) firstSince(first int64, id event.ID) (place int64, err error) {
	low, high := int64(0), int64(blockSize)
	for low < high && err == nil {
		middle := (low + high) / 2
		next, less := int64(blockSize), false
		err = c.records(context.Background(), nextMessageSQL, []any{first + middle}, func(r numbered) error {
			next, less = r.n-first, r.id.Compare(id) < 0
			return nil
		})
		if less && next < high {
			low = next + 1
		} else {
			high = middle
		}
	}
	return low, err
}

func sortByID(found []numbered) {
	slices.SortFunc(found, func(a, b numbered) int {
		if c := a.id.Compare(b.id); c != 0 {
			return c
		}
		return int(a.n - b.n)
	})
}
