package tools_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"skein/gitstore"
	"skein/tools"
	"skein/tools/web"
)

// conformanceEnv names the command of the public conformance suite of MCP;
// `make conformance` sets it.
const conformanceEnv = "SKEIN_CONFORMANCE"

// TestConformance runs the suite's server scenarios over HTTP: the guard, the
// sessions and the transport are those of `skein serve --http`, what the suite
// wants to call is added to skein's own tools (conformance_fixture_test.go).
func TestConformance(t *testing.T) {
	command := strings.Fields(os.Getenv(conformanceEnv))
	if len(command) == 0 {
		t.Skip("it needs Node.js and the network: `make conformance` runs it")
	}
	args := append(command[1:], "server", "--suite", "all", "--url", serveFixture(t)+"/mcp")
	out, err := exec.CommandContext(t.Context(), command[0], args...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// serveFixture serves a store over HTTP and returns where.
func serveFixture(t *testing.T) string {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := web.New(web.Options{
		Open: func() (*gitstore.Store, error) {
			return gitstore.Open(context.Background(), gitstore.Options{Dir: dir, NoSync: true, NoMirror: true})
		},
		MCP: func(agent string, open func() (*gitstore.Store, error)) *tools.Server {
			s := tools.New(open, tools.Options{Agent: agent, Version: "test", Shared: true})
			addFixture(s.Core())
			return s
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return withToken(t, &url.URL{Scheme: "http", Host: l.Addr().String()}, dir)
}

// withToken stands before a server and adds the token, which the suite cannot
// send. All else of a request stays as it is, its Host and Origin too.
func withToken(t *testing.T, at *url.URL, dir string) string {
	res, err := http.Get(at.String() + "/health") // by whose answer there is a token
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	token, err := web.Token(dir)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("Authorization", "Bearer "+token)
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // an answer may begin before the proxy has seen the end of the body
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}
