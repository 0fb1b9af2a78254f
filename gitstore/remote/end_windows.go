package remote

import (
	"os/exec"
	"strconv"
)

// endWithChildren has a git that is ended take along what it has started:
// git-remote-https and ssh hold the connection.
func endWithChildren(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		if exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
}
