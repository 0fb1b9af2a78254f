package gitstore

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

// secretHook refuses a push as a whole if one of its commits adds a file with
// the word "hunter2", as hosts do that look for secrets.
const secretHook = `#!/bin/sh
while read old new ref; do
	for commit in $(git rev-list $new --not --all); do
		if git show --format= -p $commit | grep -q '^+.*hunter2'; then
			echo "a secret was found" >&2
			exit 1
		fi
	done
done
`

func setHook(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "hooks", name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestOneMessageIsRefused: a hook that refuses one message holds up that one
// alone, says so once, and gets it when it has changed its mind.
func TestOneMessageIsRefused(t *testing.T) {
	dir, address := bareRemote(t)
	setHook(t, dir, "pre-receive", secretHook)
	a, b := synced(t, address), synced(t, address)
	var secret *Message
	for i := range 40 {
		text := fmt.Sprint("message ", i)
		if i == 17 {
			text = "the password is hunter2"
		}
		if m := say(t, a, "mary", text); i == 17 {
			secret = m
		}
	}
	r := sync1(t, a, SyncOptions{})
	if len(r.HeldBack) != 1 || r.HeldBack[0].ID != secret.ID || r.HeldBack[0].From != "mary" || r.HeldBack[0].Since.IsZero() ||
		!strings.Contains(r.HeldBack[0].Reason, "a secret was found") || len(r.Held)+len(r.Notes) > 0 || r.Pushed != 40 {
		t.Fatalf("%+v", r)
	}
	if r.Pushes > 10 {
		t.Errorf("%d pushes for one message among 40", r.Pushes)
	}
	if out := git(t, dir, "log", "--oneline", "main"); strings.Count(out, "\n") != 39 || strings.Contains(out, "hunter2") {
		t.Fatalf("the remote has\n%s", out)
	}
	if r := sync1(t, a, SyncOptions{DryRun: true}); r.Pushed > 0 || len(r.Notes) != 1 {
		t.Fatalf("a sync would do %+v", r)
	}
	later := say(t, a, "mary", "and goes on")
	r = sync1(t, a, SyncOptions{})
	if r.Pushed != 1 || r.Pushes != 1 || len(r.HeldBack) > 0 || len(r.Notes) != 1 {
		t.Fatalf("%+v", r)
	}
	if r = sync1(t, a, SyncOptions{}); r.Pushes > 0 {
		t.Fatalf("what is held back costs pushes: %+v", r)
	}
	if done, err := a.allPushed(); !done || err != nil {
		t.Fatal(done, err)
	}
	sync1(t, b, SyncOptions{})
	say(t, b, "bob", "from elsewhere")
	sync1(t, b, SyncOptions{})
	if r = sync1(t, a, SyncOptions{}); r.Fetched == 0 || r.Pushes > 0 {
		t.Fatalf("%+v", r)
	}
	got, err := a.Deliveries(later, secret)
	if err != nil || len(got) != 2 || got[0] != (Delivery{Pushed: true}) || got[1].Pushed || !strings.Contains(got[1].Held, "a secret was found") {
		t.Fatalf("%+v, %v", got, err)
	}
	if h := checkQuiet(t, a); len(h.ids) != 42 || !slices.Contains(h.ids, secret.ID.String()) {
		t.Fatalf("%d messages here", len(h.ids))
	}
	state, err := a.RemoteState(t.Context())
	if err != nil || len(state.Held) != 1 || state.Problem != "" {
		t.Fatalf("%+v, %v", state, err)
	}
	if err := os.Remove(filepath.Join(dir, "hooks", "pre-receive")); err != nil {
		t.Fatal(err)
	}
	if r = sync1(t, a, SyncOptions{Retry: true}); r.Pushed != 1 || r.Pushes != 1 || len(r.Notes) > 0 {
		t.Fatalf("%+v", r)
	}
	if state, err = a.RemoteState(t.Context()); err != nil || len(state.Held) > 0 || state.Unpushed > 0 {
		t.Fatalf("%+v, %v", state, err)
	}
	if x, y := git(t, a.Dir(), "rev-parse", "main"), git(t, dir, "rev-parse", "main"); x != y {
		t.Fatal(x, y)
	}
	git(t, dir, "fsck", "--strict")
}

// TestHeldBackIsTriedAgain after a while, less and less often, without being
// asked to.
func TestHeldBackIsTriedAgain(t *testing.T) {
	o := quiet
	o.Dir = filepath.Join(t.TempDir(), "store")
	now := time.Now()
	o.Now = func() time.Time { return now }
	s := openTest(t, o)
	depot := newDepot()
	depot.policy = func(blob []byte) bool { return bytes.Contains(blob, []byte("hunter2")) }
	w := newDepotWire(s, depot)
	say(t, s, "mary", "before")
	mustSync(t, w, SyncOptions{})
	say(t, s, "mary", "hunter2")
	if r := mustSync(t, w, SyncOptions{}); len(r.HeldBack) != 1 {
		t.Fatalf("%+v", r)
	}
	for tries, wait := range []time.Duration{retryAfter, 2 * retryAfter, 4 * retryAfter, 8 * retryAfter, 16 * retryAfter, retryMost, retryMost} {
		depot.reason = fmt.Sprint("for the ", tries, ". time")
		now = now.Add(wait - time.Second)
		if r := mustSync(t, w, SyncOptions{}); r.Pushes > 0 {
			t.Fatalf("tried again before %s: %+v", wait, r)
		}
		now = now.Add(time.Second)
		if r := mustSync(t, w, SyncOptions{}); r.Pushes != 1 || len(r.HeldBack) > 0 {
			t.Fatalf("after %s: %+v", wait, r)
		}
		if again, err := s.openHolds(SyncOptions{}); err != nil || len(again.list) != 1 || again.list[0].Reason != depot.reason {
			t.Fatal(again, err)
		}
	}
	if d := patience(1000); d != retryMost {
		t.Errorf("what was refused a thousand times is left alone for %s", d)
	}
	depot.policy = nil
	now = now.Add(retryMost)
	if r := mustSync(t, w, SyncOptions{}); r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	if again, err := s.openHolds(SyncOptions{}); err != nil || len(again.list) > 0 {
		t.Fatal(again, err)
	}
}

// TestPolicyLosesNothing: whatever a remote refuses, from however many
// machines, everything else arrives once, and what is refused stays where it is.
func TestPolicyLosesNothing(t *testing.T) {
	worlds := uint64(40)
	if testing.Short() {
		worlds = 8
	} else if os.Getenv("SKEIN_SOAK") != "" {
		worlds = 2000
	}
	base := inMemory(t)
	for seed := uint64(1); seed <= worlds; seed++ {
		refusing(t, seed, filepath.Join(base, fmt.Sprint(seed)))
	}
}

func refusing(t *testing.T, seed uint64, dir string) {
	t.Helper()
	w := &fleet{tb: t, rand: rand.New(rand.NewPCG(seed, 7)), dir: dir, depot: newDepot(), acked: map[event.ID]string{}}
	w.depot.policy = func(blob []byte) bool { return bytes.Contains(blob, []byte("hunter2")) }
	w.replicas, w.offline = make([]*depotWire, 3), make([]bool, 3)
	secret := map[event.ID]int{}
	for i := range w.replicas {
		if err := w.open(i); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.replicas[i].s.Close() }()
		w.replicas[i].trip = func(string) error { return nil }
	}
	for range 12 {
		i := w.rand.IntN(3)
		for range 1 + w.rand.IntN(8) {
			text := fmt.Sprintf("event %d of replica %d", len(w.acked), i)
			if w.rand.IntN(5) == 0 {
				text += " hunter2"
			}
			m := say(t, w.replicas[i].s, fmt.Sprintf("agent-%d", i), text)
			if w.acked[m.ID] = text; strings.Contains(text, "hunter2") {
				secret[m.ID] = i
			}
		}
		if w.rand.IntN(3) > 0 {
			trySync(t, w.replicas[i], SyncOptions{})
		}
	}
	for range 3 {
		for _, r := range w.replicas {
			if report := mustSync(t, r, SyncOptions{}); report.Pushes > 2*maxIsolating+2 {
				t.Fatalf("seed %d: %d pushes", seed, report.Pushes)
			}
		}
	}
	for i, r := range w.replicas {
		if known, err := r.s.refOrZero(trackingRef(mainRef)); err != nil || known != w.depot.tips[mainRef] {
			t.Fatalf("seed %d: replica %d knows the depot at %s, not %s (%v)", seed, i, known, w.depot.tips[mainRef], err)
		}
		want := 0
		for id := range w.acked {
			if at, held := secret[id]; !held || at == i {
				want++
			}
		}
		if h := checkQuiet(t, r.s); len(h.ids) != want {
			t.Fatalf("seed %d: replica %d has %d messages of %d", seed, i, len(h.ids), want)
		}
		ours, err := r.s.tip(mainRef)
		if err != nil {
			t.Fatal(err)
		}
		own := want - (len(w.acked) - len(secret))
		if n, err := r.s.ahead(context.Background(), ours, w.depot.tips[mainRef]); err != nil || n != own {
			t.Fatalf("seed %d: replica %d has %d events that the depot lacks, not %d (%v)", seed, i, n, own, err)
		}
	}
}
