package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"skein/gitstore/odb"
)

// The files builtin*.go speak to remotes without the git program.

// call is one conversation with a remote, which is ended when nothing has been
// heard for too long.
type call struct {
	r      *Remote
	dir    string // a repository, for whose place the user's configuration may have rules
	to     *transport.Endpoint
	alive  func() // something was heard
	said   *watcher
	denied denial // why the server lets nobody in, if it has said so over http
}

// converse holds a conversation and makes one sentence of how it fails.
func (r *Remote) converse(ctx context.Context, dir string, talk func(context.Context, *call) error) error {
	to, err := transport.NewEndpoint(r.URL)
	if helper, _, found := strings.Cut(r.URL, "::"); err != nil || found && !strings.ContainsAny(helper, "/@[") {
		return r.unspoken()
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	c := &call{r: r, dir: dir, to: to, said: &watcher{tell: r.Progress, idle: r.idle()}}
	c.said.timer = time.AfterFunc(r.idle(), func() { end(errIdle) })
	defer c.said.timer.Stop()
	c.alive = func() { c.said.timer.Reset(r.idle()) }
	err = talk(ctx, c)
	return c.marked(err, r.sentence(ctx, c.said.text, err))
}

// marked adds to a sentence what the conversation knows of why, and whether git
// may get further.
func (c *call) marked(err, sentence error) error {
	var e *Error
	if !errors.As(sentence, &e) {
		return sentence
	}
	switch {
	case e.Kind == Auth && c.to.Protocol == "ssh" && !e.forbidden:
		e.Text += ", where without git only ssh keys that ask for no passphrase are tried"
	case e.Kind == Auth && c.denied.text != "":
		e.Text, e.limit = c.denied.text, c.denied.limit
	default:
		e.limit = isLimit(err)
	}
	if l := c.r.login(); l != nil && l.password != "" {
		e.Text = strings.ReplaceAll(e.Text, l.password, "***") // which a server may repeat
	}
	return sentence
}

// fetching and pushing begin to talk to the remote's git-upload-pack and
// git-receive-pack.
func (c *call) fetching(ctx context.Context) (transport.UploadPackSession, error) {
	switch c.to.Protocol {
	case "http", "https":
		client, to := c.http()
		return githttp.NewClient(client).NewUploadPackSession(to, nil)
	case "ssh":
		return c.ssh(ctx, transport.UploadPackServiceName)
	case "file":
		return nil, ErrNoGit
	}
	return nil, c.r.unspoken()
}

func (c *call) pushing(ctx context.Context) (transport.ReceivePackSession, error) {
	switch c.to.Protocol {
	case "http", "https":
		client, to := c.http()
		return githttp.NewClient(client).NewReceivePackSession(to, nil)
	case "ssh":
		return c.ssh(ctx, transport.ReceivePackServiceName)
	case "file":
		return nil, ErrNoGit // go-git moves refs of a directory without looking who else does
	}
	return nil, c.r.unspoken()
}

// unspoken says that an address is of no use.
func (r *Remote) unspoken() error {
	return &Error{Kind: Other, URL: Redact(r.URL), Text: "only http, https and ssh are spoken without git"}
}

// dial connects, and notes whatever goes over the connection.
func (c *call) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return heard{conn, c.alive}, nil
}

const dialTimeout = 15 * time.Second

// heard is a connection that tells when something has gone over it.
type heard struct {
	net.Conn
	alive func()
}

func (h heard) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if n > 0 {
		h.alive()
	}
	return n, err
}

func (h heard) Write(p []byte) (int, error) {
	n, err := h.Conn.Write(p)
	if n > 0 {
		h.alive()
	}
	return n, err
}

// sentence makes an Error of what kept a conversation from its end.
func (r *Remote) sentence(ctx context.Context, said func() string, err error) error {
	var e *Error
	switch {
	case err == nil, errors.Is(err, ErrNoGit), errors.Is(err, errNotHeld), errors.As(err, &e):
		return err
	case errors.Is(err, errTooLarge), errors.As(err, new(*odb.BurdenError)):
		return r.tooLarge(err)
	case ctx.Err() != nil:
		return r.explain(ctx, err, "")
	}
	var local *os.PathError
	if errors.As(err, &local) {
		return err // of our own disk
	}
	text := wordsOf(err)
	e = &Error{Kind: kindOfFailure(err, text), URL: Redact(r.URL), Text: text, After: retryAfter(err), forbidden: errors.Is(err, transport.ErrAuthorizationFailed)}
	if last := said(); last != "" {
		e.Text = summary(last) + " (" + text + ")"
		if told := classify("", e.Text); told.Kind != Other {
			e.Kind, e.forbidden = told.Kind, e.forbidden || told.forbidden // a program's word on standard error says more than how it ended
		}
	}
	return e
}

// oddRedirect begins what go-git says of a redirect that it does not follow.
const oddRedirect = "http redirect: "

// tooLarge says that more would come than may be taken.
func (r *Remote) tooLarge(why error) error {
	return &Error{Kind: TooLarge, URL: Redact(r.URL), Text: why.Error()}
}

// wordsOf is what an error of go-git's says, without what stands beside it
// anyway: the address, or the whole page that came with a status.
func wordsOf(err error) string {
	var tried *url.Error
	if errors.As(err, &tried) {
		err = tried.Err
	}
	said := oneLine(err.Error())
	if _, why, ok := strings.Cut(said, oddRedirect); ok {
		why, _, _ = strings.Cut(why, ": http") // what follows is where to
		return "its redirect is not followed: " + why
	}
	for plain, text := range map[error]string{
		transport.ErrAuthenticationRequired: "authentication required",
		transport.ErrAuthorizationFailed:    "the server answers with status 403",
		transport.ErrRepositoryNotFound:     "repository not found",
		pktline.ErrInvalidPktLen:            notGit,
	} {
		if _, page, _ := strings.Cut(said, plain.Error()+": "); errors.Is(err, plain) {
			if page != "" && !strings.Contains(page, "<") {
				text = page
			}
			return text
		}
	}
	if status := statusOf(err); status != 0 {
		return fmt.Sprintf("the server answers with status %d", status)
	}
	return said
}

// oneLine makes a text from outside fit for a sentence.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	return text[:min(len(text), maxSummary)]
}

// refusedWith returns what an HTTP server has refused with, or nil.
func refusedWith(err error) *http.Response {
	var unexpected *plumbing.UnexpectedError
	if errors.As(err, &unexpected) {
		err = unexpected.Err
	}
	var status *githttp.Err
	if errors.As(err, &status) {
		return status.Response
	}
	return nil
}

// statusOf returns the status with which an HTTP server has refused, or 0.
func statusOf(err error) int {
	if response := refusedWith(err); response != nil {
		return response.StatusCode
	}
	return 0
}

// retryAfter returns how long an HTTP server wants to be left alone, as RFC 9110
// has it say; 0 if it does not.
func retryAfter(err error) time.Duration {
	response := refusedWith(err)
	if response == nil {
		return 0
	}
	value := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// broken are the errors of a line that ends too early, or of an answer that is
// not what git sends.
var broken = []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, packp.ErrEmptyInput, packfile.ErrMalformedPackFile, packfile.ErrEmptyPackfile}

// kindOfFailure sorts an error of go-git's.
func kindOfFailure(err error, text string) Kind {
	var netErr net.Error
	status := statusOf(err)
	if unexpected := (*plumbing.UnexpectedError)(nil); errors.As(err, &unexpected) {
		err = errors.Join(err, unexpected.Err) // which it does not unwrap to
	}
	switch {
	case errors.As(err, new(*tls.CertificateVerificationError)), strings.Contains(err.Error(), oddRedirect):
		return Other // it does not pass by itself
	case errors.Is(err, errDumb):
		return Dumb
	case errors.Is(err, pktline.ErrInvalidPktLen):
		return NotFound
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return Auth
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return NotFound
	case status == 413:
		return Refused
	case status == 429, status == 507:
		return Unable
	case status == 408, status >= 500, errors.As(err, &netErr):
		return Network
	}
	for _, sign := range broken {
		if errors.Is(err, sign) {
			return Network
		}
	}
	return classify("", text).Kind
}
