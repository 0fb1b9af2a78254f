package gitstore

import "time"

const (
	leastAttempt = 100 * time.Millisecond // that is reckoned with, however quick it was
	firstSpread  = 14                     // times the first attempt: over that the second one is spread
	mostSpread   = 45 * time.Second       // unless a few attempts take longer
)

// spread is how long the next attempt waits at most after so many in vain, of
// which the last one took some time. It waits any time up to that, evenly: full
// jitter, which parts those who have lost to the same push (Brooker,
// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
//
// The usual rule begins with about the time of an attempt and doubles. That
// suits calls that take little; here whoever gets through makes everybody
// else's attempt worthless, and one is dear: a fetch, its checks, a replay, a
// push. Who has lost once cannot know how many others there are, since only one
// has got through, and by doubling from little it finds out in several lost
// attempts. So the first pause is a wide one, and the next ones grow slowly. On
// a busy host attempts take long, and the pauses grow with them; two who have
// met on a quiet one are done in a second and a half at most.
//
// What that does for two and for fifty machines that begin at once, beside wider
// and narrower pauses and ones that double, is printed by
// "go test -v -run TestAttemptsOfACrowd ./gitstore": narrower ones cost more
// attempts, wider ones more time, and doubling from little costs more of both.
func spread(vain int, took time.Duration) time.Duration {
	unit := max(leastAttempt, took)
	most := firstSpread * unit
	for range min(vain, maxAttempts) - 1 {
		most += most / 4
	}
	return min(most, max(mostSpread, firstSpread/2*unit))
}
