package gitstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"testing"
	"time"

	"skein/gitstore/event"
)

// backdated makes n messages of 200 threads, one a minute.
func backdated(n int, start time.Time) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for i := range n {
			at := start.Add(time.Duration(i) * time.Minute)
			ref, _ := event.ParseThreadRef(threadName(i))
			e := &event.Event{ID: pastID(at, uint64(i)), From: "filler", Body: fmt.Appendf(nil, "message %d\n\n%s", i, sampleBody)}
			if !yield(Record{ref, e}) {
				return
			}
		}
	}
}

// pastID makes an id of that time whose entropy is spread from a number.
func pastID(at time.Time, n uint64) (id event.ID) {
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16)
	binary.BigEndian.PutUint64(id[8:], (n+1)*0x9e3779b97f4a7c15)
	return id
}

// BenchmarkImport measures 1,000 events into a store that grows.
func BenchmarkImport(b *testing.B) {
	for _, sync := range []bool{false, true} {
		b.Run(fmt.Sprintf("sync=%t", sync), func(b *testing.B) {
			s := openTest(b, Options{NoSync: !sync, NoMirror: true})
			start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
			for b.Loop() {
				n, err := s.Import(context.Background(), backdated(1000, start), nil)
				if err != nil || n != 1000 {
					b.Fatal(n, err)
				}
				start = start.Add(1000 * time.Minute)
			}
		})
	}
}
