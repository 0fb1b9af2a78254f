package legacy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// c2cEveryone is the recipient of what goes to all sessions, and the ID of the
// thread that holds it here.
const c2cEveryone = "*"

// readC2C reads the database of c2c. Its columns are not documented, and so are
// looked for under the names that its tools use.
func readC2C(ctx context.Context, path string, a *Archive) error {
	return withDatabase(ctx, path, []string{"c2c.db", ".claude/c2c.db"}, func(d *database) error {
		if err := d.mustBe("c2c"); err != nil {
			return err
		}
		x := &exchange{a: a, names: map[string]string{}}
		if err := d.each(ctx, a, "sessions", sessionColumns, x.session); err != nil {
			return err
		}
		if err := d.each(ctx, a, "messages", mailColumns, x.message); err != nil {
			return err
		}
		if err := d.each(ctx, a, "state", stateColumns, x.state); err != nil {
			return err
		}
		reads, err := x.reads(ctx, d)
		if err != nil {
			return err
		}
		d.noteTables(ctx, a, append(reads, "sessions", "messages", "state")...)
		x.everyone()
		return nil
	})
}

var (
	sessionColumns = append([]string{"id", "session_id", "name", "metadata"}, append(createdColumns, seenColumns...)...)
	mailColumns    = append([]string{"id", "message_id", "from_session", "from_name", "recipient", "body", "tag", "read_at", "read_by"}, createdColumns...)
	stateColumns   = append([]string{"key", "value", "updated_by"}, updatedColumns...)
	readColumns    = []string{"message_id", "name", "session_name", "reader", "session", "session_id", "read_at"}

	createdColumns = []string{"created_at", "sent_at", "registered_at", "timestamp"}
	seenColumns    = []string{"last_seen_at", "last_seen"}
	updatedColumns = []string{"updated_at", "timestamp"}
)

// exchange is what was read of c2c so far.
type exchange struct {
	a     *Archive
	names map[string]string // of sessions, by their ids
	all   bool              // there is a message to everyone
}

func (x *exchange) session(_ string, row fields) (err error) {
	g := Agent{}
	if g.Name, err = row.needText("name"); err != nil {
		return err
	}
	id, err := row.text("session_id", "id")
	if err != nil {
		return err
	}
	x.names[id] = g.Name
	if g.Joined, err = row.time(createdColumns...); err != nil {
		return err
	}
	if g.Seen, err = row.time(seenColumns...); err != nil {
		return err
	}
	x.a.Agents = append(x.a.Agents, g)
	g.Metadata, err = row.json("metadata")
	x.a.Agents[len(x.a.Agents)-1].Metadata = g.Metadata
	return err
}

func (x *exchange) message(place string, row fields) (err error) {
	m := Message{Place: place}
	if m.ID, err = row.needText("id", "message_id"); err != nil {
		return err
	}
	if order, err := row.number("id"); err == nil {
		m.Order = uint32(order)
	}
	if m.From, err = x.sender(row); err != nil {
		return err
	}
	if m.Body, err = row.body("body"); err != nil {
		return err
	}
	if m.At, err = row.needTime(createdColumns...); err != nil {
		return err
	}
	tag, err := row.text("tag")
	if err != nil {
		return err
	}
	if tag = strings.TrimSpace(tag); tag != "" {
		m.Tags = []string{tag}
	}
	if err := x.address(&m, row); err != nil {
		return err
	}
	x.a.Messages = append(x.a.Messages, m)
	return nil
}

func (x *exchange) sender(row fields) (string, error) {
	from, err := row.text("from_name")
	if err != nil || from != "" {
		return from, err
	}
	id, err := row.needText("from_session")
	if name := x.names[id]; name != "" {
		return name, err
	}
	return id, err
}

// address reads to whom a message went, and who has read it.
func (x *exchange) address(m *Message, row fields) error {
	to, err := row.needText("recipient")
	if err != nil {
		return err
	}
	read, err := row.time("read_at")
	if err != nil {
		return err
	}
	if m.To = []string{to}; to == c2cEveryone {
		m.To, m.Thread, x.all = nil, c2cEveryone, true
	} else if !read.IsZero() {
		m.Seen = []Seen{{Agent: to, At: read}}
	}
	names, err := readers(row)
	if err != nil {
		return err
	}
	if m.Thread != "" && len(names) == 0 && !read.IsZero() {
		for _, g := range x.a.Agents { // somebody has read it, and nobody says who
			names = append(names, g.Name)
		}
	}
	for _, name := range names {
		m.Seen = append(m.Seen, Seen{Agent: x.named(name), At: read})
	}
	x.a.meet(m.From)
	return nil
}

// readers reads the column read_by: one name, or a JSON list of names.
func readers(row fields) ([]string, error) {
	text, err := row.text("read_by")
	if err != nil || text == "" {
		return nil, err
	}
	if !strings.HasPrefix(text, "[") {
		return []string{text}, nil
	}
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, errors.New("read_by is no list of names")
	}
	return names, nil
}

// named returns the name of a session that is given by its name or its id.
func (x *exchange) named(session string) string {
	if name := x.names[session]; name != "" {
		return name
	}
	return session
}

// reads takes the tables that say which session has read which message, and
// returns their names.
func (x *exchange) reads(ctx context.Context, d *database) (tables []string, err error) {
	byID := make(map[string]int, len(x.a.Messages))
	for i, m := range x.a.Messages {
		byID[m.ID] = i
	}
	for table := range d.tables {
		if !d.has(table, "message_id", "read_at") || table == "messages" {
			continue
		}
		tables = append(tables, table)
		err := d.each(ctx, x.a, table, readColumns, func(_ string, row fields) error { return x.read(row, byID) })
		if err != nil {
			return nil, err
		}
	}
	return tables, nil
}

func (x *exchange) read(row fields, byID map[string]int) error {
	id, err := row.needText("message_id")
	if err != nil {
		return err
	}
	reader, err := row.needText("name", "session_name", "reader", "session", "session_id")
	if err != nil {
		return err
	}
	at, err := row.time("read_at")
	if err != nil {
		return err
	}
	i, ok := byID[id]
	if !ok {
		return fmt.Errorf("there is no message %s", shorten(id))
	}
	x.a.Messages[i].Seen = append(x.a.Messages[i].Seen, Seen{Agent: x.named(reader), At: at})
	return nil
}

func (x *exchange) state(place string, row fields) (err error) {
	s := State{Place: place}
	if s.Key, err = row.needText("key"); err != nil {
		return err
	}
	if s.Value, err = row.json("value"); err != nil {
		return err
	}
	if s.Value == nil {
		return errors.New("value is missing")
	}
	if s.At, err = row.needTime(updatedColumns...); err != nil {
		return err
	}
	by, err := row.needText("updated_by")
	if err != nil {
		return err
	}
	s.By = x.named(by)
	x.a.meet(s.By)
	x.a.States = append(x.a.States, s)
	return nil
}

// everyone makes the thread of what went to all sessions.
func (x *exchange) everyone() {
	if !x.all {
		return
	}
	x.a.Projects = append(x.a.Projects, Project{ID: "c2c", Name: "c2c"})
	t := Thread{ID: c2cEveryone, Project: "c2c", Title: "everyone"}
	for _, g := range x.a.Agents {
		t.Members = append(t.Members, Member{g.Name, g.Joined})
	}
	x.a.Threads = append(x.a.Threads, t)
}
