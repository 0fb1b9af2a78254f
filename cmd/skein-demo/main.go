package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// patience is far more than the demo needs; a run that hangs must end.
const patience = time.Minute

func main() {
	skein := flag.String("skein", "bin/skein", "the `program` to show")
	dir := flag.String("dir", "", "make the store below this `directory` (default: a new temporary one)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, patience)
	err := run(ctx, os.Stdout, *skein, *dir)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nskein-demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, skein, dir string) error {
	d, err := newDemo(out, skein, dir)
	if err != nil {
		return err
	}
	d.say("Two agents, two processes, one store: %s", d.store)
	if err := d.converse(ctx); err != nil {
		return err
	}
	if err := d.remains(ctx); err != nil {
		return err
	}
	d.farewell()
	return nil
}

// demo is one run: where it happens, and who listens.
type demo struct {
	out   io.Writer
	skein string   // absolute path of the program
	store string   // where the conversation will be
	env   []string // nothing of the person's own settings
	steps int
}

func newDemo(out io.Writer, skein, dir string) (*demo, error) {
	skein, err := filepath.Abs(skein)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(skein); err != nil {
		return nil, fmt.Errorf("there is no program to show: %w; `make build` makes it", err)
	}
	base, err := os.MkdirTemp(dir, "skein-demo-")
	if err != nil {
		return nil, err
	}
	return &demo{out: out, skein: skein, store: filepath.Join(base, "store"), env: cleanEnv(filepath.Join(base, "config"))}, nil
}

// cleanEnv keeps the person's own skein and git settings out of the demo.
func cleanEnv(config string) []string {
	env := []string{"XDG_CONFIG_HOME=" + config, "NO_COLOR=1"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SKEIN_") && !strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "XDG_CONFIG_HOME=") {
			env = append(env, v)
		}
	}
	return env
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, format+"\n", args...)
}

// step begins a numbered part of the story.
func (d *demo) step(format string, args ...any) {
	d.steps++
	d.say("\n%2d. %s", d.steps, fmt.Sprintf(format, args...))
}

// show prints what somebody sees, set apart from the narration.
func (d *demo) show(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		d.say("    │ %s", strings.TrimRight(line, "\n"))
	}
}
