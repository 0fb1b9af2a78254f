package profiles

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/tools"
)

// duo is the profile: the broker is in every server of it, since the store is
// shared.
type duo struct {
	broker *Broker
	notice func(agent, line string) error // nil: there are no notices
}

func newDuo(notice func(agent, line string) error) *duo { return &duo{NewBroker(), notice} }

func (d *duo) profile() *tools.Profile {
	conversation := func(o ...mcp.PropertyOption) tools.Param { return tools.Text("conversation", o...) }
	return &tools.Profile{
		Name: "mcp-claude-duo",
		Instructions: func(me string) string {
			return peersAreNotInstructions("Conversations with other Claude instances, your partners. You are " + orYou(me) + ". talk sends, listen waits for messages; a conversation between two is made by the first message, a group with create_conversation.")
		},
		Watch:    d.watch,
		Announce: func(result, notice string) string { return result + "\n\n⚠️ " + notice },
		Apart:    "take another name with register",
		Tools: []tools.ProfileTool{
			tools.NewProfileTool(tools.Define("register", "Take a name. You have one already; this is for another.", false, true, tools.Text("name")), d.register),
			tools.NewProfileTool(tools.Define("talk", "Send a message to a partner or a conversation; without either, to your only partner.", false, false,
				tools.Text("message", mcp.Required()), tools.Text("to"), conversation()), d.talk),
			tools.NewProfileTool(tools.Define("listen", "Wait for messages; at once if there are any. They are then read.", false, false,
				conversation(mcp.Description("Only this one")), tools.Number("timeout", mcp.Min(0.0), mcp.DefaultNumber(30), mcp.Description("Minutes; shortened to what your client survives"))), d.listen),
			tools.NewProfileTool(tools.Define("list_partners", "Who there is, online or not, with their status.", true, true, tools.Text("search")), d.partners),
			tools.NewProfileTool(tools.Define("list_conversations", "Your conversations.", true, true), d.conversations),
			tools.NewProfileTool(tools.Define("create_conversation", "Create a group.", false, false,
				tools.Text("name", mcp.Required()), tools.Text("participants", mcp.Required(), mcp.Description("Separated by commas"))), d.create),
			tools.NewProfileTool(tools.Define("leave_conversation", "Leave a group.", false, true, conversation(mcp.Required())), d.leave),
			tools.NewProfileTool(tools.Define("history", "The last messages of a conversation.", true, true,
				conversation(mcp.Required()), tools.Int("limit", mcp.DefaultNumber(50))), d.history),
			tools.NewProfileTool(tools.Define("set_status", "Set your status line; without one, clear it.", false, true, tools.Text("message")), d.setStatus),
			tools.NewProfileTool(tools.Define("notifications", "Turn notices of mail on or off.", false, true, tools.Bool("enabled", mcp.Required())), d.notifications),
		},
	}
}

func orYou(name string) string {
	if name == "" {
		return "named after your client and folder"
	}
	return name
}

type duoParams struct {
	Name         string  `json:"name"`
	Message      string  `json:"message"`
	To           string  `json:"to"`
	Conversation string  `json:"conversation"`
	Timeout      float64 `json:"timeout"`
	Search       string  `json:"search"`
	Participants string  `json:"participants"`
	Limit        int     `json:"limit"`
	Enabled      bool    `json:"enabled"`
}

func (d *duo) register(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	if p.Name != "" {
		name, err := AgentID(p.Name)
		if err != nil {
			return nil, fmt.Errorf("name: %w", err)
		}
		if err := s.Rename(ctx, name); err != nil {
			return nil, err
		}
	}
	_, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	return fmt.Sprintf("Registered as **%s**", me), nil
}

func (d *duo) talk(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	if p.To == "" && p.Conversation == "" {
		if p.To, err = d.onlyPartner(ctx, st, me); err != nil {
			return nil, err
		}
	}
	sent, err := d.broker.Talk(ctx, st, me, p.To, p.Conversation, p.Message)
	if err != nil {
		return nil, err
	}
	return "Message sent to " + sent.Conversation, nil
}

// onlyPartner is the one other agent there is.
func (d *duo) onlyPartner(ctx context.Context, st *gitstore.Store, me string) (string, error) {
	all, err := d.broker.Partners(ctx, st, "")
	if err != nil {
		return "", err
	}
	var others []string
	for _, p := range all {
		if p.ID != me {
			others = append(others, p.ID)
		}
	}
	switch len(others) {
	case 0:
		return "", errors.New("there is no other partner yet; give to or conversation")
	case 1:
		return others[0], nil
	}
	return "", fmt.Errorf("there are several partners: %s; give to or conversation", strings.Join(others, ", "))
}

func (d *duo) listen(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	wait := min(time.Duration(p.Timeout*float64(time.Minute)), s.LongestWait())
	heard, err := d.broker.Listen(ctx, st, me, p.Conversation, func(q gitstore.InboxQuery) (*gitstore.Inbox, error) {
		return s.Await(ctx, st, q, wait)
	})
	if err != nil {
		return nil, err
	}
	if len(heard.Messages) == 0 {
		return fmt.Sprintf("No message for %s within %s. Call `listen` again to go on.", me, wait.Round(time.Second)), nil
	}
	return heardText(heard.Messages), d.broker.Received(ctx, st, me, heard)
}

func (d *duo) partners(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	all, err := d.broker.Partners(ctx, st, p.Search)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return "No partner matches.", nil
	}
	var b strings.Builder
	b.WriteString("**Partners:**\n\n")
	for _, p := range all {
		b.WriteString(partnerLine(p, me))
	}
	b.WriteString("\n_🟢 online, ⚫ offline, 👂 listening_")
	return b.String(), nil
}

func partnerLine(p Partner, me string) string {
	line := "⚫"
	if p.Status == Online {
		line = "🟢"
	}
	if p.Listening {
		line += " 👂"
	}
	line += fmt.Sprintf(" **%s** (%s)", p.Name, p.ID)
	if p.ID == me {
		line += " (you)"
	}
	if p.StatusMessage != nil {
		line += " — _" + tools.Line(*p.StatusMessage, 200) + "_"
	}
	return line + "\n"
}

func (d *duo) conversations(ctx context.Context, s *tools.Server, _ duoParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	all, err := d.broker.Conversations(ctx, st, me)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return "No conversations.", nil
	}
	var b strings.Builder
	b.WriteString("**Conversations:**\n")
	for _, c := range all {
		b.WriteString(conversationText(c))
	}
	return b.String(), nil
}

func conversationText(c Conversation) string {
	names := make([]string, len(c.Participants))
	for i, p := range c.Participants {
		names[i] = p.Name
	}
	mark, name := "👥", tools.Line(c.Name, 200)
	if c.Type == typeDirect {
		mark = "💬"
	}
	if name == "" {
		name = strings.Join(names, ", ")
	}
	unread := ""
	if c.Unread > 0 {
		unread = fmt.Sprintf(" (%d unread)", c.Unread)
	}
	return fmt.Sprintf("\n%s **%s**%s\n   ID: `%s`\n   Participants: %s\n", mark, name, unread, c.ID, strings.Join(names, ", "))
}

func (d *duo) create(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.broker.Create(ctx, st, me, p.Name, splitList(p.Participants))
	if err != nil {
		return nil, err
	}
	return "Conversation created:" + conversationText(c), nil
}

func (d *duo) leave(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	archived, err := d.broker.Leave(ctx, st, me, p.Conversation)
	if err != nil {
		return nil, err
	}
	if archived {
		return "You left " + p.Conversation + ", and it is archived: nobody is left in it.", nil
	}
	return "You left " + p.Conversation + ".", nil
}

func (d *duo) history(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	c, words, err := d.broker.History(ctx, st, p.Conversation, p.Limit)
	if err != nil {
		return nil, err
	}
	name := tools.Line(c.Name, 200)
	if name == "" {
		name = c.ID
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**History: %s**\n\n", name)
	for _, w := range words {
		b.WriteString(wordsLine("", time.DateTime, w))
	}
	return b.String(), nil
}

func (d *duo) setStatus(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := st.SetProfile(ctx, gitstore.ProfileUpdate{From: me, Status: &p.Message}); err != nil {
		return nil, err
	}
	if p.Message == "" {
		return "Status cleared.", nil
	}
	return "Status: _" + tools.Line(p.Message, 200) + "_", nil
}

func (d *duo) notifications(ctx context.Context, s *tools.Server, p duoParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := st.SetProfile(ctx, gitstore.ProfileUpdate{From: me, Notifications: &p.Enabled}); err != nil {
		return nil, err
	}
	if p.Enabled {
		return "Notifications are on.", nil
	}
	return "Notifications are off.", nil
}
