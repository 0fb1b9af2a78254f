package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

const (
	maxMemory = 40_000_000
	maxDelay  = 50 * time.Millisecond
)

// memory looks at an idle server: after the handshake, after an agent's usual
// calls, and after a search through everything.
func memory(ctx context.Context, b *bench) ([]row, error) {
	if runtime.GOOS != "linux" {
		return []row{onlyLinux("memory of `skein serve`")}, nil
	}
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return nil, err
	}
	if err := b.buildIndex(ctx, store); err != nil {
		return nil, err
	}
	inbox := func(s *server) error {
		_, err := s.tool("check_inbox", struct{}{})
		return err
	}
	rows, err := b.memoryOf(ctx, store, []stage{
		{"after initialize", func(*server) error { return nil }},
		{"after check_inbox and read_thread", func(s *server) error {
			_, err := s.tool("read_thread", map[string]any{"thread": "topic-00000"})
			return errors.Join(inbox(s), err)
		}},
		{"after a search through all", func(s *server) error {
			_, err := s.tool("search", map[string]any{"query": "nowhere-to-be-found"})
			return err
		}},
	})
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(indexDir(store)); err != nil {
		return nil, err
	}
	more, err := b.memoryOf(ctx, store, []stage{{"after it has made the index from nothing", func(s *server) error {
		return errors.Join(inbox(s), awaitIndex(ctx, store))
	}}})
	return append(rows, more...), errors.Join(err, b.drop(store))
}

// stage is what a server has done when its memory is looked at.
type stage struct {
	name string
	do   func(s *server) error
}

func (b *bench) memoryOf(ctx context.Context, store string, stages []stage) (rows []row, err error) {
	s, err := b.serve(ctx, store, "bench")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	for _, stage := range stages {
		if err := stage.do(s); err != nil {
			return nil, err
		}
		r, err := b.memoryRow(ctx, s.cmd.Process.Pid, stage.name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (b *bench) memoryRow(ctx context.Context, pid int, stage string) (row, error) {
	resident, anonymous, err := settled(ctx, pid)
	return row{
		what:  fmt.Sprintf("memory of `skein serve`, idle %s, %s messages", stage, thousands(b.large)),
		skein: fmt.Sprintf("%s resident, %s of it anonymous", megabytes(resident), megabytes(anonymous)), baseline: "—", ratio: "—",
		goal: "≤ " + megabytes(maxMemory) + " resident", met: met(resident <= maxMemory),
	}, err
}

// settled is the process's memory once it has not changed for a while.
func settled(ctx context.Context, pid int) (resident, anonymous int64, err error) {
	const still, patience = 10, 100
	status := fmt.Sprintf("/proc/%d/status", pid)
	for same, looks := 0, 0; same < still && looks < patience; looks++ {
		last := resident
		if resident, err = procNumber(status, "VmRSS:"); err != nil {
			return 0, 0, err
		}
		if same++; resident != last {
			same = 0
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
	anonymous, err = procNumber(status, "RssAnon:")
	return resident * 1024, anonymous * 1024, err
}

// start holds the time until initialize is answered against that of a program
// that starts and ends.
func start(ctx context.Context, b *bench) ([]row, error) {
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return nil, err
	}
	empty, err := b.emptyProgram(ctx)
	if err != nil {
		return nil, err
	}
	var skein, base sample
	for i := range b.runs + 1 {
		if i == 1 {
			skein, base = nil, nil // the first of each warms the caches
		}
		if err := errors.Join(b.startOnce(ctx, store, &skein), base.take(func() error { return exec.CommandContext(ctx, empty).Run() })); err != nil {
			return nil, err
		}
	}
	delay := skein.median() - base.median()
	return []row{{
		what: fmt.Sprintf("start to the answer to `initialize`, %s messages", thousands(b.large)), skein: show(skein.median()),
		baseline: "empty Go program " + show(base.median()), ratio: "+" + show(delay),
		goal: "≤ +" + show(maxDelay), met: met(delay <= maxDelay),
	}}, b.drop(store)
}

// definitions counts what a client has to load before the first call. What an
// agent pays for is tokens, about one for four bytes.
func definitions(ctx context.Context, b *bench) (rows []row, err error) {
	store, err := b.store(ctx, mixture(b.small), b.home)
	if err != nil {
		return nil, err
	}
	s, err := b.serve(ctx, store, "bench")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(), b.drop(store)) }()
	list, err := s.call("tools/list", struct{}{})
	if err != nil {
		return nil, err
	}
	return []row{{
		what: "definitions of all tools, as JSON", skein: thousands(len(list)) + " bytes",
		baseline: "—", ratio: "—", goal: "—", met: "—",
	}}, nil
}

func (b *bench) startOnce(ctx context.Context, store string, took *sample) error {
	var s *server
	err := took.take(func() (err error) {
		s, err = b.serve(ctx, store, "bench")
		return err
	})
	if err != nil {
		return err
	}
	return s.stop()
}

// emptyProgram builds a program that does nothing.
func (b *bench) emptyProgram(ctx context.Context) (string, error) {
	source, program := filepath.Join(b.work, "empty.go"), filepath.Join(b.work, "empty")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GO111MODULE=off")
	return program, cmd.Run()
}
