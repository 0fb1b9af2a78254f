package gitstore

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// Message is a message as the store holds it: the event, and where it lies.
type Message struct {
	event.Event
	Thread event.ThreadRef
	// Path is where the message's file lies in the tree of main, with slashes.
	Path string
	// Commit is the commit that brought the message. It is zero where it was
	// not asked for: only Post, MessageByID and Show fill it.
	Commit plumbing.Hash
	// Receipts say who has seen the message, oldest first, the latest state of
	// each agent once. Only Read, MessageByID and Show fill them.
	Receipts []Receipt
	// Redacted says who has hidden what the message said; nil: nobody has.
	Redacted *event.Redaction
}

// Pending names the recipients that the message names and that have no receipt
// for it. Receipts must be filled.
func (m *Message) Pending() []string {
	var pending []string
	for _, name := range m.To {
		seen := slices.ContainsFunc(m.Receipts, func(r Receipt) bool { return r.Agent == name })
		if name != event.Everyone && name != m.From && !seen {
			pending = append(pending, name)
		}
	}
	return pending
}

// Receipt says that an agent has read or acknowledged a message.
type Receipt struct {
	Agent string
	State string    // event.StateRead or event.StateAcknowledged
	At    time.Time // when that state was recorded
}

// message reads the message in a file of main. It has a body of its own, which
// the caller may change.
func (s *Store) message(f leaf) (*Message, error) {
	e, err := s.event(f)
	if err != nil {
		return nil, err
	}
	ref, _, ok := cutThread(f.dir)
	if !ok || e.Kind != event.KindMessage {
		return nil, &brokenError{fmt.Errorf("%s is not a thread's message", f.path())}
	}
	m := &Message{Event: *e, Thread: ref, Path: f.dir + "/" + event.FileName(e)}
	m.Body = bytes.Clone(e.Body)
	return m, s.hide(m)
}
