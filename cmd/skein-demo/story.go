package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
)

const (
	thread   = "axon/constraint-model"
	question = "Should the recursion in the solver be bounded?\n\nA cycle between two rules runs until memory is gone. I would stop at a depth of **64**: no rule set we have goes beyond 20."
	answer   = "Yes, at 64. Please make it a setting:\n\n    solver.max_depth = 64"
)

// posted is how the server confirms a message.
var posted = regexp.MustCompile(`^posted ([0-9a-z]{8}) `)

// converse lets the two agents ask, answer, acknowledge and settle.
func (d *demo) converse(ctx context.Context) error {
	d.step("Two clients start `skein serve` each, as they would for a model, and ask what it can do.")
	code, err := d.start(ctx, "claude-code")
	if err != nil {
		return err
	}
	desktop, err := d.start(ctx, "desktop")
	if err != nil {
		return errors.Join(err, code.client.Close())
	}
	err = d.talk(ctx, code, desktop)
	return errors.Join(err, code.client.Close(), desktop.client.Close())
}

func (d *demo) talk(ctx context.Context, code, desktop *agent) error {
	asked, err := d.ask(ctx, code, desktop)
	if err != nil {
		return err
	}
	answered, err := d.reply(ctx, desktop, asked)
	if err != nil {
		return err
	}
	return d.settle(ctx, code, desktop, answered)
}

// ask has code ask desktop, and returns the message's id.
func (d *demo) ask(ctx context.Context, code, desktop *agent) (string, error) {
	d.step("desktop looks into its inbox. With its first call an agent joins the store, and can be written to.")
	if _, err := desktop.call(ctx, "check_inbox", arguments{}, "no unread messages for desktop"); err != nil {
		return "", err
	}
	d.step("claude-code asks a question. The thread is new; posting opens it.")
	return d.post(ctx, code, arguments{
		"thread": thread, "to": []string{"desktop"}, "title": "Recursion bound",
		"tags": []string{"question"}, "require_ack": true, "body": question,
	}, thread)
}

// reply has desktop find the question and answer it.
func (d *demo) reply(ctx context.Context, desktop *agent, asked string) (string, error) {
	d.step("desktop finds it in the inbox, and reads the thread for the context.")
	if _, err := desktop.call(ctx, "check_inbox", arguments{}, asked, "claude-code", "Recursion bound", "**64**"); err != nil {
		return "", err
	}
	if _, err := desktop.call(ctx, "read_thread", arguments{"thread": thread}, asked, "1 message"); err != nil {
		return "", err
	}
	d.step("desktop answers, and acknowledges: done with it.")
	answered, err := d.post(ctx, desktop, arguments{
		"thread": thread, "to": []string{"claude-code"}, "reply_to": asked, "body": answer,
	}, thread)
	if err != nil {
		return "", err
	}
	_, err = desktop.call(ctx, "ack_messages", arguments{"ids": []string{asked}}, "acknowledged "+asked)
	return answered, err
}

// settle has code read the answer and close the thread; desktop sees both.
func (d *demo) settle(ctx context.Context, code, desktop *agent, answered string) error {
	d.step("claude-code gets the answer, and acknowledges it.")
	if _, err := code.call(ctx, "check_inbox", arguments{}, answered, "solver.max_depth"); err != nil {
		return err
	}
	if _, err := code.call(ctx, "ack_messages", arguments{"ids": []string{answered}}, "acknowledged "+answered); err != nil {
		return err
	}
	d.step("Days later, in another session, one would search for it.")
	if _, err := code.call(ctx, "search", arguments{"query": "max_depth from:desktop"}, answered, "1 message"); err != nil {
		return err
	}
	d.step("claude-code resolves the thread, and desktop sees that.")
	if _, err := code.call(ctx, "update_thread", arguments{"thread": thread, "status": "resolved"}, "resolved"); err != nil {
		return err
	}
	_, err := desktop.call(ctx, "read_thread", arguments{"thread": thread}, "resolved", "acknowledged by desktop")
	return err
}

// post sends a message and returns its id.
func (d *demo) post(ctx context.Context, from *agent, args arguments, want ...string) (string, error) {
	said, err := from.call(ctx, "post_message", args, want...)
	if err != nil {
		return "", err
	}
	id := posted.FindStringSubmatch(said)
	if id == nil {
		return "", fmt.Errorf("%s: post_message did not say which message it posted", from.name)
	}
	return id[1], nil
}
