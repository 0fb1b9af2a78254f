package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

func newThreadsCmd(a *app) *cobra.Command {
	var f gitstore.ThreadFilter
	cmd := &cobra.Command{
		Use:   "threads",
		Short: "List threads, the latest first",
		Example: `  skein threads
  skein threads --project axon --status active
  skein threads --member desktop --json`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runThreads(cmd.Context(), a, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Project, "project", "", "only of this `project`")
	flags.StringVar(&f.Status, "status", "", "only with this `status`: active, resolved or archived")
	flags.StringVar(&f.Member, "member", "", "only those that reach this `agent`")
	numberFlag(flags, &f.Limit, "limit", "n", 0, 0, "at most this many `threads`; 0 is all")
	a.jsonFlag(cmd)
	a.completeFlag(cmd, "project", projectNames)
	a.completeFlag(cmd, "member", agentNames)
	completeFixed(cmd, "status", threadStatuses)
	return cmd
}

var threadStatuses = []string{event.StatusActive, event.StatusResolved, event.StatusArchived}

func runThreads(ctx context.Context, a *app, f gitstore.ThreadFilter) error {
	var threads []event.Thread
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		threads, err = s.Threads(ctx, f)
		return err
	})
	if err != nil {
		return err
	}
	if len(threads) == 0 {
		a.note("no threads in %s", a.cfg.Store)
	}
	answer := map[string][]jsonThread{"threads": convert(threads, toJSONThread)}
	return a.show(answer, func(t render.Terminal) string {
		return t.Table(convert(threads, func(th event.Thread) []render.Cell {
			return []render.Cell{render.Strong(th.Ref.String()), render.Plain(th.Status),
				render.Dim(render.Count(th.Messages, "message")), render.Dim(t.When(th.Last)), render.Plain(th.Title)}
		}))
	})
}
