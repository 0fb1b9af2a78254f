package gitstore

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"skein/gitstore/remote"
)

// TestARemoteThatHasMoved is synced with at its new address, which is told once a
// sync, without the password of the old one; whoever does as told is told no
// more, and has nothing to fetch or push anew.
func TestARemoteThatHasMoved(t *testing.T) {
	for name, by := range map[string]remote.Transport{"git": remote.Git, "built in": remote.BuiltIn} {
		t.Run(name, func(t *testing.T) {
			dir, address := bareRemote(t)
			host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, strings.Replace(address, "/talk.git", "", 1)+r.URL.String(), http.StatusMovedPermanently)
			}))
			t.Cleanup(host.Close)
			s := openTest(t, quiet)
			s.transport = by
			if err := s.SetRemote(t.Context(), strings.Replace(host.URL, "://", "://mary:geheim@", 1)+"/talk.git"); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"one", "two"} {
				say(t, s, "mary", text)
				r := sync1(t, s, SyncOptions{})
				if r.Pushed == 0 || r.Moved != address || len(r.Notes) != 1 || strings.Count(r.Notes[0], address) != 2 || strings.Contains(r.Notes[0], "geheim") {
					t.Fatalf("%+v", r)
				}
			}
			if says, err := s.CheckRemote(t.Context()); err != nil || !strings.Contains(says, "has moved to "+address) {
				t.Fatal(says, err)
			}
			state, err := s.RemoteState(t.Context())
			if err != nil || state.Moved != address {
				t.Fatalf("%+v, %v", state, err)
			}
			if err := s.SetRemote(t.Context(), state.Moved); err != nil {
				t.Fatal(err)
			}
			if r := sync1(t, s, SyncOptions{}); r.Moved != "" || len(r.Notes)+r.Fetched+r.Replayed+r.Pushed > 0 {
				t.Fatalf("%+v", r)
			}
			git(t, dir, "fsck", "--strict")
		})
	}
}
