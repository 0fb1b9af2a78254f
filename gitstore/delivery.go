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
	found := make([]Delivery, len(messages))
	for i, m := range messages {
		d := &found[i]
		if d.Pushed, err = s.isAt(tips[0], m); err != nil {
			return nil, err
		}
		if d.Pushed {
			continue
		}
		if len(tips) > 1 {
			there, err := s.isAt(tips[1], m)
			if err != nil {
				return nil, err
			}
			if there {
				d.Inbox = inboxOf(state.Barred)
			}
		}
		if at := slices.IndexFunc(state.Held, func(h Held) bool { return h.ID == m.ID }); at >= 0 {
			d.Held = state.Held[at].Reason
		}
	}
	return found, nil
}

func inboxOf(bars []Bar) string {
	at := slices.IndexFunc(bars, func(b Bar) bool { return b.Branch == mainRef.Short() })
	return bars[at].Inbox
}

// isAt tells whether a commit's tree holds a message.
func (s *Store) isAt(commit plumbing.Hash, m *Message) (bool, error) {
	if commit.IsZero() {
		return false, nil
	}
	tree, err := s.rootTree(commit)
	if err != nil {
		return false, err
	}
	root, err := rootDir(s.tree, tree)
	if err != nil {
		return false, err
	}
	h, _, _, err := parsePlace(mainRef, m.Path)
	if err != nil {
		return false, err
	}
	return holdsEvent(root, h, &m.Event, plumbing.ZeroHash)
}
