package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

// A usageError says that skein was called wrongly: exit code 2.
type usageError struct{ error }

// A hintedError carries what to do about it, shown on a line of its own.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

// usage makes a usageError that points to the command's help.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return hintedError{usageError{fmt.Errorf(format, args...)}, cmd.CommandPath() + " --help says how it is used"}
}

// hint adds to an error what to do about it.
func hint(err error, format string, args ...any) error {
	return hintedError{err, fmt.Sprintf(format, args...)}
}

// exit reports err and returns the exit code.
func (a *app) exit(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		_, advice := describe(err)
		err = hint(errors.New("interrupted"), "%s", advice)
	}
	text, advice := describe(err)
	fmt.Fprintln(a.err, "skein: "+text)
	if advice != "" {
		fmt.Fprintln(a.err, "hint: "+advice)
	}
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailure
}

// describe turns an error into its sentence and its hint, both one clean line.
func describe(err error) (text, advice string) {
	text = err.Error()
	if unknown := (*gitstore.UnknownError)(nil); errors.As(err, &unknown) {
		// The parameter that the store names before the sentence is not one here.
		plain := *unknown
		plain.Hint = ""
		text, advice = plain.Error(), unknown.Hint
	}
	// A command's own hint fits better than the store's, which is for all.
	if hinted := (hintedError{}); errors.As(err, &hinted) {
		advice = hinted.hint
	}
	// Errors that were joined stand on a line each.
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	return render.Line(text), render.Line(advice)
}
