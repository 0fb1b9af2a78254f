package tools

import (
	"errors"
	"testing"
	"time"

	"skein/gitstore"
)

// TestCloseWhileOpening: a store that comes after Close is closed, and nobody
// gets it.
func TestCloseWhileOpening(t *testing.T) {
	st, release := newStore(t), make(chan struct{})
	o := newOpener(func() (*gitstore.Store, error) { <-release; return st, nil }, time.Hour)
	a, err := o.attempt()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.close(); err != nil {
		t.Fatal(err)
	}
	close(release)
	<-a.done
	if !errors.Is(a.err, errClosing) {
		t.Errorf("those who wait get %v", a.err)
	}
	if _, err := o.get(t.Context()); !errors.Is(err, errClosing) {
		t.Errorf("get after close: %v", err)
	}
}

func TestOpenOnce(t *testing.T) {
	st, opened := newStore(t), 0
	o := newOpener(func() (*gitstore.Store, error) { opened++; return st, nil }, time.Hour)
	for range 3 {
		if got, err := o.get(t.Context()); err != nil || got != st {
			t.Fatal(got, err)
		}
	}
	if opened != 1 {
		t.Errorf("opened %d times", opened)
	}
	for range 2 {
		if err := o.close(); err != nil {
			t.Error(err)
		}
	}
}
