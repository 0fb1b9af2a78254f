package tools

import (
	"strings"
	"testing"

	"skein/gitstore/event"
)

func TestAgentName(t *testing.T) {
	for _, c := range []struct{ explicit, client, folder, want string }{
		{"", "claude-code", "axon", "claude-code@axon"},
		{"", "Claude Code", "My Project_2", "claude-code@my-project-2"},
		{"", "codex", "", "codex"},
		{"", "gemini-cli-mcp-client", "constraint-sol", "gemini-cli-mcp-client@constraint-sol"},
		{"", "codex", "a-folder-of-thirty-characters", "codex@a-folder-of-thirty-characters"},
		{"", "codex", "...", "codex"},
		{"", "a@b/c", "x@y", "a-b-c@x-y"},
		{"", "con", "nul", "con@nul"},
		{"Desktop", "claude-code", "axon", "desktop"},
	} {
		i := &identity{explicit: c.explicit, folder: c.folder}
		i.met(c.client)
		got, err := i.name("")
		if err != nil || got != c.want {
			t.Errorf("%q at %q: %q, %v, want %q", c.client, c.folder, got, err, c.want)
		}
	}
}

// TestAgentNameKeepsApart: names that lose letters stay different, short
// enough, and the same every time.
func TestAgentNameKeepsApart(t *testing.T) {
	long := strings.Repeat("long-", 30)
	seen := map[string]string{}
	for _, folder := range []string{"проект", "проекты", "プロジェクト", "é", "e", long, long + "x", long + "é"} {
		i := &identity{folder: folder}
		i.met("an-mcp-client-with-a-very-long-name-indeed")
		got, err := i.name("")
		if err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		if normal, err := event.AgentName(got); err != nil || normal != got {
			t.Errorf("%s: %q is no agent name: %v", folder, got, err)
		}
		if other := seen[got]; other != "" {
			t.Errorf("%s and %s are both %s", folder, other, got)
		}
		seen[got] = folder
	}
}

func TestNobody(t *testing.T) {
	st := newStore(t)
	s := serve(t, New(given(st), Options{Folder: "axon"})) // no initialize
	mustContain(t, s.fail("check_inbox", "{}"), "start skein with --agent NAME")
	s = connect(t, New(given(st), Options{Agent: "no/name"}), "c")
	mustContain(t, s.fail("post_message", `{"body":"x"}`), "no/name")
}

// TestStatelessClient: a client that never shakes hands says its name with
// each request.
func TestStatelessClient(t *testing.T) {
	s := serve(t, New(given(newStore(t)), Options{Folder: "axon"}))
	raw := s.request("tools/call", `{"name":"check_inbox","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"modern","version":"1"}}}`)
	mustContain(t, string(raw), "modern@axon")
}
