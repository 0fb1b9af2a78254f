package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// remains shows what is left when both processes are gone, to a person and to
// git, and checks that the two agree.
func (d *demo) remains(ctx context.Context) error {
	d.step("Both processes are gone. A person reads the thread:")
	if _, err := d.run(ctx, d.skein, d.skeinArgs("read", thread), "claude-code", "Recursion bound", "desktop", "solver.max_depth"); err != nil {
		return err
	}
	d.step("The history is git's: one commit an event, its author the agent.")
	log, err := d.git(ctx, []string{"log", "--format=%h %an: %s", "main"}, "claude-code → desktop: Recursion bound")
	if err != nil {
		return err
	}
	// The root, two messages, one change of status; receipts have a branch of their own.
	if n := strings.Count(log, "\n"); n != 4 {
		return fmt.Errorf("there are %d commits on main, not 4", n)
	}
	return errors.Join(d.files(ctx), d.verdict(ctx))
}

// files lists the files of main and holds one against its copy beside .git.
func (d *demo) files(ctx context.Context) error {
	d.step("So are the files, on the branch and beside it:")
	list, err := d.git(ctx, []string{"ls-tree", "-r", "--name-only", "main"}, "README.md", "projects/"+thread)
	if err != nil {
		return err
	}
	name := firstMessage(list)
	if name == "" {
		return errors.New("main holds no message")
	}
	d.step("A message is a Markdown file (git show main:… prints the same):")
	kept, err := d.git(ctx, []string{"show", "main:" + name}, "from: claude-code", question)
	if err != nil {
		return err
	}
	return d.same(name, kept)
}

// verdict asks git and skein whether all is well.
func (d *demo) verdict(ctx context.Context) error {
	d.step("Is everything whole?")
	if _, err := d.git(ctx, []string{"fsck", "--strict", "--full", "--no-dangling"}); err != nil {
		return err
	}
	_, err := d.run(ctx, d.skein, d.skeinArgs("verify"))
	return err
}

// firstMessage is the oldest message of the thread in a listing: the names of
// messages begin with their time.
func firstMessage(list string) string {
	for line := range strings.Lines(list) {
		name := strings.TrimSpace(line)
		if strings.HasPrefix(name, "projects/"+thread) && strings.Count(name, ".") == 1 {
			return name
		}
	}
	return ""
}

func (d *demo) skeinArgs(args ...string) []string {
	return append(args, "--store", d.store, "--agent", "you")
}

func (d *demo) git(ctx context.Context, args []string, want ...string) (string, error) {
	return d.run(ctx, "git", append([]string{"-C", d.store}, args...), want...)
}

// run runs a program as a person would, shows what it prints, and fails
// unless it succeeds and its output has every text of want.
func (d *demo) run(ctx context.Context, program string, args []string, want ...string) (string, error) {
	d.say("    $ %s", commandLine(program, args))
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = d.env
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	d.show(problems.String() + out.String())
	if err != nil {
		return "", fmt.Errorf("%s: %w", commandLine(program, args), err)
	}
	for _, w := range want {
		if !strings.Contains(out.String(), w) {
			return "", fmt.Errorf("%s does not print %q", commandLine(program, args), w)
		}
	}
	return out.String(), nil
}

// commandLine is a command as one would type it.
func commandLine(program string, args []string) string {
	words := []string{program}
	for _, a := range args {
		if strings.ContainsAny(a, " '\"$%*") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
