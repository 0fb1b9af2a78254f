package tools

import (
	"runtime/debug"
	"time"
)

// restAfter is how long a server has had no call before it gives memory back.
const restAfter = time.Second

// releaseEvery is after how many calls the packs' pages are given back in any
// case: each call touches some 100 KB of them, and the system would leave them
// to a process that is never idle until it is short of memory.
const releaseEvery = 50

// rest is called at the end of each call. A person runs a server for every
// agent, and most of them wait most of the time: what a search has read of the
// packs, and the heap it needed, must not stay with a process that waits.
func (s *Server) rest() {
	if s.calls.Add(1)%releaseEvery == 0 {
		if store := s.store.peek(); store != nil {
			store.ReleaseMemory()
		}
	}
	s.idle.Reset(restAfter)
}

// release gives memory back to the system.
func (s *Server) release() {
	if store := s.store.peek(); store != nil {
		store.ReleaseMemory()
	}
	debug.FreeOSMemory()
}
