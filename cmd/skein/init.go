package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newInitCmd(a *app) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the store and join it",
		Long: `Make the store, a git repository, if there is none, and join it under your
agent name, so that others can write to you. Running it again is harmless.
The first command that writes does the same on its own. With --from the store
begins with what another machine's store has pushed to a git repository, which
becomes its remote; an empty repository will do as well.`,
		Example: `  skein init
  skein init --from git@github.com:mary/talk.git
  skein init --store ~/messages --agent mary`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runInit(cmd, a, from) },
	}
	cmd.Flags().StringVar(&from, "from", "", "begin with what is in the git repository at this `URL`")
	a.jsonFlag(cmd)
	return cmd
}

type jsonInit struct {
	Store   string `json:"store"`
	Agent   string `json:"agent"`
	Created bool   `json:"created"`
	Remote  string `json:"remote,omitempty"`
	Fetched int    `json:"fetched,omitempty"`
}

func runInit(cmd *cobra.Command, a *app, from string) error {
	ctx := cmd.Context()
	agent, err := a.agent()
	if err != nil {
		return err
	}
	result := jsonInit{Agent: agent, Created: !gitstore.Exists(a.cfg.Store)}
	if from != "" {
		if from, err = remoteAddress(cmd, from); err != nil {
			return err
		}
		if !result.Created {
			return hint(fmt.Errorf("there is a store at %s already", a.cfg.Store), "skein remote add URL and skein sync bring it together with another")
		}
	}
	err = a.writing(ctx, func(s *gitstore.Store) error {
		result.Store = s.Dir()
		if from != "" {
			if err := a.clone(ctx, s, from, &result); err != nil {
				return err
			}
		}
		return s.Join(ctx, agent)
	})
	if err != nil {
		return err
	}
	return a.show(result, func(render.Terminal) string { return initText(result) })
}

// clone fills a new store from a remote.
func (a *app) clone(ctx context.Context, s *gitstore.Store, from string, result *jsonInit) error {
	if err := s.SetRemote(ctx, from); err != nil {
		return err
	}
	tell, end := a.stages()
	report, err := s.Sync(ctx, gitstore.SyncOptions{Progress: tell})
	end()
	if err != nil {
		return hint(err, "the store is made, and empty; skein sync tries again, skein remote add URL names another repository")
	}
	result.Remote, result.Fetched = report.Remote, report.Fetched
	return nil
}

func initText(r jsonInit) string {
	switch {
	case r.Remote != "":
		return fmt.Sprintf("made the store %s with %s of %s and joined it as %s\n",
			render.Line(r.Store), render.Count(r.Fetched, "event"), render.Line(r.Remote), r.Agent)
	case r.Created:
		return "made the store " + render.Line(r.Store) + " and joined it as " + r.Agent + "\n"
	}
	return "the store " + render.Line(r.Store) + " is there; you are " + r.Agent + "\n"
}
