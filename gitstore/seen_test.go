package gitstore

import (
	"os"
	"path/filepath"
	"testing"

	"skein/gitstore/event"
)

// TestFillReceipts: what an inbox brings says, when asked, who has seen it.
func TestFillReceipts(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), NoSync: true, NoMirror: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m, err := s.Post(t.Context(), Post{From: "alice", To: []string{"bob", "carol"}, Body: "x", Queue: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acknowledge(t.Context(), "bob", []string{m.ID.String()}, event.StateRead); err != nil {
		t.Fatal(err)
	}
	box, err := s.Inbox(t.Context(), InboxQuery{Agent: "carol"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FillReceipts(t.Context(), box.Messages); err != nil {
		t.Fatal(err)
	}
	if r := box.Messages[0].Receipts; len(r) != 1 || r[0].Agent != "bob" || r[0].State != event.StateRead || r[0].At.IsZero() {
		t.Errorf("receipts %v", r)
	}
}

// TestFits: Open takes what Fits says it takes.
func TestFits(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign")
	if err := os.MkdirAll(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(foreign, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"none", "foreign", "none"} { // the second time a store
		path := filepath.Join(dir, name)
		fits := Fits(path)
		s, err := Open(t.Context(), Options{Dir: path, NoSync: true, NoMirror: true})
		if fits != (err == nil) {
			t.Errorf("%s: Fits says %t, Open %v", name, fits, err)
		}
		if err == nil {
			s.Close()
		}
	}
}
