package gitstore

import (
	"net"
	"net/url"
	"os"
	"sync"
	"testing"

	"skein/gitstore/remote"
)

// A line between a store and its remote that breaks.

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
