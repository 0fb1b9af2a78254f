package profiles

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
)

// duoProject holds duo's groups.
const duoProject = "duo"

// The types of conversations.
const (
	typeDirect = "direct"
	typeGroup  = "group"
)

// Whether a partner is there: Partner.Status.
const (
	Online  = "online"
	Offline = "offline"
)

// Broker does what duo's broker did, over a store: partners, conversations and
// waiting for messages. duo's tools and its HTTP endpoints are made of it. It
// is safe for concurrent use.
type Broker struct {
	mu        sync.Mutex
	listening map[string]int // how often each partner is waiting here
}

// NewBroker returns a broker that nobody listens to yet.
func NewBroker() *Broker { return &Broker{listening: make(map[string]int)} }

// ErrNotParticipant says that a conversation is not the caller's.
var ErrNotParticipant = errors.New("you are not a participant of this conversation")

// Partner is an agent as duo shows it.
type Partner struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	ProjectPath   string     `json:"project_path,omitempty"`
	Created       *time.Time `json:"created_at"`
	LastSeen      *time.Time `json:"last_seen"`
	Status        string     `json:"status"` // online or offline
	StatusMessage *string    `json:"status_message"`
	Notifications bool       `json:"notifications_enabled"`
	Listening     bool       `json:"isListening"`
}

// Partners returns every agent, those who are there first; search narrows them
// to those whose name or status line holds it.
func (b *Broker) Partners(ctx context.Context, st *gitstore.Store, search string) ([]Partner, error) {
	all, err := st.Who(ctx, 0)
	if err != nil {
		return nil, err
	}
	partners := []Partner{}
	for _, a := range all {
		if search == "" || mentions(search, a.Name, a.Status) {
			partners = append(partners, b.partner(a))
		}
	}
	return partners, nil
}

// Partner returns one agent, who need not have joined.
func (b *Broker) Partner(ctx context.Context, st *gitstore.Store, id string) (Partner, error) {
	all, err := b.Partners(ctx, st, "")
	if err != nil {
		return Partner{}, err
	}
	for _, p := range all {
		if p.ID == id {
			return p, nil
		}
	}
	return Partner{}, &gitstore.UnknownError{What: "agent", Name: id, Hint: "it has to register first"}
}

func (b *Broker) partner(a gitstore.Attendance) Partner {
	p := Partner{ID: a.Name, Name: a.Name, Created: timeOrNil(a.Joined), LastSeen: timeOrNil(a.LastSeen), Status: Offline, Notifications: !a.Quiet}
	if a.Here {
		p.Status = Online
	}
	if a.Agent.Status != "" {
		p.StatusMessage = &a.Agent.Status
	}
	for _, session := range a.Sessions {
		p.ProjectPath = session.Folder
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p.Listening = b.listening[a.Name] > 0
	return p
}

// Conversation is a thread as duo shows it.
type Conversation struct {
	ID           string        `json:"id"`
	Name         string        `json:"name,omitempty"`
	Type         string        `json:"type"`
	Created      *time.Time    `json:"created_at"`
	CreatedBy    string        `json:"created_by"`
	Archived     bool          `json:"is_archived"`
	Participants []Participant `json:"participants"`
	Unread       int           `json:"unread_count"`

	ref  event.ThreadRef
	open bool // everyone is a participant
}

// Participant is a partner in a conversation.
type Participant struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Has tells whether an agent may speak in the conversation.
func (c Conversation) Has(agent string) bool {
	return c.open || slices.ContainsFunc(c.Participants, func(p Participant) bool { return p.ID == agent })
}

// others are the participants but one.
func (c Conversation) others(agent string) []string {
	var names []string
	for _, p := range c.Participants {
		if p.ID != agent {
			names = append(names, p.ID)
		}
	}
	return names
}

// ConversationID is duo's id for a thread.
func conversationID(ref event.ThreadRef, participants []string) string {
	switch {
	case ref.Project == duoProject:
		return ref.Thread
	case ref.Project == event.DirectProject && len(participants) > 0:
		return "direct_" + strings.Join(participants, "_")
	}
	return ref.String()
}

// conversation shows a thread.
func (b *Broker) conversation(ctx context.Context, st *gitstore.Store, t event.Thread) (Conversation, error) {
	c := Conversation{Name: t.Title, Type: typeGroup, Created: timeOrNil(t.First), CreatedBy: t.Opened,
		Archived: t.Status == event.StatusArchived, ref: t.Ref, Participants: []Participant{}}
	names := t.Members
	if t.Ref.Project == event.DirectProject {
		c.Type = typeDirect
		var err error
		if names, err = directParticipants(ctx, st, t.Ref); err != nil {
			return c, err
		}
	}
	c.open = c.Type == typeGroup && !t.Closed
	for _, name := range names {
		c.Participants = append(c.Participants, Participant{name, name})
	}
	c.ID = conversationID(t.Ref, names)
	return c, nil
}

// directParticipants are those between whom a direct thread is: its name tells,
// unless that was too long, and then its last message does.
func directParticipants(ctx context.Context, st *gitstore.Store, ref event.ThreadRef) ([]string, error) {
	var names []string
	for part := range strings.SplitSeq(ref.Thread, "--") {
		if name, err := event.AgentFromDir(part); err == nil {
			names = append(names, name)
		}
	}
	if len(names) > 0 && event.DirectThread(names...) == ref {
		return names, nil
	}
	page, err := st.Read(ctx, gitstore.ReadQuery{Thread: ref.String(), Limit: 1})
	if err != nil || len(page.Messages) == 0 {
		return nil, err
	}
	m := page.Messages[0]
	names = append([]string{m.From}, m.To...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Conversation finds a conversation by duo's id or by "project/thread".
func (b *Broker) Conversation(ctx context.Context, st *gitstore.Store, id string) (Conversation, error) {
	id = strings.ToLower(strings.TrimSpace(id))
	unknown := &gitstore.UnknownError{What: "conversation", Name: id, Hint: "list_conversations lists yours"}
	if !strings.HasPrefix(id, "direct_") {
		ref := id
		if !strings.Contains(id, "/") {
			ref = duoProject + "/" + id
		}
		t, err := st.Thread(ctx, ref)
		if isUnknown(err, "thread") {
			return Conversation{}, unknown
		} else if err != nil {
			return Conversation{}, err
		}
		return b.conversation(ctx, st, *t)
	}
	threads, err := st.Threads(ctx, gitstore.ThreadFilter{Project: event.DirectProject})
	if err != nil {
		return Conversation{}, err
	}
	for _, t := range threads {
		c, err := b.conversation(ctx, st, t)
		if err != nil || sameID(c.ID, id) {
			return c, err
		}
	}
	return Conversation{}, unknown
}

// sameID tells whether two ids are the same but for '_', which agents' names
// do not hold here and do there.
func sameID(a, b string) bool {
	return strings.ReplaceAll(a, "_", "-") == strings.ReplaceAll(b, "_", "-")
}

// Conversations returns an agent's conversations, the newest activity first.
func (b *Broker) Conversations(ctx context.Context, st *gitstore.Store, agent string) ([]Conversation, error) {
	threads, err := st.Threads(ctx, gitstore.ThreadFilter{})
	if err != nil {
		return nil, err
	}
	unread, err := allUnread(ctx, st, agent)
	if err != nil {
		return nil, err
	}
	waiting := make(map[event.ThreadRef]int)
	for _, m := range unread {
		waiting[m.Thread]++
	}
	mine := []Conversation{}
	for _, t := range threads {
		if t.Ref.Project != event.DirectProject && !slices.Contains(t.Members, agent) || t.Status == event.StatusArchived {
			continue
		}
		c, err := b.conversation(ctx, st, t)
		if err != nil {
			return nil, err
		}
		if c.Has(agent) {
			c.Unread = waiting[t.Ref]
			mine = append(mine, c)
		}
	}
	return mine, nil
}

// Create opens a group.
func (b *Broker) Create(ctx context.Context, st *gitstore.Store, creator, name string, participants []string) (Conversation, error) {
	members := []string{creator}
	for _, p := range participants {
		id, err := AgentID(p)
		if err != nil {
			return Conversation{}, fmt.Errorf("participants: %w", err)
		}
		members = append(members, id)
	}
	thread := fmt.Sprintf("%s/group_%d_%s", duoProject, time.Now().UnixMilli(), strings.ToLower(rand.Text()[:6]))
	t, err := st.UpdateThread(ctx, gitstore.ThreadUpdate{From: creator, Thread: thread, Title: &name, Add: members})
	if err != nil {
		return Conversation{}, err
	}
	return b.conversation(ctx, st, *t)
}

// Leave takes an agent out of a group, and archives the group when nobody is
// left in it.
func (b *Broker) Leave(ctx context.Context, st *gitstore.Store, agent, id string) (archived bool, err error) {
	c, err := b.Conversation(ctx, st, id)
	if err != nil {
		return false, err
	}
	if c.Type == typeDirect {
		return false, errors.New("a direct conversation cannot be left; only groups can")
	}
	if !slices.ContainsFunc(c.Participants, func(p Participant) bool { return p.ID == agent }) {
		return false, ErrNotParticipant
	}
	u := gitstore.ThreadUpdate{From: agent, Thread: c.ref.String(), Remove: []string{agent}}
	if archived = len(c.others(agent)) == 0; archived {
		status := event.StatusArchived
		u.Status = &status
	}
	_, err = st.UpdateThread(ctx, u)
	return archived, err
}
