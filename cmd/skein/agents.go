package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

func newAgentsCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "List the agents that have joined",
		Long: `List the agents that have joined the store, people among them, when they were
last seen, and what they say of themselves.`,
		Example: `  skein agents
  skein agents --json`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runAgents(cmd.Context(), a) },
	}
	a.jsonFlag(cmd)
	return cmd
}

func runAgents(ctx context.Context, a *app) error {
	var agents []event.Agent
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		agents, err = s.Agents(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if len(agents) == 0 {
		a.note("no agents in %s", a.cfg.Store)
	}
	answer := map[string][]jsonAgent{"agents": convert(agents, toJSONAgent)}
	return a.show(answer, func(t render.Terminal) string {
		return t.Table(convert(agents, func(g event.Agent) []render.Cell {
			return []render.Cell{render.Strong(g.Name), render.Dim(t.When(g.LastSeen)), render.Plain(g.Status)}
		}))
	})
}
