package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
	"skein/tools"
)

func newRedactCmd(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "redact ID...",
		Short: "Hide what messages say",
		Long: `Hide title, body, tags and payload of messages from everyone who reads with
skein, here and wherever the store is shared, and in the files beside the
repository. This hides, it does not destroy: git's history still has the text,
so a password or a key that was posted must be changed as well.`,
		Example: `  skein redact 7k3q9x2m --reason "an API key"`,
		Args:    takes(1, -1, "the ids of messages"),

		ValidArgsFunction: a.completeEach(messageIDs),
		RunE:              func(cmd *cobra.Command, args []string) error { return runRedact(cmd.Context(), a, args, reason) },
	}
	cmd.Flags().StringVar(&reason, "reason", "", "say why, to be shown in place of the `text`")
	a.jsonFlag(cmd)
	return cmd
}

func runRedact(ctx context.Context, a *app, ids []string, reason string) error {
	agent, err := a.agent()
	if err != nil {
		return err
	}
	var messages []*gitstore.Message
	err = a.tending(ctx, func(s *gitstore.Store) (err error) {
		messages, err = s.Redact(ctx, agent, ids, reason)
		return err
	})
	if err != nil {
		return err
	}
	answer := map[string][]jsonMessage{"messages": convert(messages, toJSONMessage)}
	err = a.show(answer, func(t render.Terminal) string { return t.Timeline(convert(messages, drawn), nil) })
	a.note("git's history still has the text: a secret must be changed as well")
	return err
}

func newPruneCmd(a *app) *cobra.Command {
	var days int
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Forget sessions that ended long ago",
		Long: `Forget the sessions of this machine that ended and were last seen more than so
many days ago. A session that is forgotten does not find its numbered name
again. No message, receipt or profile is removed, ever.`,
		Example: `  skein prune
  skein prune --days 7`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runPrune(cmd.Context(), a, days)
		},
	}
	numberFlag(cmd.Flags(), &days, "days", "", 0, tools.DefaultPruneDays, "forget sessions last seen more than this many `days` ago")
	a.jsonFlag(cmd)
	return cmd
}

func runPrune(ctx context.Context, a *app, days int) error {
	n := 0
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		n, err = s.PrunePresences(ctx, time.Now().Add(-time.Duration(days)*24*time.Hour))
		return err
	})
	if err != nil {
		return err
	}
	return a.show(map[string]int{"sessions": n}, func(render.Terminal) string {
		return fmt.Sprintf("forgot %s\n", render.Count(n, "session"))
	})
}
