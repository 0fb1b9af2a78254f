package profiles

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/tools"
)

// Keys of the shared state: who has claimed a name last, and until when what a
// session has read is out of its sight.
const (
	c2cClaims = "c2c/session/"
	c2cPruned = "c2c/pruned/"
)

// c2c is the profile, and what one server of it remembers.
type c2c struct {
	mu     sync.Mutex
	claims map[string]claim // by client
}

// claim is a name that a client has claimed, and the token it did so with; a
// client that has lost its name has no token.
type claim struct{ name, token string }

func newC2C() *c2c { return &c2c{claims: make(map[string]claim)} }

func (c *c2c) profile() *tools.Profile {
	return &tools.Profile{
		Name: "c2c",
		Instructions: func(string) string {
			return peersAreNotInstructions("Messages and shared state between Claude Code sessions. register_session with your name at the start, inbox at the start of each turn, mark_read when you have dealt with a message. Usual tags: handoff, question, status, error.")
		},
		Tools: []tools.ProfileTool{
			tools.NewProfileTool(tools.Define("register_session", "Claim a name. The last claim wins: a session that had it becomes <name>-stale-<time> and gets no more mail.", false, true,
				tools.Text("name", mcp.Required()), tools.Object("metadata")), c.register),
			tools.NewProfileTool(tools.Define("heartbeat", "Say that you are still there; every other tool does so too.", false, true), c.heartbeat),
			tools.NewProfileTool(tools.Define("list_sessions", "Who is there, or was a short time ago.", true, true,
				tools.Number("active_within_min", mcp.Min(0.0), mcp.DefaultNumber(10))), c.list),
			tools.NewProfileTool(tools.Define("send_message", "Leave a message for a session, whether it is there or not; * is everyone.", false, false,
				tools.Text("to", mcp.Required()), tools.Text("body", mcp.Required()), tools.Text("tag")), c.send),
			tools.NewProfileTool(tools.Define("inbox", "Messages for you or everyone, oldest first. This does not mark them as read.", true, true,
				tools.Bool("unread_only", mcp.DefaultBool(true)), tools.Int("limit", mcp.DefaultNumber(20)), tools.Text("tag")), c.inbox),
			tools.NewProfileTool(tools.Define("mark_read", "You have dealt with these messages.", false, true,
				tools.List("message_ids", mcp.Required())), c.markRead),
			tools.NewProfileTool(tools.Define("set_state", "Set a key of the shared state to any JSON value; null takes it away.", false, true,
				tools.Text("key", mcp.Required()), tools.Any("value", mcp.Required())), c.setState),
			tools.NewProfileTool(tools.Define("get_state", "A key of the shared state, or all that begin with a prefix.", true, true,
				tools.Text("key"), tools.Text("prefix")), c.getState),
			tools.NewProfileTool(tools.Define("prune", "Put messages that you read and sessions that ended out of sight, if they are old.", false, true,
				tools.Number("older_than_days", mcp.Min(0.0), mcp.DefaultNumber(30))), c.prune),
		},
	}
}

type c2cParams struct {
	Name       string          `json:"name"`
	Metadata   json.RawMessage `json:"metadata"`
	Within     float64         `json:"active_within_min"`
	To         string          `json:"to"`
	Body       string          `json:"body"`
	Tag        string          `json:"tag"`
	UnreadOnly bool            `json:"unread_only"`
	Limit      int             `json:"limit"`
	IDs        []string        `json:"message_ids"`
	Key        string          `json:"key"`
	Prefix     string          `json:"prefix"`
	Value      json.RawMessage `json:"value"`
	Days       float64         `json:"older_than_days"`
}

// self is the store and the session's name, which it may have lost to a later
// claim.
func (c *c2c) self(ctx context.Context, s *tools.Server) (*gitstore.Store, string, error) {
	client := tools.SessionID(ctx)
	c.mu.Lock()
	mine, registered := c.claims[client]
	c.mu.Unlock()
	if !registered {
		return s.Joined(ctx)
	}
	st, err := s.Store(ctx)
	if err != nil || mine.token == "" {
		return st, mine.name, err
	}
	last, err := st.State(ctx, c2cClaims+mine.name)
	if err != nil || last.Value == nil || string(last.Value) == mine.token {
		return st, mine.name, err
	}
	stale := claim{name: staleName(mine.name, last.At)}
	if err := s.Rename(ctx, stale.name); err != nil {
		return nil, "", err
	}
	c.remember(client, stale)
	return st, stale.name, st.Join(ctx, stale.name)
}

func (c *c2c) remember(client string, mine claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims[client] = mine
}

// staleName is what a session is called that has lost its name.
func staleName(name string, at time.Time) string {
	suffix := fmt.Sprintf("-stale-%d", at.Unix())
	return strings.TrimRight(name[:min(len(name), event.MaxAgentName-len(suffix))], ".@-") + suffix
}

var staleNames = regexp.MustCompile(`-stale-\d+$`)

type registeredView struct {
	Name       string          `json:"name"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Superseded string          `json:"superseded,omitempty"` // what the older session is called now
	At         time.Time       `json:"registered_at"`
}

func (c *c2c) register(ctx context.Context, s *tools.Server, p c2cParams) (any, error) {
	name, err := AgentID(p.Name)
	if err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	client := tools.SessionID(ctx)
	c.mu.Lock()
	mine := c.claims[client]
	c.mu.Unlock()
	before, err := st.State(ctx, c2cClaims+name)
	if err != nil {
		return nil, err
	}
	if err := s.Rename(ctx, name); err != nil {
		return nil, err
	}
	token := `"` + rand.Text() + `"`
	now, err := st.SetState(ctx, name, c2cClaims+name, []byte(token))
	if err != nil {
		return nil, err
	}
	c.remember(client, claim{name, token})
	view := registeredView{Name: name, Metadata: p.Metadata, At: now.At}
	if before.Value != nil && string(before.Value) != mine.token {
		view.Superseded = staleName(name, now.At)
	}
	if p.Metadata != nil {
		_, err = st.SetProfile(ctx, gitstore.ProfileUpdate{From: name, Metadata: p.Metadata})
	}
	return view, err
}

type sessionView struct {
	Name     string          `json:"name"`
	Metadata json.RawMessage `json:"metadata"`
	LastSeen time.Time       `json:"last_seen_at"`
}

func (c *c2c) heartbeat(ctx context.Context, s *tools.Server, _ c2cParams) (any, error) {
	st, me, err := c.self(ctx, s)
	if err != nil {
		return nil, err
	}
	a, err := st.Agent(ctx, me)
	return sessionView{me, orNull(a.Metadata), time.Now().UTC()}, err
}

func (c *c2c) list(ctx context.Context, s *tools.Server, p c2cParams) (any, error) {
	st, _, err := c.self(ctx, s)
	if err != nil {
		return nil, err
	}
	within := max(time.Duration(p.Within*float64(time.Minute)), time.Nanosecond) // 0 is now, not ever
	all, err := st.Who(ctx, within)
	if err != nil {
		return nil, err
	}
	views := []sessionView{}
	for _, a := range all {
		if !staleNames.MatchString(a.Name) {
			views = append(views, sessionView{a.Name, orNull(a.Metadata), a.LastSeen})
		}
	}
	return views, nil
}

func orNull(v json.RawMessage) json.RawMessage {
	if v == nil {
		return json.RawMessage("null")
	}
	return v
}

type c2cMessage struct {
	ID        string     `json:"id"`
	From      string     `json:"from_name"`
	Recipient string     `json:"recipient"`
	Body      string     `json:"body"`
	Tag       *string    `json:"tag"`
	Created   time.Time  `json:"created_at"`
	Read      *time.Time `json:"read_at"`
}

func c2cView(m *gitstore.Message, reader string) c2cMessage {
	v := c2cMessage{ID: m.ID.Short(), From: m.From, Recipient: event.Everyone, Body: string(m.Body), Created: m.At, Read: timeOrNil(receiptBy(m, reader).At)}
	if len(m.To) > 0 {
		v.Recipient = strings.Join(m.To, ", ")
	}
	if len(m.Tags) > 0 {
		tag := strings.Join(m.Tags, ", ")
		v.Tag = &tag
	}
	return v
}

func (c *c2c) send(ctx context.Context, s *tools.Server, p c2cParams) (any, error) {
	to := event.Everyone
	if p.To != event.Everyone {
		var err error
		if to, err = AgentID(p.To); err != nil {
			return nil, fmt.Errorf("to: %w", err)
		}
	}
	st, me, err := c.self(ctx, s)
	if err != nil {
		return nil, err
	}
	post := gitstore.Post{From: me, To: []string{to}, Body: p.Body, Queue: true}
	if p.Tag != "" {
		post.Tags = []string{p.Tag}
	}
	m, err := st.Post(ctx, post)
	if err != nil {
		return nil, err
	}
	return c2cView(m, me), nil
}

func (c *c2c) inbox(ctx context.Context, s *tools.Server, p c2cParams) (any, error) {
	st, me, err := c.self(ctx, s)
	if err != nil {
		return nil, err
	}
	pruned, err := prunedBefore(ctx, st, me)
	if err != nil {
		return nil, err
	}
	unread := gitstore.InboxQuery{Agent: me, Tag: p.Tag, Limit: p.Limit, Newest: !p.UnreadOnly} // nothing unread is passed over
	box, err := st.Inbox(ctx, unread)
	if err != nil {
		return nil, err
	}
	found := box.Messages
	if !p.UnreadOnly {
		all := unread
		all.IncludeRead, all.Since = true, pruned
		if box, err = st.Inbox(ctx, all); err != nil {
			return nil, err
		}
		found = last(byID(append(found, box.Messages...)), p.Limit)
	}
	if err := st.FillReceipts(ctx, found); err != nil {
		return nil, err
	}
	views := make([]c2cMessage, len(found))
	for i, m := range found {
		views[i] = c2cView(m, me)
	}
	return views, nil
}

type markedView struct {
	Marked   int      `json:"marked"`
	NotFound []string `json:"not_found,omitempty"`
}

func (c *c2c) markRead(ctx context.Context, s *tools.Server, p c2cParams) (any, error) {
	st, me, err := c.self(ctx, s)
	if err != nil {
		return nil, err
	}
	marked, missing, err := acknowledgeFound(ctx, st, me, p.IDs, event.StateRead)
	return markedView{marked, missing}, err
}
