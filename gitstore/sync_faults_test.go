package gitstore

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"skein/gitstore/remote"
)

// A remote that answers with everything but what was asked for, or not at all.

// checkConverged checks that a sync has left nothing to be done.
func checkConverged(t *testing.T, s *Store, dir string, r *SyncReport) {
	t.Helper()
	if len(r.Refused)+len(r.Held)+len(r.Rescued) > 0 {
		t.Fatalf("%+v", r)
	}
	if ours, theirs := git(t, s.Dir(), "rev-parse", "main"), git(t, dir, "rev-parse", "main"); ours != theirs {
		t.Fatalf("main is at %s here and at %s there", ours, theirs)
	}
	if _, err := os.Stat(s.quarantineDir()); err == nil {
		t.Fatal("the quarantine is still there")
	}
}

// checkSentence checks that an error says in one line what to do.
func checkSentence(t *testing.T, err error, kind remote.Kind) {
	t.Helper()
	var e *remote.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("%T %v", err, err)
	}
	if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, "; ") {
		t.Fatalf("no sentence with what to do: %q", text)
	}
}

// TestAServerThatAnswersOtherwise: the statuses of hosts that let nobody in,
// have moved, are busy or broken, at the fetch and, where only writing is
// refused, at the push.
func TestAServerThatAnswersOtherwise(t *testing.T) {
	kinds := map[int]remote.Kind{401: remote.Auth, 403: remote.Auth, 404: remote.NotFound, 429: remote.Unable, 500: remote.Network, 503: remote.Network}
	for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
		t.Run(service, func(t *testing.T) {
			dir, address := bareRemote(t)
			status, through := failing(t, address, service)
			s, other := synced(t, through), synced(t, dir)
			sync1(t, s, SyncOptions{})
			for code, kind := range kinds {
				if code == 403 && service == "git-receive-pack" {
					kind = remote.ReadOnly
				}
				say(t, other, "bob", fmt.Sprint("to be fetched, ", code))
				sync1(t, other, SyncOptions{})
				m := say(t, s, "mary", fmt.Sprint("before ", code))
				before := git(t, dir, "for-each-ref")
				status.Store(int64(code))
				report, err := s.Sync(t.Context(), SyncOptions{pause: atOnce})
				checkSentence(t, err, kind)
				if git(t, dir, "for-each-ref") != before || report.Pushed > 0 {
					t.Errorf("%d: something was pushed: %+v", code, report)
				}
				if state, err := s.RemoteState(t.Context()); err != nil || state.Problem == "" || state.Unpushed == 0 {
					t.Errorf("%d: %+v, %v", code, state, err)
				}
				status.Store(0)
				sync1(t, s, SyncOptions{})
				if got, err := s.Deliveries(m); err != nil || !got[0].Pushed {
					t.Errorf("after %d: %v, %v", code, got, err)
				}
			}
			checkQuiet(t, s)
			git(t, dir, "fsck", "--strict")
		})
	}
}

// TestADayAlone: two machines talk all day; a third has neither git nor a line,
// and its keeper tries now and then. One sync brings it together with the rest.
func TestADayAlone(t *testing.T) {
	dir, address := bareRemote(t)
	l, through := newLine(t, address)
	now := time.Now().Add(-24 * time.Hour)
	machine := func(address string) *Store {
		o := quiet
		o.Now = func() time.Time { return now }
		s := openTest(t, o)
		s.transport = transportTo("http:")
		if err := s.SetRemote(t.Context(), address); err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b, alone := machine(address), machine(address), machine(through)
	l.mend(0, 0)
	path := os.Getenv("PATH")
	var said []string
	for hour := range 24 {
		for name, s := range map[string]*Store{"ann": a, "bob": b, "carol": alone} {
			now = now.Add(20 * time.Minute)
			said = append(said, say(t, s, name, fmt.Sprint("hour ", hour)).ID.String())
		}
		if hour%6 == 5 {
			sync1(t, a, SyncOptions{})
			sync1(t, b, SyncOptions{})
			t.Setenv("PATH", t.TempDir())
			_, err := alone.Sync(t.Context(), SyncOptions{pause: atOnce})
			t.Setenv("PATH", path)
			checkSentence(t, err, remote.Network)
		}
	}
	l.mend(endless, endless)
	r := sync1(t, alone, SyncOptions{})
	if r.Pushes != 1 || r.Replayed < 24 {
		t.Errorf("%+v", r)
	}
	checkConverged(t, alone, dir, r)
	for _, s := range []*Store{a, b, alone} {
		sync1(t, s, SyncOptions{})
		if h := checkQuiet(t, s); len(h.ids) != len(said) {
			t.Errorf("%d of %d messages", len(h.ids), len(said))
		}
		s.background.Wait()
		checkAll(t, s.Dir(), said)
		if ours, theirs := git(t, s.Dir(), "rev-parse", "main", "agents"), git(t, dir, "rev-parse", "main", "agents"); ours != theirs {
			t.Errorf("ours\n%s\ntheirs\n%s", ours, theirs)
		}
	}
	git(t, dir, "fsck", "--strict")
}

// TestABusyRemoteIsLeftAlone for as long as it asks, as far as the transport can
// tell, by whatever syncs by itself; a person may try at once.
func TestABusyRemoteIsLeftAlone(t *testing.T) {
	_, address := bareRemote(t)
	status, through := failing(t, address, "git-")
	s := synced(t, through)
	s.transport = remote.BuiltIn // git does not pass on what the header says
	say(t, s, "mary", "hello")
	status.Store(429)
	_, err := s.Sync(t.Context(), SyncOptions{})
	checkSentence(t, err, remote.Unable)
	status.Store(0)
	keeper := &keeper{s: s, pace: Pace{}.withDefaults(), starts: true}
	keeper.run(t.Context())
	if wait := keeper.due(s.now()); wait <= keeper.pace.Every || wait > 2*time.Minute {
		t.Errorf("the next look is in %s", wait)
	}
	if state, err := s.RemoteState(t.Context()); err != nil || state.Unpushed == 0 || state.Lasting {
		t.Errorf("%+v, %v", state, err)
	}
	if r := sync1(t, s, SyncOptions{}); r.Pushed == 0 {
		t.Errorf("%+v", r)
	}
	if state, err := s.RemoteState(t.Context()); err != nil || !state.NotSoon.IsZero() {
		t.Errorf("%+v, %v", state, err)
	}
	for after, want := range map[time.Duration]time.Duration{0: 0, time.Minute: time.Minute, 1000 * time.Hour: longest} {
		now := time.Now()
		if got := notSoon(now, &remote.Error{Kind: remote.Unable, After: after}); after > 0 && got.Sub(now) != want || after == 0 && !got.IsZero() {
			t.Errorf("after %s: %s", after, got.Sub(now))
		}
	}
}

// failing stands before a server, and answers requests for a service of git's
// with the status, unless that is 0.
func failing(t *testing.T, address, service string) (status *atomic.Int64, through string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: u.Host})
	status = new(atomic.Int64)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := int(status.Load())
		if code == 0 || !strings.Contains(r.URL.String(), service) {
			behind.ServeHTTP(w, r)
			return
		}
		if code == 401 {
			w.Header().Set("WWW-Authenticate", `Basic realm="talk"`)
		}
		if code == 429 {
			w.Header().Set("Retry-After", "120")
		}
		w.WriteHeader(code)
		io.WriteString(w, "go\naway\n")
	}))
	t.Cleanup(front.Close)
	return status, front.URL + u.Path
}
