package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/tools"
	"skein/tools/profiles"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	readOnly        bool
	profile, client string
	toolsets        []string
	http            string
	setupCode       bool
}

func newServeCmd(a *app) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Be the MCP server of an agent",
		Long: `Serve one agent over the Model Context Protocol: the agent's client starts
this command and speaks to its standard input and output. The agent is --agent
or $SKEIN_AGENT, else named after the client and the folder, as in
claude-code@axon; the agent of config.toml is the person, and not used here.
The log goes to standard error or the log file. As long as it runs, it keeps
the store in sync with its remote, if there is one ("skein remote").

With --profile the tools are those of another message system, for its users:
dialogue, duo, c2c, dispatch or relay. What they have set in that system's
environment holds here too: a path that named its database names the store, or
a directory beside it where something else lies there. As those systems did,
duo says in the CLAUDE.md of the project ($CLAUDE_PROJECT_DIR) that mail waits,
unless its tool notifications is told not to; dispatch says so on standard
error, and relay by a notification of the system.

With --http the store is served over HTTP in place of standard input and output:
MCP at /mcp, the ten endpoints of duo's broker, and /health. Without a port it
is $BROKER_PORT, else 3210. Requests need the token that lies in the store's
.git/skein/http-token. An MCP client there is named after itself, or by
/mcp?agent=NAME.`,
		Example: `  claude mcp add -s user skein -- skein serve
  skein serve --agent desktop --read-only
  skein serve --profile relay --client desktop
  MCP_DISPATCH_AGENT_ID=alice skein serve --profile dispatch
  skein serve --http 127.0.0.1:3210`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd, a, &o) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.toolsets, "toolsets", nil, "offer these `sets` of tools as well: admin (prune, redact)")
	flags.BoolVar(&o.readOnly, "read-only", false, "offer only the tools that change nothing")
	flags.StringVar(&o.profile, "profile", "", "offer the tools of this `system` in place of skein's own")
	flags.StringVar(&o.client, "client", "", "with --profile relay: be `desktop` or code")
	flags.BoolVar(&o.setupCode, "setup-code", false, "with --profile relay: give Claude Code the command /get, and end")
	flags.StringVar(&o.http, "http", "", "listen for HTTP at this `address` instead")
	completeFixed(cmd, "toolsets", []string{tools.Admin})
	completeFixed(cmd, "profile", profiles.Names)
	completeFixed(cmd, "client", relayClients)
	must(cmd.RegisterFlagCompletionFunc("http", cobra.NoFileCompletions))
	return cmd
}

func runServe(cmd *cobra.Command, a *app, o *serveOptions) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	if o.setupCode {
		return a.setupCode()
	}
	var profile *tools.Profile
	if o.profile != "" {
		var err error
		if profile, err = a.profile(o); err != nil {
			return err
		}
	}
	logger, done, err := a.logger()
	if err != nil {
		return err
	}
	defer done()
	ctx := cmd.Context()
	syncing := newSyncer(ctx)
	open := a.servedStore(ctx, logger, profile, syncing)
	options := tools.Options{
		Agent: a.servedAgent(), Folder: folder(), Session: os.Getenv("CLAUDE_CODE_SESSION_ID"),
		Version: buildVersion().Version, Logger: logger, ReadOnly: o.readOnly, Toolsets: o.toolsets, Profile: profile,
	}
	if o.http != "" {
		return a.serveHTTP(ctx, o.http, options, open, syncing.end)
	}
	idle := time.Duration(0)
	if o.profile == "relay" {
		idle = profiles.RelayIdle
	}
	return a.serveStdio(ctx, tools.New(open, options), idle, syncing.end)
}

// check refuses flags that do not go together.
func (o *serveOptions) check(cmd *cobra.Command) error {
	if o.setupCode && o.profile != "relay" {
		return usage(cmd, "--setup-code: goes with --profile relay")
	}
	if o.client != "" && (o.profile != "relay" || !slices.Contains(relayClients, o.client)) {
		return usage(cmd, "--client: goes with --profile relay, and is desktop or code")
	}
	for _, set := range o.toolsets {
		if set != tools.Admin {
			return usage(cmd, "--toolsets: there is no set %q; there is %s", set, tools.Admin)
		}
	}
	return nil
}

// servedStore opens the store, and keeps it in sync from then on.
func (a *app) servedStore(ctx context.Context, logger *slog.Logger, profile *tools.Profile, syncing *syncer) func() (*gitstore.Store, error) {
	twice := duplicates
	if profile != nil { // the systems whose tools these are know nothing of it
		twice = 0
	}
	return func() (*gitstore.Store, error) {
		s, err := gitstore.Open(ctx, gitstore.Options{
			Dir: a.cfg.Store, NoMirror: !a.cfg.Mirror, NoIndex: a.cfg.NoIndex, Resident: true, Logger: logger,
			Roster: a.cfg.Agents, PairLimit: a.cfg.PairLimit, Duplicates: twice,
		})
		if err == nil {
			syncing.keep(s, gitstore.Pace{})
		}
		return s, err
	}
}

// serveStdio serves one client, until it has said nothing for a while if idle is
// not 0; ending runs before the store is closed.
func (a *app) serveStdio(ctx context.Context, srv *tools.Server, idle time.Duration, ending func()) (err error) {
	if isTerminal(a.in) {
		a.note("this speaks MCP, for an agent's client to start; Ctrl-C ends it")
	}
	defer func() {
		ending()
		err = errors.Join(err, srv.Close())
	}()
	if idle == 0 {
		return srv.ServeStdio(ctx, a.in, a.out)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return srv.ServeStdio(ctx, newIdleReader(a.in, idle, stop), a.out)
}

// servedAgent is the agent that was named for this very server.
func (a *app) servedAgent() string {
	if source := a.source("agent"); source == fromFlag || source == fromEnv {
		return a.cfg.Agent
	}
	return a.inherited
}

// folder is the name of the project's folder: the client's word for it, else
// where the process was started.
func folder() string {
	dir := os.Getenv("CLAUDE_PROJECT_DIR")
	if dir == "" {
		dir, _ = os.Getwd() // without one the name does without a folder
	}
	if dir == "" || dir == filepath.Dir(dir) {
		return ""
	}
	return filepath.Base(dir)
}
