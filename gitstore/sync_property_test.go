package gitstore

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

var seedFlag = flag.Uint64("sync.seed", 0, "run the property test of syncing with this seed only")

// seeds is how many worlds the property test makes in each form.
func seeds() uint64 {
	switch {
	case os.Getenv("SKEIN_SOAK") != "":
		return 100_000
	case testing.Short():
		return 50
	}
	return 1000
}

// TestReplicasConverge is the promise of syncing: whatever the network, the
// clocks and the processes do, in the end every replica holds the same commits;
// what was acknowledged is in them, nothing is in them twice, nothing is made
// up.
func TestReplicasConverge(t *testing.T) {
	if *seedFlag != 0 {
		if err := converges(t, *seedFlag, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		return
	}
	next, base := make(chan uint64), inMemory(t)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range next {
				dir := filepath.Join(base, fmt.Sprint(seed))
				if err := converges(t, seed, dir); err != nil {
					t.Errorf("seed %d: %v (go test -run ReplicasConverge -sync.seed %d)", seed, err, seed)
				}
				_ = os.RemoveAll(dir)
			}
		})
	}
	for seed := uint64(1); seed <= seeds() && !t.Failed(); seed++ {
		next <- seed
	}
	close(next)
	group.Wait()
}

// inMemory returns a directory that is in memory where the system offers one:
// this test is not about disks, and makes thousands of stores.
func inMemory(tb testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "skein-sync-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// fleet is some replicas and the depot between them.
type fleet struct {
	tb       testing.TB
	rand     *rand.Rand
	dir      string
	depot    *depot
	replicas []*depotWire
	offline  []bool
	acked    map[event.ID]string // id of each acknowledged event, and its text
}

func converges(tb testing.TB, seed uint64, dir string) (err error) {
	w := &fleet{tb: tb, rand: rand.New(rand.NewPCG(seed, seed)), dir: dir, depot: newDepot(), acked: map[event.ID]string{}}
	defer func() {
		for _, r := range w.replicas {
			err = errors.Join(err, r.s.Close())
		}
	}()
	n := 2 + w.rand.IntN(2)
	if w.rand.IntN(20) == 0 {
		n = 4 + w.rand.IntN(5)
	}
	w.replicas, w.offline = make([]*depotWire, n), make([]bool, n)
	for i := range w.replicas {
		if err := w.open(i); err != nil {
			return err
		}
	}
	for range 6 + w.rand.IntN(12) {
		if err := w.step(); err != nil {
			return err
		}
		if w.rand.IntN(16) == 0 { // a machine that comes late
			w.replicas, w.offline = append(w.replicas, nil), append(w.offline, false)
			if err := w.open(len(w.replicas) - 1); err != nil {
				return err
			}
		}
	}
	return w.settle()
}

// open starts a replica, with a clock that may be years off.
func (w *fleet) open(i int) error {
	skew := time.Duration(0)
	if w.rand.IntN(3) == 0 {
		skew = time.Duration(w.rand.Int64N(int64(20*365*24*time.Hour))) - 10*365*24*time.Hour
	}
	now := func() time.Time { return time.Now().Add(skew) }
	s, err := Open(context.Background(), Options{Dir: filepath.Join(w.dir, fmt.Sprint(i)), NoSync: true, NoMirror: true, NoIndex: true, Now: now})
	if err == nil {
		w.replicas[i] = newDepotWire(s, w.depot)
		w.replicas[i].trip = func(step string) error { return w.trip(i, step) }
	}
	return err
}

// trip is what the network does to a request.
func (w *fleet) trip(i int, step string) error {
	if w.offline[i] || w.rand.IntN(8) == 0 {
		return errLost
	}
	if step == "push" && w.rand.IntN(3) == 0 { // somebody else is faster
		other := w.rand.IntN(len(w.replicas))
		if other != i && !w.offline[other] {
			saved := w.replicas[other].trip
			w.replicas[other].trip = func(string) error { return nil }
			mustSync(w.tb, w.replicas[other], SyncOptions{})
			w.replicas[other].trip = saved
		}
	}
	return nil
}

func (w *fleet) step() error {
	i := w.rand.IntN(len(w.replicas))
	switch r := w.replicas[i]; w.rand.IntN(10) {
	case 0:
		w.offline[i] = !w.offline[i]
	case 1:
		if err := r.s.Close(); err != nil {
			return err
		}
		return w.open(i)
	case 2, 3, 4:
		return w.sync(i)
	default:
		for range 1 + w.rand.IntN(3) {
			if err := w.post(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// sync syncs a replica over a line that may be dead. A new one may leave old
// commits away, and bring them later.
func (w *fleet) sync(i int) error {
	o, r := SyncOptions{}, w.replicas[i]
	known, err := r.s.knowsRemote()
	if err != nil {
		return err
	}
	switch {
	case i == 0: // which is whole
	case !known && w.rand.IntN(4) > 0:
		o.Depth = 1 + w.rand.IntN(3)
	case w.rand.IntN(10) == 0:
		o.Unshallow = true
	}
	trySync(w.tb, r, o)
	return nil
}

// post has an agent say something; agents of the same name are on all machines.
func (w *fleet) post(i int) error {
	s := w.replicas[i].s
	text := fmt.Sprintf("event %d of replica %d", len(w.acked), i)
	from := fmt.Sprintf("agent-%d", w.rand.IntN(3))
	thread := fmt.Sprintf("project-%d/thread-%d", w.rand.IntN(2), w.rand.IntN(2))
	if w.rand.IntN(6) == 0 {
		_, err := s.UpdateThread(context.Background(), ThreadUpdate{From: from, Thread: thread, Title: &text})
		return err
	}
	m, err := s.Post(context.Background(), Post{From: from, Thread: thread, Body: text})
	if err == nil {
		w.acked[m.ID] = text
	}
	return err
}

// settle heals the network and syncs until nothing moves, then checks.
func (w *fleet) settle() error {
	for i := range w.replicas {
		w.replicas[i].trip = func(string) error { return nil }
	}
	for range 2 { // the first brings everything to the depot, the second from there
		for _, r := range w.replicas {
			mustSync(w.tb, r, SyncOptions{})
		}
	}
	for i, r := range w.replicas {
		for _, ref := range syncBranches {
			if tip, err := r.s.tip(ref); err != nil || tip != w.depot.tips[ref] {
				return fmt.Errorf("replica %d has %s at %s, the depot at %s (%w)", i, ref, tip, w.depot.tips[ref], err)
			}
		}
	}
	if err := w.check(w.replicas[0].s); err != nil {
		return err
	}
	for i, r := range w.replicas {
		if shallow, err := r.s.Shallow(); err != nil || !shallow {
			continue
		}
		if err := w.checkShallow(r); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
	}
	return nil
}

// checkShallow looks at a replica that lacks old commits, and again when it has
// them.
func (w *fleet) checkShallow(r *depotWire) error {
	ctx := context.Background()
	for _, ref := range syncBranches {
		tip, err := r.s.tip(ref)
		if err != nil {
			return err
		}
		root, err := r.s.rootTree(tip)
		if err != nil {
			return err
		}
		var files []leaf
		if err := r.s.filesBelow(ctx, subtree{hash: root}, &files); err != nil {
			return err
		}
		for _, f := range files {
			if _, err := r.s.blob(f); err != nil {
				return fmt.Errorf("%s: %w", f.path(), err)
			}
		}
	}
	mustSync(w.tb, r, SyncOptions{Unshallow: true})
	if shallow, err := r.s.Shallow(); err != nil || shallow {
		return fmt.Errorf("it is still shallow (%w)", err)
	}
	return w.check(r.s)
}

// check looks at one of the replicas, which are all the same.
func (w *fleet) check(s *Store) error {
	seen := map[event.ID]string{}
	for _, ref := range syncBranches {
		tip, err := s.tip(ref)
		if err != nil {
			return err
		}
		for !tip.IsZero() {
			_, raw, err := s.db.Get(tip)
			if err != nil {
				return err
			}
			c, err := parseCommit(raw)
			if err != nil {
				return err
			}
			if parents(raw) > 1 {
				return fmt.Errorf("commit %s has two parents", tip)
			}
			if !c.id.IsZero() {
				f, err := s.addedBy(context.Background(), c)
				if err != nil {
					return err
				}
				e, err := s.event(f)
				if err != nil {
					return err
				}
				if _, twice := seen[e.ID]; twice {
					return fmt.Errorf("event %s is there twice", e.ID)
				}
				seen[e.ID] = string(e.Body)
			}
			tip = c.parent
		}
	}
	for id, text := range w.acked {
		if seen[id] != text {
			return fmt.Errorf("acknowledged event %s (%s) is %q", id, text, seen[id])
		}
	}
	for id, text := range seen {
		if _, ok := w.acked[id]; !ok && text != "" {
			return fmt.Errorf("event %s (%s) is made up", id, text)
		}
	}
	return nil
}

// TestReplayIsDeterministic: two machines that put the same events on the same
// commit make the same commits, however the events came to be in an order of
// their own.
func TestReplayIsDeterministic(t *testing.T) {
	ctx := context.Background()
	base, other := openTest(t, quiet), openTest(t, quiet)
	fill(t, base, 200, func(i int) string { return "axon/busy" })
	fill(t, other, 150, func(i int) string { return "axon/busy" }) // more than a directory takes, on both sides
	depot := newDepot()
	mustSync(t, newDepotWire(base, depot), SyncOptions{})
	fetched := depot.tips[mainRef]

	var tips []plumbing.Hash
	for range 2 {
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(other.Dir())); err != nil {
			t.Fatal(err)
		}
		o := quiet
		o.Dir = dir
		s := openTest(t, o)
		w := newDepotWire(s, depot.clone())
		report := mustSync(t, w, SyncOptions{})
		if report.Replayed != 150 || report.Fetched != 200 {
			t.Fatalf("%+v", report)
		}
		tip, err := s.tip(mainRef)
		if err != nil {
			t.Fatal(err)
		}
		if built, err := s.isAncestor(ctx, fetched, tip); err != nil || !built {
			t.Fatal(built, err)
		}
		if h := checkQuiet(t, s); !slices.IsSorted(h.ids[200:]) {
			t.Fatal("what was put on top is not in the order of its ids")
		}
		tips = append(tips, tip)
	}
	if tips[0] != tips[1] {
		t.Fatalf("the same replay made %s and %s", tips[0], tips[1])
	}
	if _, err := other.tip(mainRef); err != nil {
		t.Fatal(err)
	}
}
