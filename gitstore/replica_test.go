package gitstore

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestTheIDOfAReplica holds for the machine and the directory for which it was
// made; where that cannot be told, there is a new one.
func TestTheIDOfAReplica(t *testing.T) {
	s := openTest(t, quiet)
	first, err := s.replicaID()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.replicaID(); err != nil || again != first {
		t.Fatalf("%s, then %s: %v", first, again, err)
	}
	text, err := os.ReadFile(s.replicaPath())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"another machine":   {`"machine":"`, `"machine":"x`},
		"another directory": {`"inode":"`, `"inode":"x`},
		"no id":             {first, ""},
		"not whole":         {"}", ""},
	} {
		other := strings.Replace(string(text), change[0], change[1], 1)
		if err := os.WriteFile(s.replicaPath(), []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		if id, err := s.replicaID(); err != nil || id == "" || id == first {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

// TestAFileIsReplacedWhole: who reads it meanwhile has the old text to the end.
func TestAFileIsReplacedWhole(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows replaces no file that is open")
	}
	name := filepath.Join(t.TempDir(), "file")
	if err := writeWhole(name, []byte("the old text")); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := writeWhole(name, []byte("the new text")); err != nil {
		t.Fatal(err)
	}
	if old, err := io.ReadAll(reader); err != nil || string(old) != "the old text" {
		t.Fatalf("%q, %v", old, err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "the new text" {
		t.Fatalf("%q, %v", text, err)
	}
}
