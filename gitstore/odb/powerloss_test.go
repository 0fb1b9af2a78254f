package odb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestPowerLoss runs workloads on a disk that takes down what they do, cuts the
// power at any moment, and looks at what comes up. Every commit that was
// acknowledged must be there, nothing that was not submitted, everything
// readable, and the next commit must work.
//
// It fails, as it must, when any of these is left out: the flush of the
// journal after a record, of a merged pack, of packs or of refs in checkpoint,
// the syncing of directories after either, the replay at Open.
func TestPowerLoss(t *testing.T) {
	states := 0
	for _, w := range []struct {
		name        string
		run         func(*machine)
		short, long int
	}{
		{"all kinds of writes", varied, 650, 40_000},
		{"full journals", fullJournals, 200, 10_000},
		{"checkpoints", checkpoints, 500, 20_000},
		{"merging beside two writers", mergingBeside, 400, 20_000},
		{"killed writers", killedWriters, 400, 20_000},
	} {
		t.Run(w.name, func(t *testing.T) {
			m := newMachine(t)
			w.run(m)
			states += m.tryStates(times(w.short, w.long))
		})
	}
	t.Logf("%d states of the disk were tried", states)
}

// machine is a store on a disk, with what was done to it.
type machine struct {
	t    *testing.T
	dir  string
	disk *disk
	s    *Storage
	next int
}

// submission and ack are marks in the disk's log: a batch is about to be
// committed, and has been.
type submission struct {
	refs []plumbing.ReferenceName
	ids  []string
}

type ack struct{ submission }

// begun says that the repository exists.
type begun struct{}

func newMachine(t *testing.T) *machine {
	dir := filepath.Join(t.TempDir(), "repo.git")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, dir: dir, disk: newDisk(t, dir, t.TempDir())}
	if err := Init(dir, m.options()); err != nil {
		t.Fatal(err)
	}
	m.disk.note(begun{})
	m.s = m.process()
	return m
}

func (m *machine) options() Options { return Options{FS: m.disk, Boot: "first boot", Logger: quiet()} }

// process opens the store as another process would.
func (m *machine) process() *Storage { return open(m.t, m.dir, m.options()) }

// post commits n commits in a batch to each of the refs.
func (m *machine) post(s *Storage, n, size int, refs ...plumbing.ReferenceName) {
	m.t.Helper()
	if err := m.try(s, n, size, refs...); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) try(s *Storage, n, size int, refs ...plumbing.ReferenceName) error {
	unlock, err := s.Lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	m.next++
	work := submission{refs, names(fmt.Sprintf("batch%d.", m.next), n)}
	m.disk.note(work)
	for {
		if err := commitTo(s, refs, work.ids, size); err == nil {
			m.disk.note(ack{work})
			return nil
		} else if !IsRace(err) {
			return err
		}
	}
}

// packRefs does what git pack-refs --all does.
func (m *machine) packRefs() {
	refs, err := m.s.looseRefs()
	if err != nil {
		m.t.Fatal(err)
	}
	packed, err := m.s.packedRefs()
	if err != nil {
		m.t.Fatal(err)
	}
	text := "# pack-refs with: peeled fully-peeled sorted \n"
	for _, ref := range []plumbing.ReferenceName{otherRef, mainRef} {
		h, ok := refs[ref]
		if !ok {
			h = packed[ref]
		}
		text += h.String() + " " + ref.String() + "\n"
	}
	if err := writeAtomic(m.disk, filepath.Join(m.dir, "packed-refs"), 0o600, true, []byte(text)); err != nil {
		m.t.Fatal(err)
	}
	for ref := range refs {
		if err := m.disk.Remove(m.s.refPath(ref)); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *machine) checkpoint() {
	unlock, err := m.s.Lock(context.Background())
	if err != nil {
		m.t.Fatal(err)
	}
	defer unlock()
	if err := errors.Join(m.s.journal.catchUp(), m.s.checkpoint()); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) maintain(s *Storage) {
	if err := s.Maintain(context.Background()); err != nil {
		m.t.Error(err)
	}
}

func (m *machine) compact(s *Storage) {
	if err := compactAndReap(s); err != nil {
		m.t.Error(err)
	}
}

func varied(m *machine) {
	for i := range 40 {
		m.post(m.s, 1+i%3, i*31, mainRef)
		if i%4 == 0 {
			m.post(m.s, 1, 10, otherRef)
		}
		switch i {
		case 5, 25:
			m.post(m.s, 2, 10, otherRef, mainRef)
			m.s = m.process()
		case 8, 30:
			m.packRefs()
		case 12, 35:
			m.checkpoint()
		case 28, 33:
			m.maintain(m.s)
		}
	}
	m.maintain(m.s)
	m.post(m.s, 1, 10, mainRef)
	m.compact(m.s)
	m.post(m.s, 1, 10, mainRef)
}

func fullJournals(m *machine) {
	for i := range 60 {
		m.post(m.s, 1, 180_000, mainRef)
		if i%9 == 0 {
			m.post(m.s, 1, 10, otherRef)
		}
		if i%25 == 24 {
			m.s = m.process()
			m.maintain(m.s)
		}
	}
}

// checkpoints has large records overwrite the small ones from before.
func checkpoints(m *machine) {
	for i := range 40 {
		m.post(m.s, 1, 10, mainRef, otherRef)
		m.post(m.s, 1, 10, mainRef)
		m.checkpoint()
		if i%3 == 0 {
			m.packRefs()
		}
		m.post(m.s, 1, 5000, otherRef)
	}
}

func mergingBeside(m *machine) {
	second, merger := m.process(), m.process()
	m.post(second, 1, 10, otherRef, mainRef)
	var merging sync.WaitGroup
	done := make(chan struct{})
	merging.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				m.maintain(merger)
				m.compact(merger)
			}
		}
	})
	for i := range 90 {
		m.post([]*Storage{m.s, second}[i%2], 1, i*100, []plumbing.ReferenceName{mainRef, otherRef}[i%3/2])
		if i%20 == 0 {
			m.checkpoint()
		}
	}
	close(done)
	merging.Wait()
}

// killedWriters ends writers at every step of a batch; the next one has to go
// on from there, and only then the power fails.
func killedWriters(m *machine) {
	m.post(m.s, 1, 10, mainRef, otherRef)
	for left := 0; ; left++ {
		calls := 0
		o := m.options()
		o.FS = hooked(m.disk, func(string, string) outcome {
			if calls++; calls <= left {
				return outcome{}
			}
			return outcome{err: errKilled, short: calls == left+1}
		})
		err := m.try(open(m.t, m.dir, o), 1, 10, otherRef, mainRef)
		if err != nil && !errors.Is(err, errKilled) {
			m.t.Fatal(err)
		}
		if left%3 == 0 {
			m.s = m.process()
		}
		m.post(m.s, 1, 10, []plumbing.ReferenceName{mainRef, otherRef}[left%2])
		if left%7 == 0 {
			m.checkpoint()
		}
		if calls <= left {
			return
		}
	}
}

// tryStates cuts the power n times, and returns n.
func (m *machine) tryStates(n int) int {
	var next, failures atomic.Int64
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for i := next.Add(1); i <= int64(n) && failures.Load() < 5; i = next.Add(1) {
				if err := m.tryState(uint64(i)); err != nil {
					failures.Add(1)
					m.t.Errorf("state %d: %v", i, err)
				}
			}
		})
	}
	running.Wait()
	return n
}

// tryState cuts the power once, at a moment and with a loss that the seed
// tells, and every fourth time once more while the first is being recovered
// from.
func (m *machine) tryState(seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	dir, err := os.MkdirTemp(filepath.Dir(m.dir), "state")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	k := m.disk.moment(rng)
	if err := m.disk.crash(k, randomLoss(rng), dir); err != nil {
		return err
	}
	known := m.knownAt(k)
	if seed%4 == 0 {
		if dir, err = crashAgain(m.t, dir, rng, known); err != nil {
			return fmt.Errorf("cut at %d, again: %w", k, err)
		}
		defer os.RemoveAll(dir)
	}
	if err := known.check(dir, seed%20 == 0); err != nil {
		return fmt.Errorf("cut at %d of %d: %w", k, len(m.disk.log), err)
	}
	return nil
}

// crashAgain starts the store in dir on a disk of its own and cuts the power
// while it comes up and takes the next commits.
func crashAgain(t *testing.T, dir string, rng *rand.Rand, known *known) (string, error) {
	cache, err := os.MkdirTemp(filepath.Dir(dir), "cache")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(cache)
	d := newDisk(t, dir, cache)
	known.open(dir, Options{FS: d, Boot: "second boot", Logger: quiet()}, func(s *Storage) error {
		for _, id := range names("again", 3) {
			known.pending = append(known.pending, submission{[]plumbing.ReferenceName{mainRef}, []string{id}})
			if err := post(s, mainRef, 10, id); err != nil {
				return err
			}
		}
		return nil
	})
	next, err := os.MkdirTemp(filepath.Dir(dir), "again")
	if err != nil {
		return "", err
	}
	return next, d.crash(d.moment(rng), randomLoss(rng), next)
}

// known is what can be said of the store at a moment.
type known struct {
	begun   bool // Init had returned
	acked   map[plumbing.ReferenceName][]string
	pending []submission // not acknowledged: in flight, or of a killed writer
}

func (m *machine) knownAt(k int) *known {
	now := &known{acked: map[plumbing.ReferenceName][]string{}}
	for _, c := range m.disk.log[:k] {
		switch mark := c.mark.(type) {
		case begun:
			now.begun = true
		case submission:
			now.pending = append(now.pending, mark)
		case ack:
			now.pending = slices.DeleteFunc(now.pending, func(s submission) bool { return s.ids[0] == mark.ids[0] })
			for _, ref := range mark.refs {
				now.acked[ref] = append(now.acked[ref], mark.ids...)
			}
		}
	}
	return now
}

func (n *known) open(dir string, o Options, use func(*Storage) error) error {
	if !n.begun {
		if err := Init(dir, o); err != nil {
			return err
		}
	}
	s, err := Open(dir, o)
	if err != nil {
		return err
	}
	return errors.Join(use(s), s.Close())
}

// check starts the store in dir after a power loss, and says what is wrong
// with it.
func (n *known) check(dir string, withGit bool) error {
	o := Options{Boot: "last boot", Logger: quiet()}
	err := n.open(dir, o, func(s *Storage) error {
		main, err := n.checkRef(s, mainRef)
		if err != nil {
			return err
		}
		other, err := n.checkRef(s, otherRef)
		if err != nil {
			return err
		}
		for _, batch := range n.pending {
			if id := batch.ids[0]; len(batch.refs) == 2 && slices.Contains(main, id) != slices.Contains(other, id) {
				return fmt.Errorf("%s is on one of its two refs", id)
			}
		}
		if err := post(s, mainRef, 10, "next"); err != nil {
			return fmt.Errorf("the next commit: %w", err)
		}
		now, err := history(s, mainRef)
		if err == nil && !slices.Equal(now, append(main, "next")) {
			err = fmt.Errorf("after the next commit there is %v", now)
		}
		return err
	})
	if err == nil && withGit {
		var out []byte
		if out, err = gitCommand(dir, "fsck", "--strict", "--full", "--no-dangling").CombinedOutput(); err != nil || len(out) > 0 {
			err = fmt.Errorf("git fsck: %w\n%s", err, out)
		}
	}
	return err
}

// checkRef holds a ref against what was acknowledged and what was in flight.
func (n *known) checkRef(s *Storage, ref plumbing.ReferenceName) ([]string, error) {
	ids, err := history(s, ref)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	rest := ids
	for _, id := range n.acked[ref] {
		i := slices.Index(rest, id)
		if i < 0 {
			return nil, fmt.Errorf("%s has %s; acknowledged was %s", ref, brief(ids), brief(n.acked[ref]))
		}
		if !n.submitted(ref, rest[:i]) {
			return nil, fmt.Errorf("%s has %s, which nobody was committing", ref, brief(rest[:i]))
		}
		rest = rest[i+1:]
	}
	if !n.submitted(ref, rest) {
		return nil, fmt.Errorf("%s has %s, which nobody was committing", ref, brief(rest))
	}
	return ids, nil
}

// submitted says whether ids are batches that somebody was committing to a
// ref, each whole and at most once.
func (n *known) submitted(ref plumbing.ReferenceName, ids []string) bool {
	for _, s := range n.pending {
		if slices.Contains(s.refs, ref) && len(ids) >= len(s.ids) && slices.Equal(ids[:len(s.ids)], s.ids) {
			ids = ids[len(s.ids):]
		}
	}
	return len(ids) == 0
}

func brief(ids []string) string {
	if len(ids) > 6 {
		return fmt.Sprintf("%d commits, the last %s", len(ids), strings.Join(ids[len(ids)-3:], " "))
	}
	return fmt.Sprint(ids)
}
