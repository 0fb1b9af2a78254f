package remote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestStatusesOfAServer(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		for status, want := range map[int]Kind{401: Auth, 403: Auth, 404: NotFound, 429: Unable, 500: Network, 503: Network} {
			address := server(t, t.TempDir(), func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if status == 401 {
						w.Header().Set("WWW-Authenticate", "Basic")
					}
					w.WriteHeader(status)
				})
			})
			r := &Remote{URL: strings.Replace(address, "//", "//mary:geheim@", 1) + "/repo", Objects: t.TempDir(), Transport: by}
			_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
			if kindOf(err) != want {
				t.Errorf("%d: %v", status, err)
			}
			if status == 403 {
				want = ReadOnly
			}
			ours := repository(t)
			r.Objects, r.Repository = filepath.Join(ours, "objects"), opened(t, ours)
			if _, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: commit(t, ours, "root")}}); kindOf(err) != want {
				t.Errorf("a push, %d: %v", status, err)
			}
			if err == nil || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d: %v", status, err)
			}
		}
	})
}

func TestUnreachableAndMissing(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		for address, want := range map[string]Kind{
			"http://127.0.0.1:1/repo":          Network,
			"ssh://127.0.0.1:1/repo":           Network,
			filepath.Join(t.TempDir(), "none"): NotFound,
			"ext::sh -c true":                  Other,
			"git://127.0.0.1/repo":             Other,
		} {
			r := &Remote{URL: address, Objects: t.TempDir(), Transport: by}
			_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
			if by == BuiltIn && filepath.IsAbs(address) {
				if !errors.Is(err, ErrNoGit) {
					t.Errorf("%s: %v", address, err)
				}
			} else if kindOf(err) != want {
				t.Errorf("%s: %v", address, err)
			}
		}
	})
}

// TestNothingIsThere: the server answers, and has no such repository.
func TestNothingIsThere(t *testing.T) {
	everyWay(t, func(t *testing.T, dir string, to reach) {
		r := to(repository(t))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch); kindOf(err) != NotFound {
			t.Fatal(err)
		}
	})
}

// TestAHangIsBounded: the server takes a request and never answers, be it the
// first one of a fetch or of a push, or the push itself.
func TestAHangIsBounded(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		dir := repository(t)
		gone := make(chan struct{})
		var silent atomic.Value // what of an address is never answered
		silent.Store("\x00")
		address := server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.URL.String(), silent.Load().(string)) {
					next.ServeHTTP(w, r)
					return
				}
				io.Copy(io.Discard, r.Body)
				<-r.Context().Done() // until git is gone, with what it started
				gone <- struct{}{}
			})
		}) + "/repo"
		r := &Remote{URL: address, Objects: filepath.Join(dir, "objects"), Repository: opened(t, dir), Transport: by, Idle: time.Second}
		if by == BuiltIn {
			r.Idle = 200 * time.Millisecond // no program has to start within it
		}
		tip := commit(t, dir, "root")
		bounded := func(part string, err error) {
			if kindOf(err) != Network {
				t.Fatalf("%s: %v", part, err)
			}
			select {
			case <-gone:
			case <-time.After(time.Minute):
				t.Fatalf("%s: whoever asked is still there, or was ended before that", part)
			}
		}
		silent.Store("/info/refs?service=git-upload-pack")
		_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
		bounded("fetch", err)
		for _, part := range []string{"/info/refs?service=git-receive-pack", "/repo/git-receive-pack"} {
			silent.Store(part)
			_, err := r.Push(t.Context(), dir, []Update{{Branch: mainBranch, New: tip}})
			bounded(part, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := r.Fetch(ctx, filepath.Join(t.TempDir(), "q"), mainBranch); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}
