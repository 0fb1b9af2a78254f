package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// A peer is another program that agents leave each other messages with. Each
// is used as its manual says, from the command line, one process a message.
type peer struct {
	name    string
	module  string // installed with `go install`; "": it is here already
	version string
	program string     // its name, or path
	ask     []string   // for its version, where none is pinned
	setup   [][]string // run in a new directory
	// post and list get the directory, and post a text without spaces, which
	// list has to print.
	post    func(dir, text string) []string
	list    func(dir string) []string
	flushes string // whether a message is on the disk when post returns, and how one knows
	bare    bool   // needs no git repository around it
}

// peersOf lists them; skein comes first.
func (b *bench) peersOf() []peer {
	return []peer{
		{name: "skein", bare: true, program: b.skein, ask: []string{"version"}, flushes: "yes: flushed before it is acknowledged, tested by cutting the power",
			post: func(dir, text string) []string {
				return []string{"post", "--store", dir, "--agent", "mary", "--thread", "axon/peers", text}
			},
			list: func(dir string) []string {
				return []string{"inbox", "--store", dir, "--agent", "tom", "--limit", "1000"}
			}},
		{name: "git commit --allow-empty", bare: true, program: "git", ask: []string{"--version"}, flushes: "no: loose objects are not flushed by default",
			setup: [][]string{{"init", "-q"}, {"config", "user.name", "bench"}, {"config", "user.email", "bench@localhost"}, {"config", "gc.auto", "0"},
				{"commit", "-q", "--allow-empty", "-m", "begin"}},
			post: func(_, text string) []string {
				return []string{"commit", "-q", "--allow-empty", "-m", text}
			},
			list: func(string) []string { return []string{"log", "--format=%s"} }},
		{name: "agent-message-queue", module: "github.com/avivsinai/agent-message-queue/cmd/amq", version: "v0.9.8", program: "amq", flushes: "yes, says its manual: the file is flushed, then renamed",
			setup: [][]string{{"init", "--root", ".", "--agents", "mary,tom"}},
			post: func(dir, text string) []string {
				return []string{"send", "--root", dir, "--me", "mary", "--to", "tom", "--subject", text, "--body", text}
			},
			list: func(dir string) []string { return []string{"list", "--root", dir, "--me", "tom", "--new"} }},
		{name: "git-bug", module: "github.com/git-bug/git-bug", version: "v0.10.1", program: "git-bug", flushes: "not seen",
			setup: [][]string{{"user", "new", "--name", "mary", "--email", "mary@localhost", "--non-interactive"}},
			post: func(_, text string) []string {
				return []string{"bug", "new", "--non-interactive", "--title", text, "--message", text}
			},
			list: func(string) []string { return []string{"bug"} }},
		{name: "beads", module: "github.com/steveyegge/beads/cmd/bd", version: "v0.28.0", program: "bd", flushes: "not seen",
			setup: [][]string{{"init"}},
			post:  func(_, text string) []string { return []string{"create", text} },
			list:  func(string) []string { return []string{"list"} }},
	}
}

const (
	peerWriters = 10
	peerEach    = 10 // messages of each writer
	peerTimed   = 20
)

// comparePeers measures every peer that can be had, and says of the others why
// they cannot. It needs the network.
func (b *bench) comparePeers(ctx context.Context) string {
	var out strings.Builder
	t := table{out: &out}
	t.line("peer", "one message", "what came, 100 messages", fmt.Sprintf("%d writers × %d", peerWriters, peerEach), "durable when it returns")
	t.line("---", "---", "---", "---", "---")
	for _, p := range b.peersOf() {
		b.note("measuring: %s", p.name)
		cells, err := b.peerCells(ctx, p)
		if err != nil {
			cells = []string{strings.TrimSpace(p.name + " " + p.version), "does not run here: " + oneLine(err), "—", "—", p.flushes}
		}
		t.line(cells...)
	}
	return b.report.head + "\n" + out.String()
}

func oneLine(err error) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(err.Error()), " "), "|", "/")
}

func (b *bench) peerCells(ctx context.Context, p peer) ([]string, error) {
	if err := b.installPeer(ctx, &p); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.home, "peer-")
	if err != nil {
		return nil, err
	}
	if !p.bare {
		if _, err := git(ctx, dir, "init", "-q"); err != nil {
			return nil, err
		}
	}
	for _, args := range p.setup {
		if _, err := p.run(ctx, dir, args); err != nil {
			return nil, err
		}
	}
	written, lost, err := p.crowd(ctx, dir)
	if err != nil {
		return nil, err
	}
	posts, lists, err := p.times(ctx, dir)
	if err != nil {
		return nil, err
	}
	crowd := fmt.Sprintf("%d acknowledged, %d lost", written, lost)
	return []string{p.name + " " + p.version, show(posts.median()), show(lists.median()), crowd, p.flushes}, b.drop(dir)
}

// installPeer builds the peer at its pinned version, or asks it for the one
// that is here.
func (b *bench) installPeer(ctx context.Context, p *peer) error {
	if p.module == "" {
		p.version = versionOf(ctx, p.program, p.ask...)
		return nil
	}
	bin := filepath.Join(b.dir, "peers")
	program := filepath.Join(bin, p.program)
	if _, err := os.Stat(program); err != nil {
		cmd := exec.CommandContext(ctx, "go", "install", p.module+"@"+p.version)
		cmd.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("`go install %s@%s` fails: %s", p.module, p.version, lastLine(out))
		}
	}
	p.program = program
	return nil
}

// lastLine is where the go command says what was wrong.
func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func (p peer) run(ctx context.Context, dir string, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, p.program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", p.name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// crowd lets writers post at the same time, one process a message, and counts
// the messages that were acknowledged, and those of them that are not there.
func (p peer) crowd(ctx context.Context, dir string) (acknowledged, lost int, err error) {
	texts := make([][]string, peerWriters)
	var group errgroup.Group
	for w := range texts {
		group.Go(func() error {
			for i := range peerEach {
				text := fmt.Sprintf("writer%dmessage%dx", w, i)
				if _, err := p.run(ctx, dir, p.post(dir, text)); err == nil { // a refusal is no loss
					texts[w] = append(texts[w], text)
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	out, err := p.run(ctx, dir, p.list(dir))
	for _, own := range texts {
		for _, text := range own {
			acknowledged++
			if !strings.Contains(out, text) {
				lost++
			}
		}
	}
	if err == nil && acknowledged == 0 {
		err = errors.New("no writer could post")
	}
	return acknowledged, lost, err
}

func (p peer) times(ctx context.Context, dir string) (posts, lists sample, err error) {
	for i := range peerTimed {
		text := "timed" + strconv.Itoa(i)
		err = errors.Join(err,
			posts.take(func() error { _, err := p.run(ctx, dir, p.post(dir, text)); return err }),
			lists.take(func() error { _, err := p.run(ctx, dir, p.list(dir)); return err }))
	}
	return posts, lists, err
}
