package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newWhoCmd(a *app) *cobra.Command {
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "who",
		Short: "Show who is here",
		Long: `Show the agents and people of the store: first those with a session on this
machine, then the others by when they were last seen, with their status. An
agent is here as long as its "skein serve" runs.`,
		Example: `  skein who
  skein who --active 10m --json`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if within < 0 {
				return usage(cmd, "--active must be a time like 10m")
			}
			return runWho(cmd.Context(), a, within)
		},
	}
	cmd.Flags().DurationVar(&within, "active", 0, "only who is here or was seen within this `time`")
	a.jsonFlag(cmd)
	return cmd
}

func runWho(ctx context.Context, a *app, within time.Duration) error {
	var who []gitstore.Attendance
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		who, err = s.Who(ctx, within)
		return err
	})
	if err != nil {
		return err
	}
	if len(who) == 0 {
		a.note("nobody in %s", a.cfg.Store)
	}
	answer := map[string][]jsonAttendance{"agents": convert(who, toJSONAttendance)}
	return a.show(answer, func(t render.Terminal) string {
		return t.Table(convert(who, func(w gitstore.Attendance) []render.Cell {
			return []render.Cell{render.Strong(w.Name), render.Plain(whereabouts(w)), render.Dim(lastSeen(t, w)), render.Plain(w.Status)}
		}))
	})
}

func whereabouts(w gitstore.Attendance) string {
	switch {
	case w.Here && len(w.Sessions) > 1:
		return fmt.Sprintf("here ×%d", len(w.Sessions))
	case w.Here:
		return "here"
	}
	return "away"
}

func lastSeen(t render.Terminal, w gitstore.Attendance) string {
	if w.LastSeen.IsZero() {
		return ""
	}
	return t.When(w.LastSeen)
}

type jsonAttendance struct {
	jsonAgent
	Here     bool          `json:"here"`
	Person   bool          `json:"person,omitempty"`
	Sessions []jsonSession `json:"sessions,omitempty"`
}

type jsonSession struct {
	Client  string `json:"client,omitempty"`
	Folder  string `json:"folder,omitempty"`
	Session string `json:"session,omitempty"`
	PID     int    `json:"pid"`
	Since   string `json:"since"`
	Seen    string `json:"last_seen"`
}

func toJSONAttendance(w gitstore.Attendance) jsonAttendance {
	return jsonAttendance{toJSONAgent(w.Agent), w.Here, w.Person, convert(w.Sessions, func(p gitstore.Presence) jsonSession {
		return jsonSession{p.Client, p.Folder, p.Session, p.PID, jsonTime(p.Since), jsonTime(p.Seen)}
	})}
}

func newStatusCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [TEXT]",
		Short: "Show or set what you are doing",
		Long: `Set the line that others see beside your name; an empty one clears it. Without
a text, show yours.`,
		Example: `  skein status "reviewing the parser"
  skein status ""
  skein status`,
		Args: takes(0, 1, "one text, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error { return runStatus(cmd.Context(), a, args) },
	}
	a.jsonFlag(cmd)
	return cmd
}

func runStatus(ctx context.Context, a *app, args []string) error {
	name, err := a.agent()
	if err != nil {
		return err
	}
	access := a.reading
	if len(args) > 0 {
		access = a.writing
	}
	var answer jsonAgent
	err = access(ctx, func(s *gitstore.Store) error {
		agent, err := s.Agent(ctx, name)
		if err == nil && len(args) > 0 {
			agent, err = s.SetProfile(ctx, gitstore.ProfileUpdate{From: name, Status: &args[0]})
		}
		answer = toJSONAgent(agent)
		return err
	})
	if err != nil {
		return err
	}
	if answer.Joined == "" && !a.json {
		return errors.New(name + " has not joined " + a.cfg.Store + " yet")
	}
	return a.show(answer, func(t render.Terminal) string {
		return t.Table([][]render.Cell{{render.Strong(answer.Agent), render.Plain(answer.Status)}})
	})
}
