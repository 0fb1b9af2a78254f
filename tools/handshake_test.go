package tools

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"skein/gitstore"
)

type initResult struct {
	ProtocolVersion string `json:"protocolVersion"`
	Instructions    string `json:"instructions"`
	ServerInfo      struct{ Name, Version string }
	Capabilities    map[string]json.RawMessage
}

func TestInitializeVersions(t *testing.T) {
	for asked, want := range map[string]string{
		"2026-07-28": "2025-11-25", // the stateless protocol is never taken up
		"2099-01-01": "2025-11-25",
		"2025-11-25": "2025-11-25",
		"2025-06-18": "2025-06-18",
		"2024-11-05": "2024-11-05",
	} {
		s := serve(t, New(given(nil), Options{Folder: "Axon", Version: "1.2.3"}))
		var got initResult
		if err := json.Unmarshal(s.request("initialize", initParams("claude-code", asked)), &got); err != nil {
			t.Fatal(err)
		}
		if got.ProtocolVersion != want {
			t.Errorf("asked for %s: got %s, want %s", asked, got.ProtocolVersion, want)
		}
		if got.ServerInfo.Name != "skein" || got.ServerInfo.Version != "1.2.3" {
			t.Errorf("server is %v", got.ServerInfo)
		}
		mustContain(t, got.Instructions, "You are claude-code@axon.")
	}
}

func TestDiscoverOffersTheHandshakeOnly(t *testing.T) {
	s := serve(t, New(given(nil), Options{}))
	got := s.request("server/discover", `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}`)
	var d struct {
		SupportedVersions []string `json:"supportedVersions"`
	}
	if err := json.Unmarshal(got, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.SupportedVersions) == 0 || d.SupportedVersions[0] != "2025-11-25" {
		t.Errorf("offers %v", d.SupportedVersions)
	}
}

func TestCapabilities(t *testing.T) {
	s := serve(t, New(given(nil), Options{}))
	var got initResult
	if err := json.Unmarshal(s.request("initialize", initParams("c", "2025-11-25")), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"tools": "{}", "prompts": "{}", "resources": `{"subscribe":true}`, "completions": "{}"}
	told := map[string]string{}
	for name, c := range got.Capabilities {
		told[name] = string(c)
	}
	if !maps.Equal(told, want) {
		t.Errorf("capabilities %v, want %v", told, want)
	}
}

// TestBrokenStore: the client connects and sees the tools, the calls say what
// is wrong, and the first call after it is mended works.
func TestBrokenStore(t *testing.T) {
	st, broken := newStore(t), true
	srv := New(func() (*gitstore.Store, error) {
		if broken {
			return nil, errors.New("the disk is full")
		}
		return st, nil
	}, Options{Agent: "codex"})
	s := connect(t, srv, "codex")
	s.request("tools/list", "{}")
	mustContain(t, s.fail("check_inbox", "{}"), "the store cannot be used: the disk is full")
	mustContain(t, s.fail("search", "{}"), "the disk is full")
	broken = false
	mustContain(t, s.call("check_inbox", "{}"), "no unread messages")
}

func TestNewerStore(t *testing.T) {
	srv := New(func() (*gitstore.Store, error) {
		return nil, &gitstore.FormatError{Dir: "/s", Format: 9, Known: 1}
	}, Options{Agent: "codex"})
	mustContain(t, connect(t, srv, "codex").fail("check_inbox", "{}"), "format 9", "update skein")
}

func TestPanickingOpen(t *testing.T) {
	srv := New(func() (*gitstore.Store, error) { panic("boom") }, Options{Agent: "codex"})
	s := connect(t, srv, "codex")
	mustContain(t, s.fail("check_inbox", "{}"), "opening the store panicked: boom")
	s.request("ping", "{}")
}

// TestSlowStore: while the store opens, everything else is answered, and a
// call that has waited long enough says so.
func TestSlowStore(t *testing.T) {
	st, release := newStore(t), make(chan struct{})
	srv := New(func() (*gitstore.Store, error) { <-release; return st, nil }, Options{Agent: "codex"})
	srv.store.grace = 1 // nanosecond
	s := connect(t, srv, "codex")
	mustContain(t, s.fail("check_inbox", "{}"), "has not opened within")
	s.request("tools/list", "{}")
	close(release)
	srv.store.mu.Lock()
	now := srv.store.now
	srv.store.mu.Unlock()
	<-now.done
	mustContain(t, s.call("check_inbox", "{}"), "no unread messages")
}

func TestPanickingTool(t *testing.T) {
	var log logBuffer
	srv := New(given(nil), Options{Agent: "codex", Logger: log.logger()}) // a nil store panics in the tool
	s := connect(t, srv, "codex")
	mustContain(t, s.fail("check_inbox", "{}"), "internal error in check_inbox")
	mustContain(t, log.String(), "tool panicked", "tool=check_inbox", "goroutine")
	s.request("ping", "{}")
}

func TestUnknownToolAndMethod(t *testing.T) {
	s := connect(t, New(given(nil), Options{}), "c")
	s.write(callLine(90, "send_mail", "{}"))
	if r := s.read(); r.Error == nil || r.Error.Code != -32602 {
		t.Errorf("unknown tool: %+v", r)
	}
	s.write(`{"jsonrpc":"2.0","id":91,"method":"sampling/createMessage"}`)
	if r := s.read(); r.Error == nil || r.Error.Code != -32601 {
		t.Errorf("unknown method: %+v", r)
	}
}

// TestReadOnly: nothing that writes is offered or happens.
func TestReadOnly(t *testing.T) {
	st := newStore(t)
	send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: "hello"})
	s := connect(t, New(given(st), Options{Agent: "visitor", ReadOnly: true}), "c")
	s.call("check_inbox", "{}")
	s.call("search", `{"query":"hello"}`)
	mustContain(t, s.fail("check_inbox", `{"mark_read":true}`), `has no argument "mark_read"`)
	s.write(callLine(90, "post_message", `{"body":"x"}`))
	if r := s.read(); r.Error == nil {
		t.Error("post_message can be called")
	}
	agents, err := st.Agents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range agents {
		if a.Name == "visitor" {
			t.Error("a read-only server joined the store")
		}
	}
}
