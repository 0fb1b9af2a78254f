package profiles

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/tools"
)

// DispatchConfig is dispatch's config.toml.
type DispatchConfig struct {
	Agents          []string // the roster; empty: any name will do
	MaxMessageBytes int      // 0: 65,536
	DefaultTTL      int      // seconds; 0: for ever
	Instructions    string   // with {agent_id} and {agent_list}; "": dispatch's own
}

// dispatchMost is how large a message may be where the config does not say.
const dispatchMost = 64 << 10

// dispatchProject holds the threads that dispatch names by thread_id.
const dispatchProject = "dispatch"

// everyone is what dispatch calls event.Everyone.
const dispatchAll = "all"

// dispatch is the profile, and what one server of it remembers.
type dispatch struct {
	cfg    DispatchConfig
	alerts io.Writer

	mu     sync.Mutex
	ridden map[string]map[event.ID]bool // by client: mail that has ridden on a result
}

func newDispatch(cfg DispatchConfig, alerts io.Writer) *dispatch {
	if cfg.MaxMessageBytes <= 0 {
		cfg.MaxMessageBytes = dispatchMost
	}
	return &dispatch{cfg: cfg, alerts: alerts, ridden: make(map[string]map[event.ID]bool)}
}

func (d *dispatch) profile() *tools.Profile {
	return &tools.Profile{
		Name:         "dispatch",
		Instructions: d.instructions,
		Watch:        d.watch,
		Announce:     withNotice,
		Apart:        "give one of them another MCP_DISPATCH_AGENT_ID",
		Tools: []tools.ProfileTool{
			tools.NewProfileTool(tools.Define("dispatch", "Send a message to an agent, or to all. The result brings what waits for you.", false, false,
				tools.Text("message", mcp.Required()), tools.Text("target", mcp.DefaultString(dispatchAll), mcp.Description("An agent's name, or all")),
				tools.Text("priority", mcp.Enum("normal", event.PriorityUrgent), mcp.DefaultString("normal")),
				tools.Text("thread_id", mcp.Description("Groups messages into a conversation")),
				tools.Text("reply_to", mcp.Description("A message's id")),
				tools.Object("payload", mcp.Description("Structured data")),
				tools.Int("ttl", mcp.Min(0.0), mcp.Description("Seconds until it expires")),
				tools.Bool("must_read", mcp.DefaultBool(false), mcp.Description("Stays until acknowledged, ttl or not"))), d.send),
			tools.NewProfileTool(tools.Define("peek", "Your new messages, and what became of those you sent. They stay until you ack them.", false, true,
				tools.Text("thread_id"), tools.Bool("include_read", mcp.DefaultBool(false), mcp.Description("All that are not acknowledged"))), d.peek),
			tools.NewProfileTool(tools.Define("ack", "Done with these messages: they leave your inbox, and their senders see it.", false, true,
				tools.List("message_ids", mcp.Required())), d.ack),
			tools.NewProfileTool(tools.Define("who", "The agents that are connected.", true, true), d.who),
		},
	}
}

func (d *dispatch) instructions(me string) string {
	list := strings.Join(d.cfg.Agents, ", ")
	if list == "" {
		list = "(any name)"
	}
	text := d.cfg.Instructions
	if text == "" {
		text = peersAreNotInstructions("You are the agent {agent_id}. dispatch sends a message to another agent, peek reads what has come and tells what became of what you sent, ack says that you are done with a message, who lists the agents that are there. What waits for you also comes with the results of these tools. Targets: {agent_list}.")
	}
	return strings.NewReplacer("{agent_id}", me, "{agent_list}", list).Replace(text)
}

type dispatchParams struct {
	Message     string          `json:"message"`
	Target      string          `json:"target"`
	Priority    string          `json:"priority"`
	Thread      string          `json:"thread_id"`
	ReplyTo     string          `json:"reply_to"`
	Payload     json.RawMessage `json:"payload"`
	TTL         int             `json:"ttl"`
	MustRead    bool            `json:"must_read"`
	IncludeRead bool            `json:"include_read"`
	IDs         []string        `json:"message_ids"`
}

type sentView struct {
	Sent     bool    `json:"sent"`
	ID       string  `json:"id"`
	From     string  `json:"from"`
	To       string  `json:"to"`
	Priority string  `json:"priority"`
	Thread   *string `json:"thread_id"`
	pending
}

func (d *dispatch) send(ctx context.Context, s *tools.Server, p dispatchParams) (any, error) {
	if n := len(p.Message) + len(p.Payload); n > d.cfg.MaxMessageBytes {
		return nil, fmt.Errorf("the message has %d bytes and max_message_bytes is %d; send less at once", n, d.cfg.MaxMessageBytes)
	}
	to, err := d.recipient(p.Target)
	if err != nil {
		return nil, err
	}
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	if p.TTL == 0 {
		p.TTL = d.cfg.DefaultTTL
	}
	m, err := st.Post(ctx, gitstore.Post{
		From: me, To: []string{to}, Body: p.Message, Priority: p.Priority, Payload: p.Payload,
		Thread: dispatchThread(p.Thread), ReplyTo: dispatchShort(p.ReplyTo),
		ExpiresIn: time.Duration(p.TTL) * time.Second, RequireAck: p.MustRead, Queue: true,
	})
	if err != nil {
		return nil, err
	}
	return sentView{true, dispatchID(m.ID), me, dispatchTo(m.To), p.Priority, threadID(m.Thread), d.pending(ctx, st, me)}, nil
}

// recipient is whom a target means; with a roster, it must be on it.
func (d *dispatch) recipient(target string) (string, error) {
	target = strings.ToLower(strings.TrimSpace(target))
	if target == dispatchAll || target == event.Everyone {
		return event.Everyone, nil
	}
	name, err := AgentID(target)
	if err != nil {
		return "", fmt.Errorf("target: %w", err)
	}
	return name, d.cfg.Admits(name)
}

// Admits tells whether an agent is on the roster, if there is one.
func (c DispatchConfig) Admits(agent string) error {
	if len(c.Agents) == 0 || slices.ContainsFunc(c.Agents, func(a string) bool {
		id, err := AgentID(a)
		return err == nil && id == agent
	}) {
		return nil
	}
	return fmt.Errorf("no agent named %q is on the roster; it has %s, and all is everyone", agent, strings.Join(c.Agents, ", "))
}

type ackView struct {
	Agent    string   `json:"agent_id"`
	Acked    int      `json:"acked"`
	NotFound []string `json:"not_found"`
	pending
}

func (d *dispatch) ack(ctx context.Context, s *tools.Server, p dispatchParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(p.IDs))
	for i, id := range p.IDs {
		ids[i] = dispatchShort(id)
	}
	acked, missing, err := acknowledgeFound(ctx, st, me, ids, event.StateAcknowledged)
	if err != nil {
		return nil, err
	}
	view := ackView{Agent: me, Acked: acked, pending: d.pending(ctx, st, me)}
	for _, id := range missing {
		view.NotFound = append(view.NotFound, "msg-"+id)
	}
	return view, nil
}

type whoView struct {
	Self   string      `json:"self"`
	Agents []connected `json:"agents"`
	Count  int         `json:"count"`
}

type connected struct {
	Agent   string    `json:"agent_id"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Status  string    `json:"status,omitempty"`
}

func (d *dispatch) who(ctx context.Context, s *tools.Server, _ dispatchParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	all, err := st.Who(ctx, 0)
	if err != nil {
		return nil, err
	}
	view := whoView{Self: me, Agents: []connected{}}
	for _, a := range all {
		if a.Here {
			session := a.Sessions[0]
			view.Agents = append(view.Agents, connected{a.Name, session.PID, session.Since, a.Status})
		}
	}
	slices.SortFunc(view.Agents, func(a, b connected) int { return strings.Compare(a.Agent, b.Agent) })
	view.Count = len(view.Agents)
	return view, nil
}
