package gitstore

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkGuard posts to one thread with and without the guards against
// duplicates and pairs.
func BenchmarkGuard(b *testing.B) {
	for name, o := range map[string]Options{
		"off": {},
		"on":  {Duplicates: 30 * time.Second, PairLimit: 30},
	} {
		b.Run(name, func(b *testing.B) {
			o.NoSync, o.NoMirror = true, true
			s := openTest(b, o)
			b.ReportAllocs()
			for i := range b.N {
				if _, err := s.Post(context.Background(), Post{From: "ann", Thread: "axon/x", Body: fmt.Sprint(i, sampleBody)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
