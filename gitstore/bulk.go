package gitstore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"skein/gitstore/event"
)

// Record is an event that was made elsewhere or earlier, and where it belongs.
type Record struct {
	// Thread is where a message or a thread's event goes; without Thread.Thread
	// it is the place of a project's event. The events of an agent, which are
	// profiles and receipts, have the zero value.
	Thread event.ThreadRef
	// Event has its id, whose time is the event's: At is set from it.
	Event *event.Event
}

// Import commits events that have their ids already, in the order given, one
// commit each and many with one flush: mail of other systems, or whole made-up
// stores. It may run beside other writers. An event that is there already, with
// the same bytes, is left as it is, so an import that was cut short can be
// repeated.
//
// It returns how many events are in the store and durable. Those are the first
// n; an error is of an event after them, of the disk, or of ctx. Nobody is joined, so the records bring the first profile
// of each agent, with an id older than what the agent does. An id that lies
// more than a day ahead is refused (*event.FutureError).
func (s *Store) Import(ctx context.Context, records iter.Seq[Record]) (n int, err error) {
	var group []*request
	for record := range records {
		r, err := s.importRequest(record)
		if err != nil {
			done, also := s.importGroup(ctx, group)
			return n + done, errors.Join(fmt.Errorf("event %s: %w", record.Event.ID, err), also)
		}
		if group = append(group, r); len(group) == importAtOnce {
			done, err := s.importGroup(ctx, group)
			if n += done; err != nil {
				return n, err
			}
			group = group[:0]
		}
	}
	done, err := s.importGroup(ctx, group)
	return n + done, err
}

// importAtOnce is how many events are gathered before the lock is taken.
const importAtOnce = 512

func (s *Store) importRequest(record Record) (*request, error) {
	e := record.Event
	h := threadHome(record.Thread)
	if h == (home{}) {
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
	r.file, r.imported = file, true
	return r, s.clock.Observe(e.ID)
}

// importGroup commits the requests, the lock being let go of after each batch
// so that others get their turn. It returns how many are committed.
func (s *Store) importGroup(ctx context.Context, group []*request) (done int, err error) {
	for done < len(group) && err == nil {
		var n int
		n, err = s.importBatch(ctx, group[done:])
		done += n
	}
	if done > 0 {
		s.exportSoon()
	}
	return done, err
}

// importBatch commits as many requests as make a batch.
func (s *Store) importBatch(ctx context.Context, all []*request) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	unlock, err := s.db.Lock(ctx)
	if err != nil {
		return 0, err
	}
	n, err := s.commitGroup(all)
	for i := 0; errors.Is(err, errRaced) && i < maxRaces; i++ {
		n, err = s.commitGroup(all)
	}
	unlock()
	if err != nil {
		return 0, err
	}
	s.committed()
	for i, r := range all[:n] {
		if r.err != nil {
			return i, fmt.Errorf("event %s: %w", r.event.ID, r.err)
		}
	}
	return n, nil
}
