package tools

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"skein/gitstore"
)

// process starts the test binary as a server on the store in dir.
func process(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), serveEnv+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

func handshake(client string) string {
	return fmt.Sprintf("{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":%s}\n", initParams(client, "2025-11-25")) +
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"
}

// TestEverythingAtOnce: a whole session is written before anything is read,
// the last line has no newline, and every request is answered, by an agent
// that is known by its name.
func TestEverythingAtOnce(t *testing.T) {
	const n = 200
	var in strings.Builder
	in.WriteString(handshake("printf"))
	for i := 1; i <= n; i++ {
		in.WriteString(callLine(i, "post_message", fmt.Sprintf(`{"body":"message %d","thread":"load/test"}`, i)) + "\n")
	}
	cmd := process(t, t.TempDir())
	cmd.Stdin = strings.NewReader(strings.TrimSuffix(in.String(), "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answered := map[string]bool{}
	for line := range bytes.Lines(out) {
		r := parseLine(t, line)
		if answered[string(r.ID)] {
			t.Errorf("request %s is answered twice", r.ID)
		}
		answered[string(r.ID)] = true
		if string(r.ID) != "0" {
			mustContain(t, parseResult(t, r.Result).Content[0].Text, "posted", "as printf@axon")
		}
	}
	if len(answered) != n+1 {
		t.Errorf("%d of %d requests are answered", len(answered), n+1)
	}
}

func TestSignalEndsProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGTERM to send")
	}
	cmd := process(t, t.TempDir())
	stdin, err := cmd.StdinPipe() // stays open
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, handshake("c")); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("SIGTERM ends the process with %v", err)
	}
}

func TestCancelledContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serveContext(ctx, t, New(given(nil), Options{}))
	s.request("ping", "{}")
	cancel()
	if err := s.ended(); err != nil {
		t.Errorf("a cancelled context ends in %v", err)
	}
}

// TestCancelledContextEndsCalls: a call that waits for the store does not keep
// the server from ending.
func TestCancelledContextEndsCalls(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opening, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	srv := New(func() (*gitstore.Store, error) {
		close(opening)
		<-never
		return nil, errors.New("gone")
	}, Options{Agent: "codex"})
	srv.store.grace = time.Hour
	s := serveContext(ctx, t, srv)
	s.write(callLine(1, "check_inbox", "{}"))
	<-opening
	cancel()
	if r := s.read(); string(r.ID) != "1" {
		t.Errorf("the call's answer has id %s", r.ID)
	}
	if err := s.ended(); err != nil {
		t.Error(err)
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
}

func TestEndOfInput(t *testing.T) {
	s := serve(t, New(given(nil), Options{}))
	s.request("ping", "{}")
	s.in.Close()
	if err := s.ended(); err != nil {
		t.Errorf("the end of stdin ends in %v", err)
	}
}

// TestEndOfInputHasAGrace: a call that never answers does not hold a server
// for ever whose client has gone.
func TestEndOfInputHasAGrace(t *testing.T) {
	var log logBuffer
	never := make(chan struct{})
	defer close(never)
	srv := New(func() (*gitstore.Store, error) { <-never; return nil, errors.New("gone") }, Options{Agent: "codex", Logger: log.logger()})
	srv.grace = 1 // nanosecond
	s := serve(t, srv)
	s.write(callLine(1, "check_inbox", "{}"))
	s.in.Close()
	io.Copy(io.Discard, s.out)
	if err := s.ended(); err != nil {
		t.Error(err)
	}
	mustContain(t, log.String(), "still unanswered")
}

func TestReadError(t *testing.T) {
	s := serve(t, New(given(nil), Options{}))
	s.in.CloseWithError(errors.New("wire cut"))
	if err := s.ended(); err == nil || !strings.Contains(err.Error(), "wire cut") {
		t.Errorf("a broken stdin ends in %v", err)
	}
}

// brokenPipe accepts a number of writes.
type brokenPipe struct{ left int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.left--; b.left < 0 {
		return 0, errors.New("nobody reads")
	}
	return len(p), nil
}

func TestWriteErrorEnds(t *testing.T) {
	in, w := io.Pipe()
	defer w.Close()
	end := make(chan error, 1)
	go func() { end <- New(given(nil), Options{}).ServeStdio(t.Context(), in, &brokenPipe{left: 1}) }()
	for range 2 {
		io.WriteString(w, `{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n")
	}
	if err := <-end; err == nil || !strings.Contains(err.Error(), "nobody reads") {
		t.Errorf("a broken stdout ends in %v", err)
	}
}

func TestBadLines(t *testing.T) {
	s := serve(t, New(given(nil), Options{}))
	for _, line := range []string{`{`, `nonsense`, `{"jsonrpc":"2.0","id":7,`, `[]`} {
		s.write(line)
		if r := s.read(); r.Error == nil || r.Error.Code != -32700 || string(r.ID) != "null" {
			t.Errorf("%s: %+v", line, r)
		}
	}
	s.write("\n  \n\r") // blank lines say nothing
	s.write("\ufeff" + `{"jsonrpc":"2.0","id":"a","method":"ping"}` + "\r")
	if r := s.read(); r.Error != nil || string(r.ID) != `"a"` {
		t.Errorf("after bad lines: %+v", r)
	}
	s.write(`{"jsonrpc":"2.0","id":5,"result":{}}`) // an answer to nothing
	s.write(`{"jsonrpc":"2.0","id":6,"method":"ping","params":[1]}`)
	if r := s.read(); string(r.ID) != "6" {
		t.Errorf("answer has id %s: %+v", r.ID, r)
	}
	s.in.Close()
	if err := s.ended(); err != nil {
		t.Error(err)
	}
}

func TestOversizedLine(t *testing.T) {
	const limit = 10_000
	s := serve(t, New(given(nil), Options{MaxLine: limit}))
	big := strings.Repeat("x", 200_000)
	for line, id := range map[string]string{
		`{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":"` + big + `"}}`:             "7",
		`{"method":"ping","params":{"a":"` + big + `","id":3},"jsonrpc":"2.0","id":"last"}`: `"last"`,
		`{"method":"ping","params":{"a":"` + big + `","id":3}}`:                             "null",
		`{"method":"ping","params":{"a":"` + big + `\"id\":3}"}}`:                           "null",
		big: "null",
	} {
		s.write(line)
		r := s.read()
		if r.Error == nil || r.Error.Code != -32600 || string(r.ID) != id {
			t.Errorf("%.40s…: %+v, want an error for id %s", line, r, id)
			continue
		}
		mustContain(t, r.Error.Message, fmt.Sprintf("the request has %d bytes and at most %d are read", len(line), limit))
	}
	fits := `{"jsonrpc":"2.0","id":8,"method":"ping","params":{"a":"%s"}}`
	fits = fmt.Sprintf(fits, strings.Repeat("x", limit-len(fits)+len("%s")))
	for _, end := range []string{"", "\r"} {
		s.write(fits + end)
		if r := s.read(); r.Error != nil || string(r.ID) != "8" {
			t.Errorf("a line of %d bytes: %+v", len(fits), r)
		}
	}
	s.write(fits + "   ") // over the limit, though only with blanks
	if r := s.read(); r.Error == nil {
		t.Errorf("a line over the limit: %+v", r)
	}
}

// TestOversizedLineIsNotKept: the memory for a line does not grow with it.
func TestOversizedLineIsNotKept(t *testing.T) {
	r := newLineReader(t.Context(), io.MultiReader(io.LimitReader(endless{}, 64<<20), strings.NewReader("\n")),
		&lineWriter{out: io.Discard, track: newTracker()}, 1<<20, 0, nil)
	line, tooLong, err := r.read()
	if err != nil || line != nil || tooLong == nil || tooLong.size != 64<<20 {
		t.Fatalf("%d bytes, %+v, %v", len(line), tooLong, err)
	}
	if kept := cap(tooLong.head) + cap(tooLong.tail); kept > 256<<10 {
		t.Errorf("%d bytes of it are kept", kept)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestConcurrentCalls: fifty calls that are all under way at once. They wait
// for each other, so that fewer workers would never finish.
func TestConcurrentCalls(t *testing.T) {
	const n = 50
	st := newStore(t)
	srv := New(given(st), Options{Agent: "codex"})
	together := make(chan struct{}, n)
	all := make(chan struct{})
	def := define("meet", "", hints{})
	srv.mcp.AddTools(bind(srv, def, func(ctx context.Context, _ struct{}) (string, error) {
		if together <- struct{}{}; len(together) == n {
			close(all)
		}
		select {
		case <-all:
			return "met", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}))
	s := connect(t, srv, "c")
	for i := range n {
		s.write(callLine(100+i, "meet", "{}"))
	}
	for range n {
		if r := parseResult(t, s.read().Result); r.IsError {
			t.Error(r.Content[0].Text)
		}
	}
}

func TestConcurrentPosts(t *testing.T) {
	const n = 50
	st := newStore(t)
	s := agent(t, st, "claude")
	for i := range n {
		s.write(callLine(100+i, "post_message", fmt.Sprintf(`{"body":"number %d","to":["codex"]}`, i)))
	}
	for range n {
		if r := parseResult(t, s.read().Result); r.IsError {
			t.Error(r.Content[0].Text)
		}
	}
	mustContain(t, agent(t, st, "codex").call("check_inbox", `{"limit":1}`), "50 unread messages", "49 more; cursor=")
}

// TestCancelledWhileQueued: a call that is called off before a worker takes it
// up never runs; one that runs is told.
func TestCancelledWhileQueued(t *testing.T) {
	srv := New(given(nil), Options{})
	started, ran := make(chan struct{}, workers), make(chan struct{}, 1)
	srv.mcp.AddTools(
		bind(srv, define("block", "", hints{}), func(ctx context.Context, _ struct{}) (string, error) {
			started <- struct{}{}
			<-ctx.Done()
			return "", ctx.Err()
		}),
		bind(srv, define("run", "", hints{}), func(context.Context, struct{}) (string, error) {
			ran <- struct{}{}
			return "ran", nil
		}))
	s := serve(t, srv)
	for i := range workers {
		s.write(callLine(i+1, "block", "{}"))
	}
	for range workers {
		<-started
	}
	s.write(callLine(500, "run", "{}"))
	cancel := func(id int) {
		s.write(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id))
	}
	cancel(500)
	cancel(1) // frees a worker, who finds 500
	for range 2 {
		switch r := s.read(); string(r.ID) {
		case "1":
			mustContain(t, parseResult(t, r.Result).Content[0].Text, "cancelled")
		case "500":
			if r.Error == nil {
				t.Errorf("the cancelled call is answered: %s", r.Result)
			}
		}
	}
	if len(ran) > 0 {
		t.Error("the cancelled call ran")
	}
	s.in.Close()
	for i := 2; i <= workers; i++ {
		srv.track.wrote(fmt.Appendf(nil, `{"id":%d}`, i)) // they are not what is tested
	}
	io.Copy(io.Discard, s.out)
	s.ended()
}
