package remote

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// moved answers what is asked of /old with the address below to, where it is
// now, and everything else by next.
func moved(status int, to string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, old := strings.CutPrefix(r.URL.Path, "/old"); old {
			w.Header().Set("Location", to+rest+"?"+r.URL.RawQuery)
			w.WriteHeader(status)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// TestARenamedRepository is followed to its new address, at whatever status
// hosts say so, and that address is told.
func TestARenamedRepository(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			transports(t, func(t *testing.T, by Transport) {
				dir, ours := repository(t), repository(t)
				tip := commit(t, dir, "root")
				git(t, dir, "update-ref", mainBranch.String(), tip.String())
				mine := commit(t, ours, "mine")
				host := server(t, filepath.Dir(dir), func(next http.Handler) http.Handler { return moved(status, "/repo", next) })
				r := &Remote{URL: host + "/old", Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours), Transport: by}
				first := &Remote{URL: r.URL, Objects: r.Objects, Repository: r.Repository, Transport: by}
				if to := r.Moved(); to != "" {
					t.Fatalf("before anything was asked: %q", to)
				}
				tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
				if err != nil || tips[mainBranch] != tip || r.Moved() != host+"/repo" {
					t.Fatal(tips, err, r.Moved())
				}
				outcome, err := r.Push(t.Context(), filepath.Join(t.TempDir(), "p"), []Update{{Branch: agentsBranch, New: mine}})
				if err != nil || outcome[agentsBranch] != nil || git(t, dir, "rev-parse", agentsBranch.String()) != mine.String() {
					t.Fatal(outcome, err)
				}
				if outcome, err := first.Push(t.Context(), filepath.Join(t.TempDir(), "p"), []Update{{Branch: "refs/heads/other", New: mine}}); err != nil || outcome["refs/heads/other"] != nil {
					t.Fatal(outcome, err)
				}
				if r.Moved() != host+"/repo" || first.Moved() != r.Moved() {
					t.Fatal(r.Moved(), first.Moved())
				}
			})
		})
	}
}

// TestARenamedRepositoryOfOnesOwn is let into with the login in the address, also
// where it is now.
func TestARenamedRepositoryOfOnesOwn(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		alone(t)
		dir := repository(t)
		tip := commit(t, dir, "root")
		git(t, dir, "update-ref", mainBranch.String(), tip.String())
		host := server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
			inside := moved(http.StatusMovedPermanently, "/repo", next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if name, password, _ := r.BasicAuth(); name != "mary" || password != "geheim=1" {
					w.Header().Set("WWW-Authenticate", `Basic realm="talk"`)
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				inside.ServeHTTP(w, r)
			})
		})
		r := &Remote{URL: strings.Replace(host, "://", "://mary:geheim=1@", 1) + "/old", Objects: filepath.Join(dir, "objects"), Repository: opened(t, dir), Transport: by}
		tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
		if err != nil || tips[mainBranch] != tip || r.Moved() != host+"/repo" {
			t.Fatal(tips, err, r.Moved())
		}
		next := commit(t, dir, "next", tip.String())
		if outcome, err := r.Push(t.Context(), dir, []Update{{Branch: mainBranch, New: next}}); err != nil || outcome[mainBranch] != nil {
			t.Fatal(outcome, err)
		}
	})
}

// TestALoginStaysWithItsHost when a repository has moved to another one, with
// which the address that is told has no login either.
func TestALoginStaysWithItsHost(t *testing.T) {
	for name, address := range map[string]string{"name and password": "mary:geheim=1@", "token": "token@"} {
		t.Run(name, func(t *testing.T) {
			transports(t, func(t *testing.T, by Transport) {
				alone(t)
				dir := repository(t)
				tip := commit(t, dir, "root")
				git(t, dir, "update-ref", mainBranch.String(), tip.String())
				there := strings.Replace(server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if given := r.Header.Get("Authorization") + r.Header.Get("Cookie") + r.Header.Get("Referer"); strings.Contains(given, "Basic") || strings.Contains(given, "geheim") {
							t.Errorf("another host was given %q with %s %s", given, r.Method, r.URL)
						}
						next.ServeHTTP(w, r)
					})
				}), "127.0.0.1", "localhost", 1)
				elsewhere, known := moved(http.StatusFound, there+"/repo", nil), 0
				here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if _, _, given := r.BasicAuth(); !given {
						w.Header().Set("WWW-Authenticate", `Basic realm="talk"`)
						w.WriteHeader(http.StatusUnauthorized)
						return
					}
					known++
					elsewhere.ServeHTTP(w, r)
				}))
				t.Cleanup(here.Close)
				r := &Remote{URL: strings.Replace(here.URL, "://", "://"+address, 1) + "/old", Objects: filepath.Join(dir, "objects"), Repository: opened(t, dir), Transport: by}
				tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
				if err != nil || tips[mainBranch] != tip || r.Moved() != there+"/repo" {
					t.Fatal(tips, err, r.Moved())
				}
				next := commit(t, dir, "next", tip.String())
				if outcome, err := r.Push(t.Context(), dir, []Update{{Branch: agentsBranch, New: next}}); err != nil || outcome[agentsBranch] != nil {
					t.Fatal(outcome, err)
				}
				if known == 0 {
					t.Fatal("nobody has logged in")
				}
			})
		})
	}
}

// TestNothingGoesInClear where it was to go over https: neither transport follows
// a redirect from there.
func TestNothingGoesInClear(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		alone(t)
		dir := repository(t)
		git(t, dir, "update-ref", mainBranch.String(), commit(t, dir, "root").String())
		var posts atomic.Int32
		there := server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					posts.Add(1)
				}
				next.ServeHTTP(w, r)
			})
		})
		here := httptest.NewTLSServer(moved(http.StatusFound, there+"/repo", nil))
		t.Cleanup(here.Close)
		t.Setenv("GIT_SSL_NO_VERIFY", "1")
		r := &Remote{URL: here.URL + "/old", Objects: filepath.Join(dir, "objects"), Repository: opened(t, dir), Transport: by}
		r.connections().TLSClientConfig = here.Client().Transport.(*http.Transport).TLSClientConfig
		if _, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch); kindOf(err) != Other || r.Moved() != "" || strings.Contains(err.Error(), "\n") {
			t.Fatal(err, r.Moved())
		}
		if outcome, err := r.Push(t.Context(), dir, []Update{{Branch: agentsBranch, New: commit(t, dir, "mine")}}); err == nil || len(outcome) > 0 {
			t.Fatal(outcome, err)
		}
		if posts.Load() > 0 {
			t.Fatal("something went in clear")
		}
	})
}

// TestAnAddressToTell is of the web, without a login, and harmless in a shell.
func TestAnAddressToTell(t *testing.T) {
	for given, want := range map[string]string{
		"https://host.example/mary/talk.git/":               "https://host.example/mary/talk.git",
		"https://eve:geheim@host.example:8443/talk":         "https://host.example:8443/talk",
		"https://token@host.example/talk?t=geheim#x":        "https://host.example/talk",
		"https://host.example/a%20b":                        "https://host.example/a%20b",
		"https://host.example/$(reboot);a'b`c`&":            "https://host.example/%24%28reboot%29%3Ba%27b%60c%60%26",
		"https://host.example/\x1b[2J":                      "",
		"ssh://host.example/talk":                           "",
		"-oProxyCommand=reboot":                             "",
		"https://host.example/" + strings.Repeat("a", 1000): "",
	} {
		if got := shown(given); got != want {
			t.Errorf("%q is told as %q", given, got)
		}
	}
}
