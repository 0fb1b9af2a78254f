package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

type postOptions struct {
	thread, title, replyTo, priority, payload, file string

	to, tags   []string
	expiresIn  time.Duration
	requireAck bool
	queue      bool
	body       []string // the arguments
}

func newPostCmd(a *app) *cobra.Command {
	var o postOptions
	cmd := &cobra.Command{
		Use:   "post [BODY]",
		Short: "Post a message",
		Long: `Post a message in a thread, to agents, or both, and print its short id and its
thread. The body is Markdown: the argument, the contents of --file, or standard
input if there is neither or the argument is "-". A last line feed of a file or
of standard input is not part of the body. A thread is opened by its first
message. With --to and no --thread the message goes to the direct thread
between you and them.`,
		Example: `  skein post --thread axon/constraint-model "Should the recursion be bounded?"
  skein post --to desktop --title "Recursion bound" --file question.md
  git diff | skein post --thread axon/review --to claude-code,mary --title "A diff" -
  skein post --reply-to 7k3q9x2m "Yes, at 64."`,
		Args: takes(0, 1, "one body, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.body = args
			return runPost(cmd, a, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.thread, "thread", "t", "", "post in this `thread`, as project/thread")
	f.StringSliceVar(&o.to, "to", nil, "send to these `agents`; * is everyone")
	f.StringVar(&o.title, "title", "", "the `title`, one line")
	f.StringVarP(&o.file, "file", "f", "", "read the body from this `file`; - is standard input")
	f.StringVar(&o.replyTo, "reply-to", "", "answer the message with this `id`, in its thread")
	f.StringSliceVar(&o.tags, "tag", nil, "give it these `tags`")
	f.StringVar(&o.priority, "priority", "", "its `priority`: normal or urgent")
	f.StringVar(&o.payload, "payload", "", "attach this `JSON`")
	f.DurationVar(&o.expiresIn, "expires-in", 0, "leave inboxes after this `time`, as 90m or 48h")
	f.BoolVar(&o.requireAck, "require-ack", false, "stay in inboxes until acknowledged, even when expired")
	f.BoolVar(&o.queue, "queue", false, "accept recipients that nobody is yet")
	a.jsonFlag(cmd)
	a.completePost(cmd)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return hint(usageError{err}, `a body that begins with "-" comes after "--": skein post -t axon/x -- "- one"`)
	})
	return cmd
}

func runPost(cmd *cobra.Command, a *app, o postOptions) error {
	p, err := o.post(cmd, a)
	if err != nil {
		return err
	}
	var m *gitstore.Message
	err = a.writing(cmd.Context(), func(s *gitstore.Store) (err error) {
		m, err = s.Post(cmd.Context(), p)
		return err
	})
	if err != nil {
		return o.explain(err)
	}
	err = a.show(toJSONMessage(m), func(render.Terminal) string {
		return render.Line(m.ID.Short()+" "+m.Thread.String()) + "\n"
	})
	if err != nil {
		// Whoever only sees a failure would post it again.
		return fmt.Errorf("the message is posted as %s, but that cannot be printed: %w", m.ID.Short(), err)
	}
	return nil
}

// post checks what can be checked before the body is read.
func (o postOptions) post(cmd *cobra.Command, a *app) (gitstore.Post, error) {
	if o.thread == "" && len(o.to) == 0 && o.replyTo == "" {
		return gitstore.Post{}, usage(cmd, "post needs --thread, --to or --reply-to")
	}
	if o.payload != "" && !json.Valid([]byte(o.payload)) {
		return gitstore.Post{}, usage(cmd, "--payload is not valid JSON")
	}
	if cmd.Flags().Changed("expires-in") && o.expiresIn <= 0 {
		return gitstore.Post{}, usage(cmd, "--expires-in %s is in the past; leave it out for a message that stays", o.expiresIn)
	}
	if o.file != "" && len(o.body) > 0 {
		return gitstore.Post{}, usage(cmd, "post takes a body or --file, not both")
	}
	agent, err := a.agent()
	if err != nil {
		return gitstore.Post{}, err
	}
	body, err := readBody(cmd, a, o)
	if err != nil {
		return gitstore.Post{}, err
	}
	return gitstore.Post{
		From: agent, Thread: a.thread(o.thread), Project: a.givenProject(), To: o.to, Title: o.title, Body: body,
		ReplyTo: o.replyTo, Tags: o.tags, Priority: o.priority, Payload: json.RawMessage(o.payload),
		ExpiresIn: o.expiresIn, RequireAck: o.requireAck, Queue: o.queue,
	}, nil
}

// explain adds to the store's errors what this command can do about them.
func (o postOptions) explain(err error) error {
	unknown := (*gitstore.UnknownError)(nil)
	if errors.As(err, &unknown) && unknown.What == "agent" && !o.queue {
		return hint(err, "--queue leaves the message for when %q joins", unknown.Name)
	}
	return err
}
