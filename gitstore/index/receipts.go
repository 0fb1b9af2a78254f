package index

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"skein/gitstore/event"
)

const partReadersSQL = `SELECT agent, data FROM sights WHERE part = ?`

// readers returns all sights of a part, by agent.
func (c *conn) readers(number int64) (map[int64][]sight, error) {
	sights := make(map[int64][]sight)
	var agent int64
	var data sql.RawBytes
	err := c.each(context.Background(), partReadersSQL, []any{number}, func(scan func(...any) error) error {
		if err := scan(&agent, &data); err != nil {
			return err
		}
		var err error
		sights[agent], err = decodeSights(data, number, agent)
		return err
	})
	return sights, err
}

// Receipt says that an agent has read or acknowledged a message.
type Receipt struct {
	Agent string
	State string    // event.StateRead or event.StateAcknowledged
	At    time.Time // when that state was recorded first
}

// Receipts returns who has seen messages: each agent once, with its highest
// state, oldest first. Ids that no message has are left out.
func (v *View) Receipts(ids ...event.ID) (map[event.ID][]Receipt, error) {
	all := make(map[event.ID][]Receipt, len(ids))
	parts := make(map[int64]map[int64][]sight)
	for _, id := range ids {
		found, err := v.c.find(id)
		if err != nil || len(found) == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		n := found[0].n
		if parts[n/partSize] == nil {
			if parts[n/partSize], err = v.c.readers(n / partSize); err != nil {
				return nil, err
			}
		}
		if all[id], err = v.receipts(parts[n/partSize], n%partSize); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (v *View) receipts(sights map[int64][]sight, place int64) ([]Receipt, error) {
	var receipts []Receipt
	for agent := range sights {
		s := latest(sightsOf(sights[agent], place))
		if s == 0 {
			continue
		}
		name, err := v.agentName(agent)
		if err != nil {
			return nil, err
		}
		r := Receipt{name, event.StateRead, time.UnixMilli(s.at()).UTC()}
		if s.acked() {
			r.State = event.StateAcknowledged
		}
		receipts = append(receipts, r)
	}
	slices.SortFunc(receipts, func(a, b Receipt) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Agent, b.Agent))
	})
	return receipts, nil
}

// latest returns the sight that counts among those of one message: the first
// acknowledgement, else the first that is there. They are sorted, those that
// acknowledge behind the others.
func latest(sights []sight) sight {
	for _, s := range sights {
		if s.acked() {
			return s
		}
	}
	if len(sights) == 0 {
		return 0
	}
	return sights[0]
}

func (v *View) agentName(n int64) (name string, err error) {
	found, err := v.c.row(nameAgentSQL, []any{n}, &name)
	if err == nil && !found {
		err = damaged("agent %d is missing", n)
	}
	return name, err
}
