package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Transport says how a remote is reached.
type Transport int

// The transports. Git is needed for a directory, and ssh goes without git only
// where there is none, or with BuiltIn.
const (
	Either  Transport = iota // built in for http and https, unless the user's set-up asks for git
	Git                      // the git program
	BuiltIn                  // without git, even where there is one
)

// transport is the one that is used: what is decided once holds for as long as
// the Remote. dir is a repository for whose place the user's configuration may
// have rules, or where there can be one.
func (r *Remote) transport(ctx context.Context, dir string) Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.decided == Either {
		r.decided = r.choose(ctx, dir)
	}
	return r.decided
}

func (r *Remote) choose(ctx context.Context, dir string) Transport {
	git, err := exec.LookPath("git")
	switch {
	case err != nil || r.Transport == BuiltIn:
		return BuiltIn
	case r.Transport == Git || !overHTTP(r.URL) || r.environmentAsks() || hasNetrc() || r.configurationAsks(ctx, git, dir):
		return Git
	}
	return BuiltIn
}

// beyond tells whether git may get through where the built-in transport has
// not; if so, git is used from then on. This is the one place that says when:
// where the choice was free and there is a git, after an error that the
// built-in transport cannot make out, and after those marked as its own limits
// (a way to log in that it does not speak, a redirect, a proxy or an object that
// it does not take).
func (r *Remote) beyond(err error) bool {
	var e *Error
	if r.Transport != Either || !errors.As(err, &e) || e.Kind != Other && !e.limit {
		return false
	}
	if _, err := exec.LookPath("git"); err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decided = Git
	return true
}

// isLimit tells whether an error is of a redirect, a proxy or an object that the
// built-in transport does not take.
func isLimit(err error) bool {
	text := fmt.Sprint(err)
	return errors.Is(err, errLargeObject) || strings.Contains(text, oddRedirect) || strings.Contains(text, "Proxy Authentication Required")
}

func overHTTP(address string) bool {
	scheme, _, _ := strings.Cut(address, "://")
	return scheme == "http" || scheme == "https"
}

// environmentAsks tells whether a variable is set that bears on how git speaks
// to this address, and of which the built-in transport knows nothing.
func (r *Remote) environmentAsks() bool {
	return slices.ContainsFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		return name == "GIT_ASKPASS" || name == "ALL_PROXY" || isHTTP(name) && !r.isOfTLS(strings.TrimPrefix(name, "GIT_"))
	})
}

// isOfTLS tells whether a setting is for connections that this address has not.
func (r *Remote) isOfTLS(name string) bool {
	return strings.HasPrefix(strings.ToLower(name), "ssl") && strings.HasPrefix(r.URL, "http:")
}

// hasNetrc tells whether there is a file with passwords for curl, which git
// uses.
func hasNetrc() bool {
	home, _ := os.UserHomeDir()
	for _, dir := range []string{home, os.Getenv("HOME")} {
		for _, name := range []string{".netrc", "_netrc"} {
			if _, err := os.Lstat(filepath.Join(dir, name)); dir != "" && err == nil {
				return true
			}
		}
	}
	return false
}

// bearing are the settings of git's that bear on a conversation over http.
const bearing = `^(url\..*\.(insteadof|pushinsteadof)|http\..*|push\.pushoption)$`

const unsetExit = 1 // how git config ends when there is no such setting

// configurationAsks tells whether the user's git configuration, in all its
// scopes and with what they include, has something for this address. What git
// cannot read is git's to report.
func (r *Remote) configurationAsks(ctx context.Context, git, dir string) bool {
	cmd := exec.CommandContext(ctx, git, "--git-dir="+dir, "config", "--null", "--get-regexp", bearing)
	cmd.Env = environment("")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == unsetExit {
		return false
	}
	return err != nil || slices.ContainsFunc(strings.Split(string(out), "\x00"), r.isAbout)
}

// harmless are settings of http that change nothing of who is reached and how,
// or are for servers.
var harmless = []string{"postbuffer", "lowspeedlimit", "lowspeedtime", "receivepack", "uploadpack", "getanyfile"}

// isAbout tells whether a setting, "key\nvalue" as git prints it, is about this
// address. One for a pattern of hosts may be.
func (r *Remote) isAbout(setting string) bool {
	key, value, _ := strings.Cut(setting, "\n")
	section, rest, _ := strings.Cut(key, ".")
	dot := strings.LastIndex(rest, ".")
	switch {
	case key == "" || section == "http" && (slices.Contains(harmless, rest[dot+1:]) || r.isOfTLS(rest[dot+1:])):
		return false
	case section == "url":
		return strings.HasPrefix(r.URL, value)
	case section != "http" || dot < 0:
		return true
	}
	of, err := url.Parse(rest[:dot])
	ours, ourErr := url.Parse(r.URL)
	return err != nil || ourErr != nil || strings.Contains(of.Host, "*") || strings.EqualFold(of.Hostname(), ours.Hostname())
}
