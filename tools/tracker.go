package tools

import (
	"encoding/json"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// tracker knows which requests have been read and not yet answered. It is safe
// for concurrent use.
type tracker struct {
	mu        sync.Mutex
	due       map[string]int // by id as JSON; an id that is used twice is due twice
	cancelled map[string]bool
	greeted   bool // an initialize has been read since handshake was asked
	empty     chan struct{}
}

func newTracker() *tracker {
	t := &tracker{due: make(map[string]int), cancelled: make(map[string]bool), empty: make(chan struct{})}
	close(t.empty)
	return t
}

// envelope is what a line says about itself. The types are those that mcp-go
// reads it with, so that an id it rewrites (1.0 to 1) is the same one here.
type envelope struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      any             `json:"id"`
	Method  string          `json:"method"`
	Result  any             `json:"result"`
	Params  json.RawMessage `json:"params"`
}

// cancels is the id of the request that the line calls off.
func (e envelope) cancels() any {
	var params struct {
		RequestID any `json:"requestId"`
	}
	if e.Method != string(mcp.MethodNotificationCancelled) || json.Unmarshal(e.Params, &params) != nil {
		return nil
	}
	return params.RequestID
}

// read notes a line that goes to the server.
func (t *tracker) read(line []byte) {
	var e envelope
	if json.Unmarshal(line, &e) != nil {
		return // answered at once, under no id
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.ID == nil {
		if id := key(e.cancels()); t.due[id] > 0 {
			t.cancelled[id] = true
		}
		return
	}
	if e.Result != nil {
		return // an answer from the client gets none
	}
	if len(t.due) == 0 {
		t.empty = make(chan struct{})
	}
	t.due[key(e.ID)]++
	if e.Method == string(mcp.MethodInitialize) {
		t.greeted = true
	}
}

// wrote notes a line that has gone to the client.
func (t *tracker) wrote(line []byte) {
	var e envelope
	if json.Unmarshal(line, &e) != nil || e.ID == nil || e.Method != "" {
		return
	}
	id := key(e.ID)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.due[id] == 0 {
		return
	}
	if t.due[id]--; t.due[id] > 0 {
		return
	}
	delete(t.due, id)
	delete(t.cancelled, id)
	if len(t.due) == 0 {
		close(t.empty)
	}
}

// idle is closed while nothing is due.
func (t *tracker) idle() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.empty
}

// handshake reports, once, that an initialize has been read.
func (t *tracker) handshake() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.greeted
	t.greeted = false
	return was
}

// isCancelled reports whether the client has given up on the request id.
func (t *tracker) isCancelled(id any) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cancelled[key(id)]
}

// key is an id as JSON; 1 and "1" differ.
func key(id any) string {
	b, err := json.Marshal(id)
	if err != nil {
		return ""
	}
	return string(b)
}
