package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// A host that has given a repository another name answers what is asked of the
// old one with a redirect, which both transports follow. A login goes to the
// server that it is for and to no other. The built-in transport sees to that in
// each request. git is not to be trusted with it: when it has logged in and is
// then sent on, it sends the login there too (2.39 does, with each POST). So it
// is told to follow nothing, but where a server sends it on it asks once more,
// with a GET, to be told where that is, and goes there by itself.

// Moved returns the address to which the server has sent a call on, to be shown
// to a person; "" if it has not. There is no login in it, and nothing that a
// shell would take for its own.
func (r *Remote) Moved() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moved
}

func (r *Remote) setMoved(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved = to
}

const (
	discovery  = "/info/refs"               // what is asked first, below the repository's address
	redirected = "warning: redirecting to " // how git says that it was sent on
)

// noteMove notes where a server has sent a first request, if what answers there
// is git.
func (r *Remote) noteMove(req *http.Request, res *http.Response) {
	kind := res.Header.Get("Content-Type")
	sent := req.Response != nil // which is what has sent it on
	if !sent || res.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "application/x-git-") || !strings.HasSuffix(req.URL.Path, discovery) {
		return
	}
	to := *req.URL
	to.RawQuery = ""
	r.setMoved(shown(strings.TrimSuffix(to.String(), discovery)))
}

// address is where git finds the remote: where it was sent before, with the login
// of the address if that is the same server.
func (r *Remote) address() string {
	to, err := url.Parse(r.Moved())
	if err != nil || to.Host == "" {
		return r.URL
	}
	if r.isHome(to) {
		to.User = r.home().User
	}
	return to.String()
}

// sentOn tells whether git was sent on by a server, and has not gone there.
func sentOn(err error) bool {
	var e *Error
	return errors.As(err, &e) && redirects.MatchString(e.Text)
}

var redirects = regexp.MustCompile(`^the server answers with status 30[12378]$`)

// follow has git go where a server sends it, with one GET that tells it the refs,
// and returns the address; "" if it does not get there, or if messages would go
// there in clear that were not to.
func (r *Remote) follow(ctx context.Context, dir, from string) string {
	_, said, err := r.runAt(ctx, dir, from, order{options: []string{"-c", "http.followRedirects=initial", "-c", "protocol.version=0", "ls-remote"}})
	if err != nil {
		return ""
	}
	for line := range linesOf(said) {
		to, ok := strings.CutPrefix(line, redirected)
		if clear := strings.HasPrefix(to, "http:") && strings.HasPrefix(r.URL, "https:"); ok && !clear {
			r.setMoved(shown(to))
		}
	}
	if r.Moved() == "" {
		return ""
	}
	return r.address()
}

// shown is an address from outside as it may be shown, and typed after a
// command; "" if it is none.
func shown(address string) string {
	to, err := url.Parse(address)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return ""
	}
	to = &url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path, RawPath: to.RawPath}
	var b strings.Builder
	for _, c := range []byte(strings.TrimSuffix(to.String(), "/")) {
		if plain := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/:%+,=@[]", c) >= 0; plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() > maxSummary {
		return ""
	}
	return b.String()
}
