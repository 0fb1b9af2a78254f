package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"
)

func TestHTTPAddress(t *testing.T) {
	t.Setenv("BROKER_URL", "")
	for _, c := range []struct{ port, url, given, want string }{
		{"", "", "127.0.0.1:3211", "127.0.0.1:3211"},
		{"", "", ":3211", "127.0.0.1:3211"},
		{"", "", "127.0.0.1", "127.0.0.1:3210"},
		{"", "", "::1", "[::1]:3210"},
		{"4000", "http://localhost:5000", "localhost", "localhost:4000"},
		{"", "http://localhost:5000", "localhost", "localhost:5000"},
		{"", "", "0.0.0.0:1", "0.0.0.0:1"},
		{"", "", "nonsense", ""},
	} {
		t.Setenv("BROKER_PORT", c.port)
		t.Setenv("BROKER_URL", c.url)
		if got, err := httpAddress(c.given); got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: got %q, %v", c, got, err)
		}
	}
}

// TestServeHTTP: `skein serve --http` says where it listens and where the token
// is, answers, and ends well when it is interrupted.
func TestServeHTTP(t *testing.T) {
	home := t.TempDir()
	stderr := &lockedBuffer{}
	cmd := exec.Command(lookSkein(t), "serve", "--http", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "SKEIN_STORE="+filepath.Join(home, "store"), "HOME="+home)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	says := regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+); the token is in (.*)`)
	deadline := time.Now().Add(30 * time.Second) // a bug's limit
	for !says.MatchString(stderr.String()) {
		if time.Now().After(deadline) {
			t.Fatalf("stderr: %s", stderr)
		}
		time.Sleep(time.Millisecond)
	}
	said := says.FindStringSubmatch(stderr.String())
	res, err := http.Get(said[1] + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var health any
	if err := json.Unmarshal(b, &health); err != nil {
		t.Fatal(err)
	}
	same(t, health, `{"status":"ok","partners":0}`)
	if token, err := os.ReadFile(said[2]); err != nil || len(token) < 20 {
		t.Errorf("the token: %q, %v", token, err)
	}
	if runtime.GOOS == "windows" {
		return // there is no way to interrupt one process
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it does not end well: %v, stderr: %s", err, stderr)
	}
}

// TestIdleReader: what relay's server does after an hour without a request.
func TestIdleReader(t *testing.T) {
	r, w := io.Pipe()
	stopped := make(chan struct{})
	idle := newIdleReader(r, time.Hour, func() { close(stopped) })
	go w.Write([]byte("x"))
	if _, err := idle.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-stopped:
		t.Fatal("it ends before its time")
	default:
	}
	idle.timer.Reset(0) // the hour has passed
	<-stopped
}
