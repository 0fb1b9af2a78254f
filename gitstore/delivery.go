package gitstore

import (
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// Delivery is how far a message is known to have got beyond this machine.
type Delivery struct {
	Pushed bool   // the remote has it on main, for all to fetch
	Inbox  string // the remote's branch in which it waits for main; "" if in none
	Held   string // why the remote refuses it; "" if it does not
}

// Deliveries tells how far messages have got, one for each; nil if the store
// has no remote. It asks nobody and reads no history.
func (s *Store) Deliveries(messages ...*Message) ([]Delivery, error) {
	address, err := s.RemoteURL()
	if err != nil || address == "" {
		return nil, err
	}
	state := s.readSyncState(address)
	tips, err := s.there(mainRef, state.Barred)
	if err != nil {
		return nil, err
	}
	roots := make([]dir, len(tips))
	for i, tip := range tips {
		if roots[i], err = s.rootAt(tip); err != nil {
			return nil, err
		}
	}
	found := make([]Delivery, len(messages))
	for i, m := range messages {
		if found[i], err = state.delivery(roots, m); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// delivery looks for a message in what the remote has: on main, and in this
// machine's inbox if it has one.
func (r *RemoteState) delivery(roots []dir, m *Message) (d Delivery, err error) {
	h, _, _, err := parsePlace(mainRef, m.Path)
	if err != nil {
		return d, err
	}
	if d.Pushed, err = holdsEvent(roots[0], h, &m.Event, plumbing.ZeroHash); d.Pushed || err != nil {
		return d, err
	}
	for _, inbox := range roots[1:] {
		there, err := holdsEvent(inbox, h, &m.Event, plumbing.ZeroHash)
		if err != nil {
			return d, err
		}
		if there {
			d.Inbox = inboxOf(r.Barred)
		}
	}
	if at := slices.IndexFunc(r.Held, func(h Held) bool { return h.ID == m.ID }); at >= 0 {
		d.Held = r.Held[at].Reason
	}
	return d, nil
}

func inboxOf(bars []Bar) string {
	at := slices.IndexFunc(bars, func(b Bar) bool { return b.Branch == mainRef.Short() })
	return bars[at].Inbox
}

// rootAt is the top directory of a commit; an empty one for the zero hash.
func (s *Store) rootAt(commit plumbing.Hash) (dir, error) {
	tree := plumbing.ZeroHash
	if !commit.IsZero() {
		var err error
		if tree, err = s.rootTree(commit); err != nil {
			return dir{}, err
		}
	}
	return rootDir(s.tree, tree)
}
