package tools

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name. The files are what clients have seen:
// a change in one is a change of the interface.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s changed (-was +is); run with -update if that is meant:\n%s", name, d)
	}
}

func toolList(t *testing.T, o Options) []byte {
	t.Helper()
	s := connect(t, New(given(nil), o), "test-client")
	var indented bytes.Buffer
	if err := json.Indent(&indented, s.request("tools/list", "{}"), "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(indented.Bytes(), '\n')
}

func TestDefinitions(t *testing.T) {
	golden(t, "tools.json", toolList(t, Options{Agent: "codex"}))
	golden(t, "tools-admin.json", toolList(t, Options{Agent: "codex", Toolsets: []string{Admin}}))
	golden(t, "tools-read-only.json", toolList(t, Options{Agent: "codex", ReadOnly: true}))
}

// TestParametersMatchDefinitions holds each tool's parameter struct against its
// definition: a parameter that no field receives would do nothing.
func TestParametersMatchDefinitions(t *testing.T) {
	for _, c := range []struct {
		def    mcp.Tool
		params any
	}{
		{postTool(), postParams{}}, {inboxTool(false), inboxParams{}}, {ackTool(), ackParams{}},
		{readTool(), readParams{}}, {searchTool(), searchParams{}}, {updateTool(), updateParams{}},
		{stateTool(false), stateParams{}}, {whoTool(), whoParams{}}, {profileTool(), profileParams{}},
		{pruneTool(), pruneParams{}}, {redactTool(), redactParams{}},
	} {
		var fields []string
		for f := range reflect.TypeOf(c.params).Fields() {
			fields = append(fields, f.Tag.Get("json"))
		}
		if d := cmp.Diff(fields, c.def.InputSchema.PropertyOrder); d != "" {
			t.Errorf("%s: fields and definition differ:\n%s", c.def.Name, d)
		}
		for _, n := range c.def.InputSchema.PropertyOrder {
			if c.def.InputSchema.Properties[n] == nil {
				t.Errorf("%s: no property %q", c.def.Name, n)
			}
		}
	}
}

func TestInstructions(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		s := instructions(strings.Repeat("a", event.MaxAgentName), readOnly)
		if len(s) >= 2048 {
			t.Errorf("the instructions have %d bytes, and clients cut them at 2048", len(s))
		}
		for _, tool := range []string{"post_message", "ack_messages", "update_thread"} {
			if strings.Contains(s, tool) == readOnly {
				t.Errorf("read-only %v: %s in the instructions: %v", readOnly, tool, !readOnly)
			}
		}
	}
	first, _, _ := strings.Cut(instructions("codex@axon", false), "\n")
	mustContain(t, first, "You are codex@axon.", "mail waits here")
}

func TestOtherNamesAreOfParameters(t *testing.T) {
	var all []string
	for _, tool := range New(given(nil), Options{}).tools() {
		all = append(all, tool.Tool.InputSchema.PropertyOrder...)
	}
	for name := range otherNames {
		if !slices.Contains(all, name) {
			t.Errorf("other names are given for %q, which no tool takes", name)
		}
	}
}
