package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
)

func stateTool(readOnly bool) mcp.Tool {
	params := []param{
		textParam("key"),
		textParam("prefix", about("List keys")),
		textParam(valueName, about("JSON to set; null deletes")),
	}
	if readOnly {
		params = params[:2]
	}
	return define("shared_state",
		"Values that all agents share. Without a value: read.",
		hints{readOnly: readOnly, idempotent: true}, params...)
}

type stateParams struct {
	Key    string `json:"key"`
	Prefix string `json:"prefix"`
	Value  string `json:"value"`
}

func (s *Server) state(ctx context.Context, p stateParams) (string, error) {
	if p.Value != "" {
		return s.setState(ctx, p)
	}
	st, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	if p.Key == "" {
		return s.listStates(ctx, st, p.Prefix)
	}
	if p.Prefix != "" {
		return "", fmt.Errorf("shared_state takes a key or a prefix, not both; leave one out")
	}
	state, err := st.State(ctx, p.Key)
	if err != nil {
		return "", err
	}
	return s.stateText(state, st), nil
}

func (s *Server) setState(ctx context.Context, p stateParams) (string, error) {
	if p.Key == "" {
		return "", fmt.Errorf("shared_state needs a key to set; name it beside the value")
	}
	if !json.Valid([]byte(p.Value)) {
		return "", notJSON(valueName, p.Value)
	}
	st, me, err := s.joined(ctx)
	if err != nil {
		return "", err
	}
	if _, err := st.SetState(ctx, me, p.Key, []byte(p.Value)); err != nil {
		return "", err
	}
	return fmt.Sprintf("set %s, as %s", keyText(strings.TrimSpace(p.Key)), me), nil
}

// notJSON is the error for an argument that must be JSON and is not.
func notJSON(name, given string) error {
	return fmt.Errorf(`%s: %s is not JSON; a plain string needs quotes of its own, as in "\"text\""`, name, clip(show(given), 60))
}

// stateText shows one key. The value is whole and exact: a program may go on
// with it.
func (s *Server) stateText(st event.State, in *gitstore.Store) string {
	switch {
	case st.At.IsZero():
		return fmt.Sprintf("%s has never been set in the store %s", keyText(st.Key), in.Dir())
	case st.Value == nil:
		return fmt.Sprintf("%s was deleted %s by %s", keyText(st.Key), s.age(st.At), st.By)
	}
	return fmt.Sprintf("%s, set %s by %s. %s\n> %s", keyText(st.Key), s.age(st.At), st.By, framing, valueText(st))
}

// maxValue is how much of a value a list shows, in bytes.
const maxValue = 400

func (s *Server) listStates(ctx context.Context, st *gitstore.Store, prefix string) (string, error) {
	states, err := st.States(ctx, prefix)
	if err != nil {
		return "", err
	}
	if len(states) == 0 {
		return fmt.Sprintf("no keys that begin with %s in the store %s", keyText(prefix), st.Dir()), nil
	}
	lines := make([]string, len(states))
	for i, state := range states {
		lines[i] = fmt.Sprintf("> %s = %s (%s, %s)\n", keyText(state.Key), clip(valueText(state), maxValue), state.By, s.age(state.At))
	}
	n := fits(lines, false)
	tail := ""
	if n < len(lines) {
		tail = fmt.Sprintf("%d more; give a longer prefix\n", len(lines)-n)
	}
	return plural(len(lines), "key") + ". " + framing + "\n" + strings.Join(lines[:n], "") + tail, nil
}

// keyText is a key as text shows it: as it is if it cannot be taken for
// anything else, else in quotes.
func keyText(key string) string {
	if key == event.KeyDir(key) {
		return key
	}
	return encode(key)
}

// valueText is a value as JSON in one line, with everything escaped that a
// reader would not see.
func valueText(st event.State) string { return escapeHidden(string(st.Value)) }
