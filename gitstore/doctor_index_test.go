package gitstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnIndexThatIsBeingBuilt is nothing that ails a store, as one that has just
// come from a remote; one that cannot be there is.
func TestAnIndexThatIsBeingBuilt(t *testing.T) {
	walker := openTest(t, Options{NoSync: true, NoMirror: true, NoIndex: true})
	fill(t, walker, 130, threadName)
	s := openTest(t, Options{Dir: walker.Dir(), NoSync: true, NoMirror: true})
	s.projection.most, s.projection.step = 5, 40
	var said []string
	for len(said) < 20 && (len(said) == 0 || said[len(said)-1] != "answers") {
		says, err := s.CheckIndex(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, says)
	}
	if len(said) < 2 || len(said) == 20 || !strings.HasPrefix(said[0], "is being built") {
		t.Fatalf("%q", said)
	}

	s = openTest(t, Options{Dir: walker.Dir(), NoSync: true, NoMirror: true})
	s.projection.dir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(s.projection.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if says, err := s.CheckIndex(t.Context()); err == nil || !strings.Contains(err.Error(), "the index does not answer") {
		t.Fatal(says, err)
	}
}
