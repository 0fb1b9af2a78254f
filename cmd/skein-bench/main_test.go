package main

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"skein/gitstore/event"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{number(2), "2"}, {number(0), "0"}, {number(1.234), "1.23"}, {number(12.34), "12.3"}, {number(1234.5), "1234"}, {number(0.02), "0.0200"},
		{thousands(7), "7"}, {thousands(1000), "1,000"}, {thousands(1234567), "1,234,567"},
		{show(1500 * time.Microsecond), "1.50 ms"}, {show(42 * time.Microsecond), "42.0 µs"}, {show(12 * time.Second), "12.0 s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// TestGoal: a row says that its goal is met exactly when the ratio of the
// medians allows it; one slow outlier changes nothing.
func TestGoal(t *testing.T) {
	base := sample{10, 10, 10}
	for _, c := range []struct {
		skein sample
		want  string
	}{
		{sample{20, 20, 20}, "yes"}, {sample{21, 21, 21}, "**no**"}, {sample{19, 1000, 19}, "yes"},
	} {
		if r := atMost("x", c.skein, base, "base", 2); r.met != c.want {
			t.Errorf("%v against %v: %s", c.skein, base, r.met)
		}
	}
}

// TestWithin: the slow cases decide, not the median.
func TestWithin(t *testing.T) {
	var s sample
	for i := range 100 {
		s = append(s, time.Duration(i+1)*time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 51 * time.Millisecond, 0.95: 96 * time.Millisecond, 0.99: 100 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := s.quantile(q); got != want {
			t.Errorf("p%.0f is %s, not %s", 100*q, got, want)
		}
	}
	if got := (sample{}).quantile(0.5); got != 0 {
		t.Errorf("nothing takes %s", got)
	}
	for limit, want := range map[time.Duration]string{95 * time.Millisecond: "**no**", 96 * time.Millisecond: "yes"} {
		if r := within("x", s, 0.95, limit, "—", "—"); r.met != want {
			t.Errorf("%+v", r)
		}
	}
}

// TestAlternate: both sides run equally often, in turn, and an error ends it.
func TestAlternate(t *testing.T) {
	var order string
	side := func(name string) func() error {
		return func() error { order += name; return nil }
	}
	a, b, err := alternate(t.Context(), 4, 2, side("a"), side("b"))
	if err != nil || len(a) != 4 || len(b) != 4 || order != "aabb"+"aabb"+"bbaa" {
		t.Errorf("%d and %d in the order %s: %v", len(a), len(b), order, err)
	}
	broken := errors.New("broken")
	if _, _, err := alternate(t.Context(), 4, 2, side("a"), func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestCorpus: the same messages each time, none to its own sender.
func TestCorpus(t *testing.T) {
	one, two := newCorpus(mixed(1000)), newCorpus(mixed(1000))
	for range 200 {
		p := one.post()
		if q := two.post(); !reflect.DeepEqual(p, q) {
			t.Fatalf("%+v and %+v", p, q)
		}
		if len(p.To) == 1 && p.To[0] == p.From {
			t.Errorf("a message from %s to itself", p.From)
		}
	}
}

func TestNearest(t *testing.T) {
	threads := []event.Thread{{Messages: 3}, {Messages: 180}, {Messages: 5000}}
	if n := nearest(threads, 200).Messages; n != 180 {
		t.Errorf("nearest to 200: %d", n)
	}
	if n := nearest(threads, 1<<40).Messages; n != 5000 {
		t.Errorf("the busiest: %d", n)
	}
}

func TestMountOf(t *testing.T) {
	mounts := []byte("/dev/root / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/loop0 /tmp/x ext4 rw 0 0\n")
	for dir, want := range map[string]string{"/tmp/x/y": "/dev/loop0", "/tmp/xy": "tmpfs", "/home": "/dev/root", "/tmp/x": "/dev/loop0"} {
		if device, _ := mountOf(mounts, dir); device != want {
			t.Errorf("%s is on %s, not %s", dir, device, want)
		}
	}
}
