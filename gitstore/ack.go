package gitstore

import (
	"context"
	"errors"
	"fmt"

	"skein/gitstore/event"
)

// maxReceipt is how many messages one receipt names; more take several.
const maxReceipt = 500

// Acknowledge records that an agent has read or acknowledged messages, given
// by ids or abbreviations; state is event.StateRead or
// event.StateAcknowledged. It returns the messages in the order given. What is
// recorded already is not recorded again, and what was acknowledged stays so.
// If one message is not known nothing is recorded.
func (s *Store) Acknowledge(ctx context.Context, agent string, ids []string, state string) ([]*Message, error) {
	name, err := event.AgentName(agent)
	if err != nil {
		return nil, err
	}
	if state != event.StateRead && state != event.StateAcknowledged {
		return nil, fmt.Errorf("state: %q is unknown; use %s or %s", state, event.StateRead, event.StateAcknowledged)
	}
	if len(ids) == 0 {
		return nil, errors.New("ids: is empty; give the ids of messages")
	}
	messages, err := s.resolveMessages(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("ids: %w", err)
	}
	fresh, err := s.unrecorded(ctx, name, messages, state)
	if err != nil {
		return nil, err
	}
	return messages, s.recordReceipts(ctx, name, fresh, state)
}

// unrecorded returns the messages that the agent has no receipt for, or a
// lesser one.
func (s *Store) unrecorded(ctx context.Context, agent string, messages []*Message, state string) ([]event.ID, error) {
	receipts, err := s.recorded(ctx, agent, messages)
	if err != nil {
		return nil, err
	}
	var fresh []event.ID
	seen := make(map[event.ID]bool, len(messages))
	for _, m := range messages {
		s.observe(m.ID) // a receipt sorts after its message: readers look for it only there
		was := receipts[m.ID]
		if seen[m.ID] || was == state || was == event.StateAcknowledged {
			continue
		}
		seen[m.ID] = true
		fresh = append(fresh, m.ID)
	}
	return fresh, nil
}

func (s *Store) recordReceipts(ctx context.Context, agent string, ids []event.ID, state string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := s.Join(ctx, agent); err != nil {
		return err
	}
	for len(ids) > 0 {
		n := min(len(ids), maxReceipt)
		e := &event.Event{Kind: event.KindReceipt, From: agent, State: state, Messages: ids[:n]}
		if err := s.append(ctx, newRequest(home{agent: agent}, e)); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
