package event

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// jumpyTime is a wall clock that is set to any time between two readings.
type jumpyTime struct {
	mu  sync.Mutex
	now time.Time
}

func (j *jumpyTime) Now() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.now
}

func (j *jumpyTime) set(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.now = now
}

func TestClockIncreasesWhateverTheWallClockDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wall := &jumpyTime{now: time.UnixMilli(1_700_000_000_000)}
		clock := NewClock(wall.Now)
		var last ID
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "action") {
			case 0:
				wall.set(wall.Now().Add(time.Duration(rapid.Int64Range(-1e12, 1e12).Draw(t, "jump")) * time.Millisecond))
			case 1:
				seen := genID(t)
				if clock.Observe(seen) == nil && seen.Compare(last) > 0 {
					last = seen
				}
			default:
				id, err := clock.Next()
				if err != nil {
					t.Fatal(err)
				}
				if id.Compare(last) <= 0 {
					t.Fatalf("%s after %s", id, last)
				}
				last = id
			}
		}
	})
}

func TestClockIncreasesAmongGoroutines(t *testing.T) {
	const goroutines, each = 16, 500
	wall := &jumpyTime{now: time.UnixMilli(1_700_000_000_000)}
	clock := NewClock(wall.Now)
	ids := make([][]ID, goroutines)
	var wg sync.WaitGroup
	for g := range ids {
		wg.Go(func() {
			for i := range each {
				wall.set(time.UnixMilli(1_700_000_000_000 + int64((i*7919+g)%50-25)))
				id, err := clock.Next()
				if err != nil {
					t.Error(err)
				}
				ids[g] = append(ids[g], id)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(ids...)
	for _, own := range ids {
		if !slices.IsSortedFunc(own, ID.Compare) {
			t.Error("the ids of one goroutine do not increase")
		}
	}
	slices.SortFunc(all, ID.Compare)
	if n := len(slices.Compact(all)); n != goroutines*each {
		t.Errorf("%d different ids of %d", n, goroutines*each)
	}
}

func TestClockShortFormsDifferWithinOneMillisecond(t *testing.T) {
	clock := NewClock(func() time.Time { return time.UnixMilli(1_700_000_000_000) })
	const n = 1000
	short, first4 := map[string]bool{}, map[string]bool{}
	for range n {
		id, err := clock.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Time().UnixMilli(); got != 1_700_000_000_000 {
			t.Fatalf("millisecond %d", got)
		}
		short[id.Short()], first4[id.Short()[:4]] = true, true
	}
	// 1000 draws of 20 bits hold 0.5 equal pairs on average; of 40 bits, none.
	if len(short) != n || len(first4) < n-20 {
		t.Errorf("%d short forms and %d first four characters of %d ids differ", len(short), len(first4), n)
	}
}

func TestClockRefusesTheFuture(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	clock := NewClock(func() time.Time { return now })
	at := func(ahead time.Duration) ID { return numbered(int(now.Add(ahead).Unix())) }
	if err := clock.Observe(at(MaxAhead)); err != nil {
		t.Errorf("a day ahead: %v", err)
	}
	tooFar := at(MaxAhead + time.Hour)
	err := clock.Observe(tooFar)
	var future *FutureError
	if !errors.As(err, &future) || future.ID != tooFar || future.Ahead != MaxAhead+time.Hour {
		t.Fatalf("25 hours ahead: %v", err)
	}
	wantError(t, err, "25h0m0s ahead")
	id, err := clock.Next()
	if err != nil || id.Compare(tooFar) >= 0 || id.Compare(at(MaxAhead)) <= 0 {
		t.Errorf("next %s, %v", id, err)
	}
}

func TestClockEntropyOverflowsIntoTheNextMillisecond(t *testing.T) {
	clock := NewClock(func() time.Time { return time.UnixMilli(1000) })
	last := numbered(1)
	for i := 6; i < 16; i++ {
		last[i] = 0xff
	}
	if err := clock.Observe(last); err != nil {
		t.Fatal(err)
	}
	id, err := clock.Next()
	if err != nil || id.Time().UnixMilli() != 1001 {
		t.Errorf("next is of millisecond %d, %v", id.Time().UnixMilli(), err)
	}
}

func TestClockCarriesBetweenWords(t *testing.T) {
	clock := &Clock{Now: func() time.Time { return time.UnixMilli(1000) }, Entropy: bytes.NewReader(make([]byte, 6))}
	last := numbered(1)
	copy(last[6:], []byte{0, 7, 255, 255, 255, 255, 255, 255, 255, 255})
	if err := clock.Observe(last); err != nil {
		t.Fatal(err)
	}
	id, err := clock.Next()
	if want := (ID{0, 0, 0, 0, 0x03, 0xe8, 0, 8}); err != nil || id != want {
		t.Errorf("%x, want %x, %v", id, want, err)
	}
}

func TestClockFailures(t *testing.T) {
	broken := errors.New("broken")
	clock := &Clock{Now: func() time.Time { return time.UnixMilli(1000) }, Entropy: iotest.ErrReader(broken)}
	if _, err := clock.Next(); !errors.Is(err, broken) {
		t.Errorf("fresh id without entropy: %v", err)
	}
	if err := clock.Observe(numbered(5)); err != nil {
		t.Fatal(err)
	}
	if _, err := clock.Next(); !errors.Is(err, broken) {
		t.Errorf("next id without entropy: %v", err)
	}
	late := NewClock(func() time.Time { return time.UnixMilli(1 << 48) })
	_, err := late.Next()
	wantError(t, err, "10889")
	early := NewClock(func() time.Time { return time.UnixMilli(-5) })
	if id, err := early.Next(); err != nil || id.Time().UnixMilli() != 0 {
		t.Errorf("before 1970: %v, %v", id, err)
	}
}

func TestClockZeroValue(t *testing.T) {
	var clock Clock
	before := time.Now().Truncate(time.Millisecond)
	id, err := clock.Next()
	if err != nil || id.Time().Before(before) || id.Time().After(time.Now()) {
		t.Errorf("%v, %v", id.Time(), err)
	}
}
