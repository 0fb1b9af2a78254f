package hooks

import (
	"context"
	"os/exec"
)

func notification(ctx context.Context, title, text string) *exec.Cmd {
	return exec.CommandContext(ctx, "osascript",
		"-e", "on run argv",
		"-e", `display notification (item 2 of argv) with title (item 1 of argv) sound name "Glass"`,
		"-e", "end run", "--", title, text)
}
