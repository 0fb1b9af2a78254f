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
	"time"
)

// A group measures figures that share their preparation.
type group struct {
	name    string
	measure func(context.Context, *bench) ([]row, error)
	readme  bool // its rows stand in the README too
}

var groups = []group{
	{"durable", durablePosts, true},
	{"unsynced", unsyncedPosts, false},
	{"git", againstGit, true},
	{"growth", growth, true},
	{"thread", oneThread, false},
	{"project", oneProject, false},
	{"crowd", crowd, false},
	{"read", coldReads, true},
	{"memory", memory, false},
	{"start", start, false},
	{"tools", definitions, false},
	{"inbox", inboxes, true},
	{"wake", wake, true},
	{"search", searches, true},
	{"index", catchUps, true},
	{"first", firstInbox, true},
	{"session", longMemory, true},
	{"load", load, true},
	{"gc", compaction, true},
	{"upkeep", upkeep, true},
	{"sync", syncing, true},
	{"clones", clones, true},
	{"curves", curves, false},
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
	update, peers   bool
	profile         string
	generate        string
	messages        int
	seed            uint64
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.skein, "skein", "bin/skein", "the `program` to measure")
	flag.StringVar(&o.dir, "dir", "", "measure in this `directory`, and keep large stores there from run to run (default: skein-bench in the user's cache)")
	flag.StringVar(&o.generate, "generate", "", "only make a store in this `directory`, of -messages and -seed")
	flag.IntVar(&o.messages, "messages", 100_000, "how many `messages` -generate makes")
	flag.Uint64Var(&o.seed, "seed", 1, "the `number` that -generate starts from: the same one gives the same store")
	flag.StringVar(&o.run, "run", "", "measure only the groups that match this `regexp`")
	flag.BoolVar(&o.quick, "quick", false, "small stores and few repetitions: shows that it works, not how fast")
	flag.BoolVar(&o.update, "update", false, "write the figures and pictures into "+readme+" and "+benchmarks+" below the current directory")
	flag.BoolVar(&o.peers, "peers", false, "only compare with other systems; installs them, from the network")
	flag.StringVar(&o.profile, "profile", "", "only write processor and memory profiles of post, inbox and search to this `directory`")
	flag.BoolVar(&o.keep, "keep", false, "leave the stores in -dir, for a look")
	flag.Parse()
	return o
}

func run(ctx context.Context) (err error) {
	o := parseFlags()
	if o.generate != "" {
		return generate(ctx, o)
	}
	wanted, err := regexp.Compile(o.run)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if o.update && (o.quick || o.run != "") {
		return errors.New("-update publishes whole runs only; leave out -quick and -run")
	}
	b, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer b.clean()
	if o.profile != "" {
		return profiles(ctx, b, o.profile)
	}
	b.report.head = b.header(ctx)
	if o.peers {
		b.report.peers = b.comparePeers(ctx)
		fmt.Fprintln(os.Stdout, b.report.peers)
	} else {
		err = b.measure(ctx, wanted)
	}
	if o.update && ctx.Err() == nil {
		err = errors.Join(err, b.report.publish("."))
	}
	return err
}

// measure prints the rows of each group as they come, and goes on after one
// that fails: the other figures are worth having all the same.
func (b *bench) measure(ctx context.Context, wanted *regexp.Regexp) error {
	fmt.Fprintln(os.Stdout, b.report.head)
	t := table{out: os.Stdout}
	var failures []error
	for _, g := range groups {
		if !wanted.MatchString(g.name) || ctx.Err() != nil {
			continue
		}
		begin := time.Now()
		b.note("measuring: %s", g.name)
		rows, err := g.measure(ctx, b)
		if err != nil {
			rows = append(rows, absent(g.name, "failed", "—"))
			failures = append(failures, fmt.Errorf("%s: %w", g.name, err))
			b.note("%s failed: %v", g.name, err)
		}
		b.note("  took %s", show(time.Since(begin)))
		t.add(rows...)
		b.report.add(g, rows)
	}
	return errors.Join(append(failures, ctx.Err())...)
}
