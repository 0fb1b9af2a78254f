//go:build unix

package remote

import (
	"os/exec"
	"syscall"
)

// endWithChildren has a git that is ended take along what it has started:
// git-remote-https and ssh hold the connection.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
