package odb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// Tests that need several processes run this binary again. What such a process
// is to do stands in jobVariable: the job, the repository, a name.

const jobVariable = "ODB_TEST_JOB"

var jobs = map[string]func(dir, name string) error{
	"post":    postUntilTold,
	"read":    readUntilTold,
	"init":    func(dir, _ string) error { return Init(dir, Options{}) },
	"once":    func(dir, name string) error { return postOnce(dir, name) },
	"merge":   mergeUntilTold,
	"compact": func(dir, _ string) error { return workUntilTold(dir, compactAndReap) },
}

func runJob(job string) int {
	f := strings.Fields(job)
	if err := jobs[f[0]](f[1], f[2]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", job, err)
		return 1
	}
	return 0
}

// process is a job that runs. It ends when its standard input is closed, or
// killed.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	in   io.Closer

	mu    sync.Mutex
	lines []string      // what it has printed
	more  chan struct{} // gets a token for a new line
	done  chan struct{} // closed when it has ended
	fail  strings.Builder
}

func spawn(t *testing.T, job, dir, name string) *process {
	t.Helper()
	p := &process{t: t, name: name, more: make(chan struct{}, 1), done: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), jobVariable+"="+strings.Join([]string{job, dir, name}, " "))
	p.cmd.Stderr = &p.fail
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.in = in
	go p.collect(out)
	t.Cleanup(p.kill)
	return p
}

func (p *process) collect(out io.Reader) {
	defer close(p.done)
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return // half a line was not acknowledged
		}
		p.mu.Lock()
		p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

func (p *process) printed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines)
}

// wait waits until the process has printed n lines in all.
func (p *process) wait(n int) {
	p.t.Helper()
	for len(p.printed()) < n {
		select {
		case <-p.more:
		case <-p.done:
			if len(p.printed()) < n {
				p.t.Fatalf("%s ended: %s", p.name, p.fail.String())
			}
		}
	}
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
	_ = p.cmd.Wait()
}

// finish tells the process to end and returns what it had printed.
func (p *process) finish() []string {
	p.t.Helper()
	p.in.Close()
	<-p.done
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s: %v\n%s", p.name, err, p.fail.String())
	}
	return p.printed()
}

// told is closed when the process is to end.
func told() <-chan struct{} {
	c := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(c)
	}()
	return c
}

func until(stop <-chan struct{}, do func(i int) error) error {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := do(i); err != nil {
			return err
		}
	}
}

// postUntilTold commits batches of one to three commits, most of them on main,
// and prints the ids that were acknowledged, each with its ref.
func postUntilTold(dir, name string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	err = until(told(), func(i int) error {
		ref := mainRef
		if i%5 == 4 {
			ref = otherRef
		}
		ids := names(fmt.Sprintf("%s.%d.", name, i), 1+i%3)
		if err := post(s, ref, 20*i%3000, ids...); err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "%s %s\n", ref, strings.Join(ids, " "))
		if s.MaintenanceDue() {
			return s.Maintain(context.Background())
		}
		return nil
	})
	return errors.Join(err, s.Close())
}

func postOnce(dir, name string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	if err := post(s, mainRef, 0, name); err != nil {
		return err
	}
	return s.Close()
}

// readUntilTold reads both refs again and again, through a storage that stays
// open and through one that is opened anew. A history must not become shorter.
func readUntilTold(dir, _ string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	seen := map[plumbing.ReferenceName]int{}
	return until(told(), func(i int) error {
		from := s
		if i%3 == 0 {
			if from, err = Open(dir, Options{}); err != nil {
				return err
			}
			defer from.Close()
		}
		for _, ref := range []plumbing.ReferenceName{mainRef, otherRef} {
			ids, err := history(from, ref)
			if err != nil {
				return fmt.Errorf("%s: %w", ref, err)
			}
			if len(ids) < seen[ref] {
				return fmt.Errorf("%s had %d commits and has %d", ref, seen[ref], len(ids))
			}
			seen[ref] = len(ids)
		}
		fmt.Fprintln(os.Stdout, "read")
		return nil
	})
}

func mergeUntilTold(dir, _ string) error {
	return workUntilTold(dir, func(s *Storage) error { return s.Maintain(context.Background()) })
}

func workUntilTold(dir string, work func(*Storage) error) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	return until(told(), func(int) error { return work(s) })
}

// checkAcknowledged holds what processes printed against the store: every id
// is there once, each batch in one piece, each process's in its order.
func checkAcknowledged(t *testing.T, dir string, printed ...[]string) {
	t.Helper()
	s := open(t, dir, Options{})
	for _, ref := range []plumbing.ReferenceName{mainRef, otherRef} {
		ids, err := history(s, ref)
		if err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		at := map[string]int{}
		for i, id := range ids {
			if _, twice := at[id]; twice {
				t.Errorf("%s is there twice", id)
			}
			at[id] = i
		}
		acked := 0
		for _, lines := range printed {
			last := -1
			for _, line := range lines {
				f := strings.Fields(line)
				if f[0] != ref.String() {
					continue
				}
				for _, id := range f[1:] {
					acked++
					i, there := at[id]
					if !there || i <= last {
						t.Errorf("%s: %s was acknowledged; it is there: %v, at %d behind %d", ref, id, there, i, last)
					}
					last = i
				}
			}
		}
		t.Logf("%s: %d commits, %d of them acknowledged", ref, len(ids), acked)
	}
	fsck(t, dir)
}
