package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"skein/gitstore"
	"skein/tools"
)

// A site is a server on a real socket, and its client.
type site struct {
	t     *testing.T
	srv   *Server
	url   string
	token string
	dir   string
	stop  func()
	end   chan error
}

func newSite(t *testing.T, change ...func(*Options)) *site {
	t.Helper()
	dir := t.TempDir()
	o := Options{
		Open: func() (*gitstore.Store, error) {
			return gitstore.Open(context.Background(), gitstore.Options{Dir: dir, NoSync: true, NoMirror: true})
		},
		MCP: func(agent string, open func() (*gitstore.Store, error)) *tools.Server {
			return tools.New(open, tools.Options{Agent: agent, Version: "test", Shared: true})
		},
	}
	for _, f := range change {
		f(&o)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &site{t: t, url: "http://" + l.Addr().String(), dir: dir, stop: stop, end: make(chan error, 1)}
	s.srv = New(o)
	if s.token, err = s.srv.token(); err != nil && len(change) == 0 {
		t.Fatal(err)
	}
	go func() { s.end <- s.srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := s.ended(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ended waits for Serve to return.
func (s *site) ended() error {
	select {
	case err := <-s.end:
		s.end <- err
		return err
	case <-time.After(30 * time.Second): // a bug's limit, nothing waits for it
		return errors.New("the server does not end")
	}
}

// do sends a request with the token and returns the status and the JSON.
func (s *site) do(method, path, body string, header ...string) (int, map[string]any) {
	s.t.Helper()
	status, v, err := s.send(s.t.Context(), method, path, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, v
}

func (s *site) send(ctx context.Context, method, path, body string, header ...string) (int, map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err
	}
	var v map[string]any
	return res.StatusCode, v, json.Unmarshal(b, &v)
}

// ok is do for a request that must succeed.
func (s *site) ok(method, path, body string) map[string]any {
	s.t.Helper()
	status, v := s.do(method, path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s %s %s: %d %v", method, path, body, status, v)
	}
	return v
}

// refused is do for a request that must fail with that status and an {error}
// of one line that holds want.
func (s *site) refused(status int, want, method, path, body string, header ...string) {
	s.t.Helper()
	got, v := s.do(method, path, body, header...)
	text, _ := v["error"].(string)
	if got != status || !strings.Contains(text, want) || strings.Contains(text, "\n") || len(v) != 1 {
		s.t.Errorf("%s %s %s: want %d with %q, got %d %v", method, path, body, status, want, got, v)
	}
}

func get[T any](t *testing.T, v any, path ...any) T {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if len(l) <= step {
				t.Fatalf("%v: no element %d in %v", path, step, v)
			}
			v = l[step]
		}
	}
	got, ok := v.(T)
	if !ok {
		t.Fatalf("%v is %T %v", path, v, v)
	}
	return got
}

// TestDuoEndpoints goes through the ten endpoints with their shapes and codes.
func TestDuoEndpoints(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{"project_a", "project_b", "project_c"} {
		v := s.ok("POST", "/register", `{"partnerId":"`+id+`","name":"N","projectPath":"/src/`+id+`"}`)
		if !get[bool](t, v, "success") || get[string](t, v, "partner", "status") != "online" || get[string](t, v, "partner", "name") != "N" {
			t.Errorf("%v", v)
		}
	}
	v := s.ok("POST", "/talk", `{"fromId":"project_a","to":"project_b","content":"hello"}`)
	if id := get[string](t, v, "conversationId"); id != "direct_project-a_project-b" || get[string](t, v, "messageId") == "" || get[float64](t, v, "queued") != 1 {
		t.Errorf("%v", v)
	}
	v = s.ok("GET", "/conversations/project_b", "")
	if get[float64](t, v, "conversations", 0, "unread_count") != 1 || get[string](t, v, "conversations", 0, "participants", 0, "id") != "project-a" {
		t.Errorf("%v", v)
	}
	v = s.ok("GET", "/listen/project_b?timeout=1", "")
	if !get[bool](t, v, "hasMessages") || get[string](t, v, "messages", 0, "content") != "hello" || get[string](t, v, "messages", 0, "from_id") != "project-a" {
		t.Errorf("%v", v)
	}
	v = s.ok("GET", "/listen/project_b?timeout=0", "")
	if get[bool](t, v, "hasMessages") || get[string](t, v, "reason") != "timeout" {
		t.Errorf("%v", v)
	}
	v = s.ok("POST", "/conversations", `{"creatorId":"project_a","name":"Team","participants":["project_b","project_c"]}`)
	group := get[string](t, v, "conversation", "id")
	if !strings.HasPrefix(group, "group_") || get[string](t, v, "conversation", "type") != "group" {
		t.Errorf("%v", v)
	}
	s.ok("POST", "/talk", `{"fromId":"project_c","conversationId":"`+group+`","content":"all"}`)
	v = s.ok("GET", "/listen/project_a?timeout=1&conversationId="+group, "")
	if get[string](t, v, "messages", 0, "conversation_id") != group {
		t.Errorf("%v", v)
	}
	v = s.ok("GET", "/conversations/"+group+"/messages?limit=50", "")
	if get[string](t, v, "conversation", "name") != "Team" || get[string](t, v, "messages", 0, "content") != "all" {
		t.Errorf("%v", v)
	}
	if v := s.ok("POST", "/conversations/"+group+"/leave", `{"partnerId":"project_c"}`); get[bool](t, v, "archived") {
		t.Errorf("%v", v)
	}
	s.ok("POST", "/unregister", `{"partnerId":"project_c"}`)
	v = s.ok("GET", "/partners", "")
	status := map[string]string{}
	for i := range get[[]any](t, v, "partners") {
		if get[bool](t, v, "partners", i, "isListening") {
			t.Errorf("nobody listens: %v", v)
		}
		status[get[string](t, v, "partners", i, "id")] = get[string](t, v, "partners", i, "status")
	}
	if fmt.Sprint(status) != "map[project-a:online project-b:online project-c:offline]" {
		t.Error(status)
	}
	v = s.ok("GET", "/health", "")
	if get[string](t, v, "status") != "ok" || get[float64](t, v, "partners") != 3 || get[float64](t, v, "online") != 2 {
		t.Errorf("%v", v)
	}

	s.refused(400, "partnerId required", "POST", "/register", `{}`)
	s.refused(400, "one JSON object", "POST", "/register", `{"partnerId":1}`)
	s.refused(400, "one JSON object", "POST", "/talk", `{"fromId":"a"} {}`)
	s.refused(400, "fromId and content required", "POST", "/talk", `{"to":"project_b"}`)
	s.refused(400, "either to or conversationId", "POST", "/talk", `{"fromId":"project_a","content":"x"}`)
	s.refused(404, `no agent named "nobody"`, "POST", "/talk", `{"fromId":"project_a","to":"nobody","content":"x"}`)
	s.refused(404, `no conversation named`, "POST", "/talk", `{"fromId":"project_a","conversationId":"group_1_x","content":"x"}`)
	s.refused(403, "not a participant", "POST", "/talk", `{"fromId":"project_c","conversationId":"`+group+`","content":"x"}`)
	s.refused(403, "not a participant", "GET", "/listen/project_c?conversationId="+group, "")
	s.refused(404, `no agent named "nobody"`, "GET", "/listen/nobody", "")
	s.refused(400, "number of minutes", "GET", "/listen/project_a?timeout=soon", "")
	s.refused(400, "creatorId, name and participants", "POST", "/conversations", `{"creatorId":"project_a"}`)
	s.refused(404, `no agent named "nobody"`, "POST", "/conversations", `{"creatorId":"project_a","name":"x","participants":["nobody"]}`)
	s.refused(400, "only groups can", "POST", "/conversations/direct_project-a_project-b/leave", `{"partnerId":"project_a"}`)
	s.refused(400, "limit must be", "GET", "/conversations/"+group+"/messages?limit=0", "")
	s.refused(404, "there is nothing at GET /nothing", "GET", "/nothing", "")
}

// TestListenWakes: a long poll is answered by a post, and is counted as
// listening meanwhile.
func TestListenWakes(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{"a", "b"} {
		s.ok("POST", "/register", `{"partnerId":"`+id+`"}`)
	}
	heard := make(chan map[string]any, 1)
	go func() {
		_, v, _ := s.send(t.Context(), "GET", "/listen/b", "")
		heard <- v
	}()
	for get[float64](t, s.ok("GET", "/health", ""), "listening") != 1 {
		time.Sleep(time.Millisecond)
	}
	if v := s.ok("POST", "/talk", `{"fromId":"a","to":"b","content":"now"}`); get[float64](t, v, "notified") != 1 {
		t.Errorf("%v", v)
	}
	if v := <-heard; get[string](t, v, "messages", 0, "content") != "now" {
		t.Errorf("%v", v)
	}
}

// TestListenEnds: a long poll ends when its client goes, and takes nothing with
// it; and when the server ends, which does not wait for its time to pass.
func TestListenEnds(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{"a", "b"} {
		s.ok("POST", "/register", `{"partnerId":"`+id+`"}`)
	}
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _, _ = s.send(ctx, "GET", "/listen/b", "")
	}()
	listening := func(n float64) {
		t.Helper()
		for get[float64](t, s.ok("GET", "/health", ""), "listening") != n {
			time.Sleep(time.Millisecond)
		}
	}
	listening(1)
	leave()
	<-gone
	listening(0)
	s.ok("POST", "/talk", `{"fromId":"a","to":"b","content":"kept"}`)
	if v := s.ok("GET", "/listen/b?timeout=0", ""); get[string](t, v, "messages", 0, "content") != "kept" {
		t.Errorf("%v", v)
	}

	answered := make(chan int, 1)
	go func() {
		status, _, _ := s.send(t.Context(), "GET", "/listen/b", "")
		answered <- status
	}()
	listening(1)
	s.stop()
	if status := <-answered; status != http.StatusServiceUnavailable {
		t.Errorf("a listener was left with status %d", status)
	}
	if err := s.ended(); err != nil {
		t.Error(err)
	}
}

// TestGuard: without the token, from a page elsewhere, under another name or
// with too much, nothing is done.
func TestGuard(t *testing.T) {
	s := newSite(t)
	const register = `{"partnerId":"intruder"}`
	host := strings.TrimPrefix(s.url, "http://")
	s.refused(401, "token", "POST", "/register", register, "Authorization", "")
	s.refused(401, "token", "POST", "/register", register, "Authorization", "Bearer wrong")
	s.refused(401, "token", "POST", "/register", register, "Authorization", s.token)
	s.refused(401, "token", "POST", "/mcp", `{}`, "Authorization", "")
	s.refused(403, "https://evil.example", "POST", "/register", register, "Origin", "https://evil.example")
	s.refused(403, "refused", "POST", "/register", register, "Origin", "null")
	s.refused(403, "refused", "POST", "/mcp", `{}`, "Origin", "http://evil.example")
	s.refused(403, "is not this machine", "POST", "/register", register, "Host", "evil.example")
	s.refused(403, "is not this machine", "GET", "/health", "", "Host", "evil.example:3210")
	s.refused(413, "more than", "POST", "/register", `{"partnerId":"`+strings.Repeat("x", maxBody)+`"}`)
	if v := s.ok("GET", "/partners", ""); len(get[[]any](t, v, "partners")) != 0 {
		t.Errorf("something was done: %v", v)
	}
	if status, v := s.do("GET", "/partners", "", "Origin", "http://"+host, "Host", host); status != 200 {
		t.Errorf("its own pages are refused: %d %v", status, v)
	}
	if status, _ := s.do("GET", "/health", "", "Authorization", ""); status != 200 {
		t.Error("/health needs a token")
	}
}

// TestToken: it is made once, for its owner alone.
func TestToken(t *testing.T) {
	s := newSite(t)
	again, err := Token(s.dir)
	if err != nil || again != s.token || len(again) < 20 {
		t.Errorf("got %q, %v", again, err)
	}
	info, err := os.Stat(TokenFile(s.dir))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		return // whose modes say nothing
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the token has mode %v", info.Mode())
	}
	if err := os.Chmod(TokenFile(s.dir), 0o644); err != nil {
		t.Fatal(err)
	}
	s.refused(503, "others can read the token", "GET", "/partners", "")
}

// TestHealthTellsTheTruth: a store that cannot be read is not healthy.
func TestHealthTellsTheTruth(t *testing.T) {
	s := newSite(t)
	s.ok("GET", "/health", "")
	for _, name := range []string{"refs/heads/main", "packed-refs"} {
		path := filepath.Join(s.dir, ".git", filepath.FromSlash(name))
		if err := os.WriteFile(path, []byte("garbage\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.refused(503, "main", "GET", "/health", "")

	broken := newSite(t, func(o *Options) {
		o.Open = func() (*gitstore.Store, error) { return nil, errors.New("no such disk") }
	})
	broken.refused(503, "no such disk", "GET", "/health", "")
	broken.refused(503, "no such disk", "GET", "/partners", "")
}

// TestReadOnly: nothing is written, not even that a message was read.
func TestReadOnly(t *testing.T) {
	s := newSite(t, func(o *Options) { o.ReadOnly = true })
	s.refused(403, "read-only", "POST", "/register", `{"partnerId":"a"}`)
	if v := s.ok("GET", "/partners", ""); len(get[[]any](t, v, "partners")) != 0 {
		t.Errorf("%v", v)
	}
}
