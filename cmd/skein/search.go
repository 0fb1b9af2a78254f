package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newSearchCmd(a *app) *cobra.Command {
	var q gitstore.SearchQuery
	cmd := &cobra.Command{
		Use:   "search WORD...",
		Short: "Search the messages",
		Long: `Search titles and bodies. All words must occur, in any case; "a phrase" in
double quotes (the shell's quotes around them) occurs as it is, and prefix*
stands for all words that it begins. from: to: project: thread: tag: status:
since: before: narrow the search; from:me and to:me mean you. Messages about the words, with these in the
title or often in the body, come first, unless they are much older.`,
		Example: `  skein search recursion bound
  skein search '"recursion bound"' from:claude-code since:2026-11-01
  skein search tag:question --project axon --json`,
		Args: takes(1, -1, "something to search for"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Text = strings.Join(args, " ")
			q.Me, _ = a.agent() // only for from:me
			return runSearch(cmd.Context(), a, q)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Project, "project", "", "only in this `project`")
	f.StringVar(&q.Status, "status", "", "only in threads with this `status`")
	f.StringVar(&q.Member, "member", "", "only in threads that reach this `agent`")
	f.StringVar(&q.Tag, "tag", "", "only with this `tag`")
	numberFlag(f, &q.Limit, "limit", "n", 1, 20, "show at most this many `messages`")
	f.StringVar(&q.Cursor, "cursor", "", "go on from this `cursor` of an earlier page")
	a.jsonFlag(cmd)
	a.completeFlag(cmd, "project", projectNames)
	a.completeFlag(cmd, "member", agentNames)
	completeFixed(cmd, "status", threadStatuses)
	return cmd
}

type jsonHit struct {
	Message jsonMessage `json:"message"`
	Snippet string      `json:"snippet"`
}

type jsonSearch struct {
	Hits  []jsonHit `json:"hits"`
	Total int       `json:"total"`
	Next  string    `json:"next,omitempty"`
}

func runSearch(ctx context.Context, a *app, q gitstore.SearchQuery) error {
	var r *gitstore.SearchResult
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		r, err = s.Search(ctx, q)
		return err
	})
	if err != nil {
		return err
	}
	answer := jsonSearch{convert(r.Hits, toJSONHit), r.Total, r.Next}
	err = a.show(answer, func(t render.Terminal) string { return t.Hits(convert(r.Hits, drawnHit)) })
	switch {
	case r.Total == 0:
		a.note("nothing found in %s", a.cfg.Store)
	case r.Next != "":
		a.note("%s in all; the next: the same with --cursor %s", render.Count(r.Total, "message"), r.Next)
	}
	a.noteSkipped(r.Skipped)
	return err
}

func toJSONHit(h gitstore.Hit) jsonHit { return jsonHit{toJSONMessage(h.Message), h.Snippet} }

func drawnHit(h gitstore.Hit) render.Hit {
	return render.Hit{Message: drawn(h.Message), Snippet: h.Snippet}
}
