package remote

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// alone has git and the built-in transport see nothing of whoever runs the
// tests, and returns the file that is the user's configuration.
func alone(t *testing.T) (config string) {
	t.Helper()
	home := t.TempDir()
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "GIT_") || strings.EqualFold(name, "ALL_PROXY") {
			t.Setenv(name, value) // has it put back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	config = filepath.Join(home, ".gitconfig")
	for name, value := range map[string]string{"HOME": home, "USERPROFILE": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_NOSYSTEM": "1"} {
		t.Setenv(name, value)
	}
	return config
}

// TestTheChoiceOfATransport: the built-in one, unless something of the user's
// says how git is to reach this address.
func TestTheChoiceOfATransport(t *testing.T) {
	const address = "https://Host.example:8443/you/talk.git"
	for name, c := range map[string]struct {
		address, config string
		env             [2]string
		by, want        Transport
	}{
		"nothing":              {want: BuiltIn},
		"asked for git":        {by: Git, want: Git},
		"asked for none":       {by: BuiltIn, config: "[http]\nproxy = x\n", want: BuiltIn},
		"ssh":                  {address: "git@host.example:talk", want: Git},
		"a directory":          {address: "/srv/talk", want: Git},
		"other settings":       {config: "[user]\nname = x\n[credential]\nhelper = x\n[core]\nsshCommand = x\n", want: BuiltIn},
		"proxy":                {config: "[http]\nproxy = x\n", want: Git},
		"header":               {config: "[http \"https://host.example:8443/\"]\nextraHeader = x\n", want: Git},
		"pattern":              {config: "[http \"https://*.example\"]\nsslCert = x\n", want: Git},
		"no address":           {config: "[http \"https://%zz\"]\nproxy = x\n", want: Git},
		"another host":         {config: "[http \"https://other.example\"]\nproxy = x\n", want: BuiltIn},
		"harmless":             {config: "[http]\npostBuffer = 1\n[http \"https://host.example\"]\nlowSpeedTime = 1\n", want: BuiltIn},
		"without a value":      {config: "[http]\nsslVerify\n", want: Git},
		"rewritten":            {config: "[url \"ssh://git@host/\"]\ninsteadOf = https://Host.example:8443/\n", want: Git},
		"rewritten for a push": {config: "[url \"ssh://git@host/\"]\npushInsteadOf = https://Host\n", want: Git},
		"another rewritten":    {config: "[url \"ssh://git@host/\"]\ninsteadOf = https://other/\n", want: BuiltIn},
		"push options":         {config: "[push]\npushOption = ci.skip\n", want: Git},
		"broken":               {config: "[http\n", want: Git},
		"included":             {config: "[include]\npath = more\n", want: Git},
		"included elsewhere":   {config: "[includeIf \"gitdir:/none/\"]\npath = more\n", want: BuiltIn},
		"certificate":          {env: [2]string{"GIT_SSL_CAINFO", "x"}, want: Git},
		"no certificate":       {address: "http://host.example/talk", config: "[http]\nsslCAInfo = x\n", env: [2]string{"GIT_SSL_CAINFO", "x"}, want: BuiltIn},
		"helper for passwords": {env: [2]string{"GIT_ASKPASS", "x"}, want: Git},
		"proxy for all":        {env: [2]string{"all_proxy", "socks5://x"}, want: Git},
		"proxy that Go knows":  {env: [2]string{"https_proxy", "http://x"}, want: BuiltIn},
		"setting in variables": {env: [2]string{"GIT_CONFIG_COUNT", "1"}, want: Git},
	} {
		t.Run(name, func(t *testing.T) {
			config := alone(t)
			write(t, config, c.config)
			write(t, filepath.Join(filepath.Dir(config), "more"), "[http]\nproxy = x\n")
			if c.env[0] != "" {
				t.Setenv(c.env[0], c.env[1])
			}
			t.Setenv("GIT_CONFIG_KEY_0", "http.proxy") // of which GIT_CONFIG_COUNT tells
			t.Setenv("GIT_CONFIG_VALUE_0", "x")
			if c.address == "" {
				c.address = address
			}
			r := &Remote{URL: c.address, Transport: c.by}
			if got := r.transport(t.Context(), repository(t)); got != c.want {
				t.Fatalf("%d instead of %d", got, c.want)
			}
		})
	}
	t.Run("passwords for curl", func(t *testing.T) {
		write(t, filepath.Join(filepath.Dir(alone(t)), ".netrc"), "")
		r := &Remote{URL: address}
		if got := r.transport(t.Context(), repository(t)); got != Git {
			t.Fatal(got)
		}
	})
}

// TestGitGoesOn where the built-in transport meets what it does not know, and
// does the rest of the work too; without a git the error stands.
func TestGitGoesOn(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"another way to log in": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Negotiate")
			w.WriteHeader(http.StatusUnauthorized)
		},
		"something else": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
		},
		"odd redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t)
			dir := repository(t)
			tip := commit(t, dir, "root")
			git(t, dir, "update-ref", mainBranch.String(), tip.String())
			var asked sync.Map // by whom
			address := server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					by, _, _ := strings.Cut(r.UserAgent(), "/")
					asked.Store(by, true)
					if by == "git" {
						next.ServeHTTP(w, r)
					} else {
						answer(w, r)
					}
				})
			}) + "/repo"
			r := &Remote{URL: address, Objects: filepath.Join(dir, "objects"), Repository: opened(t, dir)}
			tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
			if err != nil || tips[mainBranch] != tip {
				t.Fatal(tips, err)
			}
			if _, first := asked.LoadAndDelete("go-git"); !first {
				t.Fatal("git came first")
			}
			next := commit(t, dir, "next", tip.String())
			if outcome, err := r.Push(t.Context(), dir, []Update{{Branch: mainBranch, New: next}}); err != nil || outcome[mainBranch] != nil {
				t.Fatal(outcome, err)
			}
			if _, again := asked.Load("go-git"); again {
				t.Fatal("the built-in transport tried once more")
			}
			check := func(err error) {
				t.Helper()
				if kindOf(err) < 0 || strings.Contains(err.Error(), "\n") {
					t.Fatal(err)
				}
			}
			r.Transport, r.decided = BuiltIn, Either
			_, err = r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
			check(err)
			r.Transport, r.decided = Either, Either
			only(t, t.TempDir(), true)
			_, err = r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
			check(err)
		})
	}
}

// TestAPushThatGitRepeats has arrived, and the answer was nonsense.
func TestAPushThatGitRepeats(t *testing.T) {
	alone(t)
	dir, ours := repository(t), repository(t)
	address := server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet || strings.HasPrefix(r.UserAgent(), "git/") {
				next.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusTeapot)
		})
	}) + "/repo"
	first := commit(t, ours, "one")
	second := commit(t, ours, "two", first.String())
	r := &Remote{URL: address, Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours)}
	for _, u := range []Update{{Branch: mainBranch, New: first}, {Branch: mainBranch, New: second, Lease: first}} {
		r.decided = Either
		if outcome, err := r.Push(t.Context(), ours, []Update{u}); err != nil || outcome[mainBranch] != nil || len(outcome) != 1 {
			t.Fatal(outcome, err)
		}
	}
}

// TestOneConnection: a fetch and a push go over one connection, which is open
// no longer than the Remote is in use.
func TestOneConnection(t *testing.T) {
	dir, ours := repository(t), repository(t)
	git(t, dir, "update-ref", mainBranch.String(), commit(t, dir, "root").String())
	s := httptest.NewUnstartedServer(backend(t, filepath.Dir(dir)))
	states := make(chan http.ConnState, 100)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew || state == http.StateClosed {
			states <- state
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	r := &Remote{URL: s.URL + "/repo", Repository: opened(t, ours), Transport: BuiltIn}
	if _, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch); err != nil {
		t.Fatal(err)
	}
	if outcome, err := r.Push(t.Context(), ours, []Update{{Branch: agentsBranch, New: commit(t, ours, "mine")}}); err != nil || outcome[agentsBranch] != nil {
		t.Fatal(outcome, err)
	}
	if len(states) != 1 {
		t.Fatalf("%d connections were opened or closed", len(states))
	}
	<-states
	r.Close()
	select {
	case <-states:
	case <-time.After(time.Minute):
		t.Fatal("the connection is still open")
	}
}
