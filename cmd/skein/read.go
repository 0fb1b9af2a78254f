package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

type readOptions struct {
	thread, since, cursor string
	limit                 int
}

func newReadCmd(a *app) *cobra.Command {
	var o readOptions
	cmd := &cobra.Command{
		Use:   "read THREAD",
		Short: "Read a thread",
		Long: `Show the last messages of a thread, oldest first, with the changes of its
title, status and members where they happened. Reading marks nothing as read.`,
		Example: `  skein read axon/constraint-model
  skein read constraint-model --limit 100
  skein read axon/constraint-model --since 2h --json`,
		Args:              takes(1, 1, "a thread"),
		ValidArgsFunction: a.completeFirst(threadNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.thread = args[0]
			return runRead(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "only what came after this message `id`, time (RFC 3339) or duration back (2h)")
	f.StringVar(&o.cursor, "cursor", "", "go on from this `cursor` of an earlier page")
	numberFlag(f, &o.limit, "limit", "n", 1, 20, "show at most this many `messages`")
	a.jsonFlag(cmd)
	return cmd
}

type jsonPage struct {
	Thread    jsonThread    `json:"thread"`
	Messages  []jsonMessage `json:"messages"`
	Changes   []jsonChange  `json:"changes"`
	Remaining int           `json:"remaining"`
	Older     string        `json:"older,omitempty"`
	Next      string        `json:"next,omitempty"`
}

func runRead(ctx context.Context, a *app, o readOptions) error {
	var p *gitstore.Page
	var got []gitstore.Delivery
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		p, err = s.Read(ctx, gitstore.ReadQuery{
			Thread: a.thread(o.thread), Since: o.since, Limit: o.limit, Cursor: o.cursor,
		})
		if err == nil && a.json {
			got, err = s.Deliveries(p.Messages...)
		}
		return err
	})
	if err != nil {
		return err
	}
	changes := changesShown(p)
	page := jsonPage{toJSONThread(p.Thread), delivered(p.Messages, got),
		convert(changes, toJSONChange), p.Remaining, p.Older, p.Next}
	err = a.show(page, func(t render.Terminal) string {
		return t.Thread(p.Thread) + "\n" + t.Timeline(convert(p.Messages, drawnInThread), changes)
	})
	a.notePage(p)
	return err
}

// changesShown are the changes of the thread that fall within the page.
func changesShown(p *gitstore.Page) []*event.Event {
	var shown []*event.Event
	for _, e := range p.Events {
		n := len(p.Messages)
		tooOld := p.Older != "" && n > 0 && e.ID.Compare(p.Messages[0].ID) < 0
		tooNew := p.Next != "" && n > 0 && e.ID.Compare(p.Messages[n-1].ID) > 0
		if !tooOld && !tooNew {
			shown = append(shown, e)
		}
	}
	return shown
}

func (a *app) notePage(p *gitstore.Page) {
	if p.Older != "" {
		a.note("older messages: the same with --cursor %s", p.Older)
	}
	if p.Next != "" {
		a.note("later messages: the same with --cursor %s", p.Next)
	}
	a.noteSkipped(p.Skipped)
}

// drawn is a message as render shows it, with the thread in its head.
func drawn(m *gitstore.Message) render.Message {
	r := drawnInThread(m)
	r.Thread = m.Thread
	return r
}

func drawnInThread(m *gitstore.Message) render.Message {
	return render.Message{Event: &m.Event, Receipts: convert(m.Receipts, func(r gitstore.Receipt) render.Receipt {
		return render.Receipt(r)
	})}
}
