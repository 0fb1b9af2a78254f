package odb

import (
	"fmt"
	"testing"
)

// BenchmarkCommit is a batch of one commit with its tree and file, as a post is.
func BenchmarkCommit(b *testing.B) {
	for name, o := range map[string]Options{"durable": {}, "no sync": {NoSync: true}} {
		b.Run(name, func(b *testing.B) {
			dir := newRepo(b)
			s := open(b, dir, o)
			for i := 0; b.Loop(); i++ {
				mustPost(b, s, mainRef, 8000, fmt.Sprint(i))
				if s.MaintenanceDue() {
					b.StopTimer()
					if err := s.Maintain(b.Context()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
		})
	}
}
