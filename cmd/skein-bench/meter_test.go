package main

import (
	"path/filepath"
	"testing"

	"skein/gitstore"
	"skein/gitstore/odb"
)

// TestMeter: merging is counted, so its files still have the name that the
// meter knows.
func TestMeter(t *testing.T) {
	m := &meter{FS: odb.OS}
	s, err := gitstore.Open(t.Context(), gitstore.Options{Dir: filepath.Join(t.TempDir(), "store"), NoSync: true, NoMirror: true, FS: m})
	if err != nil {
		t.Fatal(err)
	}
	post := poster(t.Context(), s, newCorpus(mixed(100)))
	for _, a := range agents {
		if err := s.Join(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if err := post(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if m.merged.Load() == 0 {
		t.Error("packs were merged, and nothing was counted")
	}
}
