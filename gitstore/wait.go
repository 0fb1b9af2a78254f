package gitstore

import (
	"context"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// AwaitInbox is Inbox that waits for a message: it returns as soon as there is
// one, at once if there already is, and when until is closed what there is by
// then, which may be nothing. Inbox.End is set. Whoever posts, in whatever
// process, is not held up by those who wait.
func (s *Store) AwaitInbox(ctx context.Context, q InboxQuery, until <-chan struct{}) (*Inbox, error) {
	leave, err := s.waits.join(s)
	if err != nil {
		return nil, err
	}
	defer leave()
	defer s.expect()()
	for {
		moved := s.waits.next() // taken before the look, so that nothing comes in between
		inbox, err := s.Inbox(ctx, q)
		if err != nil || len(inbox.Messages) > 0 {
			return s.ended(ctx, q, inbox, err)
		}
		select {
		case <-moved:
		case <-until:
			return s.ended(ctx, q, inbox, nil)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ended sets Inbox.End.
func (s *Store) ended(ctx context.Context, q InboxQuery, in *Inbox, err error) (*Inbox, error) {
	if err != nil {
		return nil, err
	}
	if in.End = in.Next; in.End != "" {
		return in, nil
	}
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	box, err := s.mailbox(ctx, projects, q)
	if err != nil {
		return nil, err
	}
	if n := len(in.Messages); n > 0 {
		box.after = in.Messages[n-1].ID
	}
	in.End = s.cursorAt(cursorInbox, box.key, box.after)
	return in, nil
}

// waits lets any number of goroutines wait for main to move. Its zero value is
// ready.
type waits struct {
	mu    sync.Mutex
	n     int // who waits
	moved chan struct{}
	end   context.CancelFunc
}

// join begins to wait; the branches are watched until the last one has left.
func (w *waits) join(s *Store) (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == 0 {
		ctx, end := context.WithCancel(context.Background())
		changes, err := s.Watch(ctx)
		if err != nil {
			end()
			return nil, err
		}
		w.moved, w.end = make(chan struct{}), end
		go w.tell(s, changes)
	}
	w.n++
	return sync.OnceFunc(w.leave), nil
}

func (w *waits) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n--; w.n == 0 {
		w.end()
	}
}

// next returns a channel that is closed when main moves.
func (w *waits) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moved
}

// tell wakes everybody after main has moved. A receipt moves the other branch
// and brings nobody mail.
func (w *waits) tell(s *Store, changes <-chan struct{}) {
	var last plumbing.Hash
	for range changes {
		heads, err := s.heads()
		if err == nil && heads[0] == last {
			continue
		}
		last = heads[0]
		w.mu.Lock()
		close(w.moved)
		w.moved = make(chan struct{})
		w.mu.Unlock()
	}
}
