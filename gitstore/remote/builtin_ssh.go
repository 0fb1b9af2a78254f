package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"github.com/kevinburke/ssh_config"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// go-git's own client of ssh cannot be ended while it shakes hands, and passes
// on only the first line of what the server says; so this is ours, with
// go-git's known hosts, agent and messages.

// stream is a conversation with a git program over ssh.
type stream struct {
	client  *ssh.Client
	in      io.WriteCloser
	out     io.Reader
	refs    *packp.AdvRefs
	pushing bool
	stop    func() bool  // no more looking after the context
	ended   func() error // waits for the program's end, and for all that it says
	said    *watcher
}

// ssh starts a git program on the remote.
func (c *call) ssh(ctx context.Context, service string) (*stream, error) {
	host := sshHost(c.to)
	conn, err := c.dial(ctx, "tcp", host.address)
	if err != nil {
		return nil, err
	}
	config, err := host.config()
	if err != nil {
		_ = conn.Close()
		return nil, &Error{Kind: Auth, URL: Redact(c.r.URL), Text: oneLine(err.Error())}
	}
	s := &stream{pushing: service == transport.ReceivePackServiceName, said: c.said}
	s.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	shaken, channels, requests, err := ssh.NewClientConn(conn, host.address, config)
	if err != nil {
		s.stop()
		_ = conn.Close()
		return nil, c.refused(err)
	}
	s.client = ssh.NewClient(shaken, channels, requests)
	if err := s.start(service + " " + quoted(c.to.Path)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// refused tells a server that does not let us in from a line that breaks.
func (c *call) refused(err error) error {
	text := oneLine(err.Error())
	var known *knownhosts.KeyError
	switch {
	case errors.As(err, &known) && len(known.Want) > 0:
		text = otherHostKey
	case errors.As(err, &known):
		text = noHostKey
	case !says(text, []string{"unable to authenticate", "no supported methods", "knownhosts: "}):
		return err
	}
	return &Error{Kind: Auth, URL: Redact(c.r.URL), Text: text}
}

func (s *stream) start(command string) error {
	session, err := s.client.NewSession()
	if err != nil {
		return err
	}
	if s.in, err = session.StdinPipe(); err != nil {
		return err
	}
	if s.out, err = session.StdoutPipe(); err != nil {
		return err
	}
	session.Stderr = s.said
	s.ended = session.Wait
	return session.Start(command)
}

// quoted writes a path for the shell of the other side.
func quoted(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

// Close ends the conversation.
func (s *stream) Close() error {
	s.stop()
	return s.client.Close()
}

// AdvertisedReferences is AdvertisedReferencesContext without a context.
func (s *stream) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

// AdvertisedReferencesContext reads what the remote has. The connection ends
// with the context that it was made with.
func (s *stream) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	if s.refs != nil {
		return s.refs, nil
	}
	refs := packp.NewAdvRefs()
	if err := refs.Decode(s.out); err != nil && !errors.Is(err, packp.ErrEmptyAdvRefs) {
		_ = s.ended() // what it has said is the reason
		return nil, err
	}
	if refs.IsEmpty() && !s.pushing {
		_, _ = s.in.Write(pktline.FlushPkt) // nothing is wanted
		return nil, transport.ErrEmptyRemoteRepository
	}
	transport.FilterUnsupportedCapabilities(refs.Capabilities)
	s.refs = refs
	return refs, nil
}

// UploadPack asks for commits and returns the answer.
func (s *stream) UploadPack(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if err := req.UploadRequest.Encode(s.in); err != nil {
		return nil, err
	}
	if err := req.UploadHaves.Encode(s.in, false); err != nil {
		return nil, err
	}
	if err := pktline.NewEncoder(s.in).EncodeString("done\n"); err != nil {
		return nil, err
	}
	answer := packp.NewUploadPackResponse(req)
	return answer, answer.Decode(io.NopCloser(s.out))
}

// ReceivePack pushes and returns what the remote says of it.
func (s *stream) ReceivePack(_ context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	if err := req.Encode(s.in); err != nil {
		return nil, err
	}
	if err := s.in.Close(); err != nil {
		return nil, err
	}
	r := s.out
	if req.Capabilities.Supports(capability.Sideband64k) {
		d := sideband.NewDemuxer(sideband.Sideband64k, r)
		d.Progress = req.Progress
		r = d
	}
	report := packp.NewReportStatus()
	if err := report.Decode(r); err != nil {
		return nil, err
	}
	return report, report.Error()
}

// host is where and as whom to log in.
type host struct {
	alias, address, user, password string
}

// sshHost reads what the user's ssh configuration says of a host.
func sshHost(to *transport.Endpoint) host {
	first := func(values ...string) string {
		for _, v := range values {
			if v != "" {
				return v
			}
		}
		return ""
	}
	port := ""
	if to.Port > 0 && to.Port != gitssh.DefaultPort {
		port = strconv.Itoa(to.Port)
	}
	name := first(ssh_config.Get(to.Host, "HostName"), to.Host)
	h := host{alias: to.Host, password: to.Password, user: first(to.User, ssh_config.Get(to.Host, "User"))}
	h.address = net.JoinHostPort(name, first(port, ssh_config.Get(to.Host, "Port"), "22"))
	if h.user == "" {
		if me, err := user.Current(); err == nil {
			h.user = me.Username
		}
	}
	return h
}

// config says how to log in: with the keys of the agent and those that lie in
// the open, to a host that is known.
func (h host) config() (*ssh.ClientConfig, error) {
	known, err := gitssh.NewKnownHostsDb()
	if err != nil {
		return nil, fmt.Errorf("no host is known (%w); connect once with ssh", err)
	}
	config := &ssh.ClientConfig{User: h.user, HostKeyCallback: known.HostKeyCallback(), HostKeyAlgorithms: known.HostKeyAlgorithms(h.address)}
	config.Auth = []ssh.AuthMethod{ssh.PublicKeysCallback(h.signers)}
	if h.password != "" {
		config.Auth = append(config.Auth, ssh.Password(h.password))
	}
	return config, nil
}

// signers are the keys that need no passphrase from a person.
func (h host) signers() (all []ssh.Signer, err error) {
	if agent, err := gitssh.NewSSHAgentAuth(h.user); err == nil {
		if held, err := agent.Callback(); err == nil {
			all = held
		}
	}
	for _, name := range h.keyFiles() {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if key, err := ssh.ParsePrivateKey(text); err == nil {
			all = append(all, key)
		}
	}
	return all, nil
}

func (h host) keyFiles() (names []string) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	for _, name := range ssh_config.GetAll(h.alias, "IdentityFile") {
		if rest, ok := strings.CutPrefix(name, "~/"); ok {
			name = filepath.Join(home, rest)
		}
		names = append(names, name)
	}
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		names = append(names, filepath.Join(home, ".ssh", "id_"+kind))
	}
	return names
}
