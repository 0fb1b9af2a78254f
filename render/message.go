package render

import (
	"strings"
	"time"

	"skein/gitstore/event"
)

// Message is a message and what is known of it. Fields left zero are not
// shown.
type Message struct {
	Event    *event.Event
	Thread   event.ThreadRef // named in the head of the message
	ID       string          // the whole id
	Path     string          // in the repository
	Commit   string          // hexadecimal
	Receipts []Receipt
}

// Receipt says who has seen a message.
type Receipt struct {
	Agent string
	State string
	At    time.Time
}

// bodyIndent sets bodies off from heads, as git log does.
const bodyIndent = 4

// Message shows a message: a line that says who wrote to whom, then, indented,
// the title, what else there is to know, and the body.
func (t Terminal) Message(m Message) string {
	lines := t.aside(m)
	if body := t.body(m.Event); len(body) > 0 {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, body...)
	}
	if notes := t.notes(m); len(notes) > 0 {
		lines = append(append(lines, ""), notes...)
	}
	return t.head(m) + "\n" + indent(lines)
}

func (t Terminal) head(m Message) string {
	e := m.Event
	parts := []string{t.paint(ident, e.ID.Short())}
	if !m.Thread.IsZero() {
		parts = append(parts, t.paint(bold, Line(m.Thread.String())))
	}
	parts = append(parts, t.paint(bold, Line(e.From))+t.recipients(e.To), t.paint(dim, t.When(e.At)))
	if e.Priority != "" {
		parts = append(parts, t.paint(urgent, Line(e.Priority)))
	}
	for _, tag := range e.Tags {
		parts = append(parts, t.paint(dim, "#"+Line(tag)))
	}
	return strings.Join(parts, "  ")
}

func (t Terminal) recipients(to []string) string {
	if len(to) == 0 {
		return ""
	}
	names := make([]string, len(to))
	for i, name := range to {
		names[i] = Line(name)
		if name == event.Everyone {
			names[i] = "everyone"
		}
	}
	return " → " + t.paint(bold, strings.Join(names, ", "))
}

// aside is what stands between the head and the body.
func (t Terminal) aside(m Message) []string {
	e := m.Event
	var lines []string
	if e.Title != "" {
		lines = t.wrap([]span{{Line(e.Title), bold.sgr}}, t.room(bodyIndent))
	}
	var facts []string
	if !e.ReplyTo.IsZero() {
		facts = append(facts, "in reply to "+e.ReplyTo.Short())
	}
	if e.RequireAck {
		facts = append(facts, "to be acknowledged")
	}
	if !e.Expires.IsZero() {
		facts = append(facts, "expires "+t.When(e.Expires))
	}
	if len(facts) > 0 {
		lines = append(lines, t.paint(dim, strings.Join(facts, ", ")))
	}
	return lines
}

func (t Terminal) body(e *event.Event) []string {
	body := strings.TrimRight(string(e.Body), "\r\n\t ")
	switch {
	case body == "":
		return nil
	case t.Markdown:
		return t.markdown(body)
	}
	return strings.Split(Text(body), "\n")
}

// notes are what stands below the body.
func (t Terminal) notes(m Message) []string {
	var lines []string
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, t.paint(dim, name+" "+Line(value)))
		}
	}
	add("payload", string(m.Event.Payload))
	add("id", m.ID)
	add("path", m.Path)
	add("commit", m.Commit)
	for _, r := range m.Receipts {
		if r.At.IsZero() { // of a recipient who has none yet
			add(r.State, r.Agent)
			continue
		}
		add(r.State+" by", r.Agent+" "+t.When(r.At))
	}
	return lines
}

// indent sets lines in by bodyIndent and ends each.
func indent(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		if l != "" {
			b.WriteString(strings.Repeat(" ", bodyIndent))
			b.WriteString(l)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
