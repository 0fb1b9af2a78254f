package odb

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
)

// Packs are put together in tiers, as in a log-structured merge tree: 32 small
// new ones become one, then 16 of a tier one of the next. So there are never
// more than about a hundred, and an object is written once a tier.
//
// The first step is on the heels of whoever posts, and only copies. The others
// make deltas, which takes time; where nobody has it, because no process stays
// long enough, copying steps in before the packs are too many.
const (
	smallPacks = 32
	tierPacks  = 16
	latePacks  = 32 // of a tier that nobody has compacted

	backgroundObjects = 1 << 20 // in a compaction in the background, for its memory's sake
)

// tierLimits are the numbers of objects up to which a pack belongs to tiers 1,
// 2, … Packs beyond the last are left as they are, but by Compact.
var tierLimits = []int{2 << 10, 32 << 10, 512 << 10}

func (p *pack) tier() int {
	if p.keep == newKeep {
		return 0
	}
	i, _ := slices.BinarySearch(tierLimits, p.count)
	return 1 + i
}

// mergeable says whether a pack may be replaced.
func (p *pack) mergeable() bool { return !p.foreign.Load() }

// tiers returns the packs that may be replaced, by tier.
func (s *packSet) tiers() [][]*pack {
	tiers := make([][]*pack, 2+len(tierLimits))
	for _, p := range s.matching((*pack).mergeable) {
		tiers[p.tier()] = append(tiers[p.tier()], p)
	}
	return tiers[:1+len(tierLimits)]
}

// toCopy returns the packs of the lowest tier that has to be merged now.
func (s *packSet) toCopy() []*pack {
	for t, packs := range s.tiers() {
		if t == 0 && len(packs) >= smallPacks || t > 0 && len(packs) >= latePacks {
			return packs
		}
	}
	return nil
}

// toCompact returns the packs of the lowest tier that is worth a compaction,
// as many as one may have.
func (s *packSet) toCompact() []*pack {
	for _, packs := range s.tiers()[1:] {
		if len(packs) < tierPacks {
			continue
		}
		slices.SortStableFunc(packs, func(a, b *pack) int { return cmp.Compare(a.count, b.count) })
		n, objects := 0, 0
		for ; n < len(packs) && objects+packs[n].count <= backgroundObjects; n++ {
			objects += packs[n].count
		}
		if n > 1 {
			return packs[:n]
		}
	}
	return nil
}

// CompactionDue says, from what this process has seen, whether CompactSome has
// something to do. It costs nothing.
func (s *Storage) CompactionDue() bool { return s.packs.toCompact() != nil }

// CompactSome compacts tiers that are full, until none is. It is for the
// background: it takes at most half of one processor and some 64 MB, and
// returns at once if another process is at it. It takes no lock that a writer
// waits for. Ended by ctx it leaves everything as it was.
func (s *Storage) CompactSome(ctx context.Context) error {
	lock := s.compactionLock()
	if ok, err := lock.TryLock(); err != nil || !ok {
		return err
	}
	defer func() { _ = lock.Unlock() }() // closing the descriptor unlocks
	return s.replaceAll(ctx, s.packs.toCompact, func() *compaction {
		return &compaction{encoders: 1, gentle: true}
	})
}

// merge copies packs together until there are few enough.
func (s *Storage) merge(ctx context.Context) error {
	return s.replaceAll(ctx, s.packs.toCopy, func() *compaction { return &compaction{encoders: 1, copy: true} })
}

// replaceAll replaces the packs that next names, until it names none. A damaged
// pack is left out from then on.
func (s *Storage) replaceAll(ctx context.Context, next func() []*pack, with func() *compaction) error {
	for {
		if _, err := s.packs.rescan(); err != nil {
			return err
		}
		packs := next()
		if len(packs) == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		err := s.compact(ctx, with(), packs, nil)
		var damaged *DamagedError
		if errors.As(err, &damaged) && leaveOut(packs, damaged.Where) {
			s.opts.Logger.Warn("a pack is left out of merging", "reason", err)
			continue
		}
		if errors.Is(err, fs.ErrNotExist) { // others have merged it
			continue
		}
		if err != nil {
			return err
		}
	}
}

// leaveOut has the pack of a file not merged, and says whether it is one of
// these.
func leaveOut(packs []*pack, file string) bool {
	i := slices.IndexFunc(packs, func(p *pack) bool { return file == p.path+".pack" || file == p.path+".idx" })
	return i >= 0 && packs[i].foreign.CompareAndSwap(false, true)
}

func (s *Storage) maintenanceLock() *flock.Flock {
	return flock.New(filepath.Join(s.StateDir(), "maintain.lock"), flock.SetPermissions(0o600))
}
