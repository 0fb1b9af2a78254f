package remote

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
)

// BenchmarkSmallFetch is what is done with the pack of a small fetch until its
// objects can be read: it is held in memory, or goes to the disk and is read from
// there.
func BenchmarkSmallFetch(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "repo")
	if err := exec.Command("git", "init", "-q", "--bare", dir).Run(); err != nil {
		b.Fatal(err)
	}
	fill(b, dir, 100, 0)
	pack, err := exec.Command("git", "-C", dir, "pack-objects", "--stdout", "--revs", "--all", "-q", "--delta-base-offset").Output()
	if err != nil {
		b.Fatal(err)
	}
	came, err := hold(b.Context(), pack, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d objects in %d bytes", len(came), len(pack))
	read := func(get func(plumbing.Hash) (plumbing.ObjectType, []byte, error)) {
		for h := range came {
			if _, _, err := get(h); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("held", func(b *testing.B) {
		for b.Loop() {
			came, err := hold(b.Context(), pack, nil)
			if err != nil {
				b.Fatal(err)
			}
			read(came.Get)
		}
	})
	b.Run("disk", func(b *testing.B) {
		for b.Loop() {
			q := filepath.Join(b.TempDir(), "q")
			if err := makeRepository(q); err != nil {
				b.Fatal(err)
			}
			if err := receive(b.Context(), filepath.Join(q, "objects", "pack"), bytes.NewReader(pack), defaultMax, nil); err != nil {
				b.Fatal(err)
			}
			s, err := odb.Open(q, odb.Options{NoSync: true})
			if err != nil {
				b.Fatal(err)
			}
			read(s.Get)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
