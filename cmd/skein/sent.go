package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

type sentOptions struct {
	thread, to, tag, cursor string
	limit                   int
}

func newSentCmd(a *app) *cobra.Command {
	var o sentOptions
	cmd := &cobra.Command{
		Use:   "sent",
		Short: "Show what you have sent, and who has seen it",
		Long: `Show the messages that you have sent, the newest first, and for each who has
read or acknowledged it, and which of those it names have not.`,
		Example: `  skein sent
  skein sent --to desktop --tag question
  skein sent --agent codex --json`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runSent(cmd.Context(), a, o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.thread, "thread", "t", "", "only in this `thread`")
	f.StringVar(&o.to, "to", "", "only those that name this `agent`")
	f.StringVar(&o.tag, "tag", "", "only with this `tag`")
	numberFlag(f, &o.limit, "limit", "n", 1, 20, "show at most this many `messages`")
	f.StringVar(&o.cursor, "cursor", "", "go on from this `cursor` of an earlier page")
	a.jsonFlag(cmd)
	a.completeFlag(cmd, "thread", threadNames)
	a.completeFlag(cmd, "to", agentNames)
	return cmd
}

type jsonSent struct {
	Agent    string        `json:"agent"`
	Messages []jsonMessage `json:"messages"`
	Total    int           `json:"total"`
	Next     string        `json:"next,omitempty"`
}

func runSent(ctx context.Context, a *app, o sentOptions) error {
	agent, err := a.agent()
	if err != nil {
		return err
	}
	var r *gitstore.SearchResult
	var got []gitstore.Delivery
	sent := []*gitstore.Message{}
	err = a.reading(ctx, func(s *gitstore.Store) (err error) {
		q := gitstore.SearchQuery{Text: a.sentBy(o), Me: agent, Tag: o.tag, Limit: o.limit, Cursor: o.cursor}
		if r, err = s.Search(ctx, q); err != nil {
			return err
		}
		for _, h := range r.Hits {
			sent = append(sent, h.Message)
		}
		if a.json {
			if got, err = s.Deliveries(sent...); err != nil {
				return err
			}
		}
		return s.FillReceipts(ctx, sent)
	})
	if err != nil {
		return err
	}
	answer := jsonSent{agent, delivered(sent, got), r.Total, r.Next}
	for i, m := range sent {
		answer.Messages[i].Pending = m.Pending()
	}
	err = a.show(answer, func(t render.Terminal) string { return t.Timeline(convert(sent, drawnSent), nil) })
	switch {
	case r.Total == 0:
		a.note("%s has sent nothing like that in %s", agent, a.cfg.Store)
	case r.Next != "":
		a.note("%s in all; the next: the same with --cursor %s", render.Count(r.Total, "message"), r.Next)
	}
	a.noteSkipped(r.Skipped)
	return err
}

// sentBy is the query for what one has sent.
func (a *app) sentBy(o sentOptions) string {
	query := []string{"from:" + gitstore.Me}
	if o.thread != "" {
		query = append(query, `thread:"`+strings.ReplaceAll(a.thread(o.thread), `"`, " ")+`"`)
	}
	if o.to != "" {
		query = append(query, `to:"`+strings.ReplaceAll(o.to, `"`, " ")+`"`)
	}
	return strings.Join(query, " ")
}

// drawnSent is a message with those who have not seen it yet.
func drawnSent(m *gitstore.Message) render.Message {
	d := drawn(m)
	for _, name := range m.Pending() {
		d.Receipts = append(d.Receipts, render.Receipt{Agent: name, State: "pending"})
	}
	return d
}
