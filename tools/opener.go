package tools

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"skein/gitstore"
)

// opener opens the store when it is first needed, once for all who wait for
// it, and again when that failed.
type opener struct {
	open  func() (*gitstore.Store, error)
	grace time.Duration // how long a call waits for an opening

	mu     sync.Mutex
	now    *opening // under way or succeeded; nil: none yet, or it failed
	closed bool
}

var errClosing = errors.New("the server is closing")

// opening is one attempt; store and err are valid once done is closed.
type opening struct {
	done  chan struct{}
	store *gitstore.Store
	err   error
}

func newOpener(open func() (*gitstore.Store, error), grace time.Duration) *opener {
	return &opener{open: open, grace: grace}
}

// get returns the open store. It gives up waiting, not opening, when ctx ends
// or the grace has passed: the next call finds the store open.
func (o *opener) get(ctx context.Context) (*gitstore.Store, error) {
	if st := o.peek(); st != nil {
		return st, nil // even with no grace left
	}
	a, err := o.attempt()
	if err != nil {
		return nil, err
	}
	limit := time.NewTimer(o.grace)
	defer limit.Stop()
	select {
	case <-a.done:
		return a.store, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-limit.C:
		return nil, fmt.Errorf("the store has not opened within %s; it may be locked or on a slow disk; call again", o.grace)
	}
}

// peek returns the store if it is open, nil otherwise.
func (o *opener) peek() *gitstore.Store {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == nil {
		return nil
	}
	select {
	case <-o.now.done:
		return o.now.store
	default:
		return nil
	}
}

// attempt joins the opening under way, or begins one.
func (o *opener) attempt() (*opening, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, errClosing
	}
	if o.now == nil {
		o.now = &opening{done: make(chan struct{})}
		go o.run(o.now)
	}
	return o.now, nil
}

// run decides under the lock whether the store is handed over or comes too
// late, so that close cannot miss it.
func (o *opener) run(a *opening) {
	a.store, a.err = o.try()
	o.mu.Lock()
	defer o.mu.Unlock()
	if a.err != nil {
		o.now = nil
	} else if o.closed {
		a.err = errors.Join(errClosing, a.store.Close())
	}
	close(a.done)
}

// try calls open; it runs on a goroutine of its own, where a panic would end
// the process.
func (o *opener) try() (st *gitstore.Store, err error) {
	defer func() {
		if p := recover(); p != nil {
			st, err = nil, fmt.Errorf("opening the store panicked: %v", p)
		}
	}()
	return o.open()
}

// close closes the store if it is open; one that is still opening is closed
// as soon as it is there.
func (o *opener) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.now
	o.now, o.closed = nil, true
	if a == nil {
		return nil
	}
	select {
	case <-a.done:
		return a.store.Close()
	default:
		return nil
	}
}
