package index

import (
	"skein/gitstore/event"
)

// box is what one agent has to do with the messages of one block.
type box struct {
	own  bitmap // it wrote them
	firm bitmap // they name it, or are for the members of a thread and it is one
	seen bitmap // it has a receipt for them
}

func (b *box) encode(agent, block int64) []byte {
	return seal(b.seen.append(b.firm.append(b.own.append(nil))), agent, block)
}

func (b *box) decode(agent, block int64, sealed []byte) error {
	data, err := unseal(sealed, agent, block)
	for _, m := range []*bitmap{&b.own, &b.firm, &b.seen} {
		if err == nil {
			data, err = m.cut(data)
		}
	}
	return err
}

const readBoxSQL = `SELECT data FROM boxes WHERE agent = ? AND block = ?`

// box reads a box that must be there.
func (c *conn) box(agent, block int64) (*box, error) {
	var data []byte
	found, err := c.row(readBoxSQL, []any{agent, block}, &data)
	if err == nil && !found {
		err = damaged("block %d of agent %d is missing", block, agent)
	}
	if err != nil {
		return nil, err
	}
	b := &box{}
	return b, b.decode(agent, block, data)
}

// boxState is what an agent's row says about one of its boxes.
type boxState byte

const (
	hasBox  boxState = 1 << iota // there is a row; none means an empty box
	settled                      // nothing in the block waits for the agent
)

func (a *agent) boxState(block int64) boxState {
	if block >= int64(len(a.row.Boxes)) {
		return 0
	}
	return boxState(a.row.Boxes[block])
}

// mark adds and removes flags, and tells whether that changed anything.
func (a *agent) mark(block int64, add, remove boxState) bool {
	was := a.boxState(block)
	is := was&^remove | add
	if was == is {
		return false
	}
	for int64(len(a.row.Boxes)) <= block {
		a.row.Boxes = append(a.row.Boxes, 0)
	}
	a.row.Boxes[block] = byte(is)
	return true
}

// reader is where boxes and blocks come from: a view, or the writer's caches.
type reader interface {
	block(number int64) (*block, error)
	box(a *agent, block int64) (*box, error)
	since(number int64, id event.ID) (*bitmap, error)
}

// beforeJoining is how far back messages to everyone reach an agent that has
// only just joined.
const beforeJoining = 7 * 24 * 60 * 60 * 1000 // milliseconds

// reach returns the messages of a block that are for the agent, without those
// that have expired. Messages to everyone count from the id since on.
func reach(r reader, a *agent, number int64, since event.ID) (*bitmap, *box, error) {
	bl, err := r.block(number)
	if err != nil {
		return nil, nil, err
	}
	bx, err := r.box(a, number)
	if err != nil {
		return nil, nil, err
	}
	m := &bitmap{}
	if !bl.everyone.empty() {
		recent, err := r.since(number, since)
		if err != nil {
			return nil, nil, err
		}
		m.or(&bl.everyone)
		m.and(recent)
	}
	m.or(&bx.firm)
	m.without(&bx.own)
	m.without(&bl.expired)
	return m, bx, nil
}

// emptyBox is that of an agent without a row for a block. It must not be
// modified.
var emptyBox box

func (v *View) box(a *agent, block int64) (*box, error) {
	if a.boxState(block)&hasBox == 0 {
		return &emptyBox, nil
	}
	return v.c.box(a.n, block)
}

func (v *View) since(number int64, id event.ID) (*bitmap, error) {
	b, err := v.block(number)
	if err != nil {
		return nil, err
	}
	return v.c.since(number, b, id)
}

// settle finds out for which of the blocks it is certain that nothing waits
// for the agent. The last block, to which messages are still added, never is.
func (w *writer) settle(a *agent, blocks []int64) error {
	for _, number := range blocks {
		if (number+1)*blockSize > w.state.next {
			continue
		}
		m, bx, err := reach(w, a, number, a.since())
		if err != nil {
			return err
		}
		m.without(&bx.seen)
		if m.empty() {
			w.markBox(a, number, settled, 0)
		} else {
			w.markBox(a, number, 0, settled)
		}
	}
	return nil
}

// since is the id from which on messages to everyone are for the agent. For
// one that has not joined that depends on the time of the question, so all
// are taken to be.
func (a *agent) since() event.ID {
	if a.row.Joined == 0 {
		return event.ID{}
	}
	return firstID(a.row.Joined - beforeJoining)
}
