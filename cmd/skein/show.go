package main

import (
	"context"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

func newShowCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one message and all that is known of it",
		Long: `Show a message with its path, its commit, and who has read or acknowledged it.
The message is named by its id, a unique abbreviation of at least four
characters, or the hash of its commit. The hash of a commit that changed a
thread or a project shows the change.`,
		Example: `  skein show 7k3q9x2m
  skein show 7k3q --json | jq -r .body`,
		Args:              takes(1, 1, "a message id or a commit"),
		ValidArgsFunction: a.completeFirst(messageIDs),
		RunE:              func(cmd *cobra.Command, args []string) error { return runShow(cmd.Context(), a, args[0]) },
	}
	a.jsonFlag(cmd)
	return cmd
}

func runShow(ctx context.Context, a *app, name string) error {
	var m *gitstore.Message
	var got []gitstore.Delivery
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		if m, err = s.Show(ctx, name); err == nil && m.Kind == event.KindMessage {
			got, err = s.Deliveries(m)
		}
		return err
	})
	if err != nil {
		return err
	}
	if m.Kind != event.KindMessage {
		return a.show(toJSONChange(&m.Event).in(m), func(t render.Terminal) string { return t.Change(home(m), &m.Event) })
	}
	j := toJSONMessage(m)
	j.Pending = m.Pending()
	if got != nil {
		j = j.got(got[0])
		a.noteDelivery(got[0])
	}
	return a.show(j, func(t render.Terminal) string {
		d := drawnSent(m)
		d.ID, d.Path = m.ID.String(), m.Path
		if !m.Commit.IsZero() { // which is older than what is here of the history
			d.Commit = m.Commit.String()
		}
		return t.Message(d)
	})
}

// noteDelivery says what keeps a message from others.
func (a *app) noteDelivery(d gitstore.Delivery) {
	switch {
	case d.Pushed:
	case d.Held != "":
		a.note(`it stays on this machine, because the remote refuses it: %s ("skein sync --retry" tries again)`, render.Line(d.Held))
	case d.Inbox != "":
		a.note(`it waits in the remote's branch %s until somebody who may push to main runs "skein sync --fold"`, d.Inbox)
	default:
		a.note("it is not pushed yet")
	}
}

// home is what a change was made to: a thread, or a project, for which the
// store names no thread.
func home(m *gitstore.Message) event.ThreadRef {
	if dir, _, ok := strings.Cut(m.Path, "/"+event.ProjectDir+"/"); ok {
		return event.ThreadRef{Project: path.Base(dir)}
	}
	return m.Thread
}
