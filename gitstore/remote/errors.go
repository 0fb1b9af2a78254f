package remote

import (
	"fmt"
	"net/url"
	"strings"
	"time"
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
	Unable               // the remote cannot at present, as when it is full or busy; what was sent has not arrived
	Local                // this machine cannot keep what the remote sends
	ReadOnly             // the remote lets this user read, and refuses whatever is pushed
	Dumb                 // the server has git's files and no git: the old http of git, over which one can only read
)

// Error is a failure of a remote, in one sentence.
type Error struct {
	Kind   Kind
	URL    string // without a password
	Branch string // the branch that was refused; "" if it is about all
	Text   string // what git said, in one line

	Protected bool          // it is about the branch: the remote would refuse whatever is pushed there
	After     time.Duration // that the remote wants to be left alone; 0: it does not say, or git is spoken through, which does not pass it on

	forbidden bool // the server knows who asks, and does not allow it
	limit     bool // it is one of the built-in transport's, beyond which git may get
}

var sentences = map[Kind]string{
	Other:    "git could not reach agreement with %s: %s; see what \"git ls-remote\" of that address says",
	Auth:     "%s does not let you in: %s; see to it that \"git ls-remote\" of that address works without a question",
	NotFound: "there is no repository at %s: %s; check the address, or make the repository there first",
	Refused:  "%s refuses the push: %s; see what its rules ask for, and sync again",
	Race:     "somebody else has pushed to %s meanwhile: %s; sync again",
	Network:  "%s cannot be reached, or broke off: %s; nothing is lost, sync again later",
	TooLarge: "%s sends more than may be taken: %s; see what lies there besides messages",
	Unable:   "%s cannot take part at present: %s; nothing is lost, sync again when it can",
	Local:    "this machine cannot keep what %s sends: %s; make room, and sync again",
	ReadOnly: "%s lets this machine read but not write: %s; let its user, key or token push there, or take the repository out of the archive, and sync again",
	Dumb:     "%s offers only the old, read-only http of git: %s; have git http-backend answer there, or give the address of a git host, or one over ssh",
}

func (e *Error) Error() string {
	text := fmt.Sprintf(sentences[e.Kind], e.URL, strings.TrimSuffix(e.Text, "."))
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
