package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// same fails unless the file beside .git is what the branch holds.
func (d *demo) same(name, kept string) error {
	path := filepath.Join(d.store, filepath.FromSlash(name))
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(file, []byte(kept)) {
		return fmt.Errorf("%s differs from what the branch holds", path)
	}
	d.say("    and the same beside .git: %s", path)
	return nil
}

// farewell says what to do next.
func (d *demo) farewell() {
	d.say(`
All as it should be. The store is kept; look around in it:

    %[1]s threads --store %[2]s
    git -C %[2]s log --stat main

To let your own agents talk, Claude Code needs one line:

    claude mcp add -s user skein -- %[1]s serve

and Claude Desktop this in claude_desktop_config.json (Settings, Developer, Edit Config):

    {"mcpServers": {"skein": {"command": %[3]s, "args": ["serve", "--agent", "desktop"]}}}

Both then use the store that %[1]s uses by default. README.md has the other clients.`,
		d.skein, d.store, quoteJSON(d.skein))
}

// quoteJSON is a path within JSON; on Windows it has backslashes.
func quoteJSON(path string) string {
	return `"` + strings.ReplaceAll(path, `\`, `\\`) + `"`
}
