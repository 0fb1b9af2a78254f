package gitstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"skein/gitstore/event"
	"skein/gitstore/legacy"
)

// receiptPlan holds who has seen which message, by agent.
type receiptPlan struct {
	of map[string][]seenMessage
	id func(at time.Time, order uint32, knownBy ...string) event.ID
}

type seenMessage struct {
	message event.ID
	at      time.Time // zero: not known
	acked   bool
}

// seen takes down who has seen a message.
func (p *planner) seen(m *legacy.Message, e *event.Event) {
	r := &p.receipts
	if r.of == nil {
		r.of, r.id = map[string][]seenMessage{}, p.id
	}
	for _, s := range m.Seen {
		name := p.names[s.Agent]
		if name == e.From {
			continue // nobody receives their own
		}
		if s.At.After(p.latest) {
			s.At = time.Time{}
		}
		r.of[name] = append(r.of[name], seenMessage{e.ID, s.At, s.Acknowledged})
	}
}

// newReceipts returns receipts for what the agents have seen and have no
// receipt for here: all that an agent saw at one time in one, as far as it
// takes them. What was seen at an unknown time was seen after it was written.
func (s *Store) newReceipts(ctx context.Context, p *ImportPlan) ([]Record, error) {
	var all []Record
	for _, agent := range slices.Sorted(maps.Keys(p.receipts.of)) {
		have, err := s.receiptsOf(ctx, agent)
		if err != nil {
			return nil, err
		}
		fresh := slices.DeleteFunc(slices.Clone(p.receipts.of[agent]), func(m seenMessage) bool {
			was := have[m.message]
			return was == event.StateAcknowledged || was != "" && !m.acked
		})
		all = append(all, p.receipts.records(agent, fresh)...)
	}
	return all, nil
}

// records makes receipts for what an agent has seen.
func (r receiptPlan) records(agent string, seen []seenMessage) (all []Record) {
	slices.SortStableFunc(seen, func(a, b seenMessage) int {
		return cmp.Or(a.message.Compare(b.message), -compareBool(a.acked, b.acked), a.at.Compare(b.at))
	})
	seen = slices.CompactFunc(seen, func(a, b seenMessage) bool { return a.message == b.message })
	slices.SortStableFunc(seen, func(a, b seenMessage) int {
		return cmp.Or(a.at.Compare(b.at), compareBool(a.acked, b.acked))
	})
	for len(seen) > 0 {
		n := 1
		for n < min(len(seen), maxReceipt) && seen[n].at.Equal(seen[0].at) && seen[n].acked == seen[0].acked {
			n++
		}
		all = append(all, Record{Event: r.receipt(agent, seen[:n])})
		seen = seen[n:]
	}
	return all
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// receipt makes one receipt, which must be later than its messages: readers
// look for it only there.
func (r receiptPlan) receipt(agent string, seen []seenMessage) *event.Event {
	e := &event.Event{Kind: event.KindReceipt, From: agent, State: event.StateRead, At: seen[0].at}
	if seen[0].acked {
		e.State = event.StateAcknowledged
	}
	var ids strings.Builder
	for _, m := range seen {
		e.Messages = append(e.Messages, m.message)
		ids.WriteString(m.message.String())
	}
	if last := seen[len(seen)-1].message.Time().Add(time.Millisecond); e.At.Before(last) {
		e.At = last
	}
	e.ID = r.id(e.At, 0, "receipt", agent, e.State, ids.String())
	return e
}
