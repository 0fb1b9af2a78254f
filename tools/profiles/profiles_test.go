package profiles

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func definitions(t *testing.T, name string) []mcp.Tool {
	t.Helper()
	p, err := New(name, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	var defs []mcp.Tool
	for _, tool := range p.Tools {
		defs = append(defs, tool.Definition)
	}
	return defs
}

// TestSchemas holds each profile's definitions to testdata: they are what
// clients have seen, and a change in one is a change of the interface.
func TestSchemas(t *testing.T) {
	for _, name := range Names {
		got, err := json.MarshalIndent(definitions(t, name), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%s changed (-was +is); run with -update if that is meant:\n%s", path, cmp.Diff(string(want), string(got)))
		}
	}
}

// documented are the five systems' tools as their documentation has them:
// name(parameter:type=default), with * for what must be given.
const documented = `
dialogue dialogue_list_projects(response_format:string="json")
dialogue dialogue_create_project(name*:string, description:string, metadata:string)
dialogue dialogue_get_project(project_id*:string)
dialogue dialogue_list_threads(project_id*:string, status:string, offset:integer=0, limit:integer=20)
dialogue dialogue_create_thread(project_id*:string, title*:string, initiated_by*:string, tags:string)
dialogue dialogue_update_thread_status(project_id*:string, thread_id*:string, status*:string)
dialogue dialogue_post_message(project_id*:string, thread_id*:string, role*:string, content*:string, metadata:string)
dialogue dialogue_read_thread(project_id*:string, thread_id*:string, offset:integer=0, limit:integer=50)
dialogue dialogue_search(query*:string, project_id:string)
duo register(name:string)
duo talk(message*:string, to:string, conversation:string)
duo listen(conversation:string, timeout:number=30)
duo list_partners(search:string)
duo list_conversations()
duo create_conversation(name*:string, participants*:string)
duo leave_conversation(conversation*:string)
duo history(conversation*:string, limit:integer=50)
duo set_status(message:string)
duo notifications(enabled*:boolean)
c2c register_session(name*:string, metadata:object)
c2c heartbeat()
c2c list_sessions(active_within_min:number=10)
c2c send_message(to*:string, body*:string, tag:string)
c2c inbox(unread_only:boolean=true, limit:integer=20, tag:string)
c2c mark_read(message_ids*:array)
c2c set_state(key*:string, value*:any)
c2c get_state(key:string, prefix:string)
c2c prune(older_than_days:number=30)
dispatch dispatch(message*:string, target:string="all", priority:string="normal", thread_id:string, reply_to:string, payload:object, ttl:integer, must_read:boolean=false)
dispatch peek(thread_id:string, include_read:boolean=false)
dispatch ack(message_ids*:array)
dispatch who()
relay relay_send(message*:string, sender*:string)
relay relay_fetch(limit:integer=5, reader:string, unread_only:boolean=true)
relay relay_clear()
`

// TestDocumentedTools holds names, parameters, types and defaults to what each
// system's documentation says: 35 tools of 35.
func TestDocumentedTools(t *testing.T) {
	want := strings.Split(strings.TrimSpace(documented), "\n")
	if len(want) != 35 {
		t.Fatalf("%d tools are documented here, not 35", len(want))
	}
	var got []string
	for _, name := range Names {
		for _, def := range definitions(t, name) {
			got = append(got, name+" "+signature(t, def))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-documented +offered):\n%s", d)
	}
}

func signature(t *testing.T, def mcp.Tool) string {
	t.Helper()
	var params []string
	for _, name := range def.InputSchema.PropertyOrder {
		prop, _ := def.InputSchema.Properties[name].(map[string]any)
		p := name
		if slices.Contains(def.InputSchema.Required, name) {
			p += "*"
		}
		kind, _ := prop["type"].(string)
		if kind == "" {
			kind = "any"
		}
		p += ":" + kind
		if value, ok := prop["default"]; ok {
			b, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			p += "=" + string(b)
		}
		params = append(params, p)
	}
	return def.Name + "(" + strings.Join(params, ", ") + ")"
}

// TestAnnotations: clients ask their users before a call that could destroy or
// reach out; no tool of a profile does either.
func TestAnnotations(t *testing.T) {
	for _, name := range Names {
		for _, def := range definitions(t, name) {
			a := def.Annotations
			if a.DestructiveHint == nil || *a.DestructiveHint || a.OpenWorldHint == nil || *a.OpenWorldHint {
				t.Errorf("%s: %s is annotated %+v", name, def.Name, a)
			}
		}
	}
}

func TestUnknownProfile(t *testing.T) {
	if _, err := New("slack", Settings{}); err == nil || err.Error() != `there is no profile "slack"; choose one of dialogue, duo, c2c, dispatch, relay` {
		t.Error(err)
	}
}

func TestAgentID(t *testing.T) {
	for given, want := range map[string]string{"Alice": "alice", "project_b": "project-b", "My Project": "my-project", "claude-code@axon": "claude-code@axon"} {
		if got, err := AgentID(given); err != nil || got != want {
			t.Errorf("%q: got %q, %v", given, got, err)
		}
	}
	if _, err := AgentID("日本"); err == nil {
		t.Error("a name without letters or digits is taken")
	}
}
