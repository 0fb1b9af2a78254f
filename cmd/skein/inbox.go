package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

type inboxOptions struct {
	thread, from, tag, cursor string
	all, markRead             bool
	limit                     int
}

func newInboxCmd(a *app) *cobra.Command {
	var o inboxOptions
	cmd := &cobra.Command{
		Use:   "inbox",
		Short: "Show the messages that wait for you",
		Long: `Show the messages that reach you and that you have not read, oldest first.
Looking marks nothing as read unless --mark-read is given; "skein ack" says
that you are done with a message.`,
		Example: `  skein inbox
  skein inbox --mark-read --tag question
  skein inbox --agent desktop --json`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runInbox(cmd.Context(), a, o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.thread, "thread", "t", "", "only from this `thread`")
	f.StringVar(&o.from, "from", "", "only from this `agent`")
	f.StringVar(&o.tag, "tag", "", "only with this `tag`")
	f.BoolVar(&o.all, "all", false, "what you have read or acknowledged, too")
	f.BoolVar(&o.markRead, "mark-read", false, "mark what is shown as read")
	numberFlag(f, &o.limit, "limit", "n", 1, 20, "show at most this many `messages`")
	f.StringVar(&o.cursor, "cursor", "", "go on from this `cursor` of an earlier page")
	a.jsonFlag(cmd)
	a.completeFlag(cmd, "thread", threadNames)
	a.completeFlag(cmd, "from", agentNames)
	return cmd
}

type jsonInbox struct {
	Agent    string        `json:"agent"`
	Store    string        `json:"store"`
	Messages []jsonMessage `json:"messages"`
	Total    int           `json:"total"`
	Next     string        `json:"next,omitempty"`
}

func runInbox(ctx context.Context, a *app, o inboxOptions) error {
	agent, err := a.agent()
	if err != nil {
		return err
	}
	var in *gitstore.Inbox
	var got []gitstore.Delivery
	err = a.reading(ctx, func(s *gitstore.Store) (err error) {
		in, err = s.Inbox(ctx, gitstore.InboxQuery{
			Agent: agent, Thread: a.thread(o.thread), From: o.from, Tag: o.tag,
			IncludeRead: o.all, MarkRead: o.markRead, Limit: o.limit, Cursor: o.cursor,
		})
		if err == nil && a.json {
			got, err = s.Deliveries(in.Messages...)
		}
		return err
	})
	if err != nil {
		return err
	}
	inbox := jsonInbox{in.Agent, a.cfg.Store, delivered(in.Messages, got), in.Total, in.Next}
	err = a.show(inbox, func(t render.Terminal) string { return t.Timeline(convert(in.Messages, drawn), nil) })
	a.noteInbox(in)
	return err
}

// noteInbox says whose inbox this is when it is empty, which could also mean
// that the name or the store is not the one intended.
func (a *app) noteInbox(in *gitstore.Inbox) {
	switch {
	case len(in.Messages) == 0:
		a.note("nothing waits for %s in %s", in.Agent, a.cfg.Store)
	case in.Next != "":
		a.note("%s in all; the next: the same with --cursor %s", render.Count(in.Total, "message"), in.Next)
	}
	a.noteSkipped(in.Skipped)
}
