package gitstore

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/remote"
)

// A line between a store and its remote that breaks, and a remote that answers
// with everything but what was asked for.

// line passes connections on until so many bytes have gone in one direction.
// Then it is dead: what is open ends, what is dialled ends at once.
type line struct {
	to string

	mu   sync.Mutex
	left map[bool]int64 // bytes that still pass, upwards (true) and downwards
	open map[net.Conn]bool
	dead bool
}

const endless = int64(1) << 40

// newLine returns a line to an address, and the address that leads through it.
func newLine(t *testing.T, address string) (*line, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{to: u.Host, open: map[net.Conn]bool{}}
	l.mend(endless, endless)
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { l.pass(near) })
		}
	})
	t.Cleanup(func() { listener.Close(); l.cut(); passing.Wait() })
	u.Host = listener.Addr().String()
	return l, u.String()
}

// mend makes the line whole for so many bytes in each direction.
func (l *line) mend(up, down int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.dead = map[bool]int64{true: up, false: down}, false
}

// passed returns how many bytes have gone up or down since an endless mend.
func (l *line) passed(up bool) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return endless - l.left[up]
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	for c := range l.open {
		c.Close()
	}
	clear(l.open)
}

// hold notes open connections; false: the line is dead.
func (l *line) hold(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		if l.dead {
			c.Close()
		} else {
			l.open[c] = true
		}
	}
	return !l.dead
}

func (l *line) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer far.Close()
	if !l.hold(near, far) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.copy(far, near, true) })
	both.Go(func() { l.copy(near, far, false) })
	both.Wait()
}

func (l *line) copy(to, from net.Conn, up bool) {
	buffer := make([]byte, 256)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		pass := min(int64(n), l.left[up])
		l.left[up] -= pass
		l.mu.Unlock()
		to.Write(buffer[:pass])
		if pass < int64(n) {
			l.cut()
		}
		if err != nil {
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// TestALineIsCutAtEachKilobyte of a fetch and of a push, in what is asked, in
// what is sent and in the answer. Whatever had got through, both sides are
// whole, nothing is lost, and the next sync brings them together.
func TestALineIsCutAtEachKilobyte(t *testing.T) {
	size, stride := 4<<10, int64(4<<10)
	if os.Getenv("SKEIN_SOAK") != "" {
		size, stride = 32<<10, 1<<10
	}
	for _, up := range []bool{true, false} {
		t.Run(map[bool]string{true: "up", false: "down"}[up], func(t *testing.T) {
			dir, address := bareRemote(t)
			l, through := newLine(t, address)
			other, mine := synced(t, dir), synced(t, through)
			said := []string{say(t, other, "mary", "hello").ID.String()}
			sync1(t, other, SyncOptions{})
			sync1(t, mine, SyncOptions{})
			for bytes := int64(0); ; bytes += stride {
				said = append(said, say(t, other, "mary", static(int(bytes))[:size]).ID.String())
				sync1(t, other, SyncOptions{})
				said = append(said, say(t, mine, "bob", static(int(bytes) + 1)[:size]).ID.String())
				left := map[bool]int64{up: bytes, !up: endless}
				l.mend(left[true], left[false])
				report, err := mine.Sync(t.Context(), SyncOptions{pause: atOnce})
				git(t, dir, "fsck", "--strict")
				if err == nil {
					checkConverged(t, mine, dir, report)
					break
				}
				checkSentence(t, err, remote.Network)
				l.mend(endless, endless)
				checkConverged(t, mine, dir, sync1(t, mine, SyncOptions{}))
			}
			sync1(t, other, SyncOptions{})
			for _, s := range []*Store{other, mine} {
				s.background.Wait()
				checkAll(t, s.Dir(), said)
			}
		})
	}
}

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

// TestAHostileRepository: what no skein writes comes over a real line, as a
// person with a git of their own would make it, with a file that is small on
// the wire and 4 MB when it is unpacked.
func TestAHostileRepository(t *testing.T) {
	dir, address := bareRemote(t)
	s := synced(t, address)
	say(t, s, "mary", "before")
	sync1(t, s, SyncOptions{})
	blob := func(text string) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return git(t, dir, "hash-object", "-w", name)
	}
	harmless := blob("x")
	var entries strings.Builder
	entries.WriteString(git(t, dir, "ls-tree", "main") + "\n")
	wants := map[string]string{"link": "120000", "module": "160000", "run": "100755", "A": "capitals", "huge": "takes 4194304 bytes"}
	fmt.Fprintf(&entries, "120000 blob %s\tlink\n", blob("/etc/passwd"))
	fmt.Fprintf(&entries, "160000 commit %s\tmodule\n", git(t, dir, "rev-parse", "main"))
	fmt.Fprintf(&entries, "100755 blob %s\trun\n100644 blob %s\tA\n100644 blob %s\ta\n", harmless, harmless, harmless)
	fmt.Fprintf(&entries, "100644 blob %s\thuge\n", blob(strings.Repeat("\x00", 4<<20)))
	tree := strings.TrimSpace(string(gitInput(t, dir, entries.String(), "mktree", "--missing")))
	raw := string(gitInput(t, dir, "", "cat-file", "tree", tree))
	id := plumbing.NewHash(harmless)
	for _, name := range []string{".GIT", ".."} { // git itself makes no such tree
		raw = "100644 " + name + "\x00" + string(id[:]) + raw
		wants[name] = "some systems take its name"
	}
	tree = strings.TrimSpace(string(gitInput(t, dir, raw, "hash-object", "-t", "tree", "-w", "--literally", "--stdin")))
	evil := git(t, dir, "-c", "user.name=eve", "-c", "user.email=e@e", "commit-tree", "-p", "main", "-m", "gift", tree)
	git(t, dir, "update-ref", "refs/heads/main", evil)
	m := say(t, s, "mary", "meanwhile")

	r := sync1(t, s, SyncOptions{})
	for name, want := range wants {
		found := false
		for _, refused := range r.Refused {
			found = found || (refused.Path == name || name == "A" && refused.Path == "a") && strings.Contains(refused.Reason, want)
		}
		if !found {
			t.Errorf("%s is not refused as %q: %v", name, want, r.Refused)
		}
	}
	if len(r.Held) != 1 || git(t, dir, "rev-parse", "main") != evil {
		t.Fatalf("%+v", r)
	}
	if h := checkQuiet(t, s); len(h.ids) != 2 {
		t.Fatalf("%d of 2 messages", len(h.ids))
	}
	sync1(t, s, SyncOptions{Repair: true})
	if got, err := s.Deliveries(m); err != nil || !got[0].Pushed {
		t.Fatal(got, err)
	}
	if h := checkBranch(t, dir, "main"); len(h.ids) != 2 {
		t.Fatalf("the remote has %d of 2 messages", len(h.ids))
	}
}
