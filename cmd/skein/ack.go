package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

type ackOptions struct {
	ids  []string
	read bool
}

func newAckCmd(a *app) *cobra.Command {
	var o ackOptions
	cmd := &cobra.Command{
		Use:   "ack ID...",
		Short: "Acknowledge messages: you are done with them",
		Long: `Acknowledge messages by their ids or unique abbreviations of them. They leave
your inbox, and whoever sent them can see it. --read only says that you have
read them. Doing either twice changes nothing.`,
		Example: `  skein ack 7k3q9x2m 1d8z
  skein inbox --json | jq -r '.messages[].id' | xargs skein ack`,
		Args:              takes(1, -1, "at least one message id"),
		ValidArgsFunction: a.completeEach(messageIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ids = args
			return runAck(cmd.Context(), a, o)
		},
	}
	cmd.Flags().BoolVar(&o.read, "read", false, "say only that you have read them")
	a.jsonFlag(cmd)
	return cmd
}

type jsonAck struct {
	Agent    string        `json:"agent"`
	State    string        `json:"state"`
	Messages []jsonMessage `json:"messages"`
}

func runAck(ctx context.Context, a *app, o ackOptions) error {
	agent, err := a.agent()
	if err != nil {
		return err
	}
	state := event.StateAcknowledged
	if o.read {
		state = event.StateRead
	}
	var messages []*gitstore.Message
	err = a.reading(ctx, func(s *gitstore.Store) (err error) {
		messages, err = s.Acknowledge(ctx, agent, o.ids, state)
		return err
	})
	if err != nil {
		return err
	}
	return a.show(jsonAck{agent, state, convert(messages, toJSONMessage)}, func(t render.Terminal) string {
		return t.Table(convert(messages, func(m *gitstore.Message) []render.Cell {
			return []render.Cell{render.Ident(m.ID.Short()), render.Dim(state), render.Strong(m.Thread.String()),
				render.Plain(m.From), render.Plain(heading(m))}
		}))
	})
}

// heading is a message's title, or the beginning of its body.
func heading(m *gitstore.Message) string {
	if m.Title != "" {
		return m.Title
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(m.Body)), "\n")
	return strings.TrimSpace(first)
}
