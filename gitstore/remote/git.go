package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/storer"

	"skein/gitstore/odb"
)

// Remote is a git repository at an address. Its fields must not change while
// it is in use; it is safe for concurrent use.
type Remote struct {
	URL        string
	Objects    string        // the directory of objects that need not be fetched, and may be pushed
	Repository storer.Storer // the same with its refs, read where there is no git to read Objects
	Transport  Transport     // what it is reached with

	Idle     time.Duration     // how long git may say nothing; 0: a minute
	MaxBytes int64             // that a fetch may bring; 0: 4 GiB
	Progress func(line string) // told what git says on its way; nil: nobody is

	patience  time.Duration // with a git that reads what has come; 0: half a minute
	packBytes int           // after which a pack that is pushed without git takes no more commits; 0: 32 MiB

	mu      sync.Mutex      // held for what follows
	decided Transport       // Either: nothing is yet
	web     *http.Transport // nil: nothing was asked over http yet
	logins  logins
	moved   string // where the server has sent a call on to; "": it has not
}

const (
	defaultIdle = time.Minute
	defaultMax  = 4 << 30
	graceful    = 3 * time.Second // for what git leaves running after it was ended
)

// errIdle and errTooLarge are why a git was ended.
var (
	errIdle     = errors.New("it has said nothing for too long")
	errTooLarge = errors.New("the fetch was broken off")
)

// ErrNoGit says that there is no git binary, and that it takes one.
var ErrNoGit = errors.New("a directory is synced with by the git program only, and none is found; install git, or give the remote's address over https or ssh")

// errOldGit says that git does not know an option of ours.
var errOldGit = errors.New("git is too old; version 2.31 will do")

// settings are given to every git on its command line, where they win over the
// user's. Objects are checked by whoever takes them over, with better errors
// than a fetch that fails as a whole.
var settings = []string{
	"core.hooksPath=" + os.DevNull, "core.fsmonitor=false", "core.pager=cat", "core.askPass=",
	"submodule.recurse=false", "fetch.recurseSubmodules=false", "push.recurseSubmodules=no",
	"fetch.fsckObjects=false", "transfer.fsckObjects=false", "fetch.unpackLimit=1", "transfer.unpackLimit=1",
	"fetch.writeCommitGraph=false", "fetch.prune=false", "gc.auto=0", "maintenance.auto=false",
	"push.gpgSign=false", "push.followTags=false", "color.ui=false", "advice.pushUpdateRejected=false",
	"http.followRedirects=false", "http.lowSpeedLimit=1000", "http.lowSpeedTime=30", "core.bigFileThreshold=16m", "safe.bareRepository=all",
}

// protocols are what git may speak, also where a remote redirects to.
const protocols = "file:http:https:ssh"

// kept are the variables of git that are the user's own, rather than those of
// a git process that started us.
var kept = []string{"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL",
	"GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT"}

// isHTTP tells whether a variable of git's, which is the user's own too, says
// how to speak http.
func isHTTP(name string) bool {
	return strings.HasPrefix(name, "GIT_SSL_") || strings.HasPrefix(name, "GIT_PROXY_") || strings.HasPrefix(name, "GIT_HTTP_")
}

// environment returns what git is to see of ours.
func environment(objects string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		pair := strings.HasPrefix(name, "GIT_CONFIG_KEY_") || strings.HasPrefix(name, "GIT_CONFIG_VALUE_")
		return strings.HasPrefix(name, "GIT_") && !slices.Contains(kept, name) && !isHTTP(name) && !pair
	})
	env = append(env, "LC_ALL=C", "LANGUAGE=", "GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never", "SSH_ASKPASS_REQUIRE=never",
		"GIT_ALLOW_PROTOCOL="+protocols, "GIT_PROTOCOL_FROM_USER=0", "GIT_OPTIONAL_LOCKS=0", "GIT_ALLOC_LIMIT=1g")
	if objects != "" {
		env = append(env, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+listed(objects))
	}
	return env
}

// listed writes a directory as an entry of a list that git reads.
func listed(dir string) string {
	if strings.ContainsAny(dir, "\"\n"+string(filepath.ListSeparator)) {
		return strconv.Quote(dir)
	}
	return dir
}

// sshCommand is the user's way to start ssh, in batch mode where that is sure
// to be OpenSSH.
func sshCommand(ctx context.Context, git string) string {
	command := os.Getenv("GIT_SSH_COMMAND")
	if command == "" && os.Getenv("GIT_SSH") != "" {
		return ""
	}
	if command == "" {
		out, _ := exec.CommandContext(ctx, git, "config", "--global", "--get", "core.sshCommand").Output() // unset is an error
		command = strings.TrimSpace(string(out))
	}
	if command == "" {
		command = "ssh"
	}
	if program, _, _ := strings.Cut(command, " "); filepath.Base(program) != "ssh" {
		return command
	}
	return command + " -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15"
}

// overSSH tells whether git starts ssh for an address.
func overSSH(address string) bool {
	if scheme, _, ok := strings.Cut(address, "://"); ok {
		return strings.Contains(scheme, "ssh")
	}
	host, _, ok := strings.Cut(address, ":")
	return ok && !strings.Contains(host, "/") && len(host) > 1 // one letter is a drive
}

// order is what git is to do: "git options -- address refs".
type order struct {
	options []string
	refs    []string
	env     []string // besides what every git is given
}

// run executes git on the repository dir. It returns what git printed; an
// error is an *Error, ErrNoGit, or that of ctx.
func (r *Remote) run(ctx context.Context, dir string, o order) (string, error) {
	at := r.address()
	out, _, err := r.runAt(ctx, dir, at, o)
	if sentOn(err) {
		if to := r.follow(ctx, dir, at); to != "" {
			out, _, err = r.runAt(ctx, dir, to, o)
		}
	}
	return out, err
}

// runAt is run at an address. said is what git wrote to standard error.
func (r *Remote) runAt(ctx context.Context, dir, address string, o order) (out, said string, err error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return "", "", ErrNoGit
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	all := []string{"--git-dir=" + dir, "--no-pager"}
	for _, setting := range settings {
		all = append(all, "-c", setting)
	}
	all = slices.Concat(all, o.options, []string{"--", address}, o.refs)
	cmd := exec.CommandContext(ctx, git, all...)
	cmd.Dir = dir
	cmd.Env = append(environment(r.Objects), o.env...)
	if overSSH(r.URL) {
		if command := sshCommand(ctx, git); command != "" {
			cmd.Env = append(cmd.Env, "GIT_SSH_COMMAND="+command)
		}
	}
	endWithChildren(cmd)
	cmd.WaitDelay = graceful
	watch := &watcher{tell: r.Progress, idle: r.idle()}
	watch.timer = time.AfterFunc(watch.idle, func() { end(errIdle) })
	defer watch.timer.Stop()
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, watch
	stop := r.limit(ctx, dir, end)
	err = cmd.Run()
	stop()
	return printed.String(), watch.text(), r.explain(ctx, err, watch.text())
}

func (r *Remote) idle() time.Duration {
	if r.Idle > 0 {
		return r.Idle
	}
	return defaultIdle
}

func (r *Remote) maxBytes() int64 {
	if r.MaxBytes > 0 {
		return r.MaxBytes
	}
	return defaultMax
}

// explain makes one sentence of how a git ended.
func (r *Remote) explain(ctx context.Context, err error, stderr string) error {
	var exit *exec.ExitError
	switch cause := context.Cause(ctx); {
	case err == nil:
		return nil
	case errors.Is(cause, errIdle):
		return &Error{Kind: Network, URL: Redact(r.URL), Text: cause.Error()}
	case errors.Is(cause, errTooLarge), errors.As(cause, new(*odb.BurdenError)):
		return r.tooLarge(cause)
	case cause != nil:
		return cause
	case !errors.As(err, &exit):
		return fmt.Errorf("run git: %w", err)
	case exit.ExitCode() == usageExit:
		return errOldGit
	}
	return classify(r.URL, stderr)
}

const usageExit = 129 // how git ends when it does not know an option

// watcher takes what git writes to standard error: it keeps the end of it,
// passes on each line, and puts off the end of a git that says something.
type watcher struct {
	mu    sync.Mutex // held for what follows
	tell  func(string)
	idle  time.Duration
	timer *time.Timer
	said  bytes.Buffer
	line  []byte
}

const maxSaid = 64 << 10 // bytes of standard error that are kept

func (w *watcher) Write(p []byte) (int, error) {
	w.timer.Reset(w.idle)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said.Len()+len(p) > maxSaid {
		w.said.Reset()
	}
	w.said.Write(p[:min(len(p), maxSaid)])
	if w.tell != nil {
		for _, c := range p {
			if c != '\n' && c != '\r' {
				w.line = append(w.line, c)
				continue
			}
			w.tell(string(w.line))
			w.line = w.line[:0]
		}
	}
	return len(p), nil
}

// text is what was said last.
func (w *watcher) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}
