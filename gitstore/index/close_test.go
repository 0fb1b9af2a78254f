package index

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
)

// TestCloseLeavesNoLog tells that nothing is left open: SQLite removes its
// write-ahead log when the last connection is closed.
func TestCloseLeavesNoLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index of #1 at 100%?mode=ro&x")
	x := openTest(t, dir, Options{})
	if err := x.Update(context.Background(), State{}, benchState, newCorpus(20).all()); err != nil {
		t.Fatal(err)
	}
	v := viewTest(t, x)
	if _, err := v.Inbox(InboxQuery{Agent: benchAgent(0), Limit: 20, Now: testStart}); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	v.Close() // a view outlives the index
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 { // its stamp, and its lock
		t.Fatalf("%v, %v", entries, err)
	}
}

// TestACheckpointHoldsUpNobody: while another process copies the log, updates
// go on, and the log is copied by the next one that may.
func TestACheckpointHoldsUpNobody(t *testing.T) {
	x := openTest(t, filepath.Join(t.TempDir(), "index"), Options{})
	copying := flock.New(copyingPath(x.file.path))
	if err := copying.Lock(); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		t.Helper()
		x.copying.Wait()
		info, err := os.Stat(x.file.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	empty := size()
	var changes []Change
	for c := range newCorpus(10_000).all() {
		changes = append(changes, c)
	}
	if err := x.Update(context.Background(), State{}, stepState(1), yield(changes[:9_000])); err != nil {
		t.Fatal(err)
	}
	if size() != empty {
		t.Fatal("two copied the log at once")
	}
	if err := copying.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := x.Update(context.Background(), stepState(1), stepState(2), yield(changes[9_000:])); err != nil {
		t.Fatal(err)
	}
	if size() == empty {
		t.Fatal("the log was not copied")
	}
}
