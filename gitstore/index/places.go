package index

import (
	"cmp"
	"context"
	"slices"

	"skein/gitstore/event"
)

// A receipt names messages by id. To look one up in the table is a statement of
// SQLite's, and a first update has as many as messages: so an update that has
// looked up many reads the ids of whole blocks, and finds the rest there, which
// BenchmarkFind holds against each other.

const (
	// fewFinds is how many ids an update looks up in the table before it reads
	// a block, which takes about as long.
	fewFinds = 256
	// mostPlaces is how many blocks have their ids in memory, 100 KB each.
	mostPlaces = 64
)

// place is where the message of an id is.
type place struct {
	id event.ID
	n  int64
}

// find returns the numbers of the messages with that id: hardly ever more than
// one.
func (w *writer) find(id event.ID) (found []int64, err error) {
	if w.finds++; w.finds > fewFinds {
		return w.findInBlocks(id)
	}
	all, err := w.c.find(id)
	for _, m := range all {
		found = append(found, m.n)
	}
	return found, err
}

// findInBlocks looks into the blocks that may hold the id.
func (w *writer) findInBlocks(id event.ID) (found []int64, err error) {
	for number := range w.state.lastBlock() + 1 {
		b, err := w.block(number)
		if err != nil {
			return nil, err
		}
		if id.Compare(b.least) < 0 || id.Compare(b.most) > 0 {
			continue
		}
		places, err := w.placesOf(number)
		if err != nil {
			return nil, err
		}
		i, _ := slices.BinarySearchFunc(places, id, func(p place, id event.ID) int { return p.id.Compare(id) })
		for ; i < len(places) && places[i].id == id; i++ {
			found = append(found, places[i].n)
		}
	}
	return found, nil
}

// placesOf returns the ids of a block, in their order.
func (w *writer) placesOf(number int64) (all []place, err error) {
	if all, ok := w.places[number]; ok {
		return all, nil
	}
	first := number * blockSize
	err = w.c.records(context.Background(), rangeMessageSQL, []any{first, first + blockSize - 1}, func(m numbered) error {
		all = append(all, place{m.id, m.n})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b place) int { return cmp.Or(a.id.Compare(b.id), cmp.Compare(a.n, b.n)) })
	if len(w.places) >= mostPlaces {
		clear(w.places)
	}
	w.places[number] = all
	return all, nil
}
