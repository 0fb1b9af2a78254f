package remote

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// What a remote, git, curl and ssh say when something fails is written for
// people. This file reads it.

// readOnly is what hosts say, in lower case, to somebody who may read and pushes.
var readOnly = []string{"is archived", "was archived", "not authorized to write", "permission denied for writing", ".git denied to ",
	"write access to repository not granted", "not allowed to push code to this project"}

// signs are what git, curl and ssh say with LC_ALL=C, in lower case, in the
// order in which they count: ssh's reason comes before git's summary of it.
var signs = []struct {
	kind  Kind
	texts []string
}{
	{Auth, readOnly},
	{Auth, []string{"authentication failed", "permission denied", "could not read username", "could not read password",
		"terminal prompts disabled", "returned error: 401", "returned error: 403", "host key verification failed",
		"access denied", "dubious ownership", "invalid credentials", "unauthorized", "not authorized to", "denied to ", "denied by fallthru"}},
	{Unable, []string{"returned error: 429", "returned error: 507"}},
	{Network, []string{"could not resolve", "connection refused", "connection reset", "connection timed out", "failed to connect",
		"couldn't connect", "operation timed out", "network is unreachable", "no route to host", "early eof", "rpc failed",
		"returned error: 5", "operation too slow", "remote end hung up", "unexpected disconnect", "gnutls", "openssl", "tls: ", "x509: ",
		"ssl certificate", "connection closed", "empty reply", "transfer closed", "bad pack header", "unpack-objects abnormal",
		"premature end of pack", "invalid index-pack output", "expected flush", "protocol error", "remote failed to report status"}},
	{NotFound, []string{"is this a git repository", "no dav locking support", "invalid server response", "not found", "cannot find repository", "could not be found", "does not appear to be a git repository", "does not exist", "returned error: 404", "no such file"}},
	{Refused, []string{"remote rejected", "hook declined", "protected branch", "pre-receive", "exceeds", "push declined"}},
}

// exhausted are the signs of a machine that has no room, or may not write.
var exhausted = []string{"no space left on device", "disk quota exceeded", "read-only file system", "cannot allocate memory",
	"unable to create temporary object directory", "insufficient permission for adding an object"}

// classify makes an Error of what git wrote to standard error.
func classify(address, stderr string) *Error {
	e := &Error{URL: Redact(address), Text: summary(stderr), Protected: protects(stderr)}
	if e.Text == "" {
		e.Text = "it gave no reason"
	}
	lower := strings.ToLower(stderr)
	e.forbidden = says(lower, readOnly) || strings.Contains(lower, "returned error: 403")
	if says(lower, exhausted) {
		e.Kind = Local
		if unable(stderr) {
			e.Kind = Unable
		}
		return e
	}
	for _, sign := range signs {
		if says(lower, sign.texts) {
			e.Kind = sign.kind
			return e
		}
	}
	return e
}

func says(lower string, signs []string) bool {
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(lower, sign) })
}

// unable tells whether it is the remote that has no room.
func unable(stderr string) bool {
	for line := range linesOf(stderr) {
		if _, ok := cutRemote(line); ok && says(strings.ToLower(line), exhausted) {
			return true
		}
	}
	return false
}

// branchwide is what the common hosts say, in lower case, of a branch to which
// this user may not push whatever it is, as against a push with something in it
// that they refuse.
var branchwide = []string{"protected branch", "protected ref", "protected from", "this branch", "update branch ", "pull request", "merge request",
	"scope 'branch'", "denied by refs/", "prohibited by gerrit", "branch restriction", "does not yet exist", "to update this ref", "non-fast-forward", "force-push", "forcepush"}

// protects tells whether a refusal is about the branch.
func protects(text string) bool { return says(strings.ToLower(text), branchwide) }

const maxSummary = 300 // bytes of an error's text

// summary is the line of git's that says most: what the remote says of a
// refusal, else the first line that is marked fatal or error, else the last; ""
// if there is none.
func summary(stderr string) string {
	var remote []string
	var marked, last string
	for line := range linesOf(stderr) {
		if text, ok := cutRemote(line); ok {
			remote = append(remote, text)
			continue
		}
		if text, ok := cutMark(line); ok && marked == "" {
			if marked = text; strings.HasPrefix(text, "Could not read from remote") && last != "" {
				marked = last // ssh's reason, or a shell's
			}
		}
		last = line
	}
	if said := telling(remote); said != "" {
		last = said
	} else if marked != "" {
		last = plainly(marked, stderr)
	}
	return strings.ToValidUTF8(last[:min(len(last), maxSummary)], "")
}

// linesOf are the lines of a text that are not empty.
func linesOf(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if line = strings.TrimSpace(line); line != "" && !yield(line) {
				return
			}
		}
	}
}

// cutRemote returns what a remote says in a line of git's, which marks that.
// Hosts write "ERROR: " into an ssh session before there is a git to mark it.
func cutRemote(line string) (text string, ok bool) {
	for _, prefix := range []string{"remote:", "error: remote unpack failed:", "ERROR: "} {
		if text, ok = strings.CutPrefix(line, prefix); ok {
			text, _ = cutMark(strings.TrimSpace(text))
			return text, true
		}
	}
	return "", false
}

func cutMark(line string) (text string, ok bool) {
	for _, prefix := range []string{"fatal:", "error:", "FATAL:", "ERROR:", "GitLab:", "Gitea:"} {
		if rest, found := strings.CutPrefix(line, prefix); found {
			line, ok = strings.TrimSpace(rest), true
		}
	}
	return line, ok
}

// chatter begins lines of hosts that say nothing of the reason: how far they
// are, headings, and where to read on.
var chatter = []string{"Counting", "Compressing", "Enumerating", "Total", "Resolving", "Resolve the", "Processing", "Checking",
	"GITHUB PUSH PROTECTION", "Review all", "See ", "Trace: ", "Visit ", "Learn how", "(?)", "http://", "https://", "warning: ",
	"hook declined to update", "Analyzing objects", "Storing ", "index-pack abnormal exit", "unpack-objects abnormal exit"}

// headings are lines that a better one may follow, or come before.
var headings = []string{"GH001: ", "GH006: ", "GH013: "}

// telling is the line of a remote's that says why.
func telling(lines []string) string {
	heading := ""
	for _, line := range lines {
		line = strings.TrimSpace(strings.TrimPrefix(line, "- "))
		begins := func(with string) bool { return strings.HasPrefix(line, with) }
		switch {
		case !strings.ContainsFunc(line, unicode.IsLetter), slices.ContainsFunc(chatter, begins):
		case !slices.ContainsFunc(headings, begins):
			return line
		case heading == "":
			heading = line
		}
	}
	return heading
}

// What both transports say in the same words.
const (
	notGit       = "what answers there is not git, but perhaps a page to log in to the network"
	noHostKey    = "its host key is not known"
	otherHostKey = "its host key is not the one that is known"
)

var (
	unreached = regexp.MustCompile(`^unable to access '[^']*': (?:The requested URL returned error: (\d+))?`)
	elsewhere = regexp.MustCompile(`is this a git repository|no DAV locking support|invalid server response`)
)

// plainly says in other words what git and ssh say with an address, which
// stands beside it anyway, or for somebody who sits at a terminal.
func plainly(text, stderr string) string {
	at := unreached.FindStringSubmatchIndex(text)
	switch {
	case elsewhere.MatchString(text):
		return notGit
	case strings.HasPrefix(text, "Host key verification failed") && strings.Contains(stderr, "HOST IDENTIFICATION HAS CHANGED"):
		return otherHostKey
	case strings.HasPrefix(text, "Host key verification failed"):
		return noHostKey
	case at == nil:
		return text
	case at[2] >= 0:
		return "the server answers with status " + text[at[2]:at[3]]
	}
	return text[at[1]:]
}
