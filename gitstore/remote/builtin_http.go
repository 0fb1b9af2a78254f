package remote

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// idleConnection is how long a connection is kept that nobody closes.
const idleConnection = 30 * time.Second

// connections are what the conversations of a Remote share: what is open to the
// server, and how to log in there. Proxies are those of the environment.
func (r *Remote) connections() *http.Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.web == nil {
		r.web = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			ForceAttemptHTTP2:   true,
			TLSHandshakeTimeout: dialTimeout,
			IdleConnTimeout:     idleConnection,
		}
	}
	return r.web
}

// Close closes what is open between calls. The Remote may be used again.
func (r *Remote) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.web != nil {
		r.web.CloseIdleConnections()
	}
}

// http returns a client for one conversation, and where it goes. go-git follows
// a redirect of the first request only. It is not told of a login in the
// address: that is for this file to send, as any other.
func (c *call) http() (*http.Client, *transport.Endpoint) {
	to := *c.to
	to.User, to.Password = "", ""
	return &http.Client{Transport: web{c}}, &to
}

// web sends the requests of a conversation: with a login, where the server
// wants one, and noting whatever goes over the line.
type web struct{ c *call }

// RoundTrip sends a request, once more if the server then asks for a login that
// somebody knows.
func (w web) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, c := req.Context(), w.c
	home := c.r.isHome(req.URL)
	var l *login
	if home {
		l = c.r.login()
	}
	res, err := w.send(req, l)
	if err == nil && l == nil && res.StatusCode == http.StatusUnauthorized {
		challenges := res.Header.Values("WWW-Authenticate")
		if !home || !asksForBasic(challenges) {
			c.denied = denial{"it asks for a login in a way that takes git", true}
			return res, nil
		}
		if l = c.r.learn(ctx, c.dir, challenges); l == nil {
			c.denied = denial{"it asks for a name and password, and no credential helper knows any that it takes", false}
			return res, nil
		}
		_ = res.Body.Close()
		res, err = w.send(req, l)
	}
	switch {
	case err != nil || l == nil:
	case res.StatusCode == http.StatusUnauthorized:
		c.denied = denial{"it does not take the name and password that it was given", false}
		c.r.forget(ctx, c.dir, l)
	case res.StatusCode < http.StatusMultipleChoices:
		c.r.found(ctx, c.dir, l)
	}
	return res, err
}

// denial is why a server lets nobody in.
type denial struct {
	text  string
	limit bool // git may know better
}

func asksForBasic(challenges []string) bool {
	for _, challenge := range challenges {
		for part := range strings.SplitSeq(challenge, ",") {
			scheme, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if strings.EqualFold(scheme, "basic") {
				return true
			}
		}
	}
	return false
}

// send sends a request with a login, if it is not nil.
func (w web) send(req *http.Request, l *login) (*http.Response, error) {
	req, err := w.prepare(req, l)
	if err != nil {
		return nil, err
	}
	res, err := w.c.r.connections().RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w.c.alive()
	w.c.r.noteMove(req, res)
	body := heardBody{res.Body, w.c.alive}
	res.Body = body
	if res.StatusCode >= http.StatusMultipleChoices {
		res.Body = partBody{io.LimitReader(body, maxSaid), body} // go-git reads all of a page that says no
		return res, nil
	}
	if strings.HasSuffix(req.URL.Path, "/info/refs") {
		if err := notDumb(res); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// errDumb says that a server does not know what it serves: git calls that the
// dumb protocol.
var errDumb = errors.New("it sends the files of a repository where git would answer")

// notDumb looks at what a server says first, which of a dumb one is a list of
// "<id>\t<ref>".
func notDumb(res *http.Response) error {
	body := bufio.NewReader(res.Body)
	line, _ := body.Peek(len(plumbing.ZeroHash.String()) + 1) // what ends before that is none
	res.Body = partBody{body, res.Body}
	if id, ok := strings.CutSuffix(string(line), "\t"); !ok || !plumbing.IsHash(id) {
		return nil
	}
	return errors.Join(errDumb, res.Body.Close())
}

// prepare returns a request as it is sent.
func (w web) prepare(req *http.Request, l *login) (*http.Request, error) {
	asked := req
	req = req.Clone(req.Context())
	if asked.GetBody != nil {
		body, err := asked.GetBody()
		if err != nil {
			return nil, err
		}
		req.Body = heardBody{body, w.c.alive}
	}
	if l != nil {
		req.SetBasicAuth(l.name, l.password)
	}
	return req, nil
}

// heardBody tells when something of it has gone over the line.
type heardBody struct {
	io.ReadCloser
	alive func()
}

func (b heardBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.alive()
	}
	return n, err
}

// Close reads what little may be left, since only then the connection is used
// again.
func (b heardBody) Close() error {
	_, _ = io.CopyN(io.Discard, b.ReadCloser, maxSaid)
	return b.ReadCloser.Close()
}

// partBody is a body of which not all is read, or not at once.
type partBody struct {
	io.Reader
	io.Closer
}
