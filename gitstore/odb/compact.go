package odb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/gofrs/flock"
)

// Size is how much a store takes: what is read, each object as often as it is
// there.
type Size struct {
	Objects int
	Packs   int
	Loose   int   // objects in files of their own
	Bytes   int64 // of packs, indexes and loose objects
}

// Compacted says what Compact found and what it left.
type Compacted struct {
	Before, After Size
	// Replaced is what stays on the disk for the grace period, for those who
	// are reading it.
	Replaced Size
}

// Compact writes all objects into one pack, as small as it can: trees and
// messages as deltas on later ones, everything else compressed. A pack that it
// made before is left as it is if little is new beside it. It may run
// beside readers, writers and git. Whatever ends it, be it ctx, a crash or a
// power loss, leaves the store as it was, or compacted. It waits for another
// compaction to end.
//
// progress, if not nil, is told how many objects of how many are written;
// calls do not overlap. Memory is some 50 bytes an object.
func (s *Storage) Compact(ctx context.Context, progress func(done, total int)) (*Compacted, error) {
	unlock, err := s.lockCompaction(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := s.packs.rescan(); err != nil {
		return nil, err
	}
	result := &Compacted{}
	if result.Before, err = s.size(); err != nil {
		return nil, err
	}
	if err := s.gather(ctx, progress); err != nil {
		return nil, err
	}
	if err := s.reap(grace); err != nil {
		return nil, err
	}
	return result, s.sizeAfter(result)
}

// gather compacts what there is to compact, again if others have merged packs
// meanwhile.
func (s *Storage) gather(ctx context.Context, progress func(done, total int)) error {
	for looks := 1; ; looks++ {
		loose := s.looseObjects()
		packs := s.toGather(loose)
		if len(packs)+len(loose) == 0 {
			return nil
		}
		c := &compaction{encoders: runtime.GOMAXPROCS(0), progress: progress}
		err := s.compact(ctx, c, packs, loose)
		if !errors.Is(err, fs.ErrNotExist) || looks == calm {
			return err
		}
		if _, err := s.packs.rescan(); err != nil {
			return err
		}
	}
}

// enoughNew is what part of a compacted pack has to be new beside it before it
// is written again: one in so many. A pack that is left costs little space.
const enoughNew = 16

// toGather returns the packs that Compact makes one of: all that are not
// compacted yet, and of the others those that are not much larger than what
// they are put together with.
func (s *Storage) toGather(loose []plumbing.Hash) []*pack {
	all := s.packs.matching((*pack).mergeable)
	fresh := slices.DeleteFunc(slices.Clone(all), func(p *pack) bool { return p.keep == compactKeep })
	done := slices.DeleteFunc(all, func(p *pack) bool { return p.keep != compactKeep })
	slices.SortStableFunc(done, func(a, b *pack) int { return cmp.Compare(a.count, b.count) })
	objects := len(loose)
	for _, p := range fresh {
		objects += p.count
	}
	for _, p := range done {
		if p.count > max(objects*enoughNew, tierLimits[1]) {
			break
		}
		fresh, objects = append(fresh, p), objects+p.count
	}
	if len(fresh) == 1 && fresh[0].keep == compactKeep && len(loose) == 0 {
		return nil
	}
	return fresh
}

// lockCompaction excludes other compactions, of all processes.
func (s *Storage) lockCompaction(ctx context.Context) (unlock func(), err error) {
	lock := s.compactionLock()
	if err := waitLock(ctx, lock, lock.Lock); err != nil {
		return nil, err
	}
	return func() { _ = lock.Unlock() }, nil // closing the descriptor unlocks
}

func (s *Storage) compactionLock() *flock.Flock {
	return flock.New(filepath.Join(s.StateDir(), "compact.lock"), flock.SetPermissions(0o600))
}

// compact makes one pack of what is in packs and of loose objects, durably, and
// has it take their place.
func (s *Storage) compact(ctx context.Context, c *compaction, packs []*pack, loose []plumbing.Hash) error {
	// Mappings of its own: those of readers go when a pack is replaced.
	sources, err := openSources(packs)
	defer closeAll(sources)
	if err != nil {
		return err
	}
	if c.set, err = newObjectSet(s, sources, loose); err != nil {
		return err
	}
	base, err := s.writeCompacted(ctx, c)
	if err != nil {
		return err
	}
	if err := s.packs.replace(packs, base); err != nil {
		return err
	}
	for _, p := range packs {
		if err := s.retire(p); err != nil {
			return err
		}
	}
	return s.removeLoose(loose)
}

func openSources(packs []*pack) (sources []*pack, err error) {
	for _, p := range packs {
		src, err := openPack(p.path)
		if err != nil {
			return sources, fmt.Errorf("%s.idx: %w", p.path, err)
		}
		src.bases = newBaseCache()
		sources = append(sources, src)
	}
	return sources, nil
}

func closeAll(packs []*pack) {
	for _, p := range packs {
		_ = p.close() // a mapping that cannot be unmapped costs address space only
	}
}

// writeCompacted writes pack and index, and gives them their names.
//
// The .keep file comes before the index, durably, and stays for good. So git
// never removes the pack: a repack that listed it without .keep could have left
// its objects out of the new pack, because it found them in a source that has
// one.
func (s *Storage) writeCompacted(ctx context.Context, c *compaction) (base string, err error) {
	pack, index := tempName(s.packPath("compact.pack")), tempName(s.packPath("compact.idx"))
	defer func() {
		if err != nil {
			_ = s.fs().Remove(index)
			_ = s.fs().Remove(pack)
		}
	}()
	var sum []byte
	err = s.writeSynced(pack, func(w io.Writer) (err error) { sum, err = c.write(ctx, w); return err })
	if err != nil {
		return "", err
	}
	if err := s.writeSynced(index, func(w io.Writer) error { return c.set.writeIndex(w, sum) }); err != nil {
		return "", err
	}
	base = s.freeBase(sum)
	if err := writeFile(s.fs(), base+".keep", 0o600, false, []byte(c.mark())); err != nil {
		return "", err
	}
	if err := s.fs().SyncDir(s.packDir()); err != nil {
		return "", err
	}
	if err := s.fs().Rename(pack, base+".pack"); err != nil {
		return "", err
	}
	if err := s.fs().Rename(index, base+".idx"); err != nil {
		return "", err
	}
	return base, s.fs().SyncDir(s.packDir())
}

// freeBase returns the path of a pack without its ending: its checksum's, as
// git has it. A name that was there before gets no second life, since whoever
// removes the old files would take the new ones for them.
func (s *Storage) freeBase(sum []byte) string {
	for {
		base := s.packPath(packBase(sum))
		if used, err := filepath.Glob(base + ".*"); err == nil && len(used) == 0 {
			return base
		}
		next := hashObject(plumbing.BlobObject, sum)
		sum = next[:]
	}
}

// writeSynced writes a file, durably but for its name.
func (s *Storage) writeSynced(name string, write func(io.Writer) error) error {
	return createFile(s.fs(), name, packMode, func(f File) error {
		if err := write(f); err != nil {
			return err
		}
		return f.Sync()
	})
}

// size returns how much can be read.
func (s *Storage) size() (Size, error) {
	var size Size
	for _, p := range s.packs.matching(func(*pack) bool { return true }) {
		size.Packs++
		size.Objects += p.count
		size.Bytes += packBytes(p.path)
	}
	for _, h := range s.looseObjects() {
		size.Loose++
		size.Objects++
		size.Bytes += stampOf(s.loosePath(h)).size
	}
	return size, nil
}

func packBytes(base string) int64 { return stampOf(base+".pack").size + stampOf(base+".idx").size }

func (s *Storage) sizeAfter(r *Compacted) (err error) {
	if r.After, err = s.size(); err != nil {
		return err
	}
	retired, err := s.retired()
	for _, p := range retired {
		r.Replaced.Packs++
		r.Replaced.Bytes += packBytes(p.base)
	}
	return err
}

// looseObjects returns the ids of all loose objects.
func (s *Storage) looseObjects() []plumbing.Hash {
	files, _ := filepath.Glob(filepath.Join(s.dir, "objects", "[0-9a-f][0-9a-f]", "*")) // the pattern is right
	var all []plumbing.Hash
	for _, path := range files {
		if h, ok := parseHash(filepath.Base(filepath.Dir(path)) + filepath.Base(path)); ok {
			all = append(all, h)
		}
	}
	return all
}

// removeLoose removes loose objects that are in a pack now, as git
// prune-packed does: whoever misses one looks for it in the packs again.
func (s *Storage) removeLoose(loose []plumbing.Hash) error {
	for _, h := range loose {
		if err := s.fs().Remove(s.loosePath(h)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// matching returns the packs that ok says yes to.
func (s *packSet) matching(ok func(*pack) bool) []*pack {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(s.packs), func(p *pack) bool { return !ok(p) })
}

// replace takes a new pack in place of others.
func (s *packSet) replace(packs []*pack, base string) error {
	merged, err := openPack(base)
	if err != nil {
		return err
	}
	merged.bases, merged.keep = s.bases, keepOf(base)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs = slices.DeleteFunc(s.packs, func(p *pack) bool {
		gone := slices.ContainsFunc(packs, func(q *pack) bool { return p.path == q.path })
		if gone {
			_ = p.close() // a mapping that cannot be unmapped costs address space only
		}
		return gone
	})
	s.packs = append(s.packs, merged)
	return nil
}
