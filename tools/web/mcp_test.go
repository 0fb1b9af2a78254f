package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/tools"
)

// TestMCP: several clients at once, each with its own name, over streamable
// HTTP with a real client.
func TestMCP(t *testing.T) {
	s := newSite(t)
	connect := func(client, query string) *mcpclient.Client {
		t.Helper()
		c, err := mcpclient.NewStreamableHttpClient(s.url+"/mcp"+query, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + s.token}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		hello := mcp.InitializeRequest{}
		hello.Params.ProtocolVersion = "2025-11-25"
		hello.Params.ClientInfo = mcp.Implementation{Name: client, Version: "1"}
		if _, err := c.Initialize(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
		return c
	}
	call := func(c *mcpclient.Client, tool string, args map[string]any) string {
		t.Helper()
		req := mcp.CallToolRequest{}
		req.Params.Name, req.Params.Arguments = tool, args
		res, err := c.CallTool(t.Context(), req)
		if err != nil || res.IsError {
			t.Fatalf("%s: %v %v", tool, err, res)
		}
		return res.Content[0].(mcp.TextContent).Text
	}
	desktop, codex, named := connect("desktop", ""), connect("codex", ""), connect("whatever", "?agent=mary")
	if text := call(codex, "check_inbox", nil); !strings.Contains(text, "for codex") {
		t.Error(text)
	}
	call(named, "check_inbox", nil)
	if text := call(desktop, "post_message", map[string]any{"body": "over HTTP", "to": []string{"codex", "mary"}}); !strings.Contains(text, "as desktop") {
		t.Error(text)
	}
	for _, c := range []*mcpclient.Client{codex, named} {
		if text := call(c, "check_inbox", nil); !strings.Contains(text, "over HTTP") {
			t.Error(text)
		}
	}
	if err := desktop.Close(); err != nil {
		t.Error(err)
	}

	s.refused(404, "initialize again", "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, sessionName, "none")
	s.refused(400, "initialize first", "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	s.refused(400, "agent name", "POST", "/mcp?agent=%20", `{"jsonrpc":"2.0","id":1,"method":"initialize"}`)
}

// TestSilentClientsAreClosed: a session ends when its client has been silent for
// long, but not in the middle of a request.
func TestSilentClientsAreClosed(t *testing.T) {
	var l clients
	srv := tools.New(func() (*gitstore.Store, error) { return nil, errors.New("not needed") }, tools.Options{Shared: true})
	defer srv.Close()
	l.add("busy", &client{srv: srv})
	l.add("silent", &client{srv: srv})
	busy := l.take("busy")
	if gone := l.removeSilent(time.Now().Add(time.Hour)); len(gone) != 1 || l.take("silent") != nil {
		t.Errorf("%d clients were taken out", len(gone))
	}
	l.release(busy)
	if gone := l.removeSilent(time.Now().Add(-time.Hour)); len(gone) != 0 {
		t.Error("a client that has just asked something was taken out")
	}
}

// A visitor is an MCP client that speaks HTTP by itself, and goes as most
// programs do: without a word.
type visitor struct {
	*site
	session string
}

// visit introduces a client.
func (s *site) visit(program, query string) *visitor {
	s.t.Helper()
	v := &visitor{site: s}
	hello := fmt.Sprintf(`{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":%q,"version":"1"}}`, program)
	res := v.post(query, "initialize", hello)
	defer res.Body.Close()
	v.session = res.Header.Get(sessionName)
	return v
}

func (v *visitor) post(query, method, params string) *http.Response {
	v.t.Helper()
	r := v.request(v.t.Context(), "POST", query, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params))
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %v %v", method, res, err)
	}
	return res
}

func (v *visitor) request(ctx context.Context, method, query, body string) *http.Request {
	v.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, v.url+"/mcp"+query, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for key, value := range map[string]string{
		"Authorization": "Bearer " + v.token, "Content-Type": "application/json", "Accept": "application/json, text/event-stream", sessionName: v.session,
	} {
		if value != "" {
			r.Header.Set(key, value)
		}
	}
	return r
}

// says is what check_inbox tells the visitor.
func (v *visitor) says() string {
	v.t.Helper()
	res := v.post("", "tools/call", `{"name":"check_inbox","arguments":{}}`)
	defer res.Body.Close()
	var answer any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		v.t.Fatal(err)
	}
	return get[string](v.t, answer, "result", "content", 0, "text")
}

// is checks the name the visitor has, and what else it is told.
func (v *visitor) is(name string, told ...string) {
	v.t.Helper()
	text := v.says()
	for _, want := range append(told, " for "+name+" in ") {
		if !strings.Contains(text, want) {
			v.t.Errorf("%q is not in %q", want, text)
		}
	}
}

// listen opens the visitor's stream until hangUp is called.
func (v *visitor) listen() (hangUp func()) {
	v.t.Helper()
	ctx, stop := context.WithCancel(v.t.Context())
	res, err := http.DefaultClient.Do(v.request(ctx, "GET", "", ""))
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("the stream: %v %v", res, err)
	}
	return func() {
		stop()
		res.Body.Close()
		for v.busy() {
			time.Sleep(time.Millisecond)
		}
	}
}

// busy tells whether the server thinks that the visitor is there.
func (v *visitor) busy() bool {
	l := &v.srv.clients
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.by[v.session].busy > 0
}

// TestReturningClient: a client that went without a word and comes again has
// its name again, but not that of one that is still there.
func TestReturningClient(t *testing.T) {
	s := newSite(t)
	first := s.visit("codex", "")
	first.is("codex")
	hangUp := first.listen()
	second := s.visit("codex", "")
	second.is("codex-2")
	second.listen()
	other := s.visit("desktop", "")
	other.is("desktop")

	hangUp()
	again := s.visit("codex", "")
	again.is("codex")
	other.is("desktop")
	second.is("codex-2")
	first.is("codex-3", "you are codex-3 from now on", "another session is codex now")
	if text := first.says(); strings.Contains(text, "from now on") {
		t.Errorf("it is told twice: %s", text)
	}

	mary := s.visit("codex", "?agent=mary")
	mary.is("mary")
	if text := s.visit("codex", "?agent=mary").says(); strings.Contains(text, "another session") {
		t.Errorf("it has itself for a rival: %s", text)
	}
}

// TestSilentClient: a client that is silent for long is not here, and its name
// is free; its next call takes it again.
func TestSilentClient(t *testing.T) {
	s := newSite(t)
	first := s.visit("codex", "")
	hangUp := first.listen()
	second := s.visit("codex", "")
	second.is("codex-2")
	hangUp()
	here := func() (names []string) {
		t.Helper()
		all, err := s.srv.store.Presences(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.Alive {
				names = append(names, p.Agent)
			}
		}
		return names
	}
	s.srv.stepOut(s.srv.clients.silent(time.Now().Add(-clientAway)))
	if got := here(); len(got) != 2 {
		t.Errorf("after no time here are %q", got)
	}
	s.srv.stepOut(s.srv.clients.silent(time.Now()))
	if got := here(); len(got) != 0 {
		t.Errorf("after a long time here are %q", got)
	}
	second.is("codex-2")
	first.is("codex")
}
