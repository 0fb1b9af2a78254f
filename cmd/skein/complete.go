package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

// maxCompletions bounds what a shell is offered; the first are the latest.
const maxCompletions = 200

// A completer lists what can stand in a place, best first.
type completer func(context.Context, *gitstore.Store) ([]cobra.Completion, error)

// completeFirst completes the first argument.
func (a *app) completeFirst(list completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.complete(cmd, list, nil)
	}
}

// completeEach completes every argument with what is not among them yet.
func (a *app) completeEach(list completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.complete(cmd, list, args)
	}
}

// completeFlag completes the value of a flag.
func (a *app) completeFlag(cmd *cobra.Command, flag string, list completer) {
	must(cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.complete(cmd, list, nil)
	}))
}

func completeFixed(cmd *cobra.Command, flag string, values []string) {
	must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
}

// completeNumbers keeps files from being offered for flags that are numbers.
func completeNumbers(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == (number{}).Type() {
			must(cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions))
		}
	})
}

// completeDirs offers directories, where one may stand for a repository.
func completeDirs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeNothing keeps files from being offered to commands that take no
// arguments, and for their numbers.
func completeNothing(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && cmd.Args != nil && cmd.Args(cmd, []string{"any"}) != nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	completeNumbers(cmd)
	for _, c := range cmd.Commands() {
		completeNothing(c)
	}
}

// must panics if a completion is registered for a flag that is not there,
// which every run of the program would show.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (a *app) completePost(cmd *cobra.Command) {
	a.completeFlag(cmd, "thread", threadNames)
	a.completeFlag(cmd, "to", agentNames)
	a.completeFlag(cmd, "reply-to", messageIDs)
	completeFixed(cmd, "priority", []string{"normal", event.PriorityUrgent})
}

func (a *app) completeSettings(root *cobra.Command) {
	a.completeFlag(root, "agent", agentNames)
	a.completeFlag(root, "project", projectNames)
	completeFixed(root, "log-level", logLevels)
	completeFixed(root, "color", colorValues)
}

// complete asks the store. A shell that completes must neither make a store
// nor show an error: without an answer there is nothing to offer.
func (a *app) complete(cmd *cobra.Command, list completer, taken []string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if a.configure(cmd.Root().PersistentFlags()) != nil || !gitstore.Exists(a.cfg.Store) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := gitstore.Open(cmd.Context(), gitstore.Options{Dir: a.cfg.Store, NoMirror: true, NoIndex: a.cfg.NoIndex})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.Close()
	found, err := list(cmd.Context(), s)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found = slices.DeleteFunc(found, func(c cobra.Completion) bool {
		name, _, _ := strings.Cut(c, "\t")
		return slices.Contains(taken, name)
	})
	return found[:min(len(found), maxCompletions)], cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func completion(name, description string) cobra.Completion {
	return cobra.CompletionWithDesc(render.Line(name), render.Line(description))
}

func threadNames(ctx context.Context, s *gitstore.Store) ([]cobra.Completion, error) {
	threads, err := s.Threads(ctx, gitstore.ThreadFilter{Limit: maxCompletions})
	return convert(threads, func(t event.Thread) cobra.Completion {
		return completion(t.Ref.String(), t.Title)
	}), err
}

func projectNames(ctx context.Context, s *gitstore.Store) ([]cobra.Completion, error) {
	projects, err := s.Projects(ctx)
	return convert(projects, func(p event.Project) cobra.Completion { return completion(p.Name, p.Title) }), err
}

func agentNames(ctx context.Context, s *gitstore.Store) ([]cobra.Completion, error) {
	agents, err := s.Agents(ctx)
	return convert(agents, func(g event.Agent) cobra.Completion { return completion(g.Name, g.Status) }), err
}

// messageIDs are those of the latest messages, by their short form.
func messageIDs(ctx context.Context, s *gitstore.Store) ([]cobra.Completion, error) {
	entries, err := s.Log(ctx, maxCompletions)
	var found []cobra.Completion
	for _, e := range entries {
		if id, err := event.ParseID(e.ID); err == nil {
			found = append(found, completion(id.Short(), e.Subject))
		}
	}
	return found, err
}
