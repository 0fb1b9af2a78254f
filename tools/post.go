package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
)

func postTool() mcp.Tool {
	return upFront(define("post_message",
		"Send a message to agents or people. It waits until they read it. With a thread and no `to`, it goes to the thread's members, or everyone.",
		hints{},
		textParam("body", mcp.Required(), about("Markdown")),
		listParam("to", about("Agent names, or * for everyone")),
		textParam("thread", about("project/thread; a new name opens it")),
		textParam("project"),
		textParam("title"),
		textParam("reply_to", about("Message id")),
		listParam("tags"),
		textParam("priority", mcp.Enum("normal", event.PriorityUrgent)),
		textParam(payloadName, about("JSON")),
		textParam("expires_in", about("Such as 30m, 2h, 7d")),
		boolParam("require_ack"),
		boolParam("queue", about("Allow names nobody holds yet")),
	))
}

type postParams struct {
	Body       string   `json:"body"`
	To         []string `json:"to"`
	Thread     string   `json:"thread"`
	Project    string   `json:"project"`
	Title      string   `json:"title"`
	ReplyTo    string   `json:"reply_to"`
	Tags       []string `json:"tags"`
	Priority   string   `json:"priority"`
	Payload    string   `json:"payload"`
	ExpiresIn  string   `json:"expires_in"`
	RequireAck bool     `json:"require_ack"`
	Queue      bool     `json:"queue"`
}

func (s *Server) post(ctx context.Context, p postParams) (string, error) {
	post, err := p.post()
	if err != nil {
		return "", err
	}
	st, me, err := s.joined(ctx)
	if err != nil {
		return "", err
	}
	post.From = me
	m, err := st.Post(ctx, post)
	if err != nil {
		return "", err
	}
	to := "everyone in the thread"
	if len(m.To) > 0 {
		to = strings.ReplaceAll(strings.Join(m.To, ", "), event.Everyone, "everyone")
	}
	return fmt.Sprintf("posted %s in %s to %s, as %s", m.ID.Short(), m.Thread, to, me), nil
}

// post checks what the store cannot, because it never sees it as it was given.
func (p postParams) post() (gitstore.Post, error) {
	expires, err := parseDuration(p.ExpiresIn)
	if err != nil {
		return gitstore.Post{}, fmt.Errorf("expires_in: %w", err)
	}
	if p.Payload != "" && !json.Valid([]byte(p.Payload)) {
		return gitstore.Post{}, notJSON(payloadName, p.Payload)
	}
	if p.Priority == "normal" {
		p.Priority = ""
	}
	return gitstore.Post{
		Thread: p.Thread, Project: p.Project, To: p.To, Title: p.Title, Body: p.Body, ReplyTo: p.ReplyTo,
		Tags: p.Tags, Priority: p.Priority, Payload: json.RawMessage(p.Payload),
		ExpiresIn: expires, RequireAck: p.RequireAck, Queue: p.Queue,
	}, nil
}

// parseDuration reads "90s", "2h30m", "7d", "2w", and seconds without a unit.
func parseDuration(s string) (time.Duration, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" {
		return 0, nil
	}
	bad := fmt.Errorf("%q is no duration; write 90s, 30m, 2h or 7d", clip(oneLine(s), 40))
	number, unit := s, time.Second
	for suffix, u := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			number, unit = n, u
		}
	}
	if f, err := strconv.ParseFloat(number, 64); err == nil {
		if !(f > 0 && f*float64(unit) <= float64(maxExpiry)) { // NaN too
			return 0, bad
		}
		return time.Duration(f * float64(unit)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > maxExpiry {
		return 0, bad
	}
	return d, nil
}

// maxExpiry keeps a lifetime within what a duration can hold.
const maxExpiry = 100 * 365 * 24 * time.Hour
