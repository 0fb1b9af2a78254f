package remote

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshServer is a server that lets one key in, and starts git for it.
type sshServer struct {
	config *ssh.ServerConfig
	root   string
	open   sync.WaitGroup
}

// overSSHServer serves the repositories below root over ssh, with a host that
// is known and a key that lies in the open, and returns the address of root.
func overSSHServer(t *testing.T, root string) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	key, host := newKey(t, filepath.Join(home, ".ssh", "id_ed25519")), newKey(t, filepath.Join(home, "host"))
	s := &sshServer{root: root, config: &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			if string(offered.Marshal()) != string(key.PublicKey().Marshal()) {
				return nil, errors.New("another key")
			}
			return nil, nil
		},
	}}
	s.config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.open.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { listener.Close(); s.open.Wait() })
	known := filepath.Join(home, ".ssh", "known_hosts")
	line := knownhosts.Line([]string{knownhosts.Normalize(listener.Addr().String())}, host.PublicKey()) + "\n"
	if err := os.WriteFile(known, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_KNOWN_HOSTS", known)
	// OpenSSH takes the home from the list of users, and not from HOME.
	t.Setenv("GIT_SSH_COMMAND", fmt.Sprintf("ssh -F none -o UserKnownHostsFile=%s -o IdentitiesOnly=yes -i %s", known, filepath.Join(home, ".ssh", "id_ed25519")))
	return "ssh://git@" + listener.Addr().String()
}

// newKey writes a key into a file.
func newKey(t *testing.T, name string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (s *sshServer) serve(conn net.Conn) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		s.open.Go(func() { s.session(channel, asked) })
	}
}

// session runs what is asked for with exec, which is git's to read and write.
func (s *sshServer) session(channel ssh.Channel, asked <-chan *ssh.Request) {
	defer channel.Close()
	for request := range asked {
		var exec struct{ Command string }
		if request.Type != "exec" || ssh.Unmarshal(request.Payload, &exec) != nil {
			request.Reply(request.Type == "env", nil)
			continue
		}
		request.Reply(true, nil)
		status := s.run(channel, exec.Command)
		channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		return
	}
}

func (s *sshServer) run(channel ssh.Channel, command string) (status uint32) {
	service, path, _ := strings.Cut(command, " ")
	service, ok := strings.CutPrefix(service, "git-")
	if !ok {
		return 127
	}
	cmd := exec.Command("git", service, filepath.Join(s.root, strings.Trim(path, "'")))
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	in, err := cmd.StdinPipe() // git may end before we do
	if err != nil || cmd.Start() != nil {
		return 126
	}
	go func() {
		io.Copy(in, channel)
		in.Close()
	}()
	if err := cmd.Wait(); err != nil {
		return uint32(cmd.ProcessState.ExitCode())
	}
	return 0
}

// TestNobodyIsAsked: a host that is not known, and one that does not know our
// key, are an error at once and no question.
func TestNobodyIsAsked(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		dir := repository(t)
		address := overSSHServer(t, filepath.Dir(dir)) + "/repo"
		home := os.Getenv("HOME")
		r := &Remote{URL: address, Objects: filepath.Join(dir, "objects"), Repository: opened(t, dir), Transport: by}
		fetch := func() error {
			_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
			return err
		}
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
		newKey(t, filepath.Join(home, ".ssh", "id_ed25519"))
		if err := fetch(); kindOf(err) != Auth || strings.Contains(err.Error(), "\n") {
			t.Fatalf("another key: %v", err)
		}
		if err := os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := fetch(); kindOf(err) != Auth || strings.Contains(err.Error(), "\n") {
			t.Fatalf("another host: %v", err)
		}
	})
}

// TestAServerThatDoesNotShakeHands is given up.
func TestAServerThatDoesNotShakeHands(t *testing.T) {
	transports(t, func(t *testing.T, by Transport) {
		overSSHServer(t, t.TempDir()) // a home with a key
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		r := &Remote{URL: "ssh://" + listener.Addr().String() + "/repo", Objects: t.TempDir(), Transport: by, Idle: 200 * time.Millisecond}
		if _, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch); kindOf(err) != Network {
			t.Fatal(err)
		}
	})
}
