package gitstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
	"skein/gitstore/remote"
)

// RemoteState is what is known of the store's remote without asking it.
type RemoteState struct {
	URL      string    `json:"url"`       // without a password; "" if there is no remote
	Unpushed int       `json:"unpushed"`  // events that the remote is not known to have
	LastTry  time.Time `json:"last_try"`  // of a sync; zero: never
	LastSync time.Time `json:"last_sync"` // that brought the two together; zero: never
	LastNews time.Time `json:"last_news"` // when one brought events, here or there; zero: never
	LastPush time.Time `json:"last_push"` // when one has pushed, in vain as well; zero: never
	Problem  string    `json:"problem"`   // what kept the last one from that; "" if nothing did
	NotSoon  time.Time `json:"not_soon"`  // until when the remote has asked to be left alone; zero: it has not, as far as the transport tells (remote.Error.After)
	Lasting  bool      `json:"lasting"`   // the problem will not pass by itself
	Moved    string    `json:"moved"`     // the address to which the remote sends whoever asks there; "" if it does not
	Held     []Held    `json:"held"`      // events that the remote refuses
	Barred   []Bar     `json:"barred"`    // branches to which it lets this machine not push
}

// RemoteState returns what is known of the remote.
func (s *Store) RemoteState(ctx context.Context) (*RemoteState, error) {
	address, err := s.RemoteURL()
	if err != nil || address == "" {
		return &RemoteState{}, err
	}
	state := s.readSyncState(address)
	for _, ref := range syncBranches {
		known, err := s.there(ref, state.Barred)
		if err != nil {
			return nil, err
		}
		ours, err := s.tip(ref)
		if err != nil {
			return nil, err
		}
		n, err := s.aheadOf(ctx, ours, known)
		if err != nil {
			return nil, err
		}
		state.Unpushed += n
	}
	return state, nil
}

// there returns where a branch of ours is known to be at the remote: at its
// branch, and in this machine's inbox.
func (s *Store) there(ref plumbing.ReferenceName, bars []Bar) ([]plumbing.Hash, error) {
	known, err := s.refOrZero(trackingRef(ref))
	tips := []plumbing.Hash{known}
	for _, bar := range bars {
		if err == nil && bar.Branch == ref.Short() && bar.Inbox != "" {
			known, err = s.refOrZero(trackingRef(inboxRef(bar.Inbox)))
			tips = append(tips, known)
		}
	}
	return tips, err
}

// aheadOf counts the events from any of some commits to a newer one, or from
// the beginning.
func (s *Store) aheadOf(ctx context.Context, at plumbing.Hash, known []plumbing.Hash) (n int, err error) {
	past, err := s.ancestry()
	if err != nil {
		return 0, err
	}
	for ; !at.IsZero() && !slices.Contains(known, at); n++ {
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		c, err := past.info(at)
		if err != nil {
			return 0, err
		}
		if c.root() {
			return n, nil // which is no event
		}
		at = c.parent
	}
	return n, nil
}

// allPushed tells whether the remote is known to have all there is, but for
// what it refuses and what is not to be tried again yet.
func (s *Store) allPushed() (bool, error) {
	holds, err := s.openHolds(SyncOptions{})
	if err != nil {
		return false, err
	}
	for _, ref := range syncBranches {
		known, err := s.there(ref, holds.bars)
		if err != nil {
			return false, err
		}
		at, err := s.tip(ref)
		for err == nil && !slices.Contains(known, at) {
			var c commitInfo
			if c, err = s.commitInfo(at); err != nil || !holds.has(c.id) {
				return false, err
			}
			at = c.parent
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *Store) syncStatePath() string { return filepath.Join(s.db.StateDir(), "synced") }

// readSyncState returns what the last sync with this address left; nothing is
// lost with it.
func (s *Store) readSyncState(address string) *RemoteState {
	state, fresh := &RemoteState{}, &RemoteState{URL: remote.Redact(address)}
	text, err := os.ReadFile(s.syncStatePath())
	if err != nil || json.Unmarshal(text, state) != nil || state.URL != fresh.URL {
		return fresh
	}
	if info, err := os.Stat(s.syncStatePath()); err == nil && info.ModTime().After(state.LastTry) {
		state.looked(info.ModTime().UTC())
	}
	return state
}

// looked notes a look that found nothing new.
func (r *RemoteState) looked(at time.Time) {
	if r.LastSync.Equal(r.LastTry) {
		r.LastSync = at
	}
	r.LastTry = at
}

// noteLook keeps, for other processes, that a look has found nothing new: by the
// time stamp of the file, since there may be thousands of looks a day.
func (s *Store) noteLook() {
	now := s.now()
	if err := os.Chtimes(s.syncStatePath(), now, now); err != nil {
		s.log.Debug("a look could not be noted", "err", err)
	}
}

// noteSync keeps how a sync has ended, for people and for other processes.
func (s *Store) noteSync(address string, report *SyncReport, failure error) {
	state := s.readSyncState(address)
	state.LastTry = s.now().UTC()
	state.NotSoon = notSoon(state.LastTry, failure)
	state.Moved = report.Moved
	if report.Fetched+report.Pushed > 0 {
		state.LastNews = state.LastTry
	}
	if report.Pushes > 0 {
		state.LastPush = state.LastTry
	}
	switch {
	case failure != nil:
		state.Problem, state.Lasting = failure.Error(), lasts(failure)
	case len(report.Held) > 0:
		state.Problem, state.Lasting = report.Held[0], true
	default:
		state.LastSync, state.Problem, state.Lasting = state.LastTry, "", false
	}
	if err := s.writeSyncState(state); err != nil {
		s.log.Debug("how a sync ended could not be noted", "err", err)
	}
}

// longest is how long a remote is left alone that asks for it; no remote is
// believed that wants to be left alone for a year.
const longest = time.Hour

// notSoon is until when a remote has asked to be left alone.
func notSoon(now time.Time, failure error) time.Time {
	var e *remote.Error
	if !errors.As(failure, &e) || e.After <= 0 {
		return time.Time{}
	}
	return now.Add(min(longest, e.After))
}

// lasts tells whether somebody must do something about a failure, as about
// credentials; a line that is dead comes back by itself.
func lasts(failure error) bool {
	var e *remote.Error
	if errors.As(failure, &e) {
		return e.Kind != remote.Network && e.Kind != remote.Race && e.Kind != remote.Unable
	}
	return !errors.Is(failure, context.DeadlineExceeded)
}

// Troubles says, in a sentence each, what keeps this store or messages of an
// agent from other machines, and what does not pass by itself. It asks nobody,
// and costs a look at one file. Parts of it are the remote's words.
func (s *Store) Troubles(agent string) []string {
	var state RemoteState
	text, err := os.ReadFile(s.syncStatePath())
	if err != nil || json.Unmarshal(text, &state) != nil || !state.Lasting && len(state.Held)+len(state.Barred) == 0 {
		return nil
	}
	if address, err := s.RemoteURL(); err != nil || address == "" || remote.Redact(address) != state.URL {
		return nil
	}
	var troubles []string
	for _, bar := range state.Barred {
		troubles = append(troubles, bar.trouble())
	}
	if state.Lasting && len(state.Barred) == 0 {
		troubles = append(troubles, "syncing with other machines fails: "+state.Problem)
	}
	for _, held := range state.Held {
		if held.From == agent {
			troubles = append(troubles, "a message of yours is not sent to other machines: "+held.String())
		}
	}
	return troubles
}

func (s *Store) writeSyncState(state *RemoteState) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := writeWhole(s.syncStatePath(), text); err != nil {
		return err
	}
	return os.Chtimes(s.syncStatePath(), state.LastTry, state.LastTry)
}

// forgetRemote forgets what another remote had: its branches are none of the
// new one's. A store only grows, so the refs stay, at the roots, which every
// store and remote has.
func (s *Store) forgetRemote(ctx context.Context) error {
	unlock, err := s.db.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	b, moved := s.db.NewBatch(), false
	for _, ref := range syncBranches {
		known, err := s.refOrZero(trackingRef(ref))
		if err != nil || known.IsZero() {
			return err
		}
		root, err := s.rootOf(ctx, b, ref)
		if err != nil {
			return err
		}
		if root != known {
			b.Move(trackingRef(ref), known, root)
			moved = true
		}
	}
	if !moved {
		return nil
	}
	return b.Commit()
}

// rootOf returns the first commit of a branch. A store that lacks it, with what
// else of its history is old, is given it.
func (s *Store) rootOf(ctx context.Context, b *odb.Batch, ref plumbing.ReferenceName) (plumbing.Hash, error) {
	h, c, err := s.first(ctx, ref)
	if err != nil {
		return h, fmt.Errorf("read the history of branch %s: %w", ref.Short(), err)
	}
	if c.cut {
		h = addRoot(b, ref)
	}
	return h, nil
}
