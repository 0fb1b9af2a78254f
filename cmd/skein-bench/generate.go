package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"skein/gitstore"
)

// generate is -generate: a made-up store to look at, or to measure by hand.
func generate(ctx context.Context, o options) error {
	if o.messages < 1 {
		return errors.New("-messages: give at least 1")
	}
	if gitstore.Exists(o.generate) {
		return fmt.Errorf("-generate: there is a store in %s already; name another directory", o.generate)
	}
	r := mixture(o.messages)
	r.seed = o.seed
	bar := newProgress(os.Stderr, r.n)
	err := r.make(ctx, o.generate, bar.step)
	bar.done()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s\n", bar.line(time.Since(bar.begun)))
	return nil
}
