package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

func newStateCmd(a *app) *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "state [KEY [VALUE]]",
		Short: "Read or set the values that all share",
		Long: `List the keys of the shared state with their values, show the value of one, or
set it. A value is JSON, so a text needs quotes of its own; the last one set
wins, and null takes the key away. "skein state log" shows what a key has been.`,
		Example: `  skein state
  skein state build.lock '{"by":"mary"}'
  skein state build.lock --json | jq .value
  skein state --prefix build.`,
		Args:              takes(0, 2, "a key and a value"),
		ValidArgsFunction: a.completeFirst(stateKeys),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && cmd.Flags().Changed("prefix"):
				return usage(cmd, "state takes a key or --prefix, not both")
			case len(args) == 2:
				return runSetState(cmd.Context(), a, args[0], args[1])
			case len(args) == 1:
				return runState(cmd.Context(), a, args[0])
			}
			return runStates(cmd.Context(), a, prefix)
		},
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "list only keys that begin with this `text`")
	a.jsonFlag(cmd)
	cmd.AddCommand(newStateLogCmd(a))
	return cmd
}

func newStateLogCmd(a *app) *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:   "log KEY",
		Short: "Show what a key has been, the newest first",
		Long: `Show the changes of a key of the shared state, the newest first. A change
without a value took the key away.`,
		Example: `  skein state log build.lock
  skein state log build.lock -n 100 --json`,
		Args:              takes(1, 1, "a key"),
		ValidArgsFunction: a.completeFirst(stateKeys),
		RunE:              func(cmd *cobra.Command, args []string) error { return runStateLog(cmd.Context(), a, args[0], n) },
	}
	numberFlag(cmd.Flags(), &n, "limit", "n", 1, 20, "show at most this many `changes`")
	a.jsonFlag(cmd)
	return cmd
}

func runSetState(ctx context.Context, a *app, key, value string) error {
	agent, err := a.agent()
	if err != nil {
		return err
	}
	if !json.Valid([]byte(value)) {
		return hint(fmt.Errorf("%q is not JSON", value), `a text needs quotes of its own: skein state %s '"text"'`, key)
	}
	var st event.State
	err = a.writing(ctx, func(s *gitstore.Store) (err error) {
		st, err = s.SetState(ctx, agent, key, []byte(value))
		return err
	})
	if err != nil {
		return err
	}
	return a.show(toJSONState(st), func(t render.Terminal) string { return stateRows(t, st) })
}

func runState(ctx context.Context, a *app, key string) error {
	var st event.State
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		st, err = s.State(ctx, key)
		return err
	})
	if err != nil {
		return err
	}
	if st.Value == nil && !a.json {
		return fmt.Errorf("%q has no value in %s", st.Key, a.cfg.Store)
	}
	return a.show(toJSONState(st), func(render.Terminal) string { return render.Line(string(st.Value)) + "\n" })
}

func runStates(ctx context.Context, a *app, prefix string) error {
	var states []event.State
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		states, err = s.States(ctx, prefix)
		return err
	})
	if err != nil {
		return err
	}
	if len(states) == 0 {
		a.note("no keys in %s", a.cfg.Store)
	}
	answer := map[string][]jsonState{"states": convert(states, toJSONState)}
	return a.show(answer, func(t render.Terminal) string { return stateRows(t, states...) })
}

func runStateLog(ctx context.Context, a *app, key string, n int) error {
	var log []event.State
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		log, err = s.StateLog(ctx, key, n)
		return err
	})
	if err != nil {
		return err
	}
	if len(log) == 0 {
		a.note("%q has never been set in %s", key, a.cfg.Store)
	}
	answer := map[string][]jsonState{"changes": convert(log, toJSONState)}
	return a.show(answer, func(t render.Terminal) string { return stateRows(t, log...) })
}

// stateRows is a line for each key, or each change of one.
func stateRows(t render.Terminal, states ...event.State) string {
	return t.Table(convert(states, func(st event.State) []render.Cell {
		return []render.Cell{render.Strong(st.Key), render.Dim(t.When(st.At)), render.Plain(st.By), render.Plain(string(st.Value))}
	}))
}

// jsonState is a key of the shared state, or one change of it; without a value
// it was never set, or has been taken away.
type jsonState struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value,omitempty"`
	At    string          `json:"at,omitempty"`
	By    string          `json:"by,omitempty"`
}

func toJSONState(st event.State) jsonState {
	return jsonState{st.Key, st.Value, jsonTime(st.At), st.By}
}

func stateKeys(ctx context.Context, s *gitstore.Store) ([]cobra.Completion, error) {
	states, err := s.States(ctx, "")
	return convert(states, func(st event.State) cobra.Completion { return completion(st.Key, string(st.Value)) }), err
}
