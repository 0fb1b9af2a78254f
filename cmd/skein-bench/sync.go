package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cgi" //nolint:gosec // a server for the loopback; Go has long been mended
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"skein/gitstore"
)

// syncing holds `skein sync` of a few new messages against git's push and fetch
// of the same commits, over smart HTTP on the loopback: a host with two copies
// of the store, of which skein writes to one and git to the other.
func syncing(ctx context.Context, b *bench) (rows []row, err error) {
	h, err := b.newHost(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for _, n := range []int{1, 100} {
		more, err := h.compare(ctx, n)
		if err != nil {
			return rows, err
		}
		rows = append(rows, more...)
	}
	own, err := h.ownTime(ctx)
	if err != nil {
		return rows, err
	}
	return append(rows, own), nil
}

// host is a git server, and who syncs with it.
type host struct {
	b      *bench
	server *httptest.Server
	dir    string
	here   string // the store that messages are posted to
	there  string // a store that gets them
	clone  string // a clone of git's that gets them
	corpus *corpus
}

// remoteURL is the address of one of the host's repositories.
func (h *host) remoteURL(name string) string { return h.server.URL + "/" + name }

func (b *bench) newHost(ctx context.Context) (h *host, err error) {
	h = &host{b: b, dir: filepath.Join(b.home, "host"), corpus: newCorpus(mixed(1000))}
	if h.here, err = b.store(ctx, mixture(b.synced), b.home); err != nil {
		return nil, err
	}
	for _, name := range []string{"ours", "theirs"} {
		if err := bareCopy(ctx, h.here, filepath.Join(h.dir, name)); err != nil {
			return nil, err
		}
	}
	if h.server, err = serveGit(ctx, h.dir); err != nil {
		return nil, err
	}
	h.there, h.clone = filepath.Join(h.dir, "there"), filepath.Join(h.dir, "clone")
	return h, errors.Join(
		system(ctx, b.skein, "remote", "add", h.remoteURL("ours"), "--store", h.here),
		system(ctx, b.skein, "sync", "--store", h.here),
		system(ctx, b.skein, "init", "--from", h.remoteURL("ours"), "--store", h.there, "--agent", "desktop"),
		system(ctx, b.skein, "sync", "--store", h.there),
		system(ctx, b.skein, "sync", "--store", h.here),
		bareCopy(ctx, h.remoteURL("theirs"), h.clone))
}

// bareRepository makes an empty repository that takes pushes over HTTP, and is
// not tidied up while it is measured.
func bareRepository(ctx context.Context, dir string) error {
	if err := system(ctx, "git", "init", "-q", "--bare", "-b", "main", dir); err != nil {
		return err
	}
	for _, set := range [][]string{{"gc.auto", "0"}, {"maintenance.auto", "false"}, {"http.receivepack", "true"}} {
		if _, err := git(ctx, dir, "config", set[0], set[1]); err != nil {
			return err
		}
	}
	return nil
}

// bareCopy makes a bare repository with the branches of another.
func bareCopy(ctx context.Context, from, to string) error {
	if err := bareRepository(ctx, to); err != nil {
		return err
	}
	_, err := git(ctx, to, "fetch", "-q", from, "main:main", "agents:agents")
	return errors.Join(err, system(ctx, "git", "-C", to, "repack", "-adq"))
}

// serveGit serves the repositories below a directory as git's http-backend does.
func serveGit(ctx context.Context, dir string) (*httptest.Server, error) {
	where, err := git(ctx, dir, "--exec-path")
	if err != nil {
		return nil, err
	}
	backend := &cgi.Handler{Path: filepath.Join(where, "git-http-backend"), Dir: dir,
		Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"}}
	return httptest.NewServer(http.Handler(backend)), nil
}

func (h *host) close() error {
	h.server.Close()
	return h.b.drop(h.here, h.dir)
}

// compare measures rounds of n new messages.
func (h *host) compare(ctx context.Context, n int) ([]row, error) {
	var push, fetch, gitPush, gitFetch sample
	for round := range h.b.runs + 1 { // the first does not count
		var one exchange
		if err := h.exchange(ctx, n, round%2 == 0, &one); err != nil {
			return nil, err
		}
		if round == 0 {
			continue
		}
		push, gitPush = append(push, one.push), append(gitPush, one.gitPush)
		fetch, gitFetch = append(fetch, one.fetch), append(gitFetch, one.gitFetch)
	}
	of := fmt.Sprintf("%d new of %s messages, smart HTTP", n, thousands(h.b.synced))
	return []row{
		atMost("`skein sync` that pushes "+of, push, gitPush, "git push", 1.2),
		atMost("`skein sync` that fetches "+of, fetch, gitFetch, "git fetch", 1.2),
	}, nil
}

// exchange is how long each part of a round took.
type exchange struct{ push, gitPush, fetch, gitFetch time.Duration }

// exchange posts n messages and brings them to the host and from there, by
// skein and by git in the one order or the other.
func (h *host) exchange(ctx context.Context, n int, gitFirst bool, e *exchange) error {
	if err := h.post(ctx, n); err != nil {
		return err
	}
	steps := []func() error{
		func() error { return timed(&e.push, func() error { return h.sync(ctx, h.here) }) },
		func() error {
			return timed(&e.gitPush, func() error {
				return system(ctx, "git", "-C", h.here, "push", "-q", h.remoteURL("theirs"), "main", "agents")
			})
		},
	}
	if gitFirst {
		steps[0], steps[1] = steps[1], steps[0]
	}
	return errors.Join(steps[0](), steps[1](),
		timed(&e.fetch, func() error { return h.sync(ctx, h.there) }),
		timed(&e.gitFetch, func() error {
			return system(ctx, "git", "-C", h.clone, "fetch", "-q", h.remoteURL("theirs"), "main:main", "agents:agents")
		}))
}

func timed(d *time.Duration, do func() error) error {
	var s sample
	err := s.take(do)
	*d = s[0]
	return err
}

func (h *host) post(ctx context.Context, n int) error {
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: h.here, NoMirror: true})
	if err != nil {
		return err
	}
	post := poster(ctx, s, h.corpus)
	for range n {
		err = errors.Join(err, post())
	}
	return errors.Join(err, s.Close())
}

func (h *host) sync(ctx context.Context, store string) error {
	return system(ctx, h.b.skein, "sync", "--store", store)
}

// ownTime is the processor time of a process that syncs one new message, from
// its start, without that of the git programs it starts.
func (h *host) ownTime(ctx context.Context) (row, error) {
	const limit = 20 * time.Millisecond
	var own sample
	for range h.b.runs {
		if err := h.post(ctx, 1); err != nil {
			return row{}, err
		}
		self, err := os.Executable()
		if err != nil {
			return row{}, err
		}
		out, err := exec.CommandContext(ctx, self, "worker", syncer, h.here).Output()
		if err != nil {
			return row{}, fmt.Errorf("a worker that syncs: %w", err)
		}
		took, err := time.ParseDuration(strings.TrimSpace(string(out)))
		if err != nil {
			return row{}, err
		}
		own = append(own, took)
	}
	return row{what: fmt.Sprintf("sync that pushes 1 new of %s messages: processor time of the client, without git's", thousands(h.b.synced)),
		skein: show(own.median()), baseline: "—", ratio: "—", goal: "≤ " + show(limit), met: met(own.median() <= limit)}, nil
}

const syncer = "sync" // the worker that syncs

// syncOnce syncs a store and prints the processor time of this process.
func syncOnce(ctx context.Context, dir string) error {
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: dir, NoMirror: true})
	if err != nil {
		return err
	}
	report, err := s.Sync(ctx, gitstore.SyncOptions{})
	if err == nil && report.Pushed != 1 {
		err = fmt.Errorf("%d events were pushed instead of one", report.Pushed)
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	own, err := processorTime()
	if err == nil {
		_, err = fmt.Fprintln(os.Stdout, own)
	}
	return err
}
