package gitstore

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkPost measures one post after another, without contention, into
// stores of two sizes. Without sync it is what the processor pays; with sync
// the disk's flush dominates.
func BenchmarkPost(b *testing.B) {
	for _, size := range []int{1_000, 100_000} {
		for _, sync := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dk/sync=%t", size/1000, sync), func(b *testing.B) {
				s := filledStore(b, size, Options{NoSync: !sync, NoMirror: true})
				ctx := context.Background()
				for i := 0; b.Loop(); i++ {
					if _, err := s.Post(ctx, Post{From: "bench", Thread: threadName(i), Body: sampleBody}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkPostBusyDay posts into one thread that has 10,000 messages of the
// same day.
func BenchmarkPostBusyDay(b *testing.B) {
	s := openTest(b, Options{NoSync: true, NoMirror: true})
	fill(b, s, 10_000, func(int) string { return "axon/busy" })
	ctx := context.Background()
	for b.Loop() {
		if _, err := s.Post(ctx, Post{From: "bench", Thread: "axon/busy", Body: sampleBody}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPostParallel posts from many goroutines at once.
func BenchmarkPostParallel(b *testing.B) {
	for _, sync := range []bool{false, true} {
		b.Run(fmt.Sprintf("sync=%t", sync), func(b *testing.B) {
			s := openTest(b, Options{NoSync: !sync, NoMirror: true})
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.Post(context.Background(), Post{From: "bench", Thread: "axon/busy", Body: sampleBody}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
