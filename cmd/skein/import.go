package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/legacy"
	"skein/render"
)

func newImportCmd(a *app) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "import SYSTEM PATH",
		Short: "Bring in what another system has kept",
		Long: `Bring in the projects, threads, messages, agents and shared state that another
system has kept, with their dates and authors. SYSTEM is dialogue, duo, c2c,
dispatch or relay; PATH its directory or its database file, which is only read.

Running it again adds only what is new, and one that was interrupted goes on
where it stopped; so it does no harm to import once, try skein, and import the
rest on the day you move over.

No inbox fills up. What the system knows to be read is read here, at the same
time; what it knows to be unread by somebody waits for that agent. Where a
system does not keep account (dialogue, and the first versions of relay),
everything counts as read. An old message reaches nobody but whom it reached
there.

Names become names of skein: claude_app is claude-app here, and a thread is called
by its title, or by its id where people used that (duo). What two agents said to
each other goes to the direct thread between them. Each message keeps what the
system called it in the key "imported".

What cannot be read is listed, with its place and the reason, and the exit code
is 1; the rest comes in all the same. What means nothing here is listed as left
out.`,
		Example: `  skein import dialogue ~/.claude-dialogue --dry-run
  skein import duo ~/mcp-claude-duo/data/duo.db
  skein import c2c ~/.claude/c2c.db
  skein import dispatch ~/.config/mcp-dispatch/messages
  skein import relay ~/.relay_buffer.db`,
		Args:              importArgs,
		ValidArgsFunction: completeImport,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runImport(cmd.Context(), a, args[0], args[1], dryRun)
		},
	}
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "say what would come in, and write nothing")
	a.jsonFlag(cmd)
	return cmd
}

func importArgs(cmd *cobra.Command, args []string) error {
	if err := takes(2, 2, "a system and a path")(cmd, args); err != nil {
		return err
	}
	if !slices.Contains(legacy.Systems(), args[0]) {
		return usage(cmd, "there is no system %q to import from: there are %s", args[0], strings.Join(legacy.Systems(), ", "))
	}
	return nil
}

func completeImport(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return legacy.Systems(), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

type jsonImport struct {
	Store    string        `json:"store"`
	System   string        `json:"system"`
	Path     string        `json:"path"`
	DryRun   bool          `json:"dry_run"`
	Agents   int           `json:"agents"` // all that were found, whether or not they were here already
	Projects int           `json:"projects"`
	Threads  int           `json:"threads"`
	Messages int           `json:"messages"`
	States   int           `json:"states"`
	Added    int           `json:"added"`    // events, receipts among them, that were not here yet; in a dry run too
	Here     int           `json:"here"`     // in a dry run: messages that are here already
	Problems []jsonProblem `json:"problems"` // what could not be read
	Notes    []string      `json:"notes"`    // what was left out or changed
}

type jsonProblem struct {
	Place  string `json:"place"`
	Reason string `json:"reason"`
}

func runImport(ctx context.Context, a *app, system, path string, dryRun bool) error {
	path, err := abs(path, ".")
	if err != nil {
		return err
	}
	archive, err := legacy.Read(ctx, system, path)
	if err != nil {
		return err
	}
	plan := gitstore.PlanImport(archive, time.Now())
	added, here := 0, 0
	if dryRun {
		added, here, err = a.countNew(ctx, plan)
	} else {
		added, err = a.bringIn(ctx, plan)
	}
	if err != nil {
		return err
	}
	report := jsonImport{a.cfg.Store, system, path, dryRun, plan.Agents, plan.Projects, plan.Threads, plan.Messages, plan.States, added,
		here, convert(plan.Problems, func(p legacy.Problem) jsonProblem { return jsonProblem{p.Place, p.Reason} }), list(plan.Notes)}
	if err := a.show(report, func(render.Terminal) string { return report.text() }); err != nil {
		return err
	}
	if n := len(report.Problems); n > 0 {
		return errors.New(render.Count(n, "thing") + " could not be brought in")
	}
	return nil
}

// countNew tells how many events would come in, and how many messages are here
// already, in a store that need not be there.
func (a *app) countNew(ctx context.Context, plan *gitstore.ImportPlan) (added, here int, err error) {
	if !gitstore.Exists(a.cfg.Store) {
		return plan.Events(), 0, nil
	}
	err = a.reading(ctx, func(s *gitstore.Store) error {
		added, here, err = s.CountNew(ctx, plan)
		return err
	})
	return added, here, err
}

func (a *app) bringIn(ctx context.Context, plan *gitstore.ImportPlan) (added int, err error) {
	update, end := a.progress("importing")
	err = a.writing(ctx, func(s *gitstore.Store) (err error) {
		added, err = s.ImportPlanned(ctx, plan, update)
		return err
	})
	end()
	if err != nil {
		return added, hint(err, "run the same command again: it goes on where it stopped")
	}
	return added, nil
}

// shownLines bounds a list that a person is shown; --json has all.
const shownLines = 100

func (j jsonImport) text() string {
	var b strings.Builder
	for i, p := range j.Problems {
		if i == shownLines {
			b.WriteString("and " + render.Count(len(j.Problems)-i, "other problem") + ", which --json lists\n")
			break
		}
		b.WriteString("problem: " + render.Line(p.Place+": "+p.Reason) + "\n")
	}
	for _, note := range j.Notes[:min(len(j.Notes), shownLines)] {
		b.WriteString("note: " + render.Line(note) + "\n")
	}
	found := []string{render.Count(j.Messages, "message"), render.Count(j.Threads, "thread"), render.Count(j.Projects, "project"), render.Count(j.Agents, "agent")}
	if j.States > 0 {
		found = append(found, render.Count(j.States, "state"))
	}
	b.WriteString(j.System + " holds " + strings.Join(found, ", ") + "\n")
	switch {
	case j.DryRun:
		fmt.Fprintf(&b, "%d of the messages are here already, %s would come in\nnothing was written: this was a dry run\n", j.Here, render.Count(j.Added, "event"))
	case j.Added == 0:
		b.WriteString("everything was here already\n")
	default:
		b.WriteString("brought in " + render.Count(j.Added, "event") + " that were not here yet\n")
	}
	return b.String()
}
