package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newVerifyCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every object and message of the store",
		Long: `Read every object, branch and message of the store and compare the Markdown
files beside the repository with it; bring the index up to date and check it.
What can be put right is; for the rest the report says what is wrong, and the
exit code is 1.`,
		Example: `  skein verify
  skein verify --json | jq .ok`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runVerify(cmd.Context(), a) },
	}
	a.jsonFlag(cmd)
	return cmd
}

type jsonReport struct {
	Store    string   `json:"store"`
	OK       bool     `json:"ok"` // there are no problems left
	Objects  int      `json:"objects"`
	Commits  int      `json:"commits"`
	Messages int      `json:"messages"`
	Packs    int      `json:"packs"`
	Shallow  bool     `json:"shallow,omitempty"` // older commits are not here
	Problems []string `json:"problems"`
	Repaired []string `json:"repaired"`
}

func runVerify(ctx context.Context, a *app) error {
	var r *gitstore.Report
	update, end := a.progress("verifying")
	err := a.tending(ctx, func(s *gitstore.Store) (err error) {
		r, err = s.Verify(ctx, update)
		return err
	})
	end()
	if err != nil {
		return err
	}
	report := jsonReport{a.cfg.Store, len(r.Problems) == 0, r.Objects, r.Commits, r.Messages, r.Packs, r.Shallow,
		list(r.Problems), list(r.Repaired)}
	if err := a.show(report, func(render.Terminal) string { return reportText(r) }); err != nil {
		return err
	}
	if n := len(r.Problems); n > 0 {
		return errors.New("the store has " + render.Count(n, "problem"))
	}
	return nil
}

func reportText(r *gitstore.Report) string {
	var b strings.Builder
	b.WriteString(render.Count(r.Messages, "message") + " in " + render.Count(r.Commits, "commit") + ", " +
		render.Count(r.Objects, "object") + ", " + render.Count(r.Packs, "pack") + "\n")
	if r.Shallow {
		b.WriteString("older commits are not here; \"skein sync --unshallow\" brings them\n")
	}
	for _, s := range r.Repaired {
		b.WriteString("repaired: " + render.Line(s) + "\n")
	}
	for _, s := range r.Problems {
		b.WriteString("problem: " + render.Line(s) + "\n")
	}
	if len(r.Problems) == 0 {
		b.WriteString("the store is sound\n")
	}
	return b.String()
}
