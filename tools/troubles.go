package tools

import (
	"sync"

	"skein/gitstore"
)

// maxTrouble is how many bytes a result spends on one trouble.
const maxTrouble = 400

// troubles are what this session has been told about syncing. Its zero value
// is ready.
type troubles struct {
	mu   sync.Mutex
	told map[string]bool
}

// trouble is what a result says of syncing when somebody must do something
// about it, each thing once a session: the agent can tell its person.
func (s *Server) trouble(st *gitstore.Store, me string) (notes string) {
	t := &s.troubles
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, text := range st.Troubles(me) {
		if t.told[text] {
			continue
		}
		if t.told == nil {
			t.told = map[string]bool{}
		}
		t.told[text] = true
		notes += "tell your person: " + clip(oneLine(text), maxTrouble) + "\n"
	}
	return notes
}
