package profiles

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/tools"
)

// The limits of relay.
const (
	relayWindow = 20       // messages; older ones fall out of view
	relayLatest = 10       // messages of the resource
	relayMost   = 64 << 10 // bytes of a message
)

// The two clients of relay, who are agents.
const (
	relayDesktop = "desktop"
	relayCode    = "code"
)

// RelayIdle is how long a relay server has had no request before it exits.
const RelayIdle = time.Hour

// relayCleared is the key of the shared state that holds the id of the last
// message cleared.
const relayCleared = "relay/cleared"

// relayer is the profile.
type relayer struct {
	notify func(ctx context.Context, title, text string) error // nil: nobody is told
}

func newRelay(notify func(ctx context.Context, title, text string) error) *relayer {
	return &relayer{notify}
}

func (r *relayer) profile() *tools.Profile {
	client := func(name string, o ...mcp.PropertyOption) tools.Param {
		return tools.Text(name, append(o, mcp.Enum(relayDesktop, relayCode))...)
	}
	return &tools.Profile{
		Name:  "relay",
		Watch: r.watch,
		Instructions: func(string) string {
			return peersAreNotInstructions("Messages between Claude Desktop (desktop) and Claude Code (code). The person decides when to fetch: relay_fetch with your own reader when they say get.")
		},
		Tools: []tools.ProfileTool{
			tools.NewProfileTool(tools.Define("relay_send", "Send a message to the other Claude client: when the person says to ask or tell Desktop or Code something.", false, false,
				tools.Text("message", mcp.Required(), mcp.Description("At most 64 KB")), client("sender", mcp.Required(), mcp.Description("Who you are"))), relaySend),
			tools.NewProfileTool(tools.Define("relay_fetch", "Messages from the other Claude client, oldest first. With a reader they are marked as read.", false, true,
				tools.Int("limit", mcp.Min(1.0), mcp.Max(float64(relayWindow)), mcp.DefaultNumber(5)), client("reader", mcp.Description("Who you are")),
				tools.Bool("unread_only", mcp.DefaultBool(true), mcp.Description("Only what the reader has not read"))), relayFetch),
			tools.NewProfileTool(tools.Define("relay_clear", "Empty the window. What was said stays in the store.", false, true), relayClear),
		},
		Resources: []tools.ProfileResource{{
			Definition: mcp.NewResource("messages://latest", "latest", mcp.WithResourceDescription("The last 10 messages"), mcp.WithMIMEType("application/json")),
			Read: func(ctx context.Context, s *tools.Server) (any, error) {
				seen, _, err := relayView(ctx, s)
				return relayRows(last(seen, relayLatest)), err
			},
		}},
	}
}

type relayParams struct {
	Message    string `json:"message"`
	Sender     string `json:"sender"`
	Reader     string `json:"reader"`
	Limit      int    `json:"limit"`
	UnreadOnly bool   `json:"unread_only"`
}

// relayAnswer is what relay_send and relay_clear return.
type relayAnswer struct {
	OK      bool   `json:"ok"`
	Deleted *int   `json:"deleted,omitempty"`
	Error   string `json:"error,omitempty"`
}

func relayFailed(err error) (any, error) { return relayAnswer{Error: err.Error()}, nil }

// relayRow is a message as relay shows it.
type relayRow struct {
	ID            string     `json:"id"`
	Sender        string     `json:"sender"`
	Message       string     `json:"message"`
	Timestamp     time.Time  `json:"timestamp"`
	ReadByDesktop *time.Time `json:"read_by_desktop_at"`
	ReadByCode    *time.Time `json:"read_by_code_at"`
}

func relayRows(messages []*gitstore.Message) []relayRow {
	rows := make([]relayRow, len(messages))
	for i, m := range messages {
		rows[i] = relayRow{m.ID.Short(), m.From, string(m.Body), m.At,
			timeOrNil(receiptBy(m, relayDesktop).At), timeOrNil(receiptBy(m, relayCode).At)}
	}
	return rows
}

func relayOther(client string) string {
	if client == relayDesktop {
		return relayCode
	}
	return relayDesktop
}

func relaySend(ctx context.Context, s *tools.Server, p relayParams) (any, error) {
	if n := len(p.Message); n > relayMost {
		return relayFailed(fmt.Errorf("the message has %d bytes and at most %d are sent; send it in parts", n, relayMost))
	}
	st, err := s.Store(ctx)
	if err != nil {
		return relayFailed(err)
	}
	_, err = st.Post(ctx, gitstore.Post{From: p.Sender, To: []string{relayOther(p.Sender)}, Body: p.Message, Queue: true})
	if err != nil {
		return relayFailed(err)
	}
	return relayAnswer{OK: true}, nil
}

func relayFetch(ctx context.Context, s *tools.Server, p relayParams) (any, error) {
	seen, st, err := relayView(ctx, s)
	if err != nil {
		return nil, err
	}
	if p.UnreadOnly && p.Reader != "" {
		seen = slices.DeleteFunc(seen, func(m *gitstore.Message) bool {
			return m.From == p.Reader || receiptBy(m, p.Reader).State != ""
		})
	}
	seen = last(seen, p.Limit)
	if p.Reader != "" {
		others := slices.DeleteFunc(slices.Clone(seen), func(m *gitstore.Message) bool { return m.From == p.Reader })
		if err := markRead(ctx, st, p.Reader, others); err != nil {
			return nil, err
		}
	}
	return relayRows(seen), nil
}

func relayClear(ctx context.Context, s *tools.Server, _ relayParams) (any, error) {
	seen, st, err := relayView(ctx, s)
	if err != nil {
		return relayFailed(err)
	}
	if n := len(seen); n > 0 {
		me, err := s.Agent(ctx)
		if err == nil {
			_, err = st.SetState(ctx, me, relayCleared, fmt.Appendf(nil, "%q", seen[n-1].ID))
		}
		if err != nil {
			return relayFailed(err)
		}
	}
	deleted := len(seen)
	return relayAnswer{OK: true, Deleted: &deleted}, nil
}

// relayView is the window, oldest first: what the two clients said to each
// other, and what waits for either from others.
func relayView(ctx context.Context, s *tools.Server) ([]*gitstore.Message, *gitstore.Store, error) {
	st, err := s.Store(ctx)
	if err != nil {
		return nil, nil, err
	}
	cleared, err := clearedThrough(ctx, st)
	if err != nil {
		return nil, nil, err
	}
	page, err := st.Read(ctx, gitstore.ReadQuery{Thread: event.DirectThread(relayDesktop, relayCode).String(), Limit: relayWindow})
	if err != nil && !isUnknown(err, "thread") {
		return nil, nil, err
	}
	var seen []*gitstore.Message
	if page != nil {
		seen = page.Messages
	}
	for _, client := range []string{relayDesktop, relayCode} {
		waiting, err := allUnread(ctx, st, client)
		if err != nil {
			return nil, nil, err
		}
		seen = append(seen, waiting...)
	}
	seen = slices.DeleteFunc(byID(seen), func(m *gitstore.Message) bool { return m.ID.Compare(cleared) <= 0 })
	seen = last(seen, relayWindow)
	return seen, st, st.FillReceipts(ctx, seen)
}

// clearedThrough is the last message that was cleared. A mark that is none is
// left aside: anybody may write to the shared state.
func clearedThrough(ctx context.Context, st *gitstore.Store) (event.ID, error) {
	mark, err := st.State(ctx, relayCleared)
	var id event.ID
	if err != nil || mark.Value == nil || json.Unmarshal(mark.Value, &id) != nil {
		return event.ID{}, err
	}
	return id, nil
}
