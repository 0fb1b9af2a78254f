package legacy

import (
	"context"
	"fmt"
)

// relayClients are the two that a relay lies between.
var relayClients = []string{"desktop", "code"}

// readRelay reads the buffer of relay: one table. Files of its first version
// lack the columns that say who has read what.
func readRelay(ctx context.Context, path string, a *Archive) error {
	return withDatabase(ctx, path, []string{".relay_buffer.db"}, func(d *database) error {
		if err := d.mustBe("relay"); err != nil {
			return err
		}
		a.meet(relayClients...)
		d.noteTables(ctx, a, "messages")
		known := []string{"id", "sender", "message", "timestamp", "read_by_desktop_at", "read_by_code_at"}
		tracked := d.has("messages", "read_by_desktop_at", "read_by_code_at")
		return d.each(ctx, a, "messages", known, func(place string, row fields) error {
			m, err := relayMessage(row, tracked)
			m.Place = place
			if err == nil {
				a.Messages = append(a.Messages, m)
			}
			return err
		})
	})
}

func relayMessage(row fields, tracked bool) (m Message, err error) {
	order, err := row.number("id")
	if err != nil {
		return m, err
	}
	m.Order = uint32(order)
	if m.ID, err = row.needText("id"); err != nil {
		return m, err
	}
	if m.From, err = row.needText("sender"); err != nil {
		return m, err
	}
	m.To = others(relayClients, m.From)
	if len(m.To) != 1 {
		return m, fmt.Errorf("sender is %q, neither desktop nor code", shorten(m.From))
	}
	if m.Body, err = row.body("message"); err != nil {
		return m, err
	}
	if m.At, err = row.needTime("timestamp"); err != nil {
		return m, err
	}
	if !tracked {
		m.Seen = seenBy(m.To)
		return m, nil
	}
	read, err := row.time("read_by_" + m.To[0] + "_at")
	if !read.IsZero() {
		m.Seen = []Seen{{Agent: m.To[0], At: read}}
	}
	return m, err
}
