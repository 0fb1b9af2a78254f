package gitstore

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"skein/gitstore/remote"
)

// TestAFullRemote: a disk that is full where the remote is says nothing about
// what is pushed. Nothing is held back for it, nothing is sent to an inbox, and
// when there is room again all of it arrives.
func TestAFullRemote(t *testing.T) {
	root := t.TempDir()
	full(t, root)
	dir, address := bareRemoteIn(t, root)
	s := synced(t, address)
	say(t, s, "mary", "before")
	sync1(t, s, SyncOptions{})
	before := git(t, dir, "for-each-ref")
	filler := filepath.Join(root, "filler")
	if err := fillUp(filler); err != nil {
		t.Fatal(err)
	}
	m := say(t, s, "mary", static(1))
	for range 2 {
		report, err := s.Sync(t.Context(), SyncOptions{pause: atOnce})
		checkSentence(t, err, remote.Unable)
		if len(report.HeldBack)+len(report.Held)+report.Pushed > 0 || report.Pushes > 3 || !strings.Contains(err.Error(), "cannot take part at present") {
			t.Fatalf("%+v, %v", report, err)
		}
	}
	if now := git(t, dir, "for-each-ref"); now != before {
		t.Fatalf("the remote has\n%s", now)
	}
	git(t, dir, "fsck", "--strict")
	checkQuiet(t, s)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	checkConverged(t, s, dir, sync1(t, s, SyncOptions{}))
	if got, err := s.Deliveries(m); err != nil || !got[0].Pushed {
		t.Fatal(got, err)
	}
	git(t, dir, "fsck", "--strict")
}

// fillUp writes until there is no room.
func fillUp(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return f.Close()
}

// TestAPushMayBeTooLarge for a host's limit: the one message that is goes no
// further, and the rest arrives in pushes that are small enough.
func TestAPushMayBeTooLarge(t *testing.T) {
	dir, address := bareRemote(t)
	git(t, dir, "config", "receive.maxInputSize", "10000")
	s := synced(t, address)
	var large *Message
	for i := range 20 {
		say(t, s, "mary", static(i)[:2<<10])
		if i == 7 {
			large = say(t, s, "mary", static(i))
		}
	}
	r := sync1(t, s, SyncOptions{})
	held := r.HeldBack
	for n := 0; len(r.Held) > 0 && n < 3; n++ { // a sync does not search for ever
		r = sync1(t, s, SyncOptions{})
		held = append(held, r.HeldBack...)
	}
	if len(held) != 1 || held[0].ID != large.ID || len(r.Held) > 0 || !strings.Contains(held[0].Reason, "exceeds maximum allowed size") {
		t.Fatalf("%+v, %+v", r, held)
	}
	if there := strings.Fields(git(t, dir, "log", "--format=%(trailers:key=Skein-Id,valueonly)", "main")); len(there) != 20 || slices.Contains(there, large.ID.String()) {
		t.Fatalf("%d of 20 messages are there", len(there))
	}
	git(t, dir, "fsck", "--strict")
	checkQuiet(t, s)
}
