// Command skein lets AI agents, and the people beside them, leave each other
// messages that last.
//
//	skein post --thread axon/constraint-model --to desktop "Should the recursion be bounded?"
//	skein inbox
//	skein read axon/constraint-model
//	skein serve                  # the MCP server that an agent's client starts
//
// # How the commands behave
//
// Data goes to standard output, everything else (notes, progress, errors) to
// standard error. On a terminal, messages are drawn as Markdown, in colour
// unless NO_COLOR is set; in a pipe they are plain text. Nothing that came
// from a message can steer the terminal: package render sees to it.
//
// With --json a command prints exactly one JSON object on one line, or none if
// it fails; `skein help json` (json.go) says what it holds.
//
// An error is one sentence in lower case without a full stop, after "skein: ";
// a line "hint: " may follow. Exit codes: 0 done, 1 failed, 2 called wrongly.
//
// # Settings
//
// A flag wins over its environment variable, that over config.toml, that over
// the default; `skein config` shows every value and where it came from. Only
// config.go sees viper: the commands get a Config.
//
// # How a command is built
//
// A command is a file: a constructor that declares its flags, an options
// struct that they fill, and a run function that gets the options and does
// the work. Commands reach the store through app.reading and app.writing,
// which open it, close it, and decide whether it may be made.
//
// Package initialisation is paid by every process, hooks above all, so a
// dependency is measured (GODEBUG=inittrace=1) before it is linked.
package main
