package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

// sample is how long something took, each time.
type sample []time.Duration

// median is the middle one; 0 for none.
func (s sample) median() time.Duration { return s.quantile(0.5) }

// quantile is the smallest duration that at least the part q of all reach, and
// so at q = 0.99 the slowest but for one in a hundred; 0 for none.
func (s sample) quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// take times one call of do.
func (s *sample) take(do func() error) error {
	begin := time.Now()
	err := do()
	*s = append(*s, time.Since(begin))
	return err
}

// alternate runs a and b in turn, in blocks, until each ran n times, after one
// block of each that does not count. Blocks keep what one side does in the
// background mostly within its own time; the side that begins changes.
func alternate(ctx context.Context, n, block int, a, b func() error) (sa, sb sample, err error) {
	var warm sample
	if err := errors.Join(times(block, &warm, a), times(block, &warm, b)); err != nil {
		return nil, nil, err
	}
	for round := 0; len(sa) < n; round++ {
		first, second := func() error { return times(block, &sa, a) }, func() error { return times(block, &sb, b) }
		if round%2 == 1 {
			first, second = second, first
		}
		for _, side := range []func() error{first, second, func() error { return ctx.Err() }} {
			if err := side(); err != nil {
				return nil, nil, err
			}
		}
	}
	return sa, sb, nil
}

func times(n int, s *sample, do func() error) error {
	for range n {
		if err := s.take(do); err != nil {
			return err
		}
	}
	return nil
}
