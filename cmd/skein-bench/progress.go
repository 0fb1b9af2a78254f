package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows on a terminal how far a long step has come; elsewhere it says
// nothing, so that logs stay short. It is used by one goroutine at a time.
type progress struct {
	out         io.Writer // nil: nowhere
	n, total    int
	begun, next time.Time
}

func newProgress(out io.Writer, total int) *progress {
	now := time.Now()
	p := &progress{total: total, begun: now, next: now}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.out = out
	}
	return p
}

func (p *progress) step() {
	p.n++
	if now := time.Now(); p.out != nil && now.After(p.next) {
		p.next = now.Add(200 * time.Millisecond)
		fmt.Fprintf(p.out, "\r\x1b[K%s", p.line(now.Sub(p.begun)))
	}
}

func (p *progress) line(spent time.Duration) string {
	speed := float64(p.n) / max(spent.Seconds(), 1e-9)
	return fmt.Sprintf("%s of %s messages, %.0f a second", thousands(p.n), thousands(p.total), speed)
}

func (p *progress) done() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
