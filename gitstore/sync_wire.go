package gitstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
	"skein/gitstore/remote"
)

// wire is the way to a remote. There are two: that of package remote, and in
// tests one that loses, repeats and delays what it is given.
type wire interface {
	// fetch brings what the branches hold, or so much of it; the caller closes
	// what it gets.
	fetch(ctx context.Context, depth remote.Depth, branches ...plumbing.ReferenceName) (*arrival, error)
	// push moves branches of the remote, from what it has fetched, if a is not
	// nil, and the store has. It is what remote.Remote.Push is.
	push(ctx context.Context, a *arrival, updates []remote.Update) (map[plumbing.ReferenceName]error, error)
}

// arrival is what a fetch has brought, in quarantine.
type arrival struct {
	tips    remote.Tips
	objects objectReader
	fresh   func(plumbing.Hash) bool // the object came, rather than being here before
	count   int                      // of objects that came
	work    int64                    // bytes of them that there are to look at, as workOf has it
	shallow []plumbing.Hash          // commits whose parents stayed away, as a depth asked for
	looked  int                      // at how many of the objects that came
	tell    func(string)             // is told how far the look is; nil: nobody is

	packs   []string        // paths without ending, if they are worth being taken over as they are
	came    []plumbing.Hash // what is in the packs
	release func() error    // lets go of open files, after which only packs may be used
	close   func() error    // removes the rest
}

// tellEvery is how many objects are looked at before somebody is told again.
const tellEvery = 4096

// look counts an object that is looked at.
func (a *arrival) look() {
	if a.looked++; a.tell != nil && a.looked%tellEvery == 0 {
		a.tell(fmt.Sprintf("checking what came: %3d%%", 100*a.looked/max(a.count, a.looked)))
	}
}

// remoteName is the remote's name in the repository's configuration, as git's
// own commands expect it.
const remoteName = "origin"

// trackingRef is where a branch of the remote was when we last knew.
func trackingRef(ref plumbing.ReferenceName) plumbing.ReferenceName {
	return plumbing.NewRemoteReferenceName(remoteName, ref.Short())
}

// ErrNoRemote says that the store has no remote to sync with.
var ErrNoRemote = errors.New("this store has no remote; add one with skein remote add URL")

// RemoteURL returns the address of the store's remote, as it was given; "" if
// there is none.
func (s *Store) RemoteURL() (string, error) {
	cfg, err := s.db.Config()
	if err != nil {
		return "", fmt.Errorf("read the configuration of %s: %w", s.dir, err)
	}
	r := cfg.Remotes[remoteName]
	if r == nil || len(r.URLs) == 0 {
		return "", nil
	}
	return r.URLs[0], nil
}

// SetRemote gives the store a remote, in place of the one it may have, or none
// if address is "". It stands in the repository's configuration, where git
// finds it as well. What was known of another remote is forgotten.
func (s *Store) SetRemote(ctx context.Context, address string) error {
	if before, err := s.RemoteURL(); err != nil || before == address {
		return err
	}
	if err := s.forgetRemote(ctx); err != nil {
		return err
	}
	unlock, err := s.db.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	cfg, err := s.db.Config()
	if err != nil {
		return fmt.Errorf("read the configuration of %s: %w", s.dir, err)
	}
	delete(cfg.Remotes, remoteName)
	if address != "" {
		cfg.Remotes[remoteName] = &config.RemoteConfig{Name: remoteName, URLs: []string{address},
			Fetch: []config.RefSpec{"+refs/heads/*:refs/remotes/" + remoteName + "/*"}}
	}
	return s.db.SetConfig(cfg)
}

// quarantineDir is where what a remote sends is kept until it is believed. It
// belongs to whoever holds the sync lock.
func (s *Store) quarantineDir() string { return filepath.Join(s.db.StateDir(), "quarantine") }

// newQuarantine clears what a killed process has left, and returns an unused
// name: the git that such a process had started may still be writing under
// another.
func (s *Store) newQuarantine() (string, error) {
	all := s.quarantineDir()
	_ = os.RemoveAll(all) // fails while such a git adds files, which are for the next to clear
	if err := os.MkdirAll(all, 0o700); err != nil {
		return "", err
	}
	return filepath.Join(all, strconv.FormatUint(rand.Uint64(), 36)), nil
}

// gitWire speaks to a remote as git does.
type gitWire struct {
	s   *Store
	r   *remote.Remote
	dir string // what the last fetch went to
}

func (s *Store) newGitWire(address string, progress func(string)) *gitWire {
	return &gitWire{s: s, r: &remote.Remote{URL: address, Objects: filepath.Join(s.db.Dir(), "objects"),
		Repository: s.db, Transport: s.transport, Progress: progress}}
}

// adoptFrom is the size in bytes from which packs are taken over as they are:
// below it, a copy in a batch of our own costs less than two more files.
const adoptFrom = 1 << 20

func (w *gitWire) fetch(ctx context.Context, depth remote.Depth, branches ...plumbing.ReferenceName) (a *arrival, err error) {
	if w.dir, err = w.s.newQuarantine(); err != nil {
		return nil, fmt.Errorf("make a quarantine: %w", err)
	}
	tips, held, err := w.bring(ctx, depth, branches)
	switch {
	case err != nil:
	case held != nil:
		a = w.held(held)
	default:
		a, err = w.kept(depth)
	}
	if err != nil {
		return nil, errors.Join(err, w.remove())
	}
	a.tips = tips
	return a, nil
}

// held is what has come into memory.
func (w *gitWire) held(came remote.Objects) *arrival {
	fresh := func(h plumbing.Hash) bool { _, ok := came[h]; return ok }
	return &arrival{objects: came, fresh: fresh, count: len(came), work: workOf(came, maps.Keys(came)),
		release: func() error { return nil }, close: w.remove}
}

// kept is what has come into the quarantine.
func (w *gitWire) kept(depth remote.Depth) (a *arrival, err error) {
	q, err := odb.Open(w.dir, odb.Options{FS: w.s.opts.FS, NoSync: true, Logger: w.s.log})
	if err != nil {
		return nil, fmt.Errorf("open what was fetched: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, q.Close())
		}
	}()
	came, err := q.Objects()
	if err != nil {
		return nil, fmt.Errorf("list what was fetched: %w", err)
	}
	fresh := make(map[plumbing.Hash]bool, len(came))
	for _, h := range came {
		fresh[h] = true
	}
	a = &arrival{objects: q, fresh: func(h plumbing.Hash) bool { return fresh[h] }, count: len(came), came: came, work: workOf(q, slices.Values(came)),
		release: q.Close, close: func() error { return errors.Join(q.Close(), w.remove()) }}
	if depth > 0 { // unasked, nothing may be left away
		if a.shallow, err = q.Shallow(); err != nil {
			return nil, err
		}
	}
	a.packs, err = worthAdopting(w.dir)
	return a, err
}

// workOf adds up what looking at each object once takes. One that cannot be read
// takes nothing.
func workOf(objects objectReader, came iter.Seq[plumbing.Hash]) (work int64) {
	for h := range came {
		if weight, err := objects.Weigh(h); err == nil {
			work += weight.Work + lookCost
		}
	}
	return work
}

// bring fetches into the quarantine, or, where it is little, into memory.
func (w *gitWire) bring(ctx context.Context, depth remote.Depth, branches []plumbing.ReferenceName) (remote.Tips, remote.Objects, error) {
	if depth == 0 {
		return w.r.FetchObjects(ctx, w.dir, branches...)
	}
	tips, err := w.r.FetchDepth(ctx, w.dir, depth, branches...)
	return tips, nil, err
}

// worthAdopting lists the packs of a quarantine if they are large.
func worthAdopting(dir string) (packs []string, err error) {
	indexes, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "pack-*.idx"))
	size := int64(0)
	for _, index := range indexes {
		base := index[:len(index)-len(".idx")]
		if info, err := os.Stat(base + ".pack"); err == nil {
			size += info.Size()
		}
		packs = append(packs, base)
	}
	if err != nil || size < adoptFrom {
		return nil, err
	}
	return packs, nil
}

func (w *gitWire) push(ctx context.Context, a *arrival, updates []remote.Update) (outcome map[plumbing.ReferenceName]error, err error) {
	if a == nil {
		if w.dir, err = w.s.newQuarantine(); err != nil {
			return nil, fmt.Errorf("make a quarantine: %w", err)
		}
		defer func() { err = errors.Join(err, w.remove()) }()
	}
	return w.r.Push(ctx, w.dir, updates)
}

// remove removes the quarantine.
func (w *gitWire) remove() error {
	err := os.RemoveAll(w.dir)
	_ = os.Remove(w.s.quarantineDir()) // unless something else is in it
	return err
}
