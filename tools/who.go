package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
)

func whoTool() mcp.Tool {
	return define("who",
		"Agents and people: who is here, last seen, status.",
		hints{readOnly: true, idempotent: true},
		intParam("active_within_minutes"),
	)
}

type whoParams struct {
	Minutes int `json:"active_within_minutes"`
}

func (s *Server) whoIs(ctx context.Context, p whoParams) (string, error) {
	st, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	all, err := st.Who(ctx, time.Duration(p.Minutes)*time.Minute)
	if err != nil {
		return "", err
	}
	me, err := s.me(ctx)
	if err != nil {
		me = "nobody yet"
	}
	lines := make([]string, len(all))
	for i := range all {
		lines[i] = attendance(&all[i], me, s.lastSeen(&all[i]))
	}
	n := fits(lines, false)
	tail := ""
	if n < len(lines) {
		tail = fmt.Sprintf("%d more; ask for those active within fewer minutes\n", len(lines)-n)
	}
	return fmt.Sprintf("you are %s in the store %s\n", me, st.Dir()) + strings.Join(lines[:n], "") + tail, nil
}

func (s *Server) lastSeen(a *gitstore.Attendance) string {
	if a.LastSeen.IsZero() {
		return ""
	}
	return s.age(a.LastSeen)
}

// attendance is a line about an agent, last seen then.
func attendance(a *gitstore.Attendance, me, then string) string {
	parts := []string{a.Name}
	if a.Name == me {
		parts[0] += " (you)"
	}
	switch {
	case a.Here && len(a.Sessions) > 1:
		parts = append(parts, fmt.Sprintf("here in %d sessions", len(a.Sessions)))
	case a.Here:
		parts = append(parts, "here")
	case a.Person:
		parts = append(parts, "a person")
	}
	if then != "" {
		parts = append(parts, "last seen "+then)
	}
	if a.Status != "" {
		parts = append(parts, quoted(a.Status))
	}
	return strings.Join(parts, ", ") + "\n"
}

func profileTool() mcp.Tool {
	return define("set_profile",
		"Say who you are and what you do.",
		hints{idempotent: true},
		textParam("name", about("Take this agent name")),
		textParam("status", about("One line; - clears")),
		textParam(metadataName, about("JSON")),
		boolParam("notifications"),
	)
}

type profileParams struct {
	Name          string  `json:"name"`
	Status        *string `json:"status"`
	Metadata      string  `json:"metadata"`
	Notifications *bool   `json:"notifications"`
}

// clears is what stands for an empty text: an empty argument counts as left out.
const clears = "-"

// optional is a text that may be left out, as the store takes it.
func optional(text *string) *string {
	if text != nil && strings.TrimSpace(*text) == clears {
		return new(string)
	}
	return text
}

func (s *Server) profile(ctx context.Context, p profileParams) (string, error) {
	u, err := p.update()
	if err != nil {
		return "", err
	}
	st, was, err := s.seated(ctx)
	if err != nil {
		return "", err
	}
	if p.Name != "" && u.From != was {
		if err := s.rename(ctx, st, u.From); err != nil {
			return "", err
		}
	}
	st, me, err := s.joined(ctx)
	if err != nil {
		return "", err
	}
	a := event.Agent{Name: me}
	if u.From = me; !u.Empty() {
		if a, err = st.SetProfile(ctx, u); err != nil {
			return "", err
		}
	}
	return profileText(a, was), nil
}

// update checks everything before the name is taken.
func (p profileParams) update() (gitstore.ProfileUpdate, error) {
	u := gitstore.ProfileUpdate{From: p.Name, Status: optional(p.Status), Metadata: json.RawMessage(p.Metadata), Notifications: p.Notifications}
	if p.Metadata != "" && !json.Valid([]byte(p.Metadata)) {
		return u, notJSON(metadataName, p.Metadata)
	}
	if p.Name == "" {
		if u.Empty() {
			return u, errors.New("set_profile needs something to set; give a name, status, metadata or notifications")
		}
		return u, u.Check()
	}
	var err error
	if u.From, err = event.AgentName(p.Name); err != nil {
		return u, err
	}
	return u, u.Check()
}

func profileText(a event.Agent, was string) string {
	text := "you are " + a.Name
	if a.Name != was && was != "" {
		text += "; mail for " + was + " stays with that name"
	}
	if a.Status != "" {
		text += ", status " + quoted(a.Status)
	}
	if a.Quiet {
		text += ", notifications off"
	}
	return text
}
