package odb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/gofrs/flock"
)

// storeLock excludes other writers: goroutines of this process by a channel,
// other processes by flock(2) (LockFileEx on Windows), which the kernel lets
// go of when its holder dies.
type storeLock struct {
	path string
	held chan struct{}
}

func (l *storeLock) init(path string) {
	l.path = path
	l.held = make(chan struct{}, 1)
}

// Lock waits for the store's lock, in turn, until ctx ends. Readers need no
// lock. It is not reentrant.
func (s *Storage) Lock(ctx context.Context) (unlock func(), err error) {
	l := &s.lock
	select {
	case l.held <- struct{}{}:
	case <-ctx.Done():
		return nil, lockError(ctx)
	}
	for {
		file := l.file()
		ok, err := s.tryLock(file.TryLock)
		if err == nil && !ok {
			err = waitLock(ctx, file, file.Lock)
		}
		if err != nil {
			<-l.held
			return nil, err
		}
		if l.current(file) {
			return l.unlocker(file), nil
		}
		_ = file.Unlock() // of a file that was removed by hand
	}
}

// TryLock takes the store's lock if nobody holds it; otherwise ok is false.
func (s *Storage) TryLock() (unlock func(), ok bool, err error) {
	l := &s.lock
	select {
	case l.held <- struct{}{}:
	default:
		return nil, false, nil
	}
	for {
		file := l.file()
		ok, err = s.tryLock(file.TryLock)
		if err != nil || !ok {
			<-l.held
			return nil, false, err
		}
		if l.current(file) {
			return l.unlocker(file), true, nil
		}
		_ = file.Unlock() // of a file that was removed by hand
	}
}

// RLock waits until nobody holds the store's lock, and then keeps others from
// taking it. Any number may have it so at the same time, and all who wait get it
// at once: it is for a short look at what the holder has left.
func (s *Storage) RLock(ctx context.Context) (unlock func(), err error) {
	file := s.lock.file()
	ok, err := s.tryLock(file.TryRLock)
	if err == nil && !ok {
		err = waitLock(ctx, file, file.RLock)
	}
	return func() { _ = file.Unlock() }, err
}

func (l *storeLock) file() *flock.Flock { return flock.New(l.path, flock.SetPermissions(0o600)) }

func (s *Storage) tryLock(try func() (bool, error)) (bool, error) {
	ok, err := try()
	if errors.Is(err, fs.ErrNotExist) {
		if err := mkdir(s.fs(), s.StateDir()); err != nil {
			return false, fmt.Errorf("lock the store: %w", err)
		}
		ok, err = try()
	}
	if err != nil {
		return false, fmt.Errorf("lock the store: %w", err)
	}
	return ok, nil
}

// current says whether the locked file is the one that others would lock.
func (l *storeLock) current(file *flock.Flock) bool {
	ours, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.path)
	return err == nil && os.SameFile(ours, named)
}

func (l *storeLock) unlocker(file *flock.Flock) func() {
	return func() {
		_ = file.Unlock() // closing the descriptor, which cannot be refused, unlocks
		<-l.held
	}
}

// waitLock blocks in the kernel, which wakes waiters in turn and at once;
// polling would do neither. The call cannot be interrupted, so a cancelled
// wait leaves a goroutine that lets go as soon as it gets the lock.
func waitLock(ctx context.Context, file *flock.Flock, lock func() error) error {
	locked := make(chan error, 1)
	go func() { locked <- lock() }()
	select {
	case err := <-locked:
		if err != nil {
			return fmt.Errorf("lock the store: %w", err)
		}
		return nil
	case <-ctx.Done():
		go func() {
			if <-locked == nil {
				_ = file.Unlock()
			}
		}()
		return lockError(ctx)
	}
}

func lockError(ctx context.Context) error {
	return fmt.Errorf("another process is writing to the store: %w", context.Cause(ctx))
}

// tempName returns an unused name beside name, for a file to be renamed to it.
// The ending keeps git from taking it for a pack index or for garbage of its own.
func tempName(name string) string {
	return name + ".tmp-" + strconv.FormatUint(rand.Uint64(), 36)
}
