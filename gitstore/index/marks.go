package index

import (
	"slices"

	"skein/gitstore/event"
)

// A mark says at which state of main all messages of lesser numbers were there.
// An update leaves one if markEvery messages have come since the last.
const markEvery = 256

const (
	lastMarkSQL = `SELECT coalesce(max(n), 0) FROM marks`
	addMarkSQL  = `INSERT INTO marks(n, main) VALUES(?, ?)`
	findMarkSQL = `SELECT n, main FROM marks WHERE n > ? ORDER BY n LIMIT 1`
)

// mark marks the state that the update leads to.
func (w *writer) mark() error {
	var last int64
	if _, err := w.c.row(lastMarkSQL, nil, &last); err != nil || w.state.next-last < markEvery {
		return err
	}
	return w.c.exec(addMarkSQL, w.state.next, seal(slices.Clone(w.state.Main[:]), w.state.next))
}

// Since returns a state of main at which the message of that id was there, the
// first that is marked: what brought the message is not far behind it, unless
// history was rewritten since. found is false if there is no such message.
func (v *View) Since(id event.ID) (main [20]byte, found bool, err error) {
	messages, err := v.c.find(id)
	if err != nil || len(messages) == 0 {
		return main, false, err
	}
	var n int64
	var data []byte
	marked, err := v.c.row(findMarkSQL, []any{messages[0].n}, &n, &data)
	if err != nil || !marked {
		return v.state.Main, true, err
	}
	data, err = unseal(data, n)
	copy(main[:], data)
	return main, true, err
}
