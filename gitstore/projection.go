package gitstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/index"
)

// projection keeps a store's index (package index) at the tips of both
// branches. It never fails a call: whatever is wrong with the index, the
// answer comes from the tree. Only readers bring the index up to date, so no
// post waits for it.
//
// A small difference is caught up with inside the call that finds it. A large
// one, such as that of a store which has no index yet, is taken in stretches
// of commits, each a transaction, so that a build which is interrupted goes on
// where it was: in the background where Options.Resident says that the process
// stays, else one stretch a call.
type projection struct {
	s   *Store
	dir string

	most int // files that a call catches up with
	step int // commits that a build takes in one transaction

	mu sync.Mutex
	x  *index.Index // nil: not open

	turn     chan struct{} // holds a token while this process writes the index
	building atomic.Bool   // in the background
	resting  atomic.Int64  // Unix milliseconds until which nobody tries to catch up
	plan     plan          // of a build; guarded by turn
	second   atomic.Bool   // what could not be read was looked at a second time

	life context.Context // of the build in the background
	end  context.CancelFunc
}

func newProjection(s *Store) *projection {
	p := &projection{s: s, dir: filepath.Join(s.db.StateDir(), "index"), most: mostInCall, step: buildStep, turn: make(chan struct{}, 1)}
	if s.opts.Resident {
		p.most = mostInResident
	}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// stop ends a build in the background, which goes on when the store is open
// again. Nothing is done without an index.
func (p *projection) stop() {
	if p != nil {
		p.end()
	}
}

// close lets go of the files, once nobody uses them.
func (p *projection) close() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.x == nil {
		return nil
	}
	return p.x.Close()
}

// open returns the index, which it opens when it is first asked for.
func (p *projection) open() (*index.Index, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.x != nil {
		return p.x, nil
	}
	x, err := index.Open(p.dir, index.Options{Now: p.s.now})
	if err == nil {
		p.x = x
	}
	return x, err
}

// errBehind says that the index is too far behind for a call to wait.
var errBehind = errors.New("the index is behind; it is being built")

// fromIndex lets answer read the index, as it is at the tips or later; ok is
// false if the answer must come from the tree. What answer returns as an error
// is taken for one of the index, unless ctx has ended.
func (s *Store) fromIndex(ctx context.Context, answer func(v *index.View) error) (ok bool, err error) {
	p := s.projection
	if p == nil {
		return false, nil
	}
	v, err := p.view(ctx)
	if err == nil {
		if err = answer(v); err == nil {
			err = v.Sound()
		}
		v.Close()
	}
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case err == nil:
		s.read.release()
		return true, nil
	}
	p.failed(ctx, err)
	return false, nil
}

// failed sees to what kept the index from answering.
func (p *projection) failed(ctx context.Context, err error) {
	switch {
	case errors.Is(err, errBehind):
	case errors.Is(err, index.ErrDamaged):
		p.s.log.Info("the index is damaged and is built anew", "err", err)
		if err := p.reset(ctx); err != nil {
			p.s.log.Info("the index cannot be built anew", "err", err)
			return
		}
	default:
		p.s.log.Info("the index cannot be used; reading the tree", "err", err)
		return
	}
	if p.s.opts.Resident {
		p.buildSoon()
	}
}

func (p *projection) reset(ctx context.Context) error {
	if err := p.takeTurn(ctx); err != nil {
		return err
	}
	defer p.endTurn()
	x, err := p.open()
	if err != nil {
		return err
	}
	return x.Reset()
}

func (p *projection) takeTurn(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *projection) endTurn() { <-p.turn }

// view returns the index at the tips, or later.
func (p *projection) view(ctx context.Context) (*index.View, error) {
	x, err := p.open()
	if err != nil {
		return nil, err
	}
	v, tips, err := p.look(ctx, x)
	if err == nil && !p.second.Swap(true) {
		if err = p.s.stillBroken(ctx, v); err != nil {
			v.Close()
		}
	}
	if err != nil || v.State() == tips {
		return v, err
	}
	v.Close()
	if p.building.Load() || time.Now().UnixMilli() < p.resting.Load() {
		return nil, errBehind
	}
	if err := p.takeTurn(ctx); err != nil {
		return nil, err
	}
	defer p.endTurn()
	v, err = p.advance(ctx, x)
	if errors.Is(err, errBehind) && !p.s.opts.Resident {
		if err = p.stretchOnce(ctx, x); err == nil {
			v, err = p.advance(ctx, x)
		}
	}
	if errors.Is(err, errBehind) || errors.Is(err, index.ErrBusy) {
		p.resting.Store(time.Now().Add(rest).UnixMilli())
	}
	return v, err
}

// stretchOnce brings a build further in a process that does not stay.
func (p *projection) stretchOnce(ctx context.Context, x *index.Index) error {
	unlock, err := p.lockBuild()
	if err != nil {
		return err
	}
	if unlock == nil {
		return errBehind
	}
	defer unlock()
	_, err = p.stretch(ctx, x)
	return err
}

// look returns the index as it is, and the tips. These are looked up last, so
// that they are never behind the index.
func (p *projection) look(ctx context.Context, x *index.Index) (*index.View, index.State, error) {
	v, err := x.View(ctx)
	if err != nil {
		return nil, index.State{}, err
	}
	main, err := p.s.tip(mainRef)
	if err != nil {
		v.Close()
		return nil, index.State{}, err
	}
	agents, err := p.s.tip(agentsRef)
	if err != nil {
		v.Close()
		return nil, index.State{}, err
	}
	return v, index.State{Main: main, Agents: agents}, nil
}

const (
	// busyWait is how long a call waits for other processes that are catching
	// up, each for some milliseconds: it has to be their turn for all, since
	// walking the tree instead takes the processor from those who would be done.
	busyWait = 2 * time.Second
	// busyPoll is how soon it looks again, maxBusyPoll how soon at the latest.
	busyPoll    = 4 * time.Millisecond
	maxBusyPoll = 32 * time.Millisecond
	// rest is how long nobody tries again where that was in vain, or where
	// the index is far behind.
	rest = time.Second
)

// advance catches up with a small difference and returns the index then. The
// turn must have been taken.
func (p *projection) advance(ctx context.Context, x *index.Index) (*index.View, error) {
	deadline := time.Now().Add(busyWait)
	var wanted index.State // the tips when the call began
	for wait := busyPoll; ; wait = min(2*wait, maxBusyPoll) {
		v, tips, err := p.look(ctx, x)
		if err != nil || v.State() == tips {
			return v, err
		}
		if wanted == (index.State{}) {
			wanted = tips
		} else if has, err := p.s.covers(ctx, v.State(), wanted); has && err == nil {
			return v, nil
		}
		at, most := v.State(), p.bound(v)
		v.Close()
		err = p.update(ctx, x, at, tips, most)
		switch {
		case err == nil:
			return x.View(ctx) // wherever it is now, the tips are in it
		case errors.Is(err, index.ErrMoved):
		case errors.Is(err, index.ErrBusy) && time.Now().Before(deadline):
			if err := pause(ctx, rand.N(wait)); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
}

// covers tells whether an index in one state has all that another state has.
// Who waited for its turn is served by what the others did meanwhile, also if
// newer commits have come: else each of many processes would catch up once for
// every post.
func (s *Store) covers(ctx context.Context, state, wanted index.State) (bool, error) {
	for _, b := range [][2]plumbing.Hash{{state.Main, wanted.Main}, {state.Agents, wanted.Agents}} {
		if has, err := s.within(ctx, b[0], b[1]); !has || err != nil {
			return false, err
		}
	}
	return true, nil
}

// within tells whether a commit is another one, or among the few before it.
func (s *Store) within(ctx context.Context, from, to plumbing.Hash) (bool, error) {
	for range maxCovered {
		if from == to {
			return true, nil
		}
		if from.IsZero() {
			return false, nil
		}
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		c, err := s.commitInfo(from)
		if err != nil {
			return false, err
		}
		from = c.parent
	}
	return false, nil
}

// maxCovered is how many commits others may add while a call waits.
const maxCovered = 1 << 10

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A call catches up with as many files as take it less than about a second, if
// it is all that the process does, and less than about 50 ms in one that
// stays; but in both with a sixteenth of what the index holds, because that is
// faster than reading the tree.
const (
	mostInCall     = 20_000
	mostInResident = 1_000
	mostShare      = 16
)

func (p *projection) bound(v *index.View) int {
	return max(p.most, v.Messages()/mostShare)
}
