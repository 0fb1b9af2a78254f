package profiles

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/tools"
)

// How many messages a result of dispatch brings at most.
const (
	peekMost    = 50
	pendingMost = 20
	sentMost    = 20
)

// mailView is a message as dispatch shows it.
type mailView struct {
	ID       string          `json:"id"`
	From     string          `json:"from"`
	To       string          `json:"to"`
	At       time.Time       `json:"timestamp"`
	Priority string          `json:"priority"`
	Content  string          `json:"content"`
	Payload  json.RawMessage `json:"payload"`
	Thread   *string         `json:"thread_id"`
	ReplyTo  *string         `json:"reply_to"`
	TTL      *int            `json:"ttl"`
	MustRead bool            `json:"must_read"`
	State    string          `json:"state"`
	ReadAt   *time.Time      `json:"read_at,omitempty"`
}

// statePending is what dispatch calls a message without receipt.
const statePending = "pending"

func mail(m *gitstore.Message, reader string) mailView {
	v := mailView{
		ID: dispatchID(m.ID), From: m.From, To: dispatchTo(m.To), At: m.At, Priority: "normal", Content: string(m.Body),
		Payload: m.Payload, Thread: threadID(m.Thread), MustRead: m.RequireAck, State: statePending,
	}
	if m.Priority != "" {
		v.Priority = m.Priority
	}
	if m.Payload == nil {
		v.Payload = json.RawMessage("null")
	}
	if !m.ReplyTo.IsZero() {
		id := dispatchID(m.ReplyTo)
		v.ReplyTo = &id
	}
	if !m.Expires.IsZero() {
		ttl := int(m.Expires.Sub(m.At).Seconds())
		v.TTL = &ttl
	}
	if r := receiptBy(m, reader); r.State != "" {
		v.State, v.ReadAt = r.State, timeOrNil(r.At)
	}
	return v
}

func dispatchID(id event.ID) string { return "msg-" + id.Short() }

// dispatchShort is skein's id for one of dispatch's.
func dispatchShort(id string) string {
	return strings.TrimPrefix(strings.ToLower(strings.TrimSpace(id)), "msg-")
}

func dispatchTo(to []string) string {
	if len(to) == 0 || slices.Contains(to, event.Everyone) {
		return dispatchAll
	}
	return strings.Join(to, ", ")
}

// dispatchThread is the thread for a thread_id.
func dispatchThread(id string) string {
	if id == "" || strings.Contains(id, "/") {
		return id
	}
	return dispatchProject + "/" + id
}

// threadID is the thread_id for a thread; a direct thread has none.
func threadID(ref event.ThreadRef) *string {
	id := ref.String()
	switch ref.Project {
	case event.DirectProject:
		return nil
	case dispatchProject:
		id = ref.Thread
	}
	return &id
}

type peekView struct {
	Agent    string        `json:"agent_id"`
	Messages []mailView    `json:"messages"`
	Count    int           `json:"count"`
	More     int           `json:"more,omitempty"` // that wait and did not fit; peek again
	Receipts []receiptView `json:"sent_receipts,omitempty"`
}

func (d *dispatch) peek(ctx context.Context, s *tools.Server, p dispatchParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	box, err := st.Inbox(ctx, gitstore.InboxQuery{Agent: me, Thread: dispatchThread(p.Thread), Open: p.IncludeRead, Limit: peekMost})
	if isUnknown(err, "thread") { // nothing was said there yet
		box, err = &gitstore.Inbox{}, nil
	}
	if err != nil {
		return nil, err
	}
	found := box.Messages
	if err := st.FillReceipts(ctx, found); err != nil {
		return nil, err
	}
	view := peekView{Agent: me, Messages: make([]mailView, len(found)), Count: len(found), More: box.Total - len(found)}
	for i, m := range found {
		view.Messages[i] = mail(m, me)
	}
	if view.Receipts, err = sentReceipts(ctx, st, me); err != nil {
		return nil, err
	}
	return view, markRead(ctx, st, me, found)
}

// receiptView tells what became of a message for one recipient.
type receiptView struct {
	ID      string     `json:"id"`
	To      string     `json:"to"`
	State   string     `json:"state"`
	ReadAt  *time.Time `json:"read_at"`
	SentAt  time.Time  `json:"sent_at"`
	Preview string     `json:"preview"`
}

// receiptPreview is how many characters of a message a receipt shows.
const receiptPreview = 60

func sentReceipts(ctx context.Context, st *gitstore.Store, me string) ([]receiptView, error) {
	found, err := st.Search(ctx, gitstore.SearchQuery{Text: "from:" + me, Limit: sentMost})
	if err != nil {
		return nil, err
	}
	sent := make([]*gitstore.Message, len(found.Hits))
	for i, hit := range found.Hits {
		sent[len(sent)-1-i] = hit.Message
	}
	if err := st.FillReceipts(ctx, sent); err != nil {
		return nil, err
	}
	agents, err := st.Agents(ctx)
	if err != nil {
		return nil, err
	}
	var views []receiptView
	for _, m := range sent {
		for _, to := range recipients(m, agents) {
			r := receiptBy(m, to)
			v := receiptView{dispatchID(m.ID), to, statePending, timeOrNil(r.At), m.At, preview(string(m.Body), receiptPreview)}
			if r.State != "" {
				v.State = r.State
			}
			views = append(views, v)
		}
	}
	return views, nil
}

// recipients are those a message is for: everyone who was there when it is for
// everyone.
func recipients(m *gitstore.Message, agents []event.Agent) []string {
	if dispatchTo(m.To) != dispatchAll {
		return m.To
	}
	var names []string
	for _, a := range agents {
		if a.Name != m.From && !a.Joined.After(m.At) {
			names = append(names, a.Name)
		}
	}
	return names
}

// pending is the mail that rides on a result.
type pending struct {
	Dispatches []mailView `json:"_dispatches,omitempty"`
	Count      int        `json:"_dispatch_count,omitempty"`
}

// pending returns what waits and has not ridden on a result to this client
// before. It marks nothing as read: peek still shows it.
func (d *dispatch) pending(ctx context.Context, st *gitstore.Store, me string) pending {
	waiting, err := allUnread(ctx, st, me)
	if err != nil {
		return pending{} // the call itself went well
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	client := tools.SessionID(ctx)
	if d.ridden[client] == nil {
		d.ridden[client] = make(map[event.ID]bool)
	}
	var p pending
	for _, m := range waiting {
		if !d.ridden[client][m.ID] && p.Count < pendingMost {
			d.ridden[client][m.ID] = true
			p.Dispatches = append(p.Dispatches, mail(m, me))
			p.Count++
		}
	}
	return p
}

// withNotice adds a notice to a result, beside the mail that rides on it.
func withNotice(result, notice string) string {
	object, isObject := strings.CutSuffix(result, "}")
	text, err := json.Marshal(notice)
	if !isObject || err != nil {
		return result
	}
	return object + `,"_notice":` + string(text) + "}"
}

// watch tells a person, in a line, that mail has come.
func (d *dispatch) watch(ctx context.Context, s *tools.Server) {
	if d.alerts == nil {
		return
	}
	began := time.Now()
	st, me, err := s.Joined(ctx)
	if err != nil {
		return // the calls say why
	}
	followMail(ctx, st, me, began, func(m *gitstore.Message) { fmt.Fprintln(d.alerts, alert(m)) })
}

// alertBytes is how much of a message an alert shows.
const alertBytes = 80

func alert(m *gitstore.Message) string {
	mark := ">>>"
	if m.Priority == event.PriorityUrgent {
		mark = "!!!"
	}
	return fmt.Sprintf("[dispatch %s] message from %s: %s", mark, m.From, tools.Line(string(m.Body), alertBytes))
}
