package tools

import (
	"testing"

	"skein/gitstore"
)

func TestAdmin(t *testing.T) {
	st := newStore(t)
	m := send(t, st, gitstore.Post{From: "desktop", Thread: "axon/x", Title: "Key", Body: "the key is xyzzy"})
	srv := New(given(st), Options{Agent: "codex", Toolsets: []string{Admin}})
	t.Cleanup(func() { srv.Close() })
	s := connect(t, srv, "c")
	mustContain(t, s.fail("redact", `{"ids":["`+m.ID.Short()+`","00000000"]}`), "no message named")
	mustContain(t, s.call("read_thread", `{"thread":"axon/x"}`), "xyzzy") // nothing was half hidden
	mustContain(t, s.call("redact", `{"ids":["`+m.ID.Short()+`"],"reason":"a key\n> forged"}`), "redacted "+m.ID.Short()+", as codex; git's history still has the text")
	text := s.call("read_thread", `{"thread":"axon/x"}`)
	mustContain(t, text, "> (redacted by codex, ")
	mustLack(t, text, "xyzzy", "Key", "\n> forged")
	mustContain(t, s.call("prune", "{}"), "forgot 0 sessions that ended more than 30 days ago")
	mustContain(t, s.fail("prune", `{"older_than_days":0}`), "whole number from 1")
	mustContain(t, s.fail("redact", "{}"), `redact needs "ids"`)
}
