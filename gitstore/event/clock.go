package event

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"
)

// MaxAhead is how far an id may lie in the future before Clock.Observe refuses
// it: one day covers a wrong time zone, not a broken clock.
const MaxAhead = 24 * time.Hour

// maxMillis is the largest time that fits the 48 bits of an ID (year 10889).
const maxMillis = 1<<48 - 1

// Clock makes IDs. It is a hybrid logical clock: each id is greater than
// every id that this clock has made or observed, whatever the wall clock does.
// A Clock is safe for concurrent use; it must not be copied after first use.
type Clock struct {
	Now     func() time.Time // wall clock; nil: time.Now
	Entropy io.Reader        // nil: crypto/rand

	mu   sync.Mutex
	last ID
}

// NewClock returns a Clock over the wall clock now (nil: time.Now).
func NewClock(now func() time.Time) *Clock { return &Clock{Now: now} }

// FutureError says that an id lies too far ahead of the wall clock.
type FutureError struct {
	ID    ID
	Ahead time.Duration
}

func (e *FutureError) Error() string {
	return fmt.Sprintf("id %s lies %s ahead of this machine's clock; correct the clock of the machine that wrote it, or of this one",
		e.ID, e.Ahead.Round(time.Second))
}

// Observe moves the clock past id, so that what is written next sorts after
// it. An id more than MaxAhead in the future is refused with a *FutureError
// and leaves the clock as it was.
func (c *Clock) Observe(id ID) error {
	if ahead := id.Time().Sub(c.now()); ahead > MaxAhead {
		return &FutureError{ID: id, Ahead: ahead}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id.Compare(c.last) > 0 {
		c.last = id
	}
	return nil
}

// Next returns a new id: of the present millisecond if that is later than
// every id so far, else the last id plus a random step. It fails only if the
// entropy does, or in the year 10889.
func (c *Clock) Next() (ID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, err := c.next(c.millis())
	if err != nil {
		return ID{}, fmt.Errorf("make an id: %w", err)
	}
	c.last = id
	return id, nil
}

func (c *Clock) next(now uint64) (ID, error) {
	if now > c.last.ms() {
		return c.fresh(now)
	}
	id, ok, err := c.step(c.last)
	if err != nil || ok {
		return id, err
	}
	return c.fresh(c.last.ms() + 1)
}

// fresh returns an id of that millisecond with random entropy. The first bit
// is left zero to keep room for 2^31 and more steps within the millisecond.
func (c *Clock) fresh(ms uint64) (ID, error) {
	if ms > maxMillis {
		return ID{}, fmt.Errorf("the clock shows a time after the year 10889; set it right")
	}
	var id ID
	binary.BigEndian.PutUint64(id[:8], ms<<16)
	if _, err := io.ReadFull(c.entropy(), id[6:]); err != nil {
		return ID{}, fmt.Errorf("read entropy: %w", err)
	}
	id[6] &= 0x7f
	return id, nil
}

// step adds a random number between 1 and 2^48 to the entropy of id. The sum
// modulo 2^40 is uniform, therefore the last 8 characters of two ids of one
// millisecond are as different as those of any others; ok is false if the
// entropy overflows.
func (c *Clock) step(id ID) (next ID, ok bool, err error) {
	var random [8]byte
	if _, err := io.ReadFull(c.entropy(), random[2:]); err != nil {
		return ID{}, false, fmt.Errorf("read entropy: %w", err)
	}
	low := binary.BigEndian.Uint64(id[8:])
	sum := low + binary.BigEndian.Uint64(random[:]) + 1
	binary.BigEndian.PutUint64(id[8:], sum)
	if sum > low {
		return id, true, nil
	}
	high := binary.BigEndian.Uint16(id[6:8]) + 1
	binary.BigEndian.PutUint16(id[6:8], high)
	return id, high != 0, nil
}

func (c *Clock) millis() uint64 {
	return uint64(max(c.now().UnixMilli(), 0))
}

func (c *Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c *Clock) entropy() io.Reader {
	if c.Entropy == nil {
		return rand.Reader
	}
	return c.Entropy
}
