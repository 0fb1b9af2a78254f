package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newDoctorCmd(a *app) *cobra.Command {
	var full bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what skein needs to work, and say what to do",
		Long: `Check the settings, the git program, the store with the files beside it, its
index and its hooks, the clock, the remote and whether it lets this user push.
Each check is one line; what is wrong says what to do, and the exit code is 1.
The remote is asked, as a sync would ask it, but nothing is changed. Of a large
store not all files beside .git are read, unless with --full. "skein verify"
looks into every object of the store, which this does not.`,
		Example: `  skein doctor
  skein doctor --json | jq .ok`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), a, full) },
	}
	cmd.Flags().BoolVar(&full, "full", false, "read all files beside .git")
	a.jsonFlag(cmd)
	return cmd
}

type jsonCheck struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Says  string `json:"says"`
}

type jsonDoctor struct {
	OK     bool        `json:"ok"`
	Checks []jsonCheck `json:"checks"`
}

// check is one thing to look at; what it returns is said whether good or bad.
type check struct {
	name string
	look func(ctx context.Context) (string, error)
}

func runDoctor(ctx context.Context, a *app, full bool) error {
	checks, shown := []check{{"git", gitVersion}}, false
	err := a.reading(ctx, func(s *gitstore.Store) error {
		shown = true
		checks = append(checks,
			check{"store", func(context.Context) (string, error) { return s.CheckStore() }},
			check{"agent", func(context.Context) (string, error) { return a.agent() }},
			check{"export", func(ctx context.Context) (string, error) { return a.checkExport(ctx, s, full) }},
			check{"index", s.CheckIndex},
			check{"hooks", func(context.Context) (string, error) { return s.CheckHooks() }},
			check{"clock", func(ctx context.Context) (string, error) { return checkClock(ctx, s) }},
			check{"remote", s.CheckRemote},
			check{"rights", s.CheckRights},
			check{"pushed", func(ctx context.Context) (string, error) { return checkPushed(ctx, s) }})
		return a.showChecks(ctx, checks)
	})
	if err == nil || shown || ctx.Err() != nil {
		return err
	}
	return a.showChecks(ctx, append(checks, check{"store", func(context.Context) (string, error) { return "", err }}))
}

func (a *app) showChecks(ctx context.Context, checks []check) error {
	result := jsonDoctor{OK: true}
	for _, c := range checks {
		says, err := c.look(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			result.OK, says = false, err.Error()
		}
		result.Checks = append(result.Checks, jsonCheck{c.name, err == nil, says})
	}
	err := a.show(result, func(render.Terminal) string {
		var b strings.Builder
		for _, c := range result.Checks {
			mark := "ok     "
			if !c.OK {
				mark = "problem"
			}
			fmt.Fprintf(&b, "%s  %-6s  %s\n", mark, c.Check, render.Line(c.Says))
		}
		return b.String()
	})
	if err == nil && !result.OK {
		err = errors.New("not everything is well")
	}
	return err
}

func gitVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		return "none is found; remotes are reached over https and ssh without it, directories are not", nil
	}
	return strings.TrimSpace(string(out)), nil
}

func (a *app) checkExport(ctx context.Context, s *gitstore.Store, full bool) (string, error) {
	if !a.cfg.Mirror {
		return "no files are kept beside .git", nil
	}
	return s.CheckExport(ctx, full)
}

// checkClock compares this machine's clock with the newest message.
func checkClock(ctx context.Context, s *gitstore.Store) (string, error) {
	log, err := s.Log(ctx, 1)
	if err != nil {
		return "", err
	}
	if len(log) > 0 {
		if ahead := time.Until(log[0].At); ahead > time.Minute {
			return "", fmt.Errorf("the newest message is %s ahead of this machine's clock; set the clock of the machine that wrote it, or of this one", ahead.Round(time.Second))
		}
	}
	return "not behind the newest message", nil
}

// checkPushed tells how syncing went lately.
func checkPushed(ctx context.Context, s *gitstore.Store) (string, error) {
	state, err := s.RemoteState(ctx)
	switch {
	case err != nil:
		return "", err
	case state.URL == "":
		return "nothing to push to", nil
	case state.Problem != "":
		return "", fmt.Errorf("the last sync failed: %s", state.Problem)
	case len(state.Barred) > 0:
		return "", errors.New(state.Barred[0].String())
	case len(state.Held) > 0:
		return "", fmt.Errorf(`%s; "skein remote show" lists what the remote refuses, "skein sync --retry" tries again`, state.Held[0])
	case state.Unpushed > 0:
		return render.Count(state.Unpushed, "event") + ` not pushed yet; "skein serve" or "skein sync" does that`, nil
	}
	return "everything", nil
}
