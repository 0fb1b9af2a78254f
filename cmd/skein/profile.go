package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/viper"

	"skein/gitstore"
	"skein/hooks"
	"skein/tools"
	"skein/tools/profiles"
)

// profileEnv is what a profile's users have set for the system they come from:
// the variable that named its database, and the one that named the agent.
var profileEnv = map[string]struct{ store, agent string }{
	"dialogue": {store: "DIALOGUE_STORAGE_PATH"},
	"duo":      {agent: "PARTNER_NAME"},
	"c2c":      {store: "CLAUDE_C2C_DB"},
	"dispatch": {store: "MCP_DISPATCH_DIR", agent: "MCP_DISPATCH_AGENT_ID"},
	"relay":    {},
}

// relayClients are the values of --client.
var relayClients = []string{"desktop", "code"}

// profile makes the profile of that name, and takes over what its users have
// set. skein's own flags and variables win over theirs.
func (a *app) profile(o *serveOptions) (*tools.Profile, error) {
	env, known := profileEnv[o.profile]
	if !known {
		return nil, usageError{fmt.Errorf("--profile: there is no %q; choose one of %s", o.profile, strings.Join(profiles.Names, ", "))}
	}
	settings := profiles.Settings{Alerts: a.err, Notify: hooks.Notify, Notice: noticeIn(os.Getenv("CLAUDE_PROJECT_DIR"))}
	named := os.Getenv(env.store)
	if o.profile == "dispatch" {
		var dir string
		var err error
		if settings.Dispatch, dir, err = dispatchConfig(); err != nil {
			return nil, err
		}
		if named == "" {
			named, env.store = dir, "dispatch_dir"
		}
	}
	if err := a.inheritStore(env.store, named); err != nil {
		return nil, err
	}
	if err := a.inheritAgent(env.agent, os.Getenv(env.agent), o.client); err != nil {
		return nil, err
	}
	if o.profile == "duo" && a.servedAgent() == "" {
		a.inherited, _ = profiles.AgentID(folder()) // a folder without a name leaves it to the client's
	}
	if o.profile == "dispatch" {
		if err := a.onRoster(settings.Dispatch); err != nil {
			return nil, err
		}
	}
	return profiles.New(o.profile, settings)
}

// noticeIn leaves notices in the CLAUDE.md of a project; nil if the client has
// not said which that is: a file is not made just anywhere.
func noticeIn(project string) func(agent, line string) error {
	if project == "" {
		return nil
	}
	return func(agent, line string) error {
		return hooks.SetNotice(filepath.Join(project, "CLAUDE.md"), agent, line)
	}
}

// setupCode gives Claude Code the command /get.
func (a *app) setupCode() error {
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	path, err := hooks.InstallGet(hooks.ClaudeDir(home))
	if err == nil {
		a.note("Claude Code has the command /get from its next start on; remove %s to take it back", path)
	}
	return err
}

// inheritStore makes the path that named another system's database name the
// store.
func (a *app) inheritStore(variable, path string) error {
	if source := a.source("store"); path == "" || source == fromFlag || source == fromEnv {
		return nil
	}
	path, err := abs(path, ".")
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	if a.cfg.Store, err = storeFor(path); err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	a.note("%s names the store %s", variable, a.cfg.Store)
	return nil
}

// storeFor is the store's directory for the path of another system's database:
// the path itself if a store is there or can be, else a directory beside it,
// named after it.
func storeFor(path string) (string, error) {
	ext := filepath.Ext(path)
	if filepath.Base(path) == ext { // a hidden file has no other name
		ext = ""
	}
	base := strings.TrimSuffix(path, ext)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && slices.Contains([]string{".db", ".sqlite", ".sqlite3"}, ext):
		return base + ".skein", nil
	case errors.Is(err, fs.ErrNotExist):
		return path, nil
	case err != nil:
		return "", err
	case !info.IsDir():
		return base + ".skein", nil
	case gitstore.Fits(path):
		return path, nil
	}
	return path + ".skein", nil
}

// inheritAgent takes the agent's name from another system's variable, or from
// --client.
func (a *app) inheritAgent(variable, name, client string) error {
	if a.servedAgent() != "" {
		return nil
	}
	if client != "" {
		variable, name = "--client", client
	}
	if name == "" {
		return nil
	}
	id, err := profiles.AgentID(name)
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	a.inherited = id
	return nil
}

// onRoster refuses an agent that the roster lacks; with one, somebody must be
// named.
func (a *app) onRoster(cfg profiles.DispatchConfig) error {
	if len(cfg.Agents) == 0 {
		return nil
	}
	if a.servedAgent() == "" {
		return fmt.Errorf("there is a roster of agents: set $MCP_DISPATCH_AGENT_ID to one of %s", strings.Join(cfg.Agents, ", "))
	}
	return cfg.Admits(a.servedAgent())
}

// dispatchConfig reads dispatch's config.toml, whose settings stand at its top
// or below [dispatch]; a file that was not asked for need not be there.
func dispatchConfig() (cfg profiles.DispatchConfig, dir string, err error) {
	path := os.Getenv("MCP_DISPATCH_CONFIG")
	named := path != ""
	if !named {
		path = "~/.config/mcp-dispatch/config.toml"
	}
	if path, err = abs(path, "."); err != nil {
		return cfg, "", err
	}
	v := viper.New()
	v.SetConfigFile(path)
	v.SetConfigType("toml")
	if err := v.ReadInConfig(); err != nil {
		if errors.Is(err, fs.ErrNotExist) && !named {
			return cfg, "", nil
		}
		return cfg, "", fmt.Errorf("cannot read the settings in %s: %w", path, unwrapParse(err))
	}
	var file struct {
		Agents       []string `mapstructure:"agents"`
		Dir          string   `mapstructure:"dispatch_dir"`
		Most         int      `mapstructure:"max_message_bytes"`
		TTL          int      `mapstructure:"default_ttl"`
		Instructions string   `mapstructure:"instructions"`
	}
	err = v.Unmarshal(&file)
	if sub := v.Sub("dispatch"); err == nil && sub != nil {
		err = sub.Unmarshal(&file)
	}
	if err == nil && (file.Most < 0 || file.TTL < 0) {
		err = errors.New("max_message_bytes and default_ttl must not be negative")
	}
	if err != nil {
		return cfg, "", fmt.Errorf("the settings in %s: %w", path, err)
	}
	cfg = profiles.DispatchConfig{Agents: file.Agents, MaxMessageBytes: file.Most, DefaultTTL: file.TTL, Instructions: file.Instructions}
	return cfg, file.Dir, nil
}

// idleReader calls stop when nothing has been read for a while.
type idleReader struct {
	io.Reader
	timer *time.Timer
	limit time.Duration
}

func newIdleReader(r io.Reader, limit time.Duration, stop func()) *idleReader {
	return &idleReader{r, time.AfterFunc(limit, stop), limit}
}

func (r *idleReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.timer.Reset(r.limit)
	return n, err
}
