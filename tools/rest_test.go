package tools

import (
	"context"
	"testing"

	"skein/gitstore"
)

// Memory is given back at any moment: before the store is open, while it is
// read, and after it was closed.
func TestReleaseAtAnyMoment(t *testing.T) {
	s := New(func() (*gitstore.Store, error) {
		return gitstore.Open(context.Background(), gitstore.Options{Dir: t.TempDir(), NoMirror: true})
	}, Options{Agent: "a"})
	s.release()
	store, err := s.store.get(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		posted, err := store.Post(context.Background(), gitstore.Post{From: "a", Thread: "p/t", Body: "kept"})
		if err != nil {
			t.Fatal(err)
		}
		s.release()
		if m, err := store.MessageByID(context.Background(), posted.ID.String()); err != nil || string(m.Body) != "kept" {
			t.Fatalf("after giving memory back: %v, %v", m, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.release()
}
