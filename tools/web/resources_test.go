package web

import (
	"strings"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
)

// TestResourcesOverHTTP: a client that listens is told of what another one
// brings about, reads it, and completes the names in it.
func TestResourcesOverHTTP(t *testing.T) {
	s := newSite(t)
	listening := transport.WithContinuousListening() //nolint:staticcheck // the revision that is served knows no other way
	c, err := mcpclient.NewStreamableHttpClient(s.url+"/mcp?agent=codex", listening,
		transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + s.token}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	told := make(chan string, 10)
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		uri, _ := n.Params.AdditionalFields["uri"].(string)
		told <- n.Method + " " + uri
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := mcp.InitializeRequest{}
	begin.Params.ProtocolVersion = "2025-11-25"
	begin.Params.ClientInfo = mcp.Implementation{Name: "c", Version: "1"}
	if _, err := c.Initialize(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	sub := mcp.SubscribeRequest{}
	sub.Params.URI = "skein://inbox"
	if err := c.Subscribe(t.Context(), sub); err != nil { //nolint:staticcheck // the revision that is served knows no other way
		t.Fatal(err)
	}
	other, err := gitstore.Open(t.Context(), gitstore.Options{Dir: s.dir, NoSync: true, NoMirror: true})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Post(t.Context(), gitstore.Post{From: "desktop", To: []string{"codex"}, Thread: "axon/model", Body: "over HTTP", Queue: true}); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-told:
		if got != "notifications/resources/updated skein://inbox" {
			t.Errorf("told of %s", got)
		}
	case <-time.After(30 * time.Second): // a bug's limit, nothing waits for it
		t.Fatal("nothing was told")
	}
	read := mcp.ReadResourceRequest{}
	read.Params.URI = "skein://inbox"
	res, err := c.ReadResource(t.Context(), read)
	if err != nil {
		t.Fatal(err)
	}
	if text := res.Contents[0].(mcp.TextResourceContents).Text; !strings.Contains(text, "> over HTTP") {
		t.Error(text)
	}
	complete := mcp.CompleteRequest{}
	complete.Params.Ref = mcp.PromptReference{Type: "ref/prompt", Name: "summarize_thread"}
	complete.Params.Argument = mcp.CompleteArgument{Name: "thread", Value: "ax"}
	names, err := c.Complete(t.Context(), complete)
	if err != nil || len(names.Completion.Values) != 1 || names.Completion.Values[0] != "axon/model" {
		t.Errorf("%+v, %v", names, err)
	}
}
