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
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what skein needs to work, and say what to do",
		Long: `Check the settings, the git program, the store with the files beside it, its
index and its hooks, the clock and the remote. Each check is one line; what is
wrong says what to do, and the exit code is 1. The remote is asked, as a sync
would ask it, but nothing is changed. "skein verify" looks into every object of
the store, which this does not.`,
		Example: `  skein doctor
  skein doctor --json | jq .ok`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), a) },
	}
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

func runDoctor(ctx context.Context, a *app) error {
	checks := []check{{"git", gitVersion}}
	err := a.reading(ctx, func(s *gitstore.Store) error {
		checks = append(checks,
			check{"store", func(context.Context) (string, error) { return s.Dir(), nil }},
			check{"agent", func(context.Context) (string, error) { return a.agent() }},
			check{"export", func(ctx context.Context) (string, error) { return a.checkExport(ctx, s) }},
			check{"index", s.CheckIndex},
			check{"hooks", func(context.Context) (string, error) { return s.CheckHooks() }},
			check{"clock", func(ctx context.Context) (string, error) { return checkClock(ctx, s) }},
			check{"remote", func(ctx context.Context) (string, error) { return checkRemote(ctx, s) }},
			check{"pushed", func(ctx context.Context) (string, error) { return checkPushed(ctx, s) }})
		return a.showChecks(ctx, checks)
	})
	return err
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

func (a *app) checkExport(ctx context.Context, s *gitstore.Store) (string, error) {
	if !a.cfg.Mirror {
		return "no files are kept beside .git", nil
	}
	return s.CheckExport(ctx)
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

// checkRemote asks the remote.
func checkRemote(ctx context.Context, s *gitstore.Store) (string, error) {
	report, err := s.Sync(ctx, gitstore.SyncOptions{DryRun: true})
	if errors.Is(err, gitstore.ErrNoRemote) {
		return "none; messages stay on this machine", nil
	}
	if err != nil {
		return "", err
	}
	if len(report.Held) > 0 {
		return "", errors.New(report.Held[0])
	}
	return fmt.Sprintf("%s answers; %d to fetch, %d to push", report.Remote, report.Fetched, report.Pushed), nil
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
	case state.Unpushed > 0:
		return render.Count(state.Unpushed, "event") + ` not pushed yet; "skein serve" or "skein sync" does that`, nil
	}
	return "everything", nil
}
