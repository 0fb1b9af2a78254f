package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newLogCmd(a *app) *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show the history, the newest first",
		Long: `Show the commits of the store's main branch, one for each event, the newest
first. "git -C STORE log" shows the same. A store that was begun with --depth
has the newest only.`,
		Example: `  skein log
  skein log -n 100 --json`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runLog(cmd.Context(), a, n) },
	}
	numberFlag(cmd.Flags(), &n, "limit", "n", 1, 20, "show at most this many `commits`")
	a.jsonFlag(cmd)
	return cmd
}

func runLog(ctx context.Context, a *app, n int) error {
	var entries []gitstore.LogEntry
	shallow := false
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		if entries, err = s.Log(ctx, n); err == nil {
			shallow, err = s.Shallow()
		}
		return err
	})
	if err != nil {
		return err
	}
	answer := map[string][]jsonCommit{"commits": convert(entries, toJSONCommit)}
	err = a.show(answer, func(t render.Terminal) string {
		return t.Table(convert(entries, func(e gitstore.LogEntry) []render.Cell {
			return []render.Cell{render.Ident(e.Hash.String()[:8]), render.Dim(t.When(e.At)), render.Plain(e.Subject)}
		}))
	})
	if err == nil && shallow && len(entries) < n {
		a.note(`older commits are not here; "skein sync --unshallow" brings them`)
	}
	return err
}

func toJSONCommit(e gitstore.LogEntry) jsonCommit {
	return jsonCommit{e.Hash.String(), jsonTime(e.At), e.Author, e.Subject, e.ID}
}
