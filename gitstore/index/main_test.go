package index

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// roles are what the test binary does when it is executed by a test: a real
// process beside this one. What a role prints, the test reads line by line; a
// role ends when its standard input does.
var roles = map[string]func(args []string) error{
	"idle":   func([]string) error { return nil },
	"search": searchRole,
	"lock":   lockRole,
	"update": updateRole,
}

const roleVariable = "SKEIN_INDEX_TEST_ROLE"

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

// inRole returns the test binary in a role, not yet started.
func inRole(tb testing.TB, role string, args ...string) *exec.Cmd {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// process is a role that runs.
type process struct {
	lines *bufio.Scanner
	stop  func()
}

// start starts a role; it is stopped at the end of the test at the latest.
func start(tb testing.TB, role string, args ...string) process {
	tb.Helper()
	cmd := inRole(tb, role, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p := process{lines: bufio.NewScanner(out), stop: func() {
		_ = in.Close()
		_ = cmd.Wait()
	}}
	tb.Cleanup(p.stop)
	return p
}

// line returns the next line that the process prints.
func (p process) line(tb testing.TB) string {
	tb.Helper()
	if !p.lines.Scan() {
		tb.Fatal("the process has ended")
	}
	return p.lines.Text()
}

// say prints a line from a role.
func say(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stdout, format+"\n", args...)
}

// waitForEnd returns when the test has closed the role's standard input.
func waitForEnd() {
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
	}
}

// searchRole opens an index, searches it and says how long both took.
func searchRole(args []string) error {
	started := time.Now()
	x, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	defer x.Close()
	opened := time.Since(started)
	v, err := x.View(context.Background())
	if err != nil {
		return err
	}
	defer v.Close()
	q, err := ParseQuery(strings.Join(args[1:], " "), time.Now())
	if err != nil {
		return err
	}
	found, err := v.Search(q, Place{}, 20)
	if err != nil {
		return err
	}
	if len(found.Hits) == 0 {
		return errors.New("nothing found")
	}
	say("%d %d", opened.Microseconds(), (time.Since(started) - opened).Microseconds())
	return nil
}

// lockRole keeps an index locked, as a foreign program would, until it is told
// to end.
func lockRole(args []string) error {
	x, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	defer x.Close()
	c, err := x.get()
	if err != nil {
		return err
	}
	for _, statement := range args[1:] {
		if err := c.exec(statement); err != nil {
			return err
		}
	}
	say("locked")
	waitForEnd()
	return c.exec(`ROLLBACK`)
}
