package index

import (
	"context"
	"os"
	"path/filepath"
	"testing"
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
