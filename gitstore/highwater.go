package gitstore

import (
	"os"
	"path/filepath"
	"sync"

	"skein/gitstore/event"
)

// An id sorts after every event that the store held when it was made. A process
// that has just begun knows the ids of the branches' newest commits, which are
// the greatest as long as events are committed in order. Where they are not, as
// when others' come from a remote, the greatest is noted in a file, the
// high-water mark. It is not flushed: with it, an order is lost and no event.

// highWater is the greatest id that was found noted.
type highWater struct {
	mu sync.Mutex
	id event.ID
}

func (s *Store) highWaterPath() string { return filepath.Join(s.db.StateDir(), "clock") }

// readHighWater has the clock follow what others have noted.
func (s *Store) readHighWater() {
	text, err := os.ReadFile(s.highWaterPath())
	if err != nil {
		return
	}
	id, err := event.ParseID(string(text))
	if err != nil || s.clock.Observe(id) != nil {
		return // far ahead of a clock that was set back, which the tip's id says as well
	}
	s.highWater.mu.Lock()
	defer s.highWater.mu.Unlock()
	if id.Compare(s.highWater.id) > 0 {
		s.highWater.id = id
	}
}

// belowHighWater tells whether an id was made without knowledge of the mark.
func (s *Store) belowHighWater(id event.ID) bool {
	s.highWater.mu.Lock()
	defer s.highWater.mu.Unlock()
	return id.Compare(s.highWater.id) <= 0
}

// noteHighWater notes an event that is newer than the newest commit's. It is
// called under the store's lock.
func (s *Store) noteHighWater(id event.ID) {
	s.readHighWater()
	if s.belowHighWater(id) || s.clock.Observe(id) != nil {
		return
	}
	if err := writeWhole(s.highWaterPath(), []byte(id.String())); err != nil {
		s.log.Warn("the newest event could not be noted; a message may sort before it", "err", err)
	}
}
