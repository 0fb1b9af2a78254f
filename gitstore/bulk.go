package gitstore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// Record is an event that was made elsewhere or earlier, and where it belongs.
type Record struct {
	// Thread is where a message or a thread's event goes; without Thread.Thread
	// it is the place of a project's event. Events of an agent, which are
	// profiles and receipts, states and redactions have the zero value.
	Thread event.ThreadRef
	// Event has its id, whose time is the event's: At is set from it.
	Event *event.Event
}

// Import commits events that have their ids already, in the order given, one
// commit each and many with one flush: mail of other systems, or whole made-up
// stores. It may run beside other writers, who get their turn after each batch.
//
// An event whose id is there already at its place is left as it is, whatever
// else it says, so an import that was cut short can be repeated, and one that
// knows more than an earlier one brings only what is new. progress, if not nil,
// is told after each batch how many events are in the store and how many of
// them were not there before.
//
// It returns how many events are in the store and durable. Those are the first
// n; an error is of an event after them, of the disk, or of ctx. Nobody is
// joined, so the records bring the first profile of each agent, with an id
// older than what the agent does. An id that lies more than a day ahead is
// refused (*event.FutureError).
func (s *Store) Import(ctx context.Context, records iter.Seq[Record], progress func(done, added int)) (n int, err error) {
	b := bulk{s: s, progress: progress}
	for record := range records {
		r, err := s.importRequest(record)
		if err != nil {
			also := b.flush(ctx)
			return b.done, errors.Join(fmt.Errorf("event %s: %w", record.Event.ID, err), also)
		}
		if b.group = append(b.group, r); len(b.group) < importAtOnce {
			continue
		}
		if err := b.flush(ctx); err != nil {
			return b.done, err
		}
	}
	err = b.flush(ctx)
	return b.done, err
}

// importAtOnce is how many events are gathered before the lock is taken.
const importAtOnce = 512

func (s *Store) importRequest(record Record) (*request, error) {
	e := record.Event
	h := threadHome(record.Thread)
	switch {
	case e.Kind == event.KindState:
		h = home{key: event.KeyDir(e.Key)}
	case e.Kind == event.KindRedaction:
		h = home{redactions: true}
	case h == (home{}):
		h.agent = e.From
	}
	if !h.valid() || !h.takes(e) {
		return nil, fmt.Errorf("%s is no place for a %q event of %s", h, e.Kind, e.From)
	}
	e.At = e.ID.Time()
	file, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	r := newRequest(h, e)
	r.file = file
	return r, s.clock.Observe(e.ID)
}

// bulk is an import under way.
type bulk struct {
	s        *Store
	progress func(done, added int)

	group       []*request
	done, added int
}

// flush commits the group, the lock being let go of after each batch so that
// others get their turn.
func (b *bulk) flush(ctx context.Context) error {
	defer b.s.exportSoon()
	for len(b.group) > 0 {
		n, added, err := b.batch(ctx)
		b.done, b.added, b.group = b.done+n, b.added+added, b.group[n:]
		if err != nil {
			return err
		}
		if b.progress != nil {
			b.progress(b.done, b.added)
		}
	}
	return nil
}

// batch commits as many requests as make a batch, after the events of others
// that wait for the lock: a process that waits may not get it for long.
func (b *bulk) batch(ctx context.Context) (n, added int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	unlock, err := b.s.db.Lock(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer unlock()
	b.s.commitWaiting()
	n, added, err = b.s.importGroup(b.group)
	for i := 0; errors.Is(err, errRaced) && i < maxRaces; i++ {
		n, added, err = b.s.importGroup(b.group)
	}
	if added > 0 {
		b.s.committed()
	}
	return n, added, err
}

// importGroup commits the first n requests, as many as make a batch, and tells
// how many of them were not there yet. If one cannot be committed, those before
// it are.
func (s *Store) importGroup(all []*request) (n, added int, err error) {
	d := &importDraft{s.newDraft(), map[event.ID]bool{}, map[plumbing.Hash]bool{}}
	var bad error
	for n < len(all) && d.batch.Size() < maxGroup {
		written, err := d.addOnce(all[n])
		if err != nil {
			bad = fmt.Errorf("event %s: %w", all[n].event.ID, err)
			break
		}
		if n++; written {
			added++
		}
	}
	if err := d.commit(); err != nil {
		if odb.IsRace(err) {
			err = fmt.Errorf("%w: %w", errRaced, err)
		}
		return 0, 0, err
	}
	return n, added, bad
}

// importDraft is a draft that takes each id only once.
type importDraft struct {
	*draft
	ids   map[event.ID]bool
	files map[plumbing.Hash]bool // that are only in the batch
}

func (d *importDraft) addOnce(r *request) (written bool, err error) {
	if d.ids[r.event.ID] {
		return false, nil
	}
	there, err := d.holds(r)
	if err != nil || there {
		return false, err
	}
	d.ids[r.event.ID], d.files[r.blobHash()] = true, true
	return true, d.add(r)
}

// holds tells whether an event of the request's id lies where the request's
// event belongs. Its bytes may be others: an earlier import knew less, or more.
func (d *importDraft) holds(r *request) (bool, error) {
	h, err := d.head(r.home.ref())
	if err != nil {
		return false, err
	}
	root, err := rootDir(d.tree, h.tree)
	if err != nil {
		return false, err
	}
	at, _, err := homeDir(root, r.home)
	if err != nil {
		return false, err
	}
	name := event.FileName(r.event)
	for _, sub := range append([]string{event.Month(r.event.At)}, event.Splits(r.event)...) {
		if at, err = at.child(sub); err != nil || len(at.raw) == 0 {
			return false, err
		}
		if there, taken := lookup(at.raw, name); taken {
			if same, err := d.sameID(there.Hash, r.event.ID); same || err != nil {
				return same, err
			}
		}
	}
	return false, nil
}

// sameID tells whether a file holds the event of that id.
func (d *importDraft) sameID(file plumbing.Hash, id event.ID) (bool, error) {
	if d.files[file] {
		return false, nil
	}
	_, raw, err := d.s.db.Get(file)
	if err != nil {
		return false, err
	}
	e, err := event.ParseHeader(raw)
	return err == nil && e.ID == id, nil // a damaged one is Verify's to report
}
