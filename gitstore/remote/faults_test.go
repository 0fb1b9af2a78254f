package remote

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/crypto/ssh"
)

// faults are what keeps a machine from a remote: where that is, and what is said
// of it, whichever transport meets it.
var faults = map[string]struct {
	at   func(t *testing.T) string
	kind Kind
	says string
}{
	"status 404":         {answering(404, ""), NotFound, "not found"},
	"status 401":         {answering(401, ""), Auth, ""},
	"status 403":         {answering(403, ""), Auth, "403"},
	"status 403, a word": {answering(403, "This repository was archived so it is read-only."), Auth, "archived"},
	"status 429":         {answering(429, ""), Unable, "the server answers with status 429"},
	"status 500":         {answering(500, ""), Network, "the server answers with status 500"},
	"status 503":         {answering(503, ""), Network, "the server answers with status 503"},
	"a web page":         {answering(200, "<html>hello</html>"), NotFound, "not git"},
	"a page of lines":    {answering(200, "<html>\nhello\n</html>\n"), NotFound, "not git"},
	"silence":            {silent, Network, "it has said nothing for too long"},
	"a line that is cut": {cut, Network, ""},
	"nobody there":       {func(*testing.T) string { return "http://127.0.0.1:1/repo" }, Network, "onnect"},
	"no such host":       {func(*testing.T) string { return "http://none.invalid/repo" }, Network, "none.invalid"},
	"a certificate":      {selfSigned, Other, "certificate"},
	"no TLS":             {func(t *testing.T) string { return strings.Replace(answering(200, "")(t), "http:", "https:", 1) }, Network, ""},
	"ssh, nobody there":  {func(*testing.T) string { return "ssh://127.0.0.1:1/repo" }, Network, "efused"},
	"ssh, unknown host":  {sshWith(func(t *testing.T, home string) { write(t, filepath.Join(home, ".ssh", "known_hosts"), "") }), Auth, "host key"},
	"ssh, another host":  {sshWith(otherHost), Auth, "host key"},
	"ssh, another key":   {sshWith(func(t *testing.T, home string) { newKey(t, filepath.Join(home, ".ssh", "id_ed25519")) }), Auth, "key"},
	"ssh, no repository": {func(t *testing.T) string { return overSSHServer(t, t.TempDir()) + "/none" }, NotFound, "does not appear to be a git repository"},
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func answering(status int, text string) func(t *testing.T) string {
	return func(t *testing.T) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			if strings.HasPrefix(text, "<") {
				w.Header().Set("Content-Type", "text/html")
			}
			if status == 401 {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}))
		t.Cleanup(s.Close)
		return s.URL + "/repo"
	}
}

// accepting answers connections by what do does with them.
func accepting(t *testing.T, do func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go do(conn)
		}
	}()
	return "http://" + l.Addr().String() + "/repo"
}

func silent(t *testing.T) string {
	return accepting(t, func(conn net.Conn) { t.Cleanup(func() { conn.Close() }) })
}

// cut resets a connection in the middle of a request.
func cut(t *testing.T) string {
	return accepting(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 16))
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	})
}

func selfSigned(t *testing.T) string {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it would say what we expect
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL + "/repo"
}

// sshWith serves over ssh to somebody whose home was changed.
func sshWith(change func(t *testing.T, home string)) func(t *testing.T) string {
	return func(t *testing.T) string {
		address := overSSHServer(t, filepath.Dir(repository(t))) + "/repo"
		change(t, os.Getenv("HOME"))
		return address
	}
}

// otherHost has the known host be of another key.
func otherHost(t *testing.T, home string) {
	name := filepath.Join(home, ".ssh", "known_hosts")
	line, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(string(line), " ")
	key := newKey(t, filepath.Join(home, "other"))
	write(t, name, host+" "+strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))+"\n")
}

// TestAFaultIsToldTheSame by both transports: of the same kind, with the same
// words where they matter, in one line, with what to do.
func TestAFaultIsToldTheSame(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			transports(t, func(t *testing.T, by Transport) {
				dir := repository(t)
				r := &Remote{URL: fault.at(t), Objects: filepath.Join(dir, "objects"), Repository: opened(t, dir), Transport: by}
				if name == "silence" {
					r.Idle = 500 * time.Millisecond
				}
				check := func(err error, kind Kind) {
					t.Helper()
					if kindOf(err) != kind || !strings.Contains(err.Error(), fault.says) || strings.Contains(err.Error(), "\n") {
						t.Errorf("%v", err)
					}
				}
				_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
				check(err, fault.kind)
				_, err = r.Push(t.Context(), dir, []Update{{Branch: mainBranch, New: commit(t, dir, "root")}})
				if strings.HasPrefix(name, "status 403") {
					check(err, ReadOnly)
				} else {
					check(err, fault.kind)
				}
			})
		})
	}
}

// TestOddNamesOfBranches: a pattern stands for no name that git forbids, whatever
// a server advertises.
func TestOddNamesOfBranches(t *testing.T) {
	const pattern = "refs/heads/inbox/*"
	for _, name := range []string{"refs/heads/inbox/", "refs/heads/inbox/.x", "refs/heads/inbox/..", "refs/heads/inbox/a..b", "refs/heads/inbox/x.lock", "refs/heads/inbox/a/b",
		"refs/heads/inbox/\x1b[2J", "refs/heads/inbox/a b", "refs/heads/inbox/a\nb", "refs/heads/inbox/a\\b", "refs/heads/inbox/a:b", "refs/heads/inbox/a~1", "refs/heads/inbox/@{u}", "refs/heads/inbox/x."} {
		if matches(pattern, name) {
			t.Errorf("%q passes", name)
		}
	}
	for _, name := range []string{"refs/heads/inbox/tr3mf5ne", "refs/heads/inbox/tr3mf5ne-2.agents"} {
		if !matches(pattern, name) || !matches(plumbing.ReferenceName(name), name) {
			t.Errorf("%q does not pass", name)
		}
	}
}
