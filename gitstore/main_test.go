package gitstore

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// roles are what the test binary does when it is executed by a test: a real
// process that can be killed.
var roles = map[string]func(args []string) error{
	"open":        openRole,
	"die-opening": dieOpeningRole,
	"post":        postRole,
	"die-at":      dieAtRole,
	"post-loop":   postLoopRole,
	"die-syncing": dieSyncingRole,
	"bulk":        bulkRole,
	"attend":      attendRole,
	"writer":      writerRole,
	"lock-index":  lockIndexRole,

	"post-on-line": postOnLineRole,
}

const roleVariable = "SKEIN_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process is the test binary in a role.
type process struct {
	cmd   *exec.Cmd
	stdin io.Writer // open as long as the process lives

	mu      sync.Mutex
	printed sync.Cond
	lines   []string // of its standard output so far
	ended   bool     // there will be no more
}

// start executes the test binary in a role.
func start(tb testing.TB, role string, args ...string) *process {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe, args...)}
	p.printed.L = &p.mu
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go p.collect(out)
	return p
}

// collect keeps whole lines: the last one may have been cut by a kill.
func (p *process) collect(out io.Reader) {
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		p.mu.Lock()
		if err == nil {
			p.lines = append(p.lines, line[:len(line)-1])
		}
		p.ended = err != nil
		p.printed.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// waitFor returns when the process has printed n lines, or ended.
func (p *process) waitFor(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.lines) < n && !p.ended {
		p.printed.Wait()
	}
}

// line returns a line that the process has printed.
func (p *process) line(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[n]
}

// wait returns the lines that the process printed, and how it ended.
func (p *process) wait() ([]string, error) {
	p.mu.Lock()
	for !p.ended {
		p.printed.Wait()
	}
	p.mu.Unlock()
	return p.lines, p.cmd.Wait()
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }
