package gitstore

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestSpread: two that meet are soon done with it, a slow attempt makes for a
// long pause, and no pause takes minutes.
func TestSpread(t *testing.T) {
	for _, c := range []struct {
		vain       int
		took, most time.Duration
	}{
		{1, 0, 1400 * time.Millisecond},
		{1, 100 * time.Millisecond, 1400 * time.Millisecond},
		{2, 100 * time.Millisecond, 1750 * time.Millisecond},
		{1, 2 * time.Second, 28 * time.Second},
		{maxAttempts, time.Second, mostSpread},
		{maxAttempts, time.Minute, 7 * time.Minute},
	} {
		if got := spread(c.vain, c.took); got != c.most {
			t.Errorf("after %d in vain that took %s: up to %s, want %s", c.vain, c.took, got, c.most)
		}
	}
}

// A rule says how long to wait at most after so many attempts in vain, of which
// the last one took some time.
type rule func(vain int, took time.Duration) time.Duration

// doubling is the usual rule: from the time of so many attempts on, twice as much
// each time.
func doubling(attempts time.Duration) rule {
	return func(vain int, took time.Duration) time.Duration {
		return min(mostSpread, attempts*max(leastAttempt, took)<<(vain-1))
	}
}

// stretched is our rule, wider or narrower.
func stretched(by float64) rule {
	return func(vain int, took time.Duration) time.Duration {
		return time.Duration(by * float64(spread(vain, took)))
	}
}

// TestAttemptsOfACrowd: fifty machines that begin at once, on a host with two
// processors which their attempts slow each other down on, get through with
// three attempts each; and two of them with two, in a second and a half. With
// -v it says what other rules would cost.
func TestAttemptsOfACrowd(t *testing.T) {
	for _, c := range []struct {
		name     string
		rule     rule
		machines int
		attempts float64       // of each, on average; 0: this rule is not ours
		within   time.Duration // all of them
	}{
		{"ours", spread, 2, 1.5, 1600 * time.Millisecond},
		{"ours", spread, 50, 3, 40 * time.Second},
		{"half as wide", stretched(0.5), 50, 0, 0},
		{"twice as wide", stretched(2), 50, 0, 0},
		{"doubling from 1 attempt", doubling(1), 50, 0, 0},
		{"doubling from 2 attempts", doubling(2), 50, 0, 0},
		{"doubling from 14 attempts", doubling(14), 50, 0, 0},
	} {
		if c.attempts == 0 && !testing.Verbose() {
			continue
		}
		tries, took, rounds := 0, time.Duration(0), 20
		for seed := range rounds {
			n, end := simulate(c.machines, uint64(seed), c.rule)
			tries, took = tries+n, max(took, end)
		}
		mean := float64(tries) / float64(rounds*c.machines)
		t.Logf("%-25s  %2d machines  %4.2f attempts each  all done after %5.1f s at most", c.name, c.machines, mean, took.Seconds())
		if c.attempts > 0 && (mean > c.attempts || took > c.within) {
			t.Errorf("%d machines took %.2f attempts each, want %.2f, and up to %s, want %s", c.machines, mean, c.attempts, took, c.within)
		}
	}
}

// What parts of an attempt take of a processor, about as measured over smart HTTP.
const (
	simLook   = 35 * time.Millisecond // up to where the remote's branch is read
	simTake   = 25 * time.Millisecond // to take over what came, replay and begin to push
	simEach   = 10 * time.Millisecond // for what each other machine has pushed
	simMove   = 20 * time.Millisecond // from where it is clear that a push is not too late
	simStep   = time.Millisecond
	simProcs  = 2
	simVaries = 0.5 // by how much these differ, up or down
)

// simMachine is one machine in the simulation.
type simMachine struct {
	stage int           // 0 looks, 1 takes over, 2 moves the branch, 3 is done
	left  time.Duration // of the stage, in a processor's time
	until time.Duration // it pauses
	began time.Duration // of the attempt
	seen  int           // how many pushes there were when it looked
	tries int
}

// simCrowd is a simulation under way.
type simCrowd struct {
	random   *rand.Rand
	rule     rule
	machines []simMachine
	now      time.Duration
	landed   int // pushes
}

// simulate returns how many attempts a crowd makes, and how long it takes.
func simulate(machines int, seed uint64, rule rule) (tries int, now time.Duration) {
	c := &simCrowd{random: rand.New(rand.NewPCG(seed, 0)), rule: rule, machines: make([]simMachine, machines)}
	for i := range c.machines {
		c.machines[i].left = c.takes(simLook)
	}
	for c.landed < machines {
		c.now += simStep
		var running []*simMachine
		for i := range c.machines {
			if m := &c.machines[i]; m.stage < 3 && m.until <= c.now {
				running = append(running, m)
			}
		}
		share := simStep
		if len(running) > simProcs {
			share = simStep * simProcs / time.Duration(len(running))
		}
		for _, m := range running {
			if m.left -= share; m.left <= 0 {
				c.advance(m)
			}
		}
	}
	for _, m := range c.machines {
		tries += m.tries
	}
	return tries, c.now
}

func (c *simCrowd) takes(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + simVaries*(2*c.random.Float64()-1)))
}

// advance ends a stage.
func (c *simCrowd) advance(m *simMachine) {
	switch {
	case m.stage == 0:
		m.stage, m.left = 1, c.takes(simTake)+time.Duration(c.landed-m.seen)*simEach
		m.seen = c.landed
	case m.seen != c.landed: // too late
		m.tries++
		m.until = c.now + time.Duration(c.random.Int64N(int64(c.rule(m.tries, c.now-m.began))))
		m.stage, m.left, m.began = 0, c.takes(simLook), m.until
	case m.stage == 1:
		m.stage, m.left = 2, c.takes(simMove)
	default:
		m.stage, m.tries = 3, m.tries+1
		c.landed++
	}
}
