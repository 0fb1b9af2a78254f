package gitstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

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

// TestAFileThatIsHereAlready comes again under another name: git sends no object
// that is known to be there.
func TestAFileThatIsHereAlready(t *testing.T) {
	dir, address := bareRemote(t)
	s := synced(t, address)
	say(t, s, "mary", "before")
	sync1(t, s, SyncOptions{})
	git(t, dir, "--git-dir="+dir, "read-tree", "main")
	for _, path := range []string{"docs/a.txt", "docs/b.txt"} {
		commitFile(t, dir, path)
		checkConverged(t, s, dir, sync1(t, s, SyncOptions{}))
	}
	git(t, s.Dir(), "fsck", "--strict")
}
