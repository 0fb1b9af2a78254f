//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// giteaEnv names the program of Gitea; `make host` sets it.
const giteaEnv = "SKEIN_GITEA"

// gitea is a whole git host on this machine: an API, web pages, and
// repositories over http and ssh. mary is its administrator.
type gitea struct {
	t            *testing.T
	program, dir string
	web, ssh     string // host:port
	running      *exec.Cmd
	log          lockedBuffer
}

// giteaSettings is its app.ini: for its directory, its http and its ssh
// address, with the ports by themselves.
const giteaSettings = `
RUN_USER = %[1]s
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = %[2]s
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[3]s
ROOT_URL = http://127.0.0.1:%[3]s/
OFFLINE_MODE = true
START_SSH_SERVER = true
BUILTIN_SSH_SERVER_USER = git
SSH_LISTEN_HOST = 127.0.0.1
SSH_LISTEN_PORT = %[4]s
[database]
DB_TYPE = sqlite3
[security]
INSTALL_LOCK = true
DISABLE_GIT_HOOKS = false
[log]
MODE = console
LEVEL = warn
[cron]
ENABLED = false
[actions]
ENABLED = false
`

const password = "correct-horse" // of everybody

// newGitea starts a host that has nothing but mary.
func newGitea(t *testing.T) *gitea {
	t.Helper()
	g := &gitea{t: t, program: os.Getenv(giteaEnv), dir: t.TempDir()}
	if g.program == "" {
		t.Skip("it needs Gitea: `make host` builds it and runs this")
	}
	g.web, g.ssh = freePort(t), freePort(t)
	user, err := exec.Command("id", "-un").Output()
	if err != nil {
		t.Fatal(err)
	}
	port := func(address string) string { return address[strings.LastIndex(address, ":")+1:] }
	settings := fmt.Sprintf(giteaSettings, strings.TrimSpace(string(user)), g.dir, port(g.web), port(g.ssh))
	if err := os.WriteFile(filepath.Join(g.dir, "app.ini"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"migrate"},
		{"admin", "user", "create", "--admin", "--must-change-password=false", "--username", "mary", "--password", password, "--email", "mary@example.org"}} {
		if out, err := g.command(args...).CombinedOutput(); err != nil {
			t.Fatalf("gitea %s: %v\n%s", args, err, out)
		}
	}
	g.start()
	t.Cleanup(g.stop)
	return g
}

// freePort is an address at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (g *gitea) command(args ...string) *exec.Cmd {
	cmd := exec.Command(g.program, append([]string{"--work-path", g.dir, "--config", filepath.Join(g.dir, "app.ini")}, args...)...)
	cmd.Dir = g.dir
	cmd.Env = []string{"HOME=" + g.dir, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// start starts the host, and returns when it answers, as it tells who started
// it in the way of systemd.
func (g *gitea) start() {
	g.t.Helper()
	name := filepath.Join(g.dir, "ready")
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		g.t.Fatal(err)
	}
	defer os.Remove(name)
	defer ready.Close()
	cmd := g.command("web")
	cmd.Stdout, cmd.Stderr = &g.log, &g.log
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+name)
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.running = cmd
	if err := ready.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil { // a bug's limit
		g.t.Fatal(err)
	}
	for said := make([]byte, 1<<10); ; {
		n, err := ready.Read(said)
		if err != nil {
			g.t.Fatalf("gitea does not come up: %v\n%s", err, g.log.String())
		}
		if string(said[:n]) == "READY=1" {
			return
		}
	}
}

// stop ends the host and all that it has started as a crash would.
func (g *gitea) stop() {
	if g.running != nil {
		_ = syscall.Kill(-g.running.Process.Pid, syscall.SIGKILL)
		_ = g.running.Wait() // it was killed
		g.running = nil
	}
}

func (g *gitea) get(path string) (status int, text string) {
	g.t.Helper()
	return g.ask("", http.MethodGet, path, nil)
}

// api asks the host for something in somebody's name, and returns the answer.
func (g *gitea) api(who, method, path string, body any) string {
	g.t.Helper()
	status, text := g.ask(who, method, "/api/v1"+path, body)
	if status >= 300 {
		g.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

func (g *gitea) ask(who, method, path string, body any) (status int, text string) {
	g.t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		g.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(g.t.Context(), method, "http://"+g.web+path, bytes.NewReader(sent))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if who != "" {
		req.SetBasicAuth(who, password)
	}
	answer, err := (&http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return answer.StatusCode, string(got)
}

// field is a field of a JSON object.
func field(t *testing.T, object, name string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(object), &v); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(v[name])
}

type values = map[string]any

// repository makes an empty private repository of mary's, and returns its path.
func (g *gitea) repository(name string, more values) string {
	g.t.Helper()
	body := values{"name": name, "private": true, "default_branch": "main"}
	for k, v := range more {
		body[k] = v
	}
	g.api("mary", http.MethodPost, "/user/repos", body)
	return "mary/" + name
}

// files is the directory in which the host keeps a repository.
func (g *gitea) files(repository string) string {
	return filepath.Join(g.dir, "data", "gitea-repositories", repository+".git")
}
