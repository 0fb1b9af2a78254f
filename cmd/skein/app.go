package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

// app is what the commands share: the streams and the settings.
type app struct {
	streams
	cfg    Config
	values []value // where each setting came from, for `skein config`
	json   bool

	inherited string // the agent that another system's environment names
}

// configure reads the settings; it runs before every command.
func (a *app) configure(flags *pflag.FlagSet) error {
	var err error
	a.cfg, a.values, err = loadConfig(flags)
	return err
}

// reading runs f on the store, which must be there. Files beside the
// repository are not caught up with: a reader must not wait for them.
func (a *app) reading(ctx context.Context, f func(*gitstore.Store) error) error {
	if err := a.mustExist(); err != nil {
		return err
	}
	return a.with(ctx, false, f)
}

// tending is reading for a command that sees to the files beside the
// repository as well.
func (a *app) tending(ctx context.Context, f func(*gitstore.Store) error) error {
	if err := a.mustExist(); err != nil {
		return err
	}
	return a.with(ctx, a.cfg.Mirror, f)
}

// writing runs f on the store, which is made if it is missing.
func (a *app) writing(ctx context.Context, f func(*gitstore.Store) error) error {
	return a.with(ctx, a.cfg.Mirror, f)
}

// duplicates is the time in which a message said twice is one: a client that has
// lost an answer, or a person who has pressed the key again, takes no longer.
const duplicates = 30 * time.Second

func (a *app) mustExist() error {
	if gitstore.Exists(a.cfg.Store) {
		return nil
	}
	return fmt.Errorf(`there is no store at %s yet: "skein init" or a first "skein post" makes it, --store names another`, a.cfg.Store)
}

func (a *app) with(ctx context.Context, mirror bool, f func(*gitstore.Store) error) (err error) {
	logger, done, err := a.logger()
	if err != nil {
		return err
	}
	defer done()
	s, err := gitstore.Open(ctx, gitstore.Options{
		Dir: a.cfg.Store, NoMirror: !mirror, NoIndex: a.cfg.NoIndex, Logger: logger, Person: a.isPerson(),
		Roster: a.cfg.Agents, PairLimit: a.cfg.PairLimit, Duplicates: duplicates,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(s)
}

// logger logs to the file of the settings, else to standard error.
func (a *app) logger() (*slog.Logger, func(), error) {
	var w io.Writer = a.err
	done := func() {}
	if a.cfg.LogFile != "" {
		f, err := os.OpenFile(a.cfg.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot open the log file: %w", err)
		}
		w, done = f, func() { _ = f.Close() } // the log is not worth failing for
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: a.cfg.LogLevel})), done, nil
}

// agent is who the person at this command line is: the setting, else the name
// the person has logged in under.
func (a *app) agent() (string, error) {
	if a.cfg.Agent != "" {
		return a.cfg.Agent, nil
	}
	name, err := userName()
	if err != nil {
		return "", hint(err, "set --agent, $SKEIN_AGENT, or agent in config.toml")
	}
	return name, nil
}

// isPerson tells whether a person acts, not an agent that calls this program: an
// agent is named for the very call.
func (a *app) isPerson() bool { return a.servedAgent() == "" }

func userName() (string, error) {
	login := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		login = u.Username
	}
	// Windows puts the domain before the name.
	login = login[strings.LastIndexByte(login, '\\')+1:]
	name, err := event.AgentName(event.SuggestAgentName(login))
	if err != nil {
		return "", fmt.Errorf("your user name %q makes no agent name", login)
	}
	return name, nil
}

// thread completes a thread's name with the project of the settings. Without
// one, a bare name is left for the store to find.
func (a *app) thread(name string) string {
	if name == "" || a.cfg.Project == "" || strings.Contains(name, "/") {
		return name
	}
	return a.cfg.Project + "/" + name
}

// givenProject is the project if this very command line names it. The project
// of the environment or the file is where bare names are looked for, and must
// not move a message that names no thread.
func (a *app) givenProject() string {
	if a.source("project") == fromFlag {
		return a.cfg.Project
	}
	return ""
}

// source tells where a setting came from.
func (a *app) source(key string) string {
	for _, v := range a.values {
		if v.Key == key {
			return v.Source
		}
	}
	return fromDefault
}

// show prints v as JSON if that was asked for, else the text that draw makes.
func (a *app) show(v any, draw func(render.Terminal) string) error {
	if a.json {
		return writeJSON(a.out, v)
	}
	_, err := io.WriteString(a.out, draw(a.terminal()))
	return err
}

// note tells the person something beside the data.
func (a *app) note(format string, args ...any) {
	if !a.json {
		fmt.Fprintln(a.err, render.Line(fmt.Sprintf(format, args...)))
	}
}

// noteSkipped says that files in the store could not be read.
func (a *app) noteSkipped(n int) {
	if n > 0 {
		fmt.Fprintf(a.err, "skein: %s could not be read: \"skein verify\" names them\n", render.Count(n, "file"))
	}
}

// abs makes a path absolute; ~ stands for the home directory, and a relative
// path is taken from base.
func abs(path, base string) (string, error) {
	if path == "~" || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, `~\`) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("cannot expand ~: %w", err)
		}
		return filepath.Join(home, path[1:]), nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return filepath.Abs(path)
}
