package index

import (
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"slices"

	"skein/gitstore/event"
)

// sight is one message in one receipt: the message's place in its part, the
// state, and when. All are kept, so that a receipt can be taken back.
type sight uint64

// partSize is how many messages share a row of sights for each agent.
const partSize = 64

const (
	sightAcked sight = 1 << 57
	sightAt          = 1<<57 - 1
)

func newSight(e *event.Event) sight {
	s := sight(max(e.At.UnixMilli(), 0)) & sightAt
	if e.State == event.StateAcknowledged {
		s |= sightAcked
	}
	return s
}

func (s sight) place() int64               { return int64(s >> 58) }
func (s sight) of(place int64) sight       { return s&(sightAcked|sightAt) | sight(place)<<58 }
func (s sight) acked() bool                { return s&sightAcked != 0 }
func (s sight) at() int64                  { return int64(s & sightAt) }
func decodeSight(b []byte) sight           { return sight(binary.BigEndian.Uint64(b)) }
func compareSights(a, b sight) int         { return cmp.Compare(a, b) }
func appendSight(b []byte, s sight) []byte { return binary.BigEndian.AppendUint64(b, uint64(s)) }

func encodeSights(sights []sight, part, agent int64) []byte {
	b := make([]byte, 0, 8*len(sights)+sealSize)
	for _, s := range sights {
		b = appendSight(b, s)
	}
	return seal(b, part, agent)
}

func decodeSights(sealed []byte, part, agent int64) ([]sight, error) {
	b, err := unseal(sealed, part, agent)
	if err != nil {
		return nil, err
	}
	if len(b)%8 != 0 {
		return nil, damaged("receipts of agent %d are cut short", agent)
	}
	sights := make([]sight, 0, len(b)/8)
	for ; len(b) > 0; b = b[8:] {
		sights = append(sights, decodeSight(b))
	}
	return sights, nil
}

// part is an agent's sights of partSize messages, sorted.
type part struct {
	sights  []sight
	changed bool
}

// partKey orders as the table does.
type partKey struct{ part, agent int64 }

func comparePartKeys(a, b partKey) int {
	return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.agent, b.agent))
}

// sightsOf returns those of one message among the sights of its part.
func sightsOf(all []sight, place int64) []sight {
	from, _ := slices.BinarySearchFunc(all, sight(0).of(place), compareSights)
	to := from
	for to < len(all) && all[to].place() == place {
		to++
	}
	return all[from:to]
}

func (p *part) add(s sight) {
	at, _ := slices.BinarySearchFunc(p.sights, s, compareSights)
	p.sights = slices.Insert(p.sights, at, s)
	p.changed = true
}

// remove takes one sight away; ok is false if there is none such.
func (p *part) remove(s sight) (ok bool) {
	at, ok := slices.BinarySearchFunc(p.sights, s, compareSights)
	if ok {
		p.sights = slices.Delete(p.sights, at, at+1)
		p.changed = true
	}
	return ok
}

const (
	addPendingSQL    = `INSERT INTO pending(id, agent, sight) VALUES(?, ?, ?)`
	removePendingSQL = `DELETE FROM pending WHERE rowid = (SELECT rowid FROM pending WHERE id = ? AND agent = ? AND sight = ? LIMIT 1)`
	readPendingSQL   = `SELECT agent, sight FROM pending WHERE id = ?`
	clearPendingSQL  = `DELETE FROM pending WHERE id = ?`
	anyPendingSQL    = `SELECT EXISTS(SELECT 1 FROM pending)`
)

// addReceipt marks the messages of a receipt. Those that are not there yet are
// left in the table pending, where their coming finds it.
func (w *writer) addReceipt(a *agent, e *event.Event) error {
	s := newSight(e)
	for _, id := range e.Messages {
		found, err := w.find(id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			w.pending = true
			if err := w.c.exec(addPendingSQL, id[:], a.n, int64(s)); err != nil {
				return err
			}
		}
		for _, n := range found {
			if err := w.addSight(n, a, s); err != nil {
				return err
			}
		}
	}
	w.wrote(a, s.at())
	return nil
}

func (w *writer) addSight(n int64, a *agent, s sight) error {
	p, err := w.part(n/partSize, a)
	if err != nil {
		return err
	}
	p.add(s.of(n % partSize))
	bx, err := w.boxToChange(a, n/blockSize)
	if err != nil {
		return err
	}
	bx.seen.set(n % blockSize)
	w.touch(a, n/blockSize)
	w.acted[a] = true
	return nil
}

// removeReceipt takes a receipt back.
func (w *writer) removeReceipt(a *agent, e *event.Event) error {
	s := newSight(e)
	for _, id := range e.Messages {
		found, err := w.find(id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			if err := w.c.exec(removePendingSQL, id[:], a.n, int64(s)); err != nil {
				return err
			}
		}
		for _, n := range found {
			if err := w.removeSight(n, a, s); err != nil {
				return err
			}
		}
	}
	w.unwrote(a, s.at())
	return nil
}

func (w *writer) removeSight(n int64, a *agent, s sight) error {
	p, err := w.part(n/partSize, a)
	if err != nil {
		return err
	}
	if !p.remove(s.of(n % partSize)) {
		return damaged("message %d has lost a receipt", n)
	}
	bx, err := w.boxToChange(a, n/blockSize)
	if err != nil {
		return err
	}
	bx.seen.put(n%blockSize, len(sightsOf(p.sights, n%partSize)) > 0)
	w.touch(a, n/blockSize)
	return nil
}

// takePending applies to a new message the receipts that came before it.
func (w *writer) takePending(n int64, id event.ID) error {
	if !w.pending {
		return nil
	}
	waiting := make(map[int64][]sight)
	err := w.c.each(context.Background(), readPendingSQL, []any{id[:]}, func(scan func(...any) error) error {
		var agent, s int64
		err := scan(&agent, &s)
		waiting[agent] = append(waiting[agent], sight(s))
		return err
	})
	if err != nil || len(waiting) == 0 {
		return err
	}
	for number, sights := range waiting {
		a, err := w.agentOf(number)
		if err != nil {
			return err
		}
		for _, s := range sights {
			if err := w.addSight(n, a, s); err != nil {
				return err
			}
		}
	}
	return w.c.exec(clearPendingSQL, id[:])
}

// readersOf returns the sights of one message, by agent.
func (w *writer) readersOf(n int64) (map[*agent][]sight, error) {
	if err := w.flushParts(); err != nil {
		return nil, err
	}
	all, err := w.c.readers(n / partSize)
	if err != nil {
		return nil, err
	}
	by := make(map[*agent][]sight)
	for number, sights := range all {
		a, err := w.agentOf(number)
		if err != nil {
			return nil, err
		}
		if one := sightsOf(sights, n%partSize); len(one) > 0 {
			by[a] = one
		}
	}
	return by, nil
}

// copySights gives a new message the receipts of others with the same id.
func (w *writer) copySights(n int64, twins []numbered) error {
	if len(twins) == 0 {
		return nil
	}
	readers, err := w.readersOf(twins[0].n)
	if err != nil {
		return err
	}
	for a, sights := range readers {
		for _, s := range sights {
			if err := w.addSight(n, a, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// leavePending puts the receipts of a message that goes back into the table
// pending, unless another message has the same id.
func (w *writer) leavePending(n int64, id event.ID) error {
	readers, err := w.readersOf(n)
	if err != nil {
		return err
	}
	twins, err := w.c.find(id)
	if err != nil {
		return err
	}
	for a, sights := range readers {
		for _, s := range sights {
			if len(twins) == 0 {
				w.pending = true
				if err := w.c.exec(addPendingSQL, id[:], a.n, int64(s.of(0))); err != nil {
					return err
				}
			}
			if err := w.removeSight(n, a, s); err != nil {
				return err
			}
		}
	}
	return nil
}

const readPartSQL = `SELECT data FROM sights WHERE part = ? AND agent = ?`

// part returns an agent's sights of a part.
func (w *writer) part(number int64, a *agent) (*part, error) {
	key := partKey{number, a.n}
	if p := w.parts[key]; p != nil {
		return p, nil
	}
	sights, err := w.c.sights(number, a.n)
	if err != nil {
		return nil, err
	}
	p := &part{sights: sights}
	w.parts[key] = p
	return p, nil
}

// sights reads an agent's sights of a part.
func (c *conn) sights(part, agent int64) ([]sight, error) {
	var data []byte
	found, err := c.row(readPartSQL, []any{part, agent}, &data)
	if err != nil || !found {
		return nil, err
	}
	return decodeSights(data, part, agent)
}

// acked returns which of the messages of a block that an agent has seen it has
// acknowledged.
func (v *View) acked(a *agent, block int64, seen *bitmap) (*bitmap, error) {
	m, looked := &bitmap{}, int64(-1)
	for place := range seen.places() {
		part := (block*blockSize + place) / partSize
		if part == looked {
			continue
		}
		looked = part
		sights, err := v.c.sights(part, a.n)
		if err != nil {
			return nil, err
		}
		for _, s := range sights {
			if s.acked() {
				m.set(part*partSize%blockSize + s.place())
			}
		}
	}
	return m, nil
}

const (
	writePartSQL = `INSERT OR REPLACE INTO sights(part, agent, data) VALUES(?, ?, ?)`
	clearPartSQL = `DELETE FROM sights WHERE part = ? AND agent = ?`
)

func (w *writer) flushParts() error {
	for _, key := range slices.SortedFunc(maps.Keys(w.parts), comparePartKeys) {
		p, err := w.parts[key], error(nil)
		switch {
		case !p.changed:
		case len(p.sights) > 0:
			err = w.c.exec(writePartSQL, key.part, key.agent, encodeSights(p.sights, key.part, key.agent))
		default:
			err = w.c.exec(clearPartSQL, key.part, key.agent)
		}
		if err != nil {
			return err
		}
	}
	clear(w.parts)
	return nil
}
