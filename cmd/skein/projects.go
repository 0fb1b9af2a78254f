package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

func newProjectsCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "projects",
		Short: "List projects",
		Example: `  skein projects
  skein projects --json`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runProjects(cmd.Context(), a) },
	}
	a.jsonFlag(cmd)
	return cmd
}

func runProjects(ctx context.Context, a *app) error {
	var projects []event.Project
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		projects, err = s.Projects(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		a.note("no projects in %s", a.cfg.Store)
	}
	answer := map[string][]jsonProject{"projects": convert(projects, toJSONProject)}
	return a.show(answer, func(t render.Terminal) string {
		return t.Table(convert(projects, func(p event.Project) []render.Cell { return projectCells(t, p) }))
	})
}

func projectCells(t render.Terminal, p event.Project) []render.Cell {
	return []render.Cell{render.Strong(p.Name), render.Plain(render.Count(p.Threads, "thread")),
		render.Dim(render.Count(p.Messages, "message")), render.Dim(t.When(p.Last)), render.Plain(p.Title)}
}
