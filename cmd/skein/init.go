package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newInitCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the store and join it",
		Long: `Make the store, a git repository, if there is none, and join it under your
agent name, so that others can write to you. Running it again is harmless.
The first command that writes does the same on its own.`,
		Example: `  skein init
  skein init --store ~/work/messages --agent mary`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runInit(cmd.Context(), a) },
	}
	a.jsonFlag(cmd)
	return cmd
}

type jsonInit struct {
	Store   string `json:"store"`
	Agent   string `json:"agent"`
	Created bool   `json:"created"`
}

func runInit(ctx context.Context, a *app) error {
	agent, err := a.agent()
	if err != nil {
		return err
	}
	result := jsonInit{Agent: agent, Created: !gitstore.Exists(a.cfg.Store)}
	err = a.writing(ctx, func(s *gitstore.Store) error {
		result.Store = s.Dir()
		return s.Join(ctx, agent)
	})
	if err != nil {
		return err
	}
	return a.show(result, func(render.Terminal) string {
		if result.Created {
			return "made the store " + render.Line(result.Store) + " and joined it as " + agent + "\n"
		}
		return "the store " + render.Line(result.Store) + " is there; you are " + agent + "\n"
	})
}
