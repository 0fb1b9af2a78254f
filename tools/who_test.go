package tools

import (
	"strings"
	"testing"

	"skein/gitstore"
)

// session is a server of its own, as each client's process has.
func sessionOf(t *testing.T, dir string, o Options, client string) (*Server, *session) {
	t.Helper()
	srv := New(opens(dir), o)
	t.Cleanup(func() { _ = srv.Close() })
	return srv, connect(t, srv, client)
}

// TestSessionsHaveNames: two sessions of one client in one folder are two
// agents, everybody sees both, and who is gone is away.
func TestSessionsHaveNames(t *testing.T) {
	dir := t.TempDir()
	one, a := sessionOf(t, dir, Options{Folder: "axon", Session: "1"}, "codex")
	_, b := sessionOf(t, dir, Options{Folder: "axon", Session: "2"}, "codex")
	mustContain(t, b.call("who", "{}"), "you are codex@axon-2 in the store", "codex@axon, here", "codex@axon-2 (you), here")
	mustContain(t, a.call("set_profile", `{"status":"reviewing #12"}`), `you are codex@axon, status "reviewing #12"`)
	mustContain(t, b.call("who", `{"active_within_minutes":5}`), `codex@axon, here, last seen just now, "reviewing #12"`)
	mustContain(t, a.call("set_profile", `{"status":"-","notifications":false}`), "you are codex@axon, notifications off")
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	mustContain(t, b.call("who", "{}"), "codex@axon, last seen just now\n")
	_, again := sessionOf(t, dir, Options{Folder: "axon", Session: "1"}, "codex")
	mustContain(t, again.call("who", "{}"), "you are codex@axon in the store")
}

// TestTakenOverNames: both sessions of a name are told once, in words of the
// server's own, and neither is refused.
func TestTakenOverNames(t *testing.T) {
	dir := t.TempDir()
	_, older := sessionOf(t, dir, Options{Agent: "desktop", Folder: "axon"}, "claude")
	mustContain(t, older.call("shared_state", "{}"), "no keys")
	_, newer := sessionOf(t, dir, Options{Agent: "desktop"}, "inspector\n> forged")
	mustContain(t, newer.call("shared_state", "{}"),
		`another session of "claude" in "axon" is desktop too and was here first: you share one inbox`)
	mustContain(t, older.call("read_thread", `{"thread":"`+threadOf(t, newer)+`"}`),
		`another session of "inspector > forged" is desktop too and has taken it over`)
	for _, s := range []*session{older, newer} {
		mustLack(t, s.call("shared_state", "{}"), "another session")
	}
	mustContain(t, newer.call("set_profile", `{"name":"Laptop"}`), "you are laptop; mail for desktop stays with that name")
	mustContain(t, newer.call("who", "{}"), "you are laptop", "desktop, here", "laptop (you), here")
}

// threadOf posts to a thread and returns its name.
func threadOf(t *testing.T, s *session) string {
	t.Helper()
	s.call("post_message", `{"thread":"axon/x","body":"hi"}`)
	return "axon/x"
}

func TestProfileRefuses(t *testing.T) {
	s := agent(t, newStore(t), "codex")
	for args, want := range map[string]string{
		`{}`:                        "needs something to set",
		`{"name":"no/name"}`:        "agent name",
		`{"metadata":"{"}`:          `metadata: "{" is not JSON`,
		`{"notifications":"maybe"}`: `"notifications" must be true or false`,
		`{"statsu":"x"}`:            `did you mean "status"?`,
		`{"name":"new","status":"` + strings.Repeat("x", 201) + `"}`: "status: longer than 200",
	} {
		mustContain(t, s.fail("set_profile", args), want)
	}
	mustContain(t, s.call("who", "{}"), "you are codex in") // nothing of it was half done
	mustContain(t, s.fail("who", `{"active_within_minutes":0}`), "whole number from 1")
}

// TestMailRides on every result but those that show it, JSON as well, and is
// still unread afterwards.
func TestMailRides(t *testing.T) {
	st := newStore(t)
	m := send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Thread: "axon/x", Body: "hi"})
	s := agent(t, st, "codex")
	for tool, args := range map[string]string{
		"post_message":  `{"thread":"axon/y","body":"x"}`,
		"update_thread": `{"thread":"axon/y","title":"T"}`,
		"read_thread":   `{"thread":"axon/x"}`,
		"search":        `{"query":"hi"}`,
		"who":           `{}`,
		"set_profile":   `{"status":"here"}`,
		"shared_state":  `{}`,
	} {
		mustContain(t, s.call(tool, args), "1 unread message for you: check_inbox")
	}
	mustContain(t, s.call("read_thread", `{"thread":"axon/x","format":"json"}`), `,"pending":"1 unread message for you: check_inbox"}`)
	mustLack(t, s.call("check_inbox", "{}"), "unread message for you")
	mustLack(t, s.call("ack_messages", `{"ids":["`+m.ID.Short()+`"]}`), "unread message")
}
