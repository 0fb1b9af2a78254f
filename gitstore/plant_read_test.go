package gitstore

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// planted is a file to be committed behind the store's back.
type planted struct {
	path, data string
	mode       string // "" is 100644
	remove     bool
}

// plant commits files with git, as another program would. The message is the
// commit's; an author of "" is filler.
func plant(tb testing.TB, s *Store, branch, message string, files ...planted) {
	tb.Helper()
	index := filepath.Join(tb.TempDir(), "index")
	run := func(input string, args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", s.Dir()}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+index, "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_AUTHOR_NAME=filler", "GIT_AUTHOR_EMAIL=filler@skein", "GIT_AUTHOR_DATE=2026-11-21T10:15:03Z",
			"GIT_COMMITTER_NAME=filler", "GIT_COMMITTER_EMAIL=filler@skein", "GIT_COMMITTER_DATE=2026-11-21T10:15:03Z")
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("", "read-tree", branch)
	for _, f := range files {
		if f.remove {
			run("0 "+plumbing.ZeroHash.String()+"\t"+f.path+"\n", "update-index", "--index-info")
			continue
		}
		mode := f.mode
		if mode == "" {
			mode = "100644"
		}
		blob := run(f.data, "hash-object", "-w", "--stdin")
		run("", "update-index", "--add", "--cacheinfo", mode+","+blob+","+f.path)
	}
	commit := run(message, "commit-tree", run("", "write-tree"), "-p", branch)
	run("", "update-ref", "refs/heads/"+branch, commit)
}

// plantedEvent is an event of filler in a thread of its own making, and the
// file that it belongs in.
func plantedEvent(tb testing.TB, id event.ID, body string) (e *event.Event, f planted) {
	tb.Helper()
	e = &event.Event{ID: id, At: id.Time(), From: "filler", Body: []byte(body)}
	data, err := e.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return e, planted{path: fmt.Sprintf("projects/axon/model/%s/%s", event.Month(e.At), event.FileName(e)), data: string(data)}
}

// idAt makes an id of a time, told apart from others by n.
func idAt(t time.Time, n byte) event.ID {
	id := beforeTime(t.UnixMilli())
	id[10], id[15] = n, n
	return id
}

// plantTime is the time of commits that plant makes.
var plantTime = time.Date(2026, 11, 21, 10, 15, 3, 0, time.UTC)

// atPlantTime are the options of a store in which it is an hour later.
var atPlantTime = Options{NoSync: true, NoMirror: true, Now: func() time.Time { return plantTime.Add(time.Hour) }}

func trailer(id event.ID) string { return "a message\n\nSkein-Id: " + id.String() + "\n" }
