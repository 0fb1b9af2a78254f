package tools

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func isIdle(t *tracker) bool {
	select {
	case <-t.idle():
		return true
	default:
		return false
	}
}

func TestTracker(t *testing.T) {
	tr := newTracker()
	for _, step := range []struct {
		read, wrote string
		idle        bool
	}{
		{"", "", true},
		{`{"jsonrpc":"2.0","method":"notifications/initialized"}`, "", true},
		{`{"jsonrpc":"2.0","id":4,"result":{}}`, "", true}, // an answer of the client's
		{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, "", false},
		{"", `{"id":"1","result":{}}`, false}, // another id
		{"", `{"method":"notifications/message","id":1}`, false},
		{`{"jsonrpc":"2.0","id":1.0,"method":"ping"}`, "", false}, // the same id twice
		{"", `{"id":1,"result":{}}`, false},
		{"", `{"id":1,"error":{}}`, true},
		{"", `{"id":1,"result":{}}`, true},
		{`{"jsonrpc":"2.0","id":"a","method":"x","params":[1]}`, "", false},
		{"", `{"id":"a","error":{}}`, true},
	} {
		if step.read != "" {
			tr.read([]byte(step.read))
		}
		if step.wrote != "" {
			tr.wrote([]byte(step.wrote))
		}
		if isIdle(tr) != step.idle {
			t.Errorf("after %s%s: idle is %v", step.read, step.wrote, !step.idle)
		}
	}
}

func TestTrackerForgetsCancellations(t *testing.T) {
	tr := newTracker()
	call := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`)
	cancel := []byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	tr.read(cancel) // of nothing
	tr.read(call)
	if tr.isCancelled(1) {
		t.Error("cancelled before it was there")
	}
	tr.read(cancel)
	if !tr.isCancelled(1) {
		t.Error("not cancelled")
	}
	tr.wrote([]byte(`{"id":1,"error":{}}`))
	tr.read(call)
	if tr.isCancelled(1) {
		t.Error("the next request of that id is cancelled as well")
	}
}

// TestNothingPassesTheHandshake: the line after initialize is not handed on
// while that has no answer; here it gets none, and the grace runs out.
func TestNothingPassesTheHandshake(t *testing.T) {
	ping := "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n"
	for first, waits := range map[string]bool{
		fmt.Sprintf("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":%s}\n", initParams("c", "2025-11-25")): true,
		ping: false,
	} {
		var log logBuffer
		r := newLineReader(t.Context(), strings.NewReader(first+ping), &lineWriter{out: io.Discard, track: newTracker()}, 1<<20, 1, log.logger())
		buf := make([]byte, len(first+ping))
		if _, err := io.ReadFull(r, buf); err != nil || string(buf) != first+ping {
			t.Fatalf("%q, %v", buf, err)
		}
		if waited := strings.Contains(log.String(), "the line after initialize"); waited != waits {
			t.Errorf("after %.50s: waited is %v", first, waited)
		}
	}
}
