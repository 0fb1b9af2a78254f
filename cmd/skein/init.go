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
	var depth int
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the store and join it",
		Long: `Make the store, a git repository, if there is none, and join it under your
agent name, so that others can write to you. Running it again is harmless.
The first command that writes does the same on its own. With --from the store
begins with what another machine's store has pushed to a git repository, which
becomes its remote; an empty repository will do as well.

With --depth as well, only so many of the newest commits come. Every message is
there all the same, and everything else that skein shows: what stays away are
older commits, as git log shows them, which take most of the time and of the
space. "skein sync --unshallow" brings them later.`,
		Example: `  skein init
  skein init --from git@github.com:mary/talk.git
  skein init --from git@github.com:mary/talk.git --depth 1
  skein init --store ~/messages --agent mary`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runInit(cmd, a, from, depth) },
	}
	cmd.Flags().StringVar(&from, "from", "", "begin with what is in the git repository at this `URL`")
	numberFlag(cmd.Flags(), &depth, "depth", "", 1, 0, "with no more than this many `commits` of each branch")
	must(cmd.RegisterFlagCompletionFunc("from", completeDirs))
	a.jsonFlag(cmd)
	return cmd
}

type jsonInit struct {
	Store   string `json:"store"`
	Agent   string `json:"agent"`
	Created bool   `json:"created"`
	Remote  string `json:"remote,omitempty"`
	Fetched int    `json:"fetched,omitempty"`
	Shallow bool   `json:"shallow,omitempty"` // older commits have stayed at the remote

	Refused []gitstore.Refusal `json:"refused,omitempty"`
	Held    []string           `json:"held,omitempty"`
	Notes   []string           `json:"notes,omitempty"`
}

func runInit(cmd *cobra.Command, a *app, from string, depth int) error {
	ctx := cmd.Context()
	if depth > 0 && from == "" {
		return usage(cmd, "--depth says how much to take of another repository; give its address with --from")
	}
	agent, err := a.agent()
	if err != nil {
		return err
	}
	result, report := jsonInit{Agent: agent, Created: !gitstore.Exists(a.cfg.Store)}, &gitstore.SyncReport{}
	if from != "" {
		if from, err = remoteAddress(cmd, from); err != nil {
			return err
		}
		if !result.Created {
			return hint(fmt.Errorf("there is a store at %s already", a.cfg.Store), "skein remote add URL and skein sync bring it together with another")
		}
	}
	tell, end := a.stages()
	err = a.writing(ctx, func(s *gitstore.Store) (err error) {
		result.Store = s.Dir()
		if from != "" {
			if report, err = a.clone(ctx, s, from, gitstore.SyncOptions{Depth: depth, Progress: tell}); err != nil {
				return err
			}
			if result.Shallow, err = s.Shallow(); err != nil {
				return err
			}
		}
		return s.Join(ctx, agent)
	})
	end()
	if err != nil {
		return err
	}
	return a.showInit(result, report)
}

// showInit prints what has become of a store, and of what came from its remote.
func (a *app) showInit(result jsonInit, report *gitstore.SyncReport) error {
	result.Remote, result.Fetched = report.Remote, report.Fetched
	result.Refused, result.Held, result.Notes = report.Refused, report.Held, report.Notes
	if err := a.show(result, func(render.Terminal) string { return initText(result) + remarks(report) }); err != nil {
		return err
	}
	return unpushed(report)
}

// clone fills a new store from a remote.
func (a *app) clone(ctx context.Context, s *gitstore.Store, from string, o gitstore.SyncOptions) (*gitstore.SyncReport, error) {
	if err := s.SetRemote(ctx, from); err != nil {
		return nil, err
	}
	report, err := s.Sync(ctx, o)
	if err != nil {
		again := "skein sync"
		if o.Depth > 0 {
			again += fmt.Sprint(" --depth ", o.Depth)
		}
		return nil, hint(err, "the store is made, and empty; %s tries again, skein remote add URL names another repository", again)
	}
	if o.Progress != nil && a.cfg.Mirror {
		o.Progress("writing the files beside .git") // which is done when the store is closed
	}
	return report, nil
}

func initText(r jsonInit) string {
	switch {
	case r.Remote != "":
		text := fmt.Sprintf("made the store %s with %s of %s and joined it as %s\n",
			render.Line(r.Store), render.Count(r.Fetched, "event"), render.Line(r.Remote), r.Agent)
		if r.Shallow {
			text += "older commits have stayed there; \"skein sync --unshallow\" brings them\n"
		}
		return text
	case r.Created:
		return "made the store " + render.Line(r.Store) + " and joined it as " + r.Agent + "\n"
	}
	return "the store " + render.Line(r.Store) + " is there; you are " + r.Agent + "\n"
}
