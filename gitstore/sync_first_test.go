package gitstore

import (
	"strings"
	"testing"
)

// TestAPushIsAllItTakes when nobody else has pushed: the remote is not even
// asked for what it has. Where it has moved, it is.
func TestAPushIsAllItTakes(t *testing.T) {
	dir, address := bareRemote(t)
	status, through := failing(t, address, "git-upload-pack")
	s, other := synced(t, through), synced(t, dir)
	say(t, s, "mary", "hello")
	sync1(t, s, SyncOptions{})
	sync1(t, other, SyncOptions{})
	sync1(t, s, SyncOptions{})

	status.Store(500) // whoever fetches fails
	say(t, s, "mary", "a second one")
	if r := sync1(t, s, SyncOptions{}); r.Pushed != 1 || r.Pushes != 1 {
		t.Fatalf("%+v", r)
	}
	status.Store(0)
	if there, here := git(t, dir, "rev-parse", "main", "agents"), git(t, s.Dir(), "rev-parse", "main", "agents"); there != here {
		t.Fatal(there, here)
	}

	if err := other.Join(t.Context(), "bob"); err != nil { // moves agents, and not main
		t.Fatal(err)
	}
	sync1(t, other, SyncOptions{})
	say(t, s, "mary", "a third one")
	if r := sync1(t, s, SyncOptions{}); r.Fetched != 1 || r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	checkQuiet(t, s)
}

// TestALostBranchIsNotMadeAgain by a push that expects it where it was.
func TestALostBranchIsNotMadeAgain(t *testing.T) {
	for _, lost := range []string{"main", "agents"} {
		dir, address := bareRemote(t)
		s := synced(t, address)
		say(t, s, "mary", "hello")
		sync1(t, s, SyncOptions{})
		git(t, dir, "update-ref", "-d", "refs/heads/"+lost)
		say(t, s, "mary", "a second one")
		_, err := s.Sync(t.Context(), SyncOptions{})
		if err == nil || !strings.Contains(err.Error(), "has lost its branch "+lost) {
			t.Fatal(err)
		}
		if there := git(t, dir, "for-each-ref", "refs/heads/"+lost); there != "" {
			t.Fatal(there)
		}
	}
}

// TestAMachineThatMayOnlyRead gets what others write, also while it has
// something to push, and goes on by itself when it may write.
func TestAMachineThatMayOnlyRead(t *testing.T) {
	dir, address := bareRemote(t)
	status, through := failing(t, address, "git-receive-pack")
	reader, other := synced(t, through), synced(t, dir)
	say(t, reader, "mary", "hello")
	sync1(t, reader, SyncOptions{})
	say(t, other, "bob", "from elsewhere")
	sync1(t, other, SyncOptions{})

	status.Store(403)
	say(t, reader, "mary", "mine")
	r, err := reader.Sync(t.Context(), SyncOptions{})
	if r.Fetched == 0 || err == nil || !strings.Contains(err.Error(), "lets this machine read but not write") {
		t.Fatalf("%+v, %v", r, err)
	}
	status.Store(0)
	if r := sync1(t, reader, SyncOptions{}); r.Pushed != 1 {
		t.Fatalf("%+v", r)
	}
	checkQuiet(t, reader)
}
