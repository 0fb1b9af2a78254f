package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/server"

	"skein/gitstore"
	"skein/gitstore/event"
)

// identity knows who the server acts for.
type identity struct {
	folder string

	mu       sync.Mutex
	explicit string // the name that was given; "": none
	client   string // the client's name, from initialize
}

// met records the client's name.
func (i *identity) met(client string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.client = client
}

// clientName is what the client calls itself, "" if it has not said.
func (i *identity) clientName() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.client
}

// insist makes a name the explicit one.
func (i *identity) insist(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.explicit = name
}

// isExplicit tells whether the name was given, not made.
func (i *identity) isExplicit() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.explicit != ""
}

// name is the agent's name: the explicit one, else the client's at its folder.
// client stands in for a client that has not introduced itself.
func (i *identity) name(client string) (string, error) {
	i.mu.Lock()
	if i.explicit != "" {
		defer i.mu.Unlock()
		return event.AgentName(i.explicit)
	}
	if i.client != "" {
		client = i.client
	}
	i.mu.Unlock()
	name := agentAt(client, i.folder)
	if name == "" {
		return "", errors.New("nobody knows who you are: the client sent no name in initialize; start skein with --agent NAME")
	}
	return event.AgentName(name)
}

// maxClient is how much of an agent's name its client may take where the
// folder needs the rest: enough for the names that clients have.
const maxClient = 21

// agentAt is a client's name at a folder's; without the folder if that has no
// letter a name may have, and "" if the client has none.
func agentAt(client, folder string) string {
	local, at := namePart(client, event.MaxAgentName), namePart(folder, event.MaxAgentName)
	if local == "" || at == "" {
		return local
	}
	if len(local)+len("@")+len(at) > event.MaxAgentName {
		local = namePart(client, maxClient)
		at = namePart(folder, event.MaxAgentName-len("@")-len(local))
	}
	return local + "@" + at
}

// namePart makes a part of an agent's name, at most limit bytes long, of what
// a client or a folder is called. Where that loses letters, a hash keeps two
// different names different.
func namePart(s string, limit int) string {
	s = strings.ToLower(s)
	dashed := strings.FieldsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.", r)
	})
	part := strings.Trim(strings.ReplaceAll(strings.Join(dashed, "-"), "..", "."), ".-")
	foreign := strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f })
	if !foreign && len(part) <= limit {
		return part
	}
	sum := sha256.Sum256([]byte(s))
	mark := hex.EncodeToString(sum[:3])
	part = strings.Trim(part[:min(len(part), limit-len(mark)-1)], ".-")
	return strings.TrimPrefix(part+"-"+mark, "-")
}

// me is the agent this call acts for, as far as that is known without the store.
func (s *Server) me(ctx context.Context) (string, error) {
	client := ""
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientInfo != nil {
		client = info.ClientInfo.Name // a client without a handshake says it with each request
	}
	base, err := s.who.name(client)
	if err != nil {
		return "", err
	}
	return s.seats.nameFor(base), nil
}

// seated is the store and the agent this call acts for.
func (s *Server) seated(ctx context.Context) (*gitstore.Store, string, error) {
	me, err := s.me(ctx)
	if err != nil {
		return nil, "", err
	}
	st, err := s.open(ctx)
	if err != nil {
		return nil, "", err
	}
	return st, s.sit(ctx, st, me), nil
}

// joined is the store and the agent this call acts for, who has joined it.
func (s *Server) joined(ctx context.Context) (*gitstore.Store, string, error) {
	st, me, err := s.seated(ctx)
	if err != nil || s.opt.ReadOnly {
		return st, me, err
	}
	if err := st.Join(ctx, me); err != nil {
		return nil, "", fmt.Errorf("%s could not join the store %s: %w", me, st.Dir(), err)
	}
	return st, me, nil
}

// open is the store, opened if it is not yet.
func (s *Server) open(ctx context.Context) (*gitstore.Store, error) {
	st, err := s.store.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("the store cannot be used: %w", err)
	}
	return st, nil
}
