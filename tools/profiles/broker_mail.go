package profiles

import (
	"context"
	"fmt"
	"strings"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
)

// Words is a message as duo shows it.
type Words struct {
	ID           string    `json:"id"`
	Conversation string    `json:"conversation_id"`
	From         string    `json:"from_id"`
	Content      string    `json:"content"`
	Created      time.Time `json:"created_at"`
}

// Sent says where a message went.
type Sent struct {
	Conversation string `json:"conversationId"`
	Message      string `json:"messageId"`
	Notified     int    `json:"notified"` // who was waiting for it here
	Queued       int    `json:"queued"`
}

// Talk sends a message to a partner, or to a conversation of which the sender
// is a participant.
func (b *Broker) Talk(ctx context.Context, st *gitstore.Store, from, to, conversation, content string) (Sent, error) {
	post := gitstore.Post{From: from, Body: content}
	if conversation != "" {
		c, err := b.Conversation(ctx, st, conversation)
		if err != nil {
			return Sent{}, err
		}
		if !c.Has(from) {
			return Sent{}, ErrNotParticipant
		}
		post.Thread = c.ref.String()
		if c.Type == typeDirect {
			post.To = c.others(from)
		}
		sent := b.toBeSent(c.others(from))
		m, err := st.Post(ctx, post)
		if err != nil {
			return Sent{}, err
		}
		sent.Conversation, sent.Message = c.ID, m.ID.Short()
		return sent, nil
	}
	id, err := AgentID(to)
	if err != nil {
		return Sent{}, fmt.Errorf("to: %w", err)
	}
	post.To = []string{id}
	sent := b.toBeSent(post.To)
	m, err := st.Post(ctx, post)
	if err != nil {
		return Sent{}, err
	}
	sent.Conversation, sent.Message = b.wordsID(ctx, st, m.Thread), m.ID.Short()
	return sent, nil
}

// toBeSent counts who waits for a message before it is sent, since it wakes
// them.
func (b *Broker) toBeSent(to []string) (s Sent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range to {
		if b.listening[name] > 0 {
			s.Notified++
		} else {
			s.Queued++
		}
	}
	return s
}

// wordsID is the id of a message's conversation.
func (b *Broker) wordsID(ctx context.Context, st *gitstore.Store, ref event.ThreadRef) string {
	if ref.Project != event.DirectProject {
		return conversationID(ref, nil)
	}
	names, err := directParticipants(ctx, st, ref)
	if err != nil {
		return ref.String()
	}
	return conversationID(ref, names)
}

func (b *Broker) words(ctx context.Context, st *gitstore.Store, messages []*gitstore.Message) []Words {
	list := make([]Words, len(messages))
	for i, m := range messages {
		list[i] = Words{m.ID.Short(), b.wordsID(ctx, st, m.Thread), m.From, string(m.Body), m.At}
	}
	return list
}

// History returns the last messages of a conversation, oldest first.
func (b *Broker) History(ctx context.Context, st *gitstore.Store, id string, limit int) (Conversation, []Words, error) {
	c, err := b.Conversation(ctx, st, id)
	if err != nil {
		return c, nil, err
	}
	page, err := st.Read(ctx, gitstore.ReadQuery{Thread: c.ref.String(), Limit: limit})
	if err != nil {
		return c, nil, err
	}
	return c, b.words(ctx, st, page.Messages), nil
}

// Heard is what a partner was waiting for.
type Heard struct {
	Messages []Words
	ids      []*gitstore.Message
}

// Await is how a partner's inbox is waited for.
type Await func(gitstore.InboxQuery) (*gitstore.Inbox, error)

// Listen waits until there are unread messages for an agent, in one
// conversation or in any, or until await gives up: then Heard is empty. Nothing
// is marked as read before Received is called.
func (b *Broker) Listen(ctx context.Context, st *gitstore.Store, agent, conversation string, await Await) (Heard, error) {
	q := gitstore.InboxQuery{Agent: agent, Limit: mostHeard}
	if conversation != "" {
		c, err := b.Conversation(ctx, st, conversation)
		if err != nil {
			return Heard{}, err
		}
		if !c.Has(agent) {
			return Heard{}, ErrNotParticipant
		}
		q.Thread = c.ref.String()
	}
	defer b.listen(agent)()
	box, err := await(q)
	if err != nil {
		return Heard{}, err
	}
	return Heard{b.words(ctx, st, box.Messages), box.Messages}, nil
}

// mostHeard is how many messages one call of listen brings; the next brings the
// rest.
const mostHeard = 50

// listen counts a partner as listening until the result is called.
func (b *Broker) listen(agent string) (end func()) {
	b.count(agent, 1)
	return func() { b.count(agent, -1) }
}

func (b *Broker) count(agent string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listening[agent] += n; b.listening[agent] == 0 {
		delete(b.listening, agent)
	}
}

// Listeners is how many partners wait here.
func (b *Broker) Listeners() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.listening)
}

// Received records that the agent has what it was waiting for.
func (b *Broker) Received(ctx context.Context, st *gitstore.Store, agent string, h Heard) error {
	return markRead(ctx, st, agent, h.ids)
}

// heardText groups messages by conversation, as duo shows them.
func heardText(words []Words) string {
	var order []string
	lines := make(map[string][]string)
	for _, w := range words {
		if lines[w.Conversation] == nil {
			order = append(order, w.Conversation)
		}
		lines[w.Conversation] = append(lines[w.Conversation], wordsLine("  ", "15:04:05", w))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**%d message(s) received:**\n", len(words))
	for _, id := range order {
		fmt.Fprintf(&b, "\n📁 **%s**\n%s", id, strings.Join(lines[id], ""))
	}
	return b.String()
}

// wordsLine is a message in the form [time] **from:** text, in UTC. The lines
// of its text that follow are set in, so that none of them passes for another
// message.
func wordsLine(indent, clock string, w Words) string {
	text := strings.ReplaceAll(strings.TrimRight(w.Content, "\n"), "\n", "\n"+indent+"    ")
	return fmt.Sprintf("%s[%s] **%s:** %s\n", indent, w.Created.UTC().Format(clock), w.From, text)
}
