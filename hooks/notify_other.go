//go:build !darwin && !windows

package hooks

import (
	"context"
	"os/exec"
)

func notification(ctx context.Context, title, text string) *exec.Cmd {
	return exec.CommandContext(ctx, "notify-send", "--app-name=skein", "--hint=string:sound-name:message-new-instant", "--", title, text)
}
