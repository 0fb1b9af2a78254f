package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/tools/profiles"
)

// TestBadArguments gives every tool, skein's own and those of each profile,
// every argument wrong in every way: missing, unknown, of another type, too
// large. The answer is one sentence that names what is wrong, and nothing is
// written.
func TestBadArguments(t *testing.T) {
	for _, system := range append([]string{""}, profiles.Names...) {
		t.Run("profile "+system, func(t *testing.T) {
			home := t.TempDir()
			store := filepath.Join(home, "store")
			args := []string{"--store", store, "--agent", "ann", "--toolsets", "admin"}
			if system != "" {
				args = []string{"--store", store, "--agent", "ann", "--profile", system}
			}
			if out, err := exec.Command(lookSkein(t), "init", "--store", store).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			p := newPeer(t, home, nil, args...)
			list, err := p.c.ListTools(t.Context(), mcp.ListToolsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			for _, tool := range list.Tools {
				t.Run(tool.Name, func(t *testing.T) { badArguments(t, p, store, tool.Name, tool.InputSchema) })
			}
		})
	}
}

func badArguments(t *testing.T, p *peer, store, tool string, schema mcp.ToolInputSchema) {
	refuses := func(args map[string]any, want string) {
		t.Helper()
		text, failed := p.answer(tool, asJSON(t, args))
		if !failed || !strings.Contains(text, want) || strings.Contains(text, "\n") || len(text) > 600 {
			t.Errorf("%.200v: want an error of one line with %q, got (error: %t, %d bytes) %.600s", args, want, failed, len(text), text)
		}
	}
	whole := make(map[string]any) // a call with all that it needs
	for _, name := range schema.Required {
		whole[name] = valueFor(schema, name)
	}
	before := tipOf(store)
	with := func(name string, value any) map[string]any {
		args := map[string]any{name: value}
		for n, v := range whole {
			if n != name {
				args[n] = v
			}
		}
		return args
	}
	for _, name := range schema.Required {
		args := with(name, nil)
		if kindOf(schema, name) == "" { // takes null too
			delete(args, name)
		}
		refuses(args, fmt.Sprintf("%s needs %q", tool, name))
	}
	refuses(with("no_such", 1), fmt.Sprintf("%s has no argument %q", tool, "no_such"))
	for name := range schema.Properties {
		if wrong, ok := wrongFor[kindOf(schema, name)]; ok && !slices.Contains([]string{"payload", "value", "metadata"}, name) {
			refuses(with(name, wrong), fmt.Sprintf("%q must be ", name))
		}
	}
	if now := tipOf(store); now != before {
		t.Errorf("main was at %s and is at %s", before, now)
	}
	for name := range schema.Properties {
		if kindOf(schema, name) != "string" {
			continue
		}
		before := tipOf(store)
		text, failed := p.answer(tool, asJSON(t, with(name, strings.Repeat("x", 64<<10))))
		switch {
		case failed && (len(text) > 600 || strings.Contains(text, "\n")):
			t.Errorf("%s of 64 KiB is answered with %d bytes: %.600s", name, len(text), text)
		case failed && tipOf(store) != before:
			t.Errorf("%s of 64 KiB was refused, and something was written: %s", name, text)
		}
	}
}

// wrongFor is what cannot be taken for a value of a type.
var wrongFor = map[string]any{
	"string": map[string]any{"a": 1}, "integer": "many", "number": "much", "boolean": "perhaps",
	"array": []any{[]any{1}}, "object": "none",
}

func kindOf(schema mcp.ToolInputSchema, name string) string {
	property, _ := schema.Properties[name].(map[string]any)
	kind, _ := property["type"].(string)
	return kind
}

// valueFor is a value of the right type.
func valueFor(schema mcp.ToolInputSchema, name string) any {
	property, _ := schema.Properties[name].(map[string]any)
	if values, ok := property["enum"].([]any); ok {
		return values[0]
	}
	switch kindOf(schema, name) {
	case "array":
		return []string{"x"}
	case "boolean":
		return true
	case "integer", "number":
		return 1
	}
	return "x"
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tipOf is where main stands; "" if there is no store yet.
func tipOf(store string) string {
	out, err := exec.Command("git", "-C", store, "rev-parse", "main").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
