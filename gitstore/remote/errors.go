package remote

import (
	"fmt"
	"net/url"
	"strings"
)

// Kind says what kept a remote from doing what was asked.
type Kind int

// The kinds of errors.
const (
	Other    Kind = iota // something else; the text says what
	Auth                 // the remote does not let this user in
	NotFound             // there is no repository at the address
	Refused              // the remote's rules refuse this push: a hook, a protected branch, a size
	Race                 // the branch has moved since it was fetched
	Network              // the remote cannot be reached, or broke off; what was sent may have arrived
	TooLarge             // it would send more than may be taken
)

// Error is a failure of a remote, in one sentence.
type Error struct {
	Kind   Kind
	URL    string // without a password
	Branch string // the branch that was refused; "" if it is about all
	Text   string // what git said, in one line
}

var sentences = map[Kind]string{
	Other:    "git could not reach agreement with %s: %s; see what \"git ls-remote\" of that address says",
	Auth:     "%s does not let you in: %s; see to it that \"git ls-remote\" of that address works without a question",
	NotFound: "there is no repository at %s: %s; check the address, or make the repository there first",
	Refused:  "%s refuses the push: %s; see what its rules ask for, and sync again",
	Race:     "somebody else has pushed to %s meanwhile: %s; sync again",
	Network:  "%s cannot be reached, or broke off: %s; nothing is lost, sync again later",
	TooLarge: "%s sends more than may be taken: %s; see what lies there besides messages",
}

func (e *Error) Error() string {
	text := fmt.Sprintf(sentences[e.Kind], e.URL, e.Text)
	if e.Branch != "" {
		text = "branch " + e.Branch + ": " + text
	}
	return text
}

// Redact returns an address without the password in it.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil || u.Host == "" {
		return address
	}
	if _, secret := u.User.Password(); !secret {
		return address
	}
	u.User = url.User(u.User.Username())
	return u.String()
}

// signs are what git, curl and ssh say with LC_ALL=C, in lower case, in the
// order in which they count: ssh's reason comes before git's summary of it.
var signs = []struct {
	kind  Kind
	texts []string
}{
	{Auth, []string{"authentication failed", "permission denied", "could not read username", "could not read password",
		"terminal prompts disabled", "returned error: 401", "returned error: 403", "host key verification failed",
		"access denied", "dubious ownership", "invalid credentials", "unauthorized"}},
	{Network, []string{"could not resolve", "connection refused", "connection reset", "connection timed out", "failed to connect",
		"couldn't connect", "operation timed out", "network is unreachable", "no route to host", "early eof", "rpc failed",
		"returned error: 429", "returned error: 5", "operation too slow", "remote end hung up", "unexpected disconnect", "gnutls", "openssl",
		"ssl certificate", "connection closed", "empty reply", "transfer closed", "bad pack header", "unpack-objects abnormal",
		"premature end of pack", "invalid index-pack output", "expected flush", "protocol error", "remote failed to report status"}},
	{NotFound, []string{"not found", "does not appear to be a git repository", "does not exist", "returned error: 404", "no such file"}},
	{Refused, []string{"remote rejected", "hook declined", "protected branch", "pre-receive", "exceeds", "push declined"}},
}

// classify makes an Error of what git wrote to standard error.
func classify(address, stderr string) *Error {
	e := &Error{URL: Redact(address), Text: summary(stderr)}
	lower := strings.ToLower(stderr)
	for _, sign := range signs {
		for _, text := range sign.texts {
			if strings.Contains(lower, text) {
				e.Kind = sign.kind
				return e
			}
		}
	}
	return e
}

const maxSummary = 300 // bytes of an error's text

// summary is the line of git's that says most: what the remote says of a
// refusal, else the first line that is marked fatal or error, else the last.
func summary(stderr string) string {
	var remote, marked, last string
	for line := range strings.FieldsFuncSeq(stderr, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		last = line
		if text, ok := strings.CutPrefix(line, "remote: "); ok && remote == "" && !isProgress(text) {
			remote = strings.TrimPrefix(strings.TrimSpace(text), "error: ")
		}
		for _, prefix := range []string{"fatal: ", "error: "} {
			if text, ok := strings.CutPrefix(line, prefix); ok && marked == "" {
				marked = text
			}
		}
	}
	switch {
	case remote != "":
		last = remote
	case marked != "":
		last = marked
	case last == "":
		return "it gave no reason"
	}
	return strings.ToValidUTF8(last[:min(len(last), maxSummary)], "")
}

// isProgress tells whether a line of the remote only says how far it is.
func isProgress(text string) bool {
	for _, word := range []string{"Counting", "Compressing", "Enumerating", "Total", "Resolving", "Processing", "Checking"} {
		if strings.HasPrefix(text, word) {
			return true
		}
	}
	return strings.TrimSpace(text) == ""
}
