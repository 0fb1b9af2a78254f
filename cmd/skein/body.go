package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"skein/gitstore/event"
)

// readBody gets the body of a post from where the options say it is.
func readBody(cmd *cobra.Command, a *app, o postOptions) (string, error) {
	var body string
	var err error
	switch {
	case len(o.body) > 0 && o.body[0] != "-":
		body = o.body[0]
	case o.file != "" && o.file != "-":
		body, err = readFile(cmd.Context(), o.file)
	case len(o.body) == 0 && o.file == "" && isTerminal(a.in):
		return "", usage(cmd, "post needs a body: an argument, --file, or standard input")
	default:
		body, err = readText(cmd.Context(), a.in)
	}
	if err == nil && strings.TrimSpace(body) == "" && o.title == "" {
		err = errors.New("the body is empty and there is no title: there is nothing to post")
	}
	return body, err
}

func readFile(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("cannot read the body: %w", err)
	}
	defer f.Close()
	return readText(ctx, f)
}

// readText reads a body, at most a byte more than it may have and the line
// feed that ends a text file. It gives up waiting when ctx ends; what still
// reads then ends with the process.
func readText(ctx context.Context, r io.Reader) (string, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(r, event.MaxBody+2))
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case got := <-done:
		if got.err != nil {
			return "", fmt.Errorf("cannot read the body: %w", got.err)
		}
		text := strings.TrimSuffix(string(got.text), "\n")
		if len(text) > event.MaxBody {
			return "", fmt.Errorf("the body is larger than %d bytes: post a part of it, or say where it is", event.MaxBody)
		}
		return text, nil
	}
}
