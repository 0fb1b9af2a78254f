package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"context"
)

// A peer is a real MCP client at the end of a real `skein serve`.
type peer struct {
	t      *testing.T
	c      *client.Client
	stderr *lockedBuffer
}

// lockedBuffer collects what a process writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newPeer starts `skein serve` with the arguments in a home of its own, with
// env as "NAME=value", and introduces itself.
func newPeer(t *testing.T, home string, env []string, args ...string) *peer {
	t.Helper()
	p := &peer{t: t, stderr: &lockedBuffer{}}
	skein := lookSkein(t)
	command := func(ctx context.Context, _ string, _, _ []string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, skein, append([]string{"serve"}, args...)...)
		cmd.Dir = home
		cmd.Env = append([]string{"HOME=" + home, "USERPROFILE=" + home, "PATH=" + os.Getenv("PATH"),
			"XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "XDG_DATA_HOME=" + filepath.Join(home, ".local", "share")}, env...)
		return cmd, nil
	}
	var err error
	p.c, err = client.NewStdioMCPClientWithOptions(skein, nil, nil,
		transport.WithCommandFunc(command), transport.WithCommandStderrWriter(io.Writer(p.stderr)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.c.Close() })
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = "2025-11-25"
	hello.Params.ClientInfo = mcp.Implementation{Name: "tester", Version: "1"}
	if _, err := p.c.Initialize(t.Context(), hello); err != nil {
		t.Fatalf("initialize: %v; stderr: %s", err, p.stderr)
	}
	return p
}

func lookSkein(t *testing.T) string {
	t.Helper()
	skein, err := exec.LookPath("skein")
	if err != nil {
		t.Fatal(err)
	}
	return skein
}

// answer calls a tool and returns its text, and whether it is an error.
func (p *peer) answer(tool, args string) (string, bool) {
	p.t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name = tool
	if err := json.Unmarshal([]byte(args), &req.Params.Arguments); err != nil {
		p.t.Fatalf("%s: %v", args, err)
	}
	res, err := p.c.CallTool(p.t.Context(), req)
	if err != nil {
		p.t.Fatalf("%s %s: %v; stderr: %s", tool, args, err, p.stderr)
	}
	if len(res.Content) != 1 || res.StructuredContent != nil {
		p.t.Fatalf("%s: a result is one text, not %v", tool, res)
	}
	return res.Content[0].(mcp.TextContent).Text, res.IsError
}

// call calls a tool that must not fail.
func (p *peer) call(tool, args string) string {
	p.t.Helper()
	text, failed := p.answer(tool, args)
	if failed {
		p.t.Fatalf("%s %s: %s", tool, args, text)
	}
	return text
}

// alerted waits until standard error holds a line for the person.
func (p *peer) alerted(line string) {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second) // a bug's limit
	for !strings.Contains(p.stderr.String(), line) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%q is not on stderr: %s", line, p.stderr)
		}
		time.Sleep(time.Millisecond)
	}
}

// json is call for a tool that answers in JSON.
func (p *peer) json(tool, args string) any {
	p.t.Helper()
	text := p.call(tool, args)
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		p.t.Fatalf("%s: %v in %s", tool, err, text)
	}
	return v
}

// refuses calls a tool that must fail with one sentence that holds want.
func (p *peer) refuses(tool, args, want string) {
	p.t.Helper()
	text, failed := p.answer(tool, args)
	if !failed || !strings.Contains(text, want) || strings.Contains(text, "\n") {
		p.t.Errorf("%s %s: want an error of one line with %q, got (error: %t) %s", tool, args, want, failed, text)
	}
}

// at follows names and numbers into a JSON value.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%v: %v is no object", path, v)
			}
			v = m[step]
		case int:
			l, ok := v.([]any)
			if !ok || len(l) <= step {
				t.Fatalf("%v: no element %d in %v", path, step, v)
			}
			v = l[step]
		}
	}
	return v
}

// same compares parts of a JSON value with what is wanted, given as JSON.
func same(t *testing.T, v any, wanted string) {
	t.Helper()
	var want any
	if err := json.Unmarshal([]byte(wanted), &want); err != nil {
		t.Fatalf("%s: %v", wanted, err)
	}
	if d := cmp.Diff(want, subset(v, want)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// subset is what of v has a counterpart in want.
func subset(v, want any) any {
	switch want := want.(type) {
	case map[string]any:
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		part := make(map[string]any)
		for name := range want {
			if value, ok := m[name]; ok {
				part[name] = subset(value, want[name])
			}
		}
		return part
	case []any:
		l, ok := v.([]any)
		if !ok || len(l) != len(want) {
			return v
		}
		part := make([]any, len(l))
		for i := range l {
			part[i] = subset(l[i], want[i])
		}
		return part
	}
	return v
}

// names are the fields of a JSON object, which may be no others.
func fields(t *testing.T, v any, names ...string) {
	t.Helper()
	m, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%v is no object", v)
	}
	for _, name := range names {
		if _, ok := m[name]; !ok {
			t.Errorf("there is no field %q in %v", name, v)
		}
	}
}

// TestDialogueProfile goes through what dialogue's documentation shows: a
// project, a thread, two roles that write and read, search, a status.
func TestDialogueProfile(t *testing.T) {
	home := t.TempDir()
	env := []string{"DIALOGUE_STORAGE_PATH=" + filepath.Join(home, "data")}
	app := newPeer(t, home, env, "--profile", "dialogue")
	code := newPeer(t, home, env, "--profile", "dialogue")
	if !strings.Contains(app.stderr.String(), "DIALOGUE_STORAGE_PATH names the store "+filepath.Join(home, "data")+"\n") {
		t.Errorf("stderr does not say which store is used: %q", app.stderr)
	}

	project := app.json("dialogue_create_project", `{"name":"Axon Architecture","description":"Design of Axon","metadata":"{\"framework\":\"CRF\"}"}`)
	same(t, project, `{"id":"axon-architecture","name":"Axon Architecture","description":"Design of Axon","metadata":{"framework":"CRF"},"thread_count":0,"active_thread_count":0}`)
	fields(t, project, "created_at", "updated_at")
	thread := app.json("dialogue_create_thread", `{"project_id":"axon-architecture","title":"Recursive constraints","initiated_by":"claude_app","tags":"theory, recursion"}`)
	same(t, thread, `{"id":"recursive-constraints","project_id":"axon-architecture","title":"Recursive constraints","status":"active","initiated_by":"claude_app","tags":["theory","recursion"],"message_count":0}`)

	m := app.json("dialogue_post_message", `{"project_id":"axon-architecture","thread_id":"recursive-constraints","role":"claude_app","content":"Should the recursion be bounded?","metadata":"{\"ref\":1}"}`)
	same(t, m, `{"role":"claude_app","content":"Should the recursion be bounded?","metadata":{"ref":1}}`)
	fields(t, m, "id", "timestamp")
	code.json("dialogue_post_message", `{"project_id":"proj_axon-architecture_0a1b2c3d","thread_id":"thread_recursive-constraints_99aabbcc","role":"claude_code","content":"Yes, at 64."}`)

	read := code.json("dialogue_read_thread", `{"project_id":"axon-architecture","thread_id":"recursive-constraints"}`)
	same(t, read, `{"thread":{"title":"Recursive constraints","message_count":2,"last_message_preview":"Yes, at 64."},
		"messages":[{"role":"claude_app","content":"Should the recursion be bounded?"},{"role":"claude_code","content":"Yes, at 64."}],
		"total":2,"offset":0,"limit":50,"has_more":false}`)
	same(t, code.json("dialogue_read_thread", `{"project_id":"axon-architecture","thread_id":"recursive-constraints","offset":1,"limit":1}`),
		`{"messages":[{"content":"Yes, at 64."}],"total":2,"offset":1,"limit":1,"has_more":false}`)
	same(t, code.json("dialogue_read_thread", `{"project_id":"axon-architecture","thread_id":"recursive-constraints","limit":1}`),
		`{"messages":[{"content":"Should the recursion be bounded?"}],"has_more":true}`)

	for _, query := range []string{"recursion be bounded", "RECURSIVE", "theory"} {
		same(t, app.json("dialogue_search", `{"query":"`+query+`"}`), `[{"id":"recursive-constraints"}]`)
	}
	same(t, app.json("dialogue_search", `{"query":"nothing says this","project_id":"axon-architecture"}`), `[]`)
	same(t, app.json("dialogue_update_thread_status", `{"project_id":"axon-architecture","thread_id":"recursive-constraints","status":"resolved"}`), `{"status":"resolved"}`)
	same(t, app.json("dialogue_list_threads", `{"project_id":"axon-architecture","status":"active"}`), `{"threads":[],"total":0,"offset":0,"limit":20,"has_more":false}`)
	same(t, app.json("dialogue_list_threads", `{"project_id":"axon-architecture"}`), `{"threads":[{"status":"resolved","message_count":2,"initiated_by":"claude_app"}],"total":1}`)
	same(t, app.json("dialogue_get_project", `{"project_id":"axon-architecture"}`), `{"thread_count":1,"active_thread_count":0,"metadata":{"framework":"CRF"}}`)
	same(t, app.json("dialogue_list_projects", `{}`), `[{"id":"axon-architecture","thread_count":1,"active_thread_count":0}]`)
	if md := app.call("dialogue_list_projects", `{"response_format":"markdown"}`); !strings.Contains(md, "## Axon Architecture") {
		t.Errorf("no Markdown: %s", md)
	}

	app.refuses("dialogue_get_project", `{"project_id":"axom"}`, `no project named "axom"`)
	app.refuses("dialogue_read_thread", `{"project_id":"axon-architecture","thread_id":"recursive"}`, `no thread named`)
	app.refuses("dialogue_post_message", `{"project_id":"axon-architecture","thread_id":"recursive-constraints","role":"user","content":"x"}`, `"role" must be one of claude_app, claude_code`)
	app.refuses("dialogue_post_message", `{"project_id":"axon-architecture","thread_id":"recursive-constraints","role":"claude_app","content":"x","metadata":"{"}`, `metadata: { is not JSON`)
	app.refuses("dialogue_list_threads", `{"project_id":"axon-architecture","offset":-1}`, `"offset" must be a whole number from 0`)
	app.refuses("dialogue_create_thread", `{"project_id":"axon-architecture","initiated_by":"claude_app"}`, `dialogue_create_thread needs "title"`)
	same(t, app.json("dialogue_get_project", `{"project_id":"axon-architecture"}`), `{"thread_count":1}`)
}

// TestRelayProfile goes through what relay's documentation shows: a message
// from Desktop that Code fetches, the window, the resource, clearing.
func TestRelayProfile(t *testing.T) {
	home := t.TempDir()
	desktop := newPeer(t, home, nil, "--profile", "relay", "--client", "desktop")
	code := newPeer(t, home, nil, "--profile", "relay", "--client", "code")

	same(t, desktop.json("relay_send", `{"message":"TypeError: cannot unpack","sender":"desktop"}`), `{"ok":true}`)
	row := at(t, code.json("relay_fetch", `{"limit":5,"reader":"code"}`), 0)
	same(t, row, `{"sender":"desktop","message":"TypeError: cannot unpack","read_by_desktop_at":null,"read_by_code_at":null}`)
	fields(t, row, "id", "timestamp")
	same(t, code.json("relay_fetch", `{"reader":"code"}`), `[]`)
	again := code.json("relay_fetch", `{"reader":"code","unread_only":false}`)
	if at(t, again, 0, "read_by_code_at") == nil {
		t.Errorf("a reader does not mark messages as read: %v", again)
	}

	same(t, code.json("relay_send", `{"message":"fixed","sender":"code"}`), `{"ok":true}`)
	same(t, desktop.json("relay_fetch", `{"reader":"desktop"}`), `[{"sender":"code","message":"fixed"}]`)
	for range 21 {
		desktop.json("relay_send", `{"message":"more","sender":"desktop"}`)
	}
	desktop.json("relay_send", `{"message":"last","sender":"desktop"}`)
	all, _ := desktop.json("relay_fetch", `{"limit":20}`).([]any)
	if len(all) != 20 || at(t, all, 19, "message") != "last" || at(t, all, 0, "message") != "more" {
		t.Errorf("the window is not the last 20 messages: %v", all)
	}
	if five, _ := desktop.json("relay_fetch", `{}`).([]any); len(five) != 5 {
		t.Errorf("the default limit is not 5: %v", five)
	}

	latest := mcp.ReadResourceRequest{}
	latest.Params.URI = "messages://latest"
	res, err := code.c.ReadResource(t.Context(), latest)
	if err != nil {
		t.Fatal(err)
	}
	var ten []any
	if err := json.Unmarshal([]byte(res.Contents[0].(mcp.TextResourceContents).Text), &ten); err != nil || len(ten) != 10 {
		t.Errorf("messages://latest has not 10 messages: %v %v", ten, err)
	}

	same(t, code.json("relay_clear", `{}`), `{"ok":true,"deleted":20}`)
	same(t, desktop.json("relay_fetch", `{"limit":20}`), `[]`)
	same(t, code.json("relay_clear", `{}`), `{"ok":true,"deleted":0}`)
	same(t, code.json("relay_send", `{"message":"after","sender":"code"}`), `{"ok":true}`)
	same(t, desktop.json("relay_fetch", `{}`), `[{"message":"after"}]`)

	big := strings.Repeat("x", 64<<10+1)
	same(t, code.json("relay_send", `{"message":"`+big+`","sender":"code"}`), `{"ok":false,"error":"the message has 65537 bytes and at most 65536 are sent; send it in parts"}`)
	code.refuses("relay_send", `{"message":"x","sender":"gemini"}`, `"sender" must be one of desktop, code`)
	code.refuses("relay_fetch", `{"limit":0}`, `"limit" must be a whole number from 1`)
	same(t, desktop.json("relay_fetch", `{}`), `[{"message":"after"}]`)
}

// TestDispatchProfile goes through what dispatch's documentation shows: alice
// writes to bob, who peeks and acknowledges; receipts, threads, payload, ttl,
// and mail that rides on results.
func TestDispatchProfile(t *testing.T) {
	home := t.TempDir()
	dir := "MCP_DISPATCH_DIR=" + filepath.Join(home, "messages")
	alice := newPeer(t, home, []string{dir, "MCP_DISPATCH_AGENT_ID=Alice"}, "--profile", "dispatch")
	bob := newPeer(t, home, []string{dir, "MCP_DISPATCH_AGENT_ID=bob"}, "--profile", "dispatch")

	sent := alice.json("dispatch", `{"message":"Hey bob, I pushed the fix","target":"bob"}`)
	same(t, sent, `{"sent":true,"from":"alice","to":"bob","priority":"normal","thread_id":null}`)
	id, _ := at(t, sent, "id").(string)
	if !strings.HasPrefix(id, "msg-") || len(id) != len("msg-xxxxxxxx") {
		t.Errorf("id %q", id)
	}
	same(t, alice.json("peek", `{}`), `{"agent_id":"alice","messages":[],"count":0,"sent_receipts":[{"id":"`+id+`","to":"bob","state":"pending","read_at":null,"preview":"Hey bob, I pushed the fix"}]}`)
	peeked := bob.json("peek", `{}`)
	same(t, peeked, `{"agent_id":"bob","count":1,"messages":[{"id":"`+id+`","from":"alice","to":"bob","priority":"normal","content":"Hey bob, I pushed the fix","payload":null,"thread_id":null,"reply_to":null,"ttl":null,"must_read":false,"state":"pending"}]}`)
	fields(t, at(t, peeked, "messages", 0), "timestamp")
	same(t, bob.json("peek", `{}`), `{"count":0}`)
	same(t, bob.json("peek", `{"include_read":true}`), `{"count":1,"messages":[{"id":"`+id+`","state":"read"}]}`)
	if r := at(t, alice.json("peek", `{}`), "sent_receipts", 0); at(t, r, "state") != "read" || at(t, r, "read_at") == nil {
		t.Errorf("the sender does not see that it was read: %v", r)
	}
	same(t, bob.json("ack", `{"message_ids":["`+id+`","msg-00000000"]}`), `{"agent_id":"bob","acked":1,"not_found":["msg-00000000"]}`)
	same(t, bob.json("peek", `{"include_read":true}`), `{"count":0,"messages":[]}`)
	same(t, alice.json("peek", `{}`), `{"sent_receipts":[{"state":"acknowledged"}]}`)

	bob.json("dispatch", `{"message":"On it","target":"alice","priority":"urgent","thread_id":"deploy-123","reply_to":"`+id+`","payload":{"commit":"abc123","env":"staging"},"ttl":3600,"must_read":true}`)
	alice.alerted("[dispatch !!!] message from bob: On it\n")
	rides := alice.json("dispatch", `{"message":"Deployed to staging"}`)
	same(t, rides, `{"to":"all","_dispatch_count":1,"_dispatches":[{"from":"bob","content":"On it","priority":"urgent","thread_id":"deploy-123","reply_to":"`+id+`","payload":{"commit":"abc123","env":"staging"},"ttl":3600,"must_read":true,"state":"pending"}]}`)
	if again := alice.json("ack", `{"message_ids":["msg-00000000"]}`); at(t, again, "_dispatches") != nil {
		t.Errorf("mail rides twice: %v", again)
	}
	same(t, alice.json("peek", `{"thread_id":"deploy-123"}`), `{"count":1}`)
	same(t, alice.json("peek", `{"thread_id":"no-such-thread"}`), `{"count":0}`)
	same(t, bob.json("peek", `{}`), `{"count":1,"messages":[{"to":"all","content":"Deployed to staging"}]}`)
	same(t, bob.json("who", `{}`), `{"self":"bob","count":2,"agents":[{"agent_id":"alice"},{"agent_id":"bob"}]}`)

	// A peek brings 50 messages and says how many more there are; what was read
	// and not acknowledged is still there.
	for i := range 53 {
		bob.json("dispatch", fmt.Sprintf(`{"message":"%d","target":"alice","thread_id":"many"}`, i))
	}
	first := alice.json("peek", `{"thread_id":"many"}`)
	same(t, first, `{"count":50,"more":3}`)
	same(t, alice.json("peek", `{"thread_id":"many","include_read":true}`), `{"count":50,"more":3}`)
	same(t, alice.json("peek", `{"thread_id":"many"}`), `{"count":3,"messages":[{"content":"50"},{"content":"51"},{"content":"52"}]}`)
	one, _ := at(t, first, "messages", 0, "id").(string)
	alice.json("ack", `{"message_ids":["`+one+`"]}`)
	same(t, alice.json("peek", `{"thread_id":"many","include_read":true}`), `{"count":50,"more":2}`)

	alice.refuses("dispatch", `{"message":"x","priority":"asap"}`, `"priority" must be one of normal, urgent`)
	alice.refuses("dispatch", `{"message":"x","payload":"not an object"}`, `"payload" must be a JSON object`)
	alice.refuses("dispatch", `{"message":"`+strings.Repeat("x", 64<<10+1)+`"}`, `max_message_bytes is 65536`)
	alice.refuses("dispatch", `{"message":"x","target":"bob","reply_to":"msg-zzzz9999"}`, `no message named "zzzz9999"`)
}

// TestProfilesAnnounceTakeovers: where a system's results have room for it, two
// sessions of one name are told of each other, once.
func TestProfilesAnnounceTakeovers(t *testing.T) {
	for system, c := range map[string]struct{ env, tool, want string }{
		"duo":      {"PARTNER_NAME=ann", "list_conversations", "⚠️ another session of \"tester\" in \"%s\" is ann too and has taken it over: you share one inbox; take another name with register"},
		"dispatch": {"MCP_DISPATCH_AGENT_ID=ann", "who", `"_notice":"another session of \"tester\" in \"%s\" is ann too and has taken it over: you share one inbox; give one of them another MCP_DISPATCH_AGENT_ID"}`},
	} {
		home := t.TempDir()
		older := newPeer(t, home, []string{c.env}, "--profile", system)
		older.call(c.tool, `{}`)
		newer := newPeer(t, home, []string{c.env}, "--profile", system)
		contains(t, newer.call(c.tool, `{}`), "was here first")
		contains(t, older.call(c.tool, `{}`), fmt.Sprintf(c.want, filepath.Base(home)))
		if again := older.call(c.tool, `{}`); strings.Contains(again, "another session") {
			t.Errorf("%s tells it twice: %s", system, again)
		}
	}
}

// TestDispatchConfig: the roster, the limits and the template of dispatch's own
// config.toml hold.
func TestDispatchConfig(t *testing.T) {
	home := t.TempDir()
	config := filepath.Join(home, "config.toml")
	err := os.WriteFile(config, []byte(`agents = ["alice", "bob"]
dispatch_dir = "~/mail"
max_message_bytes = 10
default_ttl = 60
instructions = "I am {agent_id} among {agent_list}."
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"MCP_DISPATCH_CONFIG=" + config, "MCP_DISPATCH_AGENT_ID=alice"}
	alice := newPeer(t, home, env, "--profile", "dispatch")
	alice.refuses("dispatch", `{"message":"x","target":"carol"}`, `no agent named "carol" is on the roster; it has alice, bob, and all is everyone`)
	alice.refuses("dispatch", `{"message":"eleven bytes","target":"bob"}`, `max_message_bytes is 10`)
	alice.call("dispatch", `{"message":"short","target":"bob"}`)
	if _, err := os.Stat(filepath.Join(home, "mail", ".git")); err != nil {
		t.Errorf("dispatch_dir does not name the store: %v", err)
	}
	bob := newPeer(t, home, []string{env[0], "MCP_DISPATCH_AGENT_ID=bob"}, "--profile", "dispatch")
	same(t, bob.json("peek", `{}`), `{"messages":[{"ttl":60}]}`)

	for _, wrong := range []struct{ env, want string }{
		{"MCP_DISPATCH_AGENT_ID=carol", "no agent named \"carol\" is on the roster"},
		{"MCP_DISPATCH_AGENT_ID=", "set $MCP_DISPATCH_AGENT_ID to one of alice, bob"},
		{"MCP_DISPATCH_CONFIG=" + filepath.Join(home, "none.toml"), "cannot read the settings in"},
	} {
		cmd := exec.Command(lookSkein(t), "serve", "--profile", "dispatch")
		cmd.Env = append(append(os.Environ(), "HOME="+home), append(env, wrong.env)...)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), wrong.want) {
			t.Errorf("%s: want %q, got %v %s", wrong.env, wrong.want, err, out)
		}
	}
}

// TestStoreForAnotherSystemsPath: a path that named another system's database
// names a store that harms nothing that lies there.
func TestStoreForAnotherSystemsPath(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"c2c.db", "data/projects.json", ".relay_buffer"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(f)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"c2c.db":        "c2c.skein",
		"none.sqlite":   "none.skein",
		"data":          "data.skein",
		"empty":         "empty",
		"none":          "none",
		".relay_buffer": ".relay_buffer.skein",
	} {
		got, err := storeFor(filepath.Join(dir, path))
		if err != nil || got != filepath.Join(dir, want) {
			t.Errorf("%s: got %s, %v, want %s", path, got, err, want)
		}
	}
}
