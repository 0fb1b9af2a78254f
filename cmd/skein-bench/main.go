package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

// A group measures figures that share their preparation.
type group struct {
	name    string
	measure func(context.Context, *bench) ([]row, error)
}

var groups = []group{
	{"durable", durablePosts},
	{"unsynced", unsyncedPosts},
	{"git", againstGit},
	{"growth", growth},
	{"thread", oneThread},
	{"project", oneProject},
	{"crowd", crowd},
	{"read", coldReads},
	{"memory", memory},
	{"start", start},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		err = work(ctx, os.Args[2:])
	} else {
		err = run(ctx)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "skein-bench:", err)
		os.Exit(1)
	}
}

type options struct {
	skein, dir, run string
	quick, keep     bool
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.skein, "skein", "bin/skein", "the `program` to measure")
	flag.StringVar(&o.dir, "dir", "", "measure in this `directory` (default: the temporary one)")
	flag.StringVar(&o.run, "run", "", "measure only the groups that match this `regexp`")
	flag.BoolVar(&o.quick, "quick", false, "small stores and few repetitions: shows that it works, not how fast")
	flag.BoolVar(&o.keep, "keep", false, "leave the stores in -dir, for a look")
	flag.Parse()
	return o
}

func run(ctx context.Context) (err error) {
	o := parseFlags()
	wanted, err := regexp.Compile(o.run)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	b, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer b.clean()
	fmt.Println(b.header(ctx)) //nolint:forbidigo // the table is this program's output
	t := table{out: os.Stdout}
	var failures []error
	for _, g := range groups {
		if !wanted.MatchString(g.name) || ctx.Err() != nil {
			continue
		}
		b.note("measuring: %s", g.name)
		rows, err := g.measure(ctx, b)
		t.add(rows...)
		if err != nil { // the other figures are worth having all the same
			t.add(row{what: g.name, skein: "failed", baseline: "—", ratio: "—", goal: "—", met: met(false)})
			failures = append(failures, fmt.Errorf("%s: %w", g.name, err))
		}
	}
	return errors.Join(append(failures, ctx.Err())...)
}
