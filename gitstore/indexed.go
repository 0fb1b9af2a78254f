package gitstore

import (
	"context"
	"fmt"
	"time"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// What the index says is where messages lie. They are read from the store, and
// what is not the message that the index has promised is damage of the index:
// then the tree answers.

// indexed reads a message that the index names.
func (s *Store) indexed(m index.Message) (*Message, error) {
	found, err := s.message(leaf{dir: m.Dir, hash: m.Blob})
	if err != nil {
		return nil, err
	}
	if found.ID != m.ID || found.Thread != m.Thread {
		return nil, fmt.Errorf("%w: message %s is not where it says", index.ErrDamaged, m.ID)
	}
	return found, nil
}

// indexedInbox does what look and fetch do.
func (s *Store) indexedInbox(v *index.View, box mailbox) (*Inbox, error) {
	found, err := v.Inbox(index.InboxQuery{
		Agent: box.agent, Thread: box.thread, From: box.from, Tag: box.tag,
		IncludeRead: box.includeRead, Open: box.open, Since: box.since, Before: box.before,
		After: box.after, Newest: box.newest, Limit: box.limit, Now: box.now,
	})
	if err != nil {
		return nil, err
	}
	inbox := &Inbox{Agent: box.agent, Total: found.Total, Skipped: found.Broken}
	for _, m := range found.Messages {
		if err := inbox.show(s, m.Dir, func() (*Message, error) { return s.indexed(m) }); err != nil {
			return nil, err
		}
	}
	if n := len(found.Messages); found.More && !box.newest {
		inbox.Next = s.cursorAt(cursorInbox, box.key, found.Messages[n-1].ID)
	}
	return inbox, nil
}

// indexedMessages returns the messages that the wanted ids, as
// event.Abbreviation returns them, can stand for.
func (s *Store) indexedMessages(ctx context.Context, wanted []string) (messages []*Message, ok bool, err error) {
	ok, err = s.fromIndex(ctx, func(v *index.View) error {
		messages = nil
		for _, abbrev := range wanted {
			found, err := v.Find(abbrev)
			if err != nil {
				return err
			}
			for _, m := range found {
				one, err := s.indexed(m)
				if err == nil {
					messages = append(messages, one)
				} else if err := s.leaveOut(m.Dir, err); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return messages, ok, err
}

// indexedReceipts returns who has seen messages.
func (s *Store) indexedReceipts(ctx context.Context, messages []*Message) (receipts map[event.ID][]index.Receipt, ok bool, err error) {
	ids := make([]event.ID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	ok, err = s.fromIndex(ctx, func(v *index.View) (err error) {
		receipts, err = v.Receipts(ids...)
		return err
	})
	return receipts, ok, err
}

// indexedAgents does what Agents says.
func indexedAgents(v *index.View) ([]event.Agent, error) {
	found, err := v.Agents()
	if err != nil {
		return nil, err
	}
	agents := make([]event.Agent, len(found))
	for i, a := range found {
		agents[i] = a.Agent
		if at := a.Wrote.Truncate(time.Second); at.After(a.LastSeen) {
			agents[i].LastSeen = at
		}
	}
	return agents, nil
}

// indexedThreads does what Threads says, with a filter that has been checked.
func indexedThreads(v *index.View, f ThreadFilter) ([]event.Thread, error) {
	return v.Threads(index.ThreadFilter{Project: f.Project, Status: f.Status, Member: f.Member, Limit: f.Limit})
}
