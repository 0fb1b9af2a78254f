package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inspectorEnv names the command of MCP's inspector; `make conformance` sets it.
const inspectorEnv = "SKEIN_INSPECTOR"

// TestInspector: the inspector, a client on the TypeScript SDK, connects to each
// set of tools that can be served, and its strictest look at their schemas finds
// nothing that another client could stumble over.
func TestInspector(t *testing.T) {
	command := strings.Fields(os.Getenv(inspectorEnv))
	if len(command) == 0 {
		t.Skip("it needs Node.js and the network: `make conformance` runs it")
	}
	t.Setenv("SKEIN_STORE", filepath.Join(t.TempDir(), "store"))
	for set, want := range map[string]int{
		"": 9, "--toolsets admin": 11, "--read-only": 5,
		"--profile dialogue": 9, "--profile duo": 10, "--profile c2c": 9, "--profile dispatch": 4,
		"--profile relay --client desktop": 3, "--profile relay --client code": 3,
	} {
		args := append(command[1:], "--cli", lookSkein(t), "serve")
		args = append(append(args, strings.Fields(set)...), "--method", "tools/list", "--strict")
		cmd := exec.CommandContext(t.Context(), command[0], args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil || findings(stderr.String()) != "" {
			t.Errorf("serve %s: %v %s", set, err, &stderr)
			continue
		}
		var list struct{ Tools []any }
		if err := json.Unmarshal(stdout.Bytes(), &list); err != nil || len(list.Tools) != want {
			t.Errorf("serve %s offers %d tools, want %d: %v", set, len(list.Tools), want, err)
		}
	}
}

// findings is what the inspector has written beside the list, without what npm
// has to say of itself.
func findings(stderr string) string {
	var b strings.Builder
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "npm ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
