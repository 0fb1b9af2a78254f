package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

func newWatchCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch [THREAD]",
		Short: "Show what comes, as it comes",
		Long: `Show messages and changes as they come, whoever writes them, until Ctrl-C: of
one thread, or of the whole store. With --json each is one line. Watching marks
nothing as read. Where the store has a remote, what other machines write is
fetched meanwhile.`,
		Example: `  skein watch
  skein watch axon/constraint-model
  skein watch --json | jq -r .body`,
		Args:              takes(0, 1, "one thread"),
		ValidArgsFunction: a.completeFirst(threadNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return runWatch(cmd.Context(), a, args) },
	}
	a.jsonFlag(cmd)
	return cmd
}

func runWatch(ctx context.Context, a *app, args []string) error {
	return a.tending(ctx, func(s *gitstore.Store) error {
		var only event.ThreadRef
		if len(args) > 0 {
			t, err := s.Thread(ctx, a.thread(args[0]))
			if err != nil {
				return err
			}
			only = t.Ref
		}
		a.note("watching %s; Ctrl-C ends it", a.cfg.Store)
		syncing := newSyncer(ctx)
		defer syncing.end()
		syncing.keep(s, gitstore.Pace{AtEnd: -1}) // nobody waits for a push who has pressed Ctrl-C
		return s.Follow(ctx, func(m *gitstore.Message) error {
			if !only.IsZero() && m.Thread != only {
				return nil
			}
			return a.showNews(m)
		})
	})
}

// showNews prints one event.
func (a *app) showNews(m *gitstore.Message) error {
	switch m.Kind {
	case event.KindMessage:
		return a.show(toJSONMessage(m), func(t render.Terminal) string {
			return t.Timeline([]render.Message{drawn(m)}, nil) + "\n"
		})
	case event.KindState:
		st := event.FoldState(m.Key, []*event.Event{&m.Event})
		return a.show(toJSONState(st), func(t render.Terminal) string { return stateRows(t, st) + "\n" })
	case event.KindRedaction:
		if a.json {
			return nil // what is hidden is not news to a program
		}
		ids := make([]string, len(m.Messages))
		for i, id := range m.Messages {
			ids[i] = id.Short()
		}
		_, err := io.WriteString(a.out, render.Line(fmt.Sprintf("%s redacted %s", m.From, strings.Join(ids, " ")))+"\n\n")
		return err
	}
	return a.show(toJSONChange(&m.Event).in(m), func(t render.Terminal) string { return t.Change(home(m), &m.Event) + "\n" })
}
