package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/adrg/xdg"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"skein/gitstore/event"
)

// Config holds the settings, checked. It is all that the commands see of
// flags, environment and file.
type Config struct {
	Store     string   // absolute path
	Agents    []string // the only names to which messages may go; nil: any who have joined
	PairLimit int      // messages that two agents may exchange in ten minutes with no person in between; 0: any
	Agent     string   // a valid name; "": the person's user name
	Project   string   // a slug; "": a thread named without project is looked for in all
	Mirror    bool     // keep Markdown files beside the repository
	NoIndex   bool     // answer from the tree alone
	LogFile   string   // absolute path; "": standard error
	LogLevel  slog.Level
	Color     string // colorAuto, colorAlways or colorNever
}

// The values of the setting color.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

// Where a value came from, strongest first.
const (
	fromFlag    = "flag"
	fromEnv     = "env"
	fromFile    = "file"
	fromDefault = "default"
)

// A setting is a key of config.toml. Its flag is the key with '-' for '_', its
// environment variable SKEIN_ and the key in capitals.
type setting struct {
	key      string
	usage    string
	fallback func() string
	set      func(c *Config, v *value) error // checks v and may put it into its final form
}

var settings = []setting{
	{"store", "the store's `directory`", defaultStore, func(c *Config, v *value) (err error) {
		c.Store, err = v.path()
		return err
	}},
	{"agent", "act as the agent of this `name`", none, func(c *Config, v *value) (err error) {
		if v.Text != "" {
			c.Agent, err = event.AgentName(v.Text)
			v.Text = c.Agent
		}
		return err
	}},
	{"project", "the `project` of threads named without one", none, func(c *Config, v *value) (err error) {
		if v.Text != "" {
			c.Project, err = event.Slug(v.Text)
			v.Text = c.Project
		}
		return err
	}},
	{"agents", "messages may go to these `names` only, divided by commas", none, func(c *Config, v *value) error {
		for name := range strings.FieldsFuncSeq(v.Text, func(r rune) bool { return r == ',' || r == ' ' }) {
			name, err := event.AgentName(name)
			if err != nil {
				return err
			}
			c.Agents = append(c.Agents, name)
		}
		v.Text = strings.Join(c.Agents, ",")
		return nil
	}},
	{"pair_limit", "stop two agents after this `number` of messages in ten minutes; 0: never", func() string { return "30" }, func(c *Config, v *value) (err error) {
		if c.PairLimit, err = strconv.Atoi(v.Text); err != nil || c.PairLimit < 0 {
			return fmt.Errorf("must be a number of messages, or 0 for no limit, not %q", v.Text)
		}
		return nil
	}},
	{"mirror", "keep Markdown files beside the repository", yes, func(c *Config, v *value) (err error) {
		c.Mirror, err = v.boolean()
		return err
	}},
	{"no_index", "answer from the git tree alone, without the index", no, func(c *Config, v *value) (err error) {
		c.NoIndex, err = v.boolean()
		return err
	}},
	{"log_file", "write the log to this `file` instead of standard error", none, func(c *Config, v *value) (err error) {
		if v.Text != "" {
			c.LogFile, err = v.path()
		}
		return err
	}},
	{"log_level", "log from this `level` on: debug, info, warn or error", func() string { return "warn" }, func(c *Config, v *value) error {
		if !slices.Contains(logLevels, v.Text) {
			return fmt.Errorf("must be one of %s, not %q", strings.Join(logLevels, ", "), v.Text)
		}
		return c.LogLevel.UnmarshalText([]byte(v.Text))
	}},
	{"color", "`when` to use colours: auto, always or never", func() string { return colorAuto }, func(c *Config, v *value) error {
		if c.Color = v.Text; !slices.Contains(colorValues, v.Text) {
			return fmt.Errorf("must be one of %s, not %q", strings.Join(colorValues, ", "), v.Text)
		}
		return nil
	}},
}

var (
	logLevels   = []string{"debug", "info", "warn", "error"}
	colorValues = []string{colorAuto, colorAlways, colorNever}
)

func (s setting) flag() string { return strings.ReplaceAll(s.key, "_", "-") }
func (s setting) env() string  { return "SKEIN_" + strings.ToUpper(s.key) }

func none() string         { return "" }
func yes() string          { return "true" }
func no() string           { return "false" }
func defaultStore() string { return filepath.Join(xdg.DataHome, "skein") }

// A value is what a setting is set to, and by whom.
type value struct {
	Key, Text, Source string
	base              string // a relative path is relative to this
}

func (v *value) path() (_ string, err error) {
	if v.Text == "" {
		return "", errors.New("must not be empty")
	}
	v.Text, err = abs(v.Text, v.base)
	return v.Text, err
}

func (v *value) boolean() (bool, error) {
	b, err := strconv.ParseBool(v.Text)
	if err != nil {
		return false, fmt.Errorf("must be true or false, not %q", v.Text)
	}
	return b, nil
}

// addSettingFlags declares the flags that every command has.
func addSettingFlags(flags *pflag.FlagSet) {
	for _, s := range settings {
		switch fallback := s.fallback(); fallback {
		case yes(), no():
			flags.Bool(s.flag(), fallback == yes(), s.usage)
		default:
			flags.String(s.flag(), "", s.usage)
		}
	}
	flags.String("config", "", "read settings from this `file`")
}

// configFile is where the settings are read from; named tells whether it was
// asked for and so must be there.
func configFile(flags *pflag.FlagSet) (path string, named bool) {
	if f := flags.Lookup("config"); f.Changed {
		return f.Value.String(), true
	}
	if env := os.Getenv("SKEIN_CONFIG"); env != "" {
		return env, true
	}
	return filepath.Join(xdg.ConfigHome, "skein", "config.toml"), false
}

// loadConfig reads the settings and where each came from.
func loadConfig(flags *pflag.FlagSet) (Config, []value, error) {
	path, named := configFile(flags)
	v, err := readConfigFile(path, named)
	if err != nil {
		return Config{}, nil, err
	}
	var c Config
	var values []value
	for _, s := range settings {
		set, err := s.lookup(v, flags, path)
		if err == nil {
			err = s.set(&c, &set)
		}
		if err != nil {
			return Config{}, nil, s.blame(err, set.Source, path)
		}
		values = append(values, set)
	}
	return c, values, nil
}

// readConfigFile reads config.toml into a viper of its own and refuses keys
// that mean nothing: a misspelt one would be ignored in silence.
func readConfigFile(path string, named bool) (*viper.Viper, error) {
	v := viper.New()
	v.SetConfigFile(path)
	v.SetConfigType("toml")
	if err := v.ReadInConfig(); err != nil {
		if errors.Is(err, fs.ErrNotExist) && !named {
			return v, nil
		}
		return nil, fmt.Errorf("cannot read the settings in %s: %w", path, unwrapParse(err))
	}
	for _, key := range slices.Sorted(slices.Values(v.AllKeys())) {
		if !slices.ContainsFunc(settings, func(s setting) bool { return s.key == key }) {
			return nil, fmt.Errorf("%s sets %q, which is no setting: there are %s", path, key, strings.Join(settingKeys(), ", "))
		}
	}
	return v, nil
}

// unwrapParse drops viper's own preamble from a syntax error.
func unwrapParse(err error) error {
	if parse := (viper.ConfigParseError{}); errors.As(err, &parse) {
		return parse.Unwrap()
	}
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func settingKeys() []string {
	keys := make([]string, len(settings))
	for i, s := range settings {
		keys[i] = s.key
	}
	return keys
}

// lookup finds the strongest value of a setting.
func (s setting) lookup(v *viper.Viper, flags *pflag.FlagSet, file string) (value, error) {
	found := value{Key: s.key, Source: fromDefault}
	switch f := flags.Lookup(s.flag()); {
	case f.Changed:
		found.Source = fromFlag
	case os.Getenv(s.env()) != "":
		found.Source = fromEnv
	case v.InConfig(s.key):
		found.Source = fromFile
		found.base = filepath.Dir(file)
	}
	v.SetDefault(s.key, s.fallback())
	if err := errors.Join(v.BindEnv(s.key, s.env()), bindChanged(v, s, flags)); err != nil {
		return found, err
	}
	var err error
	found.Text, err = s.text(v.Get(s.key))
	return found, err
}

// text is a value as TOML has it; a number or a list only where that is meant.
func (s setting) text(raw any) (string, error) {
	switch raw := raw.(type) {
	case string:
		return raw, nil
	case bool:
		return strconv.FormatBool(raw), nil
	case int64:
		if s.key == "pair_limit" {
			return strconv.FormatInt(raw, 10), nil
		}
	case []any:
		if s.key == "agents" {
			return joined(raw), nil
		}
	}
	return "", fmt.Errorf("must be a text, not %v", raw)
}

// joined is a list of names as one text.
func joined(list []any) string {
	names := make([]string, len(list))
	for i, name := range list {
		names[i] = fmt.Sprint(name)
	}
	return strings.Join(names, ",")
}

// bindChanged binds the flag only if it was given, so that its own default
// never hides that of the setting.
func bindChanged(v *viper.Viper, s setting, flags *pflag.FlagSet) error {
	if f := flags.Lookup(s.flag()); f.Changed {
		return v.BindPFlag(s.key, f)
	}
	return nil
}

// blame says which setting is wrong, in the words of its source.
func (s setting) blame(err error, source, file string) error {
	switch source {
	case fromFlag:
		return usageError{fmt.Errorf("--%s: %w", s.flag(), err)}
	case fromEnv:
		return fmt.Errorf("$%s: %w", s.env(), err)
	case fromFile:
		return fmt.Errorf("%s in %s: %w", s.key, file, err)
	}
	return fmt.Errorf("the default of %s: %w", s.key, err)
}
