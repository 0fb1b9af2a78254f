package tools

import (
	"runtime/debug"
	"time"
)

// restAfter is how long a server has had no call before it gives memory back.
const restAfter = time.Second

// rest is called at the end of each call. A person runs a server for every
// agent, and most of them wait most of the time: what a search has read of the
// packs, and the heap it needed, must not stay with a process that waits.
func (s *Server) rest() { s.idle.Reset(restAfter) }

// release gives memory back to the system.
func (s *Server) release() {
	if store := s.store.peek(); store != nil {
		store.ReleaseMemory()
	}
	debug.FreeOSMemory()
}
