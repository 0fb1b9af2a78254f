package gitstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// Held is an event that the remote's rules refuse, such as a message with a
// secret in it. It stays on this machine, where all read it, and everything
// else is pushed without it.
type Held struct {
	Branch string    `json:"branch"`
	ID     event.ID  `json:"id"`
	From   string    `json:"from"`   // who wrote it
	What   string    `json:"what"`   // the subject of its commit
	Reason string    `json:"reason"` // what the remote says
	Since  time.Time `json:"since"`
	Tries  int       `json:"tries"` // that the remote has refused
	Again  time.Time `json:"again"` // when it is tried again by itself
}

func (h Held) String() string {
	return fmt.Sprintf("%s (%s) stays on this machine: %s", h.ID.Short(), printable(h.What), h.Reason)
}

// What is held back is tried again by itself after a while, which doubles: the
// remote's rules may have changed.
const (
	retryAfter = time.Hour
	retryMost  = 24 * time.Hour
)

// patience is how long to leave alone what was refused so many times before.
func patience(tries int) time.Duration { return min(retryMost, retryAfter<<min(tries, 10)) }

// holds are what the remote refuses, during a sync.
type holds struct {
	s    *Store
	url  string
	list []Held
	due  map[event.ID]bool // those that are tried again now
	bars []Bar
	open map[string]bool // branches that are tried again now
}

// openHolds returns what earlier syncs have held back from this remote.
func (s *Store) openHolds(o SyncOptions) (*holds, error) {
	address, err := s.RemoteURL()
	if err != nil {
		return nil, err
	}
	state := s.readSyncState(address)
	h := &holds{s: s, url: address, list: state.Held, due: map[event.ID]bool{}, bars: state.Barred, open: map[string]bool{}}
	for _, bar := range h.bars {
		h.open[bar.Branch] = o.Retry || !s.now().Before(bar.Again)
	}
	for _, held := range h.list {
		h.due[held.ID] = o.Retry || !s.now().Before(held.Again)
	}
	return h, nil
}

// has tells whether an event is held back.
func (h *holds) has(id event.ID) bool { return h.find(id) >= 0 && !h.due[id] }

func (h *holds) find(id event.ID) int {
	return slices.IndexFunc(h.list, func(x Held) bool { return x.ID == id })
}

// count tells how many events of a branch are held back.
func (h *holds) count(ref plumbing.ReferenceName) (n int) {
	for _, held := range h.list {
		if held.Branch == ref.Short() && h.has(held.ID) {
			n++
		}
	}
	return n
}

// add holds an event back; isNew tells that it was not before.
func (h *holds) add(held Held) (isNew bool, err error) {
	now := h.s.now().UTC()
	at := h.find(held.ID)
	if isNew = at < 0; isNew {
		held.Since = now
		h.list = append(h.list, held)
		at = len(h.list) - 1
	}
	entry := &h.list[at]
	entry.Reason = held.Reason
	entry.Again = now.Add(patience(entry.Tries))
	entry.Tries++
	delete(h.due, held.ID)
	return isNew, h.save()
}

// bar returns what is known of a branch to which the remote lets nobody push;
// nil if there is no such thing.
func (h *holds) bar(ref plumbing.ReferenceName) *Bar {
	for i := range h.bars {
		if h.bars[i].Branch == ref.Short() {
			return &h.bars[i]
		}
	}
	return nil
}

// barred is bar, unless the branch is tried again now.
func (h *holds) barred(ref plumbing.ReferenceName) *Bar {
	if h.open[ref.Short()] {
		return nil
	}
	return h.bar(ref)
}

// setBar notes that the remote refuses whatever is pushed to a branch.
func (h *holds) setBar(ref plumbing.ReferenceName, inbox, reason string) error {
	bar := h.bar(ref)
	if bar == nil {
		h.bars = append(h.bars, Bar{Branch: ref.Short()})
		bar = &h.bars[len(h.bars)-1]
	}
	bar.Inbox, bar.Reason = inbox, reason
	bar.Again = h.s.now().UTC().Add(patience(bar.Tries))
	bar.Tries++
	delete(h.open, ref.Short())
	return h.save()
}

// moveInbox notes that another inbox takes what may not be pushed to a branch.
func (h *holds) moveInbox(ref plumbing.ReferenceName, inbox string) error {
	bar := h.bar(ref)
	if bar == nil {
		return nil
	}
	bar.Inbox = inbox
	return h.save()
}

// liftBar notes that the remote takes what is pushed to a branch.
func (h *holds) liftBar(ref plumbing.ReferenceName) error {
	if h.bar(ref) == nil {
		return nil
	}
	h.bars = slices.DeleteFunc(h.bars, func(b Bar) bool { return b.Branch == ref.Short() })
	return h.save()
}

// landed forgets those events that the remote has taken.
func (h *holds) landed(ids []event.ID) error {
	before := len(h.list)
	if before == 0 {
		return nil
	}
	came := make(map[event.ID]bool, len(ids))
	for _, id := range ids {
		came[id] = true
	}
	h.list = slices.DeleteFunc(h.list, func(x Held) bool { return came[x.ID] })
	if len(h.list) == before {
		return nil
	}
	return h.save()
}

// save keeps the list, so that a sync that is cut short need not find out anew.
func (h *holds) save() error {
	state := h.s.readSyncState(h.url)
	state.Held, state.Barred = h.list, h.bars
	if err := h.s.writeSyncState(state); err != nil {
		return fmt.Errorf("note what the remote refuses: %w", err)
	}
	return nil
}

// noteHeld has the report say what earlier syncs have held back.
func (r *syncRun) noteHeld() {
	n := 0
	for _, held := range r.holds.list {
		if !slices.ContainsFunc(r.report.HeldBack, func(x Held) bool { return x.ID == held.ID }) {
			n++
		}
	}
	if n > 0 {
		r.note(fmt.Sprintf(`held back before and not pushed: %d; "skein remote show" says what and why, "skein sync --retry" tries again`, n))
	}
	for _, bar := range r.holds.bars {
		if bar.Inbox != "" {
			r.note(bar.String())
		}
	}
}
