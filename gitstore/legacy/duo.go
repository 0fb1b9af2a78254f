package legacy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// readDuo reads the broker's database. Its first version had no conversations:
// a message named its recipient and when that had got it.
func readDuo(ctx context.Context, path string, a *Archive) error {
	return withDatabase(ctx, path, []string{"duo.db", "data/duo.db"}, func(d *database) error {
		if err := d.mustBe("duo"); err != nil {
			return err
		}
		b := &broker{a: a, conversations: map[string]*conversation{}}
		d.noteTables(ctx, a, "partners", "conversations", "conversation_participants", "messages")
		for _, table := range []struct {
			name  string
			known []string
			read  func(place string, row fields) error
		}{
			{"partners", partnerColumns, b.partner},
			{"conversations", []string{"id", "name", "type", "created_at", "created_by", "is_archived"}, b.conversation},
			{"conversation_participants", []string{"conversation_id", "partner_id", "joined_at", "last_read_at"}, b.participant},
			{"messages", messageColumns, b.message},
		} {
			if err := d.each(ctx, a, table.name, table.known, table.read); err != nil {
				return err
			}
		}
		b.finish()
		return nil
	})
}

var (
	partnerColumns = []string{"id", "name", "partner_key", "project_path", "created_at", "last_seen",
		"status", "status_message", "notifications_enabled"}
	messageColumns = []string{"id", "conversation_id", "from_id", "content", "created_at",
		"to_id", "request_id", "delivered_at", "response_to"}
)

// broker is what was read of duo so far.
type broker struct {
	a             *Archive
	conversations map[string]*conversation
	order         []string // of conversations
	keys          int      // partners with a key
}

type conversation struct {
	Thread
	direct   bool
	lastRead map[string]time.Time
}

func (b *broker) partner(_ string, row fields) (err error) {
	g := Agent{}
	if g.Name, err = row.needText("id"); err != nil {
		return err
	}
	if g.Display, err = row.text("name"); err != nil {
		return err
	}
	if g.Joined, err = row.time("created_at"); err != nil {
		return err
	}
	if g.Seen, err = row.time("last_seen"); err != nil {
		return err
	}
	if g.Status, err = row.text("status_message"); err != nil {
		return err
	}
	if row["notifications_enabled"] != nil {
		on, err := row.flag("notifications_enabled")
		if err != nil {
			return err
		}
		g.Quiet = !on
	}
	if row["partner_key"] != nil {
		b.keys++
	}
	path, err := row.text("project_path")
	if path != "" {
		g.Metadata, _ = json.Marshal(map[string]string{"project_path": path}) // strings always marshal
	}
	b.a.Agents = append(b.a.Agents, g)
	return err
}

func (b *broker) conversation(place string, row fields) (err error) {
	c := &conversation{lastRead: map[string]time.Time{}}
	c.Place, c.Project = place, "duo"
	if c.ID, err = row.needText("id"); err != nil {
		return err
	}
	c.Name = c.ID
	if c.Title, err = row.text("name"); err != nil {
		return err
	}
	kind, err := row.text("type")
	if err != nil {
		return err
	}
	c.direct = kind == "direct"
	if c.By, err = row.text("created_by"); err != nil {
		return err
	}
	if c.Created, err = row.time("created_at"); err != nil {
		return err
	}
	archived, err := row.flag("is_archived")
	if archived {
		c.Status = "archived"
	}
	b.conversations[c.ID] = c
	b.order = append(b.order, c.ID)
	return err
}

func (b *broker) participant(_ string, row fields) error {
	id, err := row.needText("conversation_id")
	if err != nil {
		return err
	}
	c := b.conversations[id]
	if c == nil {
		return fmt.Errorf("there is no conversation %q", shorten(id))
	}
	m := Member{}
	if m.Agent, err = row.needText("partner_id"); err != nil {
		return err
	}
	if m.Joined, err = row.time("joined_at"); err != nil {
		return err
	}
	c.Members = append(c.Members, m)
	b.a.meet(m.Agent)
	read, err := row.time("last_read_at")
	c.lastRead[m.Agent] = read
	return err
}

func (b *broker) message(place string, row fields) error {
	m := Message{Place: place}
	order, err := row.number("id")
	if err != nil {
		return err
	}
	m.Order = uint32(order)
	if m.ID, err = row.needText("id"); err != nil {
		return err
	}
	if m.From, err = row.needText("from_id"); err != nil {
		return err
	}
	if m.Body, err = row.body("content"); err != nil {
		return err
	}
	if m.At, err = row.needTime("created_at"); err != nil {
		return err
	}
	if row["to_id"] != nil {
		err = m.addressed(row)
	} else {
		err = b.place(&m, row)
	}
	if err != nil {
		return err
	}
	b.a.meet(m.From)
	b.a.meet(m.To...)
	b.a.Messages = append(b.a.Messages, m)
	return nil
}

// addressed reads where a message of the first version went.
func (m *Message) addressed(row fields) (err error) {
	to, err := row.needText("to_id")
	if err != nil {
		return err
	}
	m.To = []string{to}
	if m.ReplyTo, err = row.text("response_to"); err != nil {
		return err
	}
	got, err := row.time("delivered_at")
	if !got.IsZero() {
		m.Seen = []Seen{{Agent: to, At: got}}
	}
	return err
}

// place finds the conversation of a message, and who has read it: everybody
// who has looked into the conversation since.
func (b *broker) place(m *Message, row fields) error {
	id, err := row.needText("conversation_id")
	if err != nil {
		return err
	}
	c := b.conversations[id]
	if c == nil {
		return fmt.Errorf("there is no conversation %q", shorten(id))
	}
	var to []string
	for _, p := range c.Members {
		if p.Agent == m.From {
			continue
		}
		to = append(to, p.Agent)
		if read := c.lastRead[p.Agent]; !read.Before(m.At) {
			m.Seen = append(m.Seen, Seen{Agent: p.Agent, At: read})
		}
	}
	if c.direct = c.direct && len(to) == 1; c.direct {
		m.To = to
		return nil
	}
	m.Thread = id
	return nil
}

// finish keeps the conversations that are no direct ones as threads.
func (b *broker) finish() {
	for _, id := range b.order {
		if c := b.conversations[id]; !c.direct {
			b.a.Threads = append(b.a.Threads, c.Thread)
		}
	}
	if len(b.a.Threads) > 0 {
		b.a.Projects = append(b.a.Projects, Project{ID: "duo", Name: "duo"})
	}
	if b.keys > 0 {
		b.a.note("%s left out: they are secrets, and of no use here", count(b.keys, "partner key"))
	}
}
