package render

import (
	"slices"
	"strconv"
	"strings"

	"skein/gitstore/event"
)

// Thread shows the head of a thread: its name and state, its title, and who
// is in it.
func (t Terminal) Thread(th event.Thread) string {
	parts := []string{t.paint(heading, Line(th.Ref.String()))}
	if th.Status != "" {
		parts = append(parts, Line(th.Status))
	}
	parts = append(parts, t.paint(dim, Count(th.Messages, "message")))
	lines := []string{strings.Join(parts, "  ")}
	for _, s := range []string{th.Title, th.Description} {
		if s != "" {
			lines = append(lines, t.wrap([]span{{text: Text(s)}}, t.room(0))...)
		}
	}
	if len(th.Members) > 0 {
		lines = append(lines, t.paint(dim, "members: "+Line(strings.Join(th.Members, ", "))))
	}
	return strings.Join(lines, "\n") + "\n"
}

// Timeline shows messages in the order given, an empty line between them, and
// the changes of their thread where they happened.
func (t Terminal) Timeline(messages []Message, changes []*event.Event) string {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b *event.Event) int { return a.ID.Compare(b.ID) })
	var blocks []string
	for _, m := range messages {
		for len(changes) > 0 && changes[0].ID.Compare(m.Event.ID) < 0 {
			blocks = append(blocks, t.Change(event.ThreadRef{}, changes[0]))
			changes = changes[1:]
		}
		blocks = append(blocks, t.Message(m))
	}
	for _, e := range changes {
		blocks = append(blocks, t.Change(event.ThreadRef{}, e))
	}
	return strings.Join(blocks, "\n")
}

// Hit is a message that was found, and where in it.
type Hit struct {
	Message Message
	Snippet string
}

// Hits shows what a search found: the head and title of each message, and the
// snippet in place of the body.
func (t Terminal) Hits(hits []Hit) string {
	blocks := make([]string, len(hits))
	for i, h := range hits {
		lines := t.aside(h.Message)
		if snippet := strings.Join(strings.Fields(h.Snippet), " "); snippet != "" {
			lines = append(lines, t.wrap([]span{{text: Line(snippet)}}, t.room(bodyIndent))...)
		}
		blocks[i] = t.head(h.Message) + "\n" + indent(lines)
	}
	return strings.Join(blocks, "\n")
}

// Change shows in a line what an event did to a thread or a project, which is
// named unless it is zero.
func (t Terminal) Change(ref event.ThreadRef, e *event.Event) string {
	var did []string
	add := func(what, value string) {
		if value != "" {
			did = append(did, what+" "+value)
		}
	}
	add("set the title to", e.Title)
	add("set the status to", e.Status)
	add("set the description to", e.Description)
	add("added", strings.Join(e.Add, ", "))
	add("removed", strings.Join(e.Remove, ", "))
	if len(did) == 0 {
		did = []string{"opened it"}
	}
	text := "· "
	if !ref.IsZero() {
		text += strings.TrimSuffix(ref.String(), "/") + ": "
	}
	text += e.From + " " + strings.Join(did, ", ")
	return t.paint(dim, Line(text)+"  "+t.When(e.At)) + "\n"
}

// Count shows a number of things: "1 message", "2 messages".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
