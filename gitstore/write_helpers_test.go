package gitstore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

const sampleBody = "The bound is reached at depth 40 when the solver recurses over shared constraints.\n\n" +
	"```go\nfunc solve(c Constraint, depth int) error\n```\n\nShould the recursion be bounded, or the sharing be undone first?"

// openTest opens a store, by default in a new directory and without flushing.
func openTest(tb testing.TB, o Options) *Store {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(tb.TempDir(), "store")
	}
	s, err := Open(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// quiet are the options of tests that are not about the disk or the files
// beside .git.
var quiet = Options{NoSync: true, NoMirror: true}

// ticking is a wall clock that advances by step whenever it is read.
func ticking(start time.Time, step time.Duration) func() time.Time {
	ticks := make(chan time.Time, 1)
	ticks <- start
	return func() time.Time {
		now := <-ticks
		ticks <- now.Add(step)
		return now
	}
}

var testDay = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// fill commits n messages, many at a time.
func fill(tb testing.TB, s *Store, n int, thread func(i int) string) {
	tb.Helper()
	const group = 100
	for i := 0; i < n; {
		var r *request
		for range min(group, n-i) {
			ref, err := event.ParseThreadRef(thread(i))
			if err != nil {
				tb.Fatal(err)
			}
			r = newRequest(threadHome(ref), &event.Event{From: "filler", Body: fmt.Appendf(nil, "message %d\n\n%s", i, sampleBody)})
			if err := s.stamp(r); err != nil {
				tb.Fatal(err)
			}
			s.queue.add(r)
			i++
		}
		if err := s.lead(context.Background(), r); err != nil {
			tb.Fatal(err)
		}
	}
}

// threadName spreads messages over 200 threads in 10 projects.
func threadName(i int) string { return fmt.Sprintf("project-%d/thread-%d", i%10, i/10%20) }

// filledStore opens a store that holds n messages, one a minute.
func filledStore(tb testing.TB, n int, o Options) *Store {
	dir := filepath.Join(tb.TempDir(), "store")
	start := time.Now().Add(-time.Duration(n) * time.Minute)
	s, err := Open(context.Background(), Options{Dir: dir, NoSync: true, NoMirror: true, Now: ticking(start, time.Minute)})
	if err != nil {
		tb.Fatal(err)
	}
	fill(tb, s, n, threadName)
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	o.Dir = dir
	return openTest(tb, o)
}

// git runs git in the store's directory with no configuration but the
// repository's own, and returns what it prints.
func git(tb testing.TB, dir string, args ...string) string {
	tb.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
