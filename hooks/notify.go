package hooks

import (
	"context"
	"fmt"
	"time"
)

// notifyLimit is how long the system may take to show a notification.
const notifyLimit = 10 * time.Second

// Notify shows a notification of the system, with a sound, by the program that
// the system has for it: notify-send, osascript or PowerShell. The texts are
// passed as they are and never run.
func Notify(ctx context.Context, title, text string) error {
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	cmd := notification(ctx, title, text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("no notification can be shown with %s: %w %.200s", cmd.Args[0], err, out)
	}
	return nil
}
