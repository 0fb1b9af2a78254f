package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

type updateOptions struct {
	thread, project            string
	title, status, description string
	add, remove                []string
}

func newUpdateCmd(a *app) *cobra.Command {
	var o updateOptions
	cmd := &cobra.Command{
		Use:   "update [THREAD]",
		Short: "Change or open a thread or a project",
		Long: `Set the title, status, description or members of a thread, or, with --project
and no thread, the title or description of a project. What is not there yet is
made. A thread that has members reaches them alone; one without reaches
everyone.`,
		Example: `  skein update axon/constraint-model --status resolved
  skein update axon/constraint-model --title "Constraint model" --add desktop,mary
  skein update --project axon --description "The axon compiler"`,
		Args:              takes(0, 1, "one thread"),
		ValidArgsFunction: a.completeFirst(threadNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.thread = args[0]
			}
			return runUpdate(cmd, a, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.project, "project", "", "the `project` to change, or the thread's")
	f.StringVar(&o.title, "title", "", "set the `title`")
	f.StringVar(&o.status, "status", "", "set the thread's `status`: active, resolved or archived")
	f.StringVar(&o.description, "description", "", "set the description to this `text`")
	f.StringSliceVar(&o.add, "add", nil, "make these `agents` members of the thread")
	f.StringSliceVar(&o.remove, "remove", nil, "end the membership of these `agents`")
	a.jsonFlag(cmd)
	a.completeFlag(cmd, "project", projectNames)
	a.completeFlag(cmd, "add", agentNames)
	a.completeFlag(cmd, "remove", agentNames)
	completeFixed(cmd, "status", threadStatuses)
	return cmd
}

func runUpdate(cmd *cobra.Command, a *app, o updateOptions) error {
	u, err := o.update(cmd, a)
	if err != nil {
		return err
	}
	var t *event.Thread
	var p event.Project
	err = a.writing(cmd.Context(), func(s *gitstore.Store) (err error) {
		if t, err = s.UpdateThread(cmd.Context(), u); err == nil && t.Ref.Thread == "" {
			p, err = project(cmd.Context(), s, t.Ref.Project)
		}
		return err
	})
	if err != nil {
		return err
	}
	if t.Ref.Thread == "" {
		return a.show(toJSONProject(p), func(term render.Terminal) string {
			return term.Table([][]render.Cell{projectCells(term, p)})
		})
	}
	return a.show(toJSONThread(*t), func(term render.Terminal) string { return term.Thread(*t) })
}

// project returns what is known of a project that is there.
func project(ctx context.Context, s *gitstore.Store, name string) (event.Project, error) {
	projects, err := s.Projects(ctx)
	for _, p := range projects {
		if p.Name == name {
			return p, nil
		}
	}
	return event.Project{Name: name}, err
}

func (o updateOptions) update(cmd *cobra.Command, a *app) (gitstore.ThreadUpdate, error) {
	var u gitstore.ThreadUpdate
	if o.thread == "" && o.project == "" {
		return u, usage(cmd, "update needs a thread or --project")
	}
	given := cmd.Flags().Changed
	if o.thread == "" && (given("status") || given("add") || given("remove")) {
		return u, usage(cmd, "a project has a title and a description only: name a thread to set the rest")
	}
	agent, err := a.agent()
	if err != nil {
		return u, err
	}
	u = gitstore.ThreadUpdate{
		From: agent, Thread: o.thread, Project: o.project,
		Title:       ifGiven(cmd, "title", o.title),
		Status:      ifGiven(cmd, "status", o.status),
		Description: ifGiven(cmd, "description", o.description),
		Add:         o.add, Remove: o.remove,
	}
	if o.project == "" {
		u.Thread = a.thread(o.thread)
	}
	return u, nil
}

// ifGiven returns a flag's value, or nil if it was not set: "" is a value too.
func ifGiven(cmd *cobra.Command, flag, value string) *string {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return &value
}
