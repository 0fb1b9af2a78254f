package tools

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"skein/gitstore"
)

// serveEnv names a store's directory: with it set, the test binary is a server
// over its own stdin and stdout, as `skein serve` is.
const serveEnv = "SKEIN_TOOLS_TEST_SERVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveEnv); dir != "" {
		os.Exit(serveForTest(dir))
	}
	os.Exit(m.Run())
}

func serveForTest(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	srv := New(opens(dir), Options{Folder: "axon", Version: "test", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	defer srv.Close()
	if err := srv.ServeStdio(ctx, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func opens(dir string) func() (*gitstore.Store, error) {
	return func() (*gitstore.Store, error) {
		return gitstore.Open(context.Background(), gitstore.Options{Dir: dir, NoSync: true, NoMirror: true})
	}
}

// newStore is a real store in a temporary directory with two agents in it.
func newStore(t testing.TB) *gitstore.Store {
	t.Helper()
	st, err := opens(t.TempDir())()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	for _, a := range []string{"desktop", "codex"} {
		if err := st.Join(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	return st
}

func given(st *gitstore.Store) func() (*gitstore.Store, error) {
	return func() (*gitstore.Store, error) { return st, nil }
}

func send(t testing.TB, st *gitstore.Store, p gitstore.Post) *gitstore.Message {
	t.Helper()
	m, err := st.Post(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A session is a client at the other end of a server's pipes.
type session struct {
	t    testing.TB
	in   *io.PipeWriter
	out  *bufio.Reader
	end  chan error // ServeStdio's result
	next int
}

func serve(t testing.TB, srv *Server) *session {
	return serveContext(t.Context(), t, srv)
}

func serveContext(ctx context.Context, t testing.TB, srv *Server) *session {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := &session{t: t, in: inW, out: bufio.NewReader(outR), end: make(chan error, 1)}
	go func() {
		err := srv.ServeStdio(ctx, inR, outW)
		outW.Close()
		s.end <- err
	}()
	t.Cleanup(func() {
		inW.Close()
		outR.Close()
		if srv.store.peek() != nil {
			srv.Close() // so that nothing is written behind a test
		}
	})
	return s
}

// connect is a session that has shaken hands as the client.
func connect(t testing.TB, srv *Server, client string) *session {
	s := serve(t, srv)
	s.request("initialize", initParams(client, "2025-11-25"))
	s.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return s
}

func initParams(client, version string) string {
	return fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":%q,"version":"1"}}`, version, client)
}

// agent is a session of an agent with that name on st.
func agent(t testing.TB, st *gitstore.Store, name string) *session {
	srv := New(given(st), Options{Agent: name, Version: "test"})
	srv.countGrace = time.Minute
	return connect(t, srv, "test-client")
}

func (s *session) write(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

// response is a JSON-RPC line from the server.
type response struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (s *session) read() response {
	s.t.Helper()
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		s.t.Fatalf("reading an answer: %v after %q", err, line)
	}
	return parseLine(s.t, line)
}

func parseLine(t testing.TB, line []byte) response {
	t.Helper()
	var r response
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatalf("not a JSON-RPC line: %v: %q", err, line)
	}
	if r.JSONRPC != "2.0" {
		t.Fatalf("not JSON-RPC 2.0: %s", line)
	}
	return r
}

// request sends one request and reads its answer, which must be a result.
func (s *session) request(method, params string) json.RawMessage {
	s.t.Helper()
	s.next++
	s.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, s.next, method, params))
	r := s.read()
	if r.Error != nil {
		s.t.Fatalf("%s: error %d: %s", method, r.Error.Code, r.Error.Message)
	}
	if string(r.ID) != fmt.Sprint(s.next) {
		s.t.Fatalf("%s: answer has id %s, want %d", method, r.ID, s.next)
	}
	return r.Result
}

// toolResult is what tools/call returns.
type toolResult struct {
	Content []struct{ Type, Text string } `json:"content"`
	IsError bool                          `json:"isError"`
	// Anything else would be a second voice beside the text.
	Structured json.RawMessage `json:"structuredContent"`
}

func parseResult(t testing.TB, raw json.RawMessage) toolResult {
	t.Helper()
	var r toolResult
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Content) != 1 || r.Content[0].Type != "text" || r.Structured != nil {
		t.Fatalf("a result must be one text: %s", raw)
	}
	return r
}

// call calls a tool with args, a JSON object, and returns the text.
func (s *session) call(tool, args string) string {
	s.t.Helper()
	r := parseResult(s.t, s.request("tools/call", callParams(tool, args)))
	if r.IsError {
		s.t.Fatalf("%s %s: %s", tool, args, r.Content[0].Text)
	}
	return r.Content[0].Text
}

// fail calls a tool and returns the text of the error it must end with.
func (s *session) fail(tool, args string) string {
	s.t.Helper()
	r := parseResult(s.t, s.request("tools/call", callParams(tool, args)))
	if !r.IsError {
		s.t.Fatalf("%s %s: no error but %q", tool, args, r.Content[0].Text)
	}
	return r.Content[0].Text
}

func callParams(tool, args string) string {
	args = strings.Join(strings.Split(args, "\n"), " ") // a request is one line
	return fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, args)
}

func callLine(id int, tool, args string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}`, id, callParams(tool, args))
}

func mustContain(t testing.TB, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

func mustLack(t testing.TB, text string, unwanted ...string) {
	t.Helper()
	for _, w := range unwanted {
		if strings.Contains(text, w) {
			t.Errorf("%q is in:\n%s", w, text)
		}
	}
}

// ended waits for the server to end and returns what ServeStdio returned.
func (s *session) ended() error {
	s.t.Helper()
	select {
	case err := <-s.end:
		return err
	case <-time.After(30 * time.Second): // a bug's limit, nothing waits for it
		s.t.Fatal("the server does not end")
		return nil
	}
}

// logBuffer collects a log that is written concurrently.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
