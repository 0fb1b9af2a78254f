package odb

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A pack that was replaced stays for a while, since git clone, git fsck and
// others name packs first and open them later, and give up if one is gone. It
// is marked by a file beside it, whose ending tells its tier and when it was
// replaced. skein does not look at it any more; git still does.
const (
	grace = 10 * time.Minute

	// How many replaced packs of a tier stay at most, of the small tiers and of
	// those from largeTier on. Beyond that the oldest go sooner.
	graceSmall = 64
	graceLarge = 16
	largeTier  = 3
)

// retiredMark begins the ending of the file that marks a replaced pack.
const retiredMark = "replaced-"

// retired is a pack that was replaced.
type retired struct {
	base string // its path without ending
	mark string // ending of the file that marks it
	tier int
	at   time.Time
}

// retire marks a pack whose objects are in another one, durably. It loses its
// .keep file, which no longer protects anything.
func (s *Storage) retire(p *pack) error {
	mark := fmt.Sprintf("%s.%s%d-%d", p.path, retiredMark, max(p.tier(), 0), s.now().Unix())
	if p.keep != noKeep {
		if err := s.fs().Rename(p.path+".keep", mark); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if !exists(p.path + ".pack") {
		return nil
	}
	err := writeFile(s.fs(), mark, 0o600, false, nil)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// parseRetired reads the ending of a mark.
func parseRetired(base, ending string) (r retired, ok bool) {
	text, ok := strings.CutPrefix(ending, retiredMark)
	tier, at, cut := strings.Cut(text, "-")
	n, err := strconv.Atoi(tier)
	seconds, serr := strconv.ParseInt(at, 10, 64)
	if !ok || !cut || err != nil || serr != nil {
		return r, false
	}
	return retired{base: base, mark: ending, tier: n, at: time.Unix(seconds, 0)}, true
}

// retired returns the packs that are marked, the last one replaced first.
func (s *Storage) retired() ([]retired, error) {
	files, err := os.ReadDir(s.packDir())
	if err != nil {
		return nil, err
	}
	var all []retired
	for _, f := range files {
		name, ending, _ := strings.Cut(f.Name(), ".")
		if r, ok := parseRetired(s.packPath(name), ending); ok {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b retired) int { return cmp.Compare(b.at.Unix(), a.at.Unix()) })
	return all, nil
}

// reap removes packs that were replaced longer ago than age, and of each tier
// those beyond a number.
func (s *Storage) reap(age time.Duration) error {
	all, err := s.retired()
	if err != nil {
		return err
	}
	of := map[int]int{}
	over := slices.DeleteFunc(all, func(r retired) bool {
		of[r.tier]++
		most := graceSmall
		if r.tier >= largeTier {
			most = graceLarge
		}
		return of[r.tier] <= most && s.now().Sub(r.at).Abs() < age
	})
	over = slices.DeleteFunc(over, func(r retired) bool {
		err := s.removePack(r)
		if err != nil {
			s.opts.Logger.Warn("a replaced pack cannot be removed yet; it only takes space", "pack", r.base, "error", err)
		}
		return err != nil
	})
	return s.removeMarks(over)
}

// removePack removes a replaced pack, the index first, so that nobody finds it
// any more. Readers that have it open keep reading, but on Windows they keep it
// from being removed.
func (s *Storage) removePack(r retired) error {
	for _, ending := range []string{".idx", ".rev", ".bitmap", ".pack", ".keep"} {
		if err := s.fs().Remove(r.base + ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeMarks removes the marks of packs that are gone for good: a power loss
// must not bring one back without its mark, since it may come back in pieces.
func (s *Storage) removeMarks(gone []retired) error {
	if len(gone) == 0 {
		return nil
	}
	if err := s.fs().SyncDir(s.packDir()); err != nil {
		return err
	}
	for _, r := range gone {
		if err := s.fs().Remove(r.base + "." + r.mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
