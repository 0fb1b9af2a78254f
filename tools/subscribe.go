package tools

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
)

// maxSubscriptions is how many resources a client may subscribe to: after each
// change of the store all of them are looked at.
const maxSubscriptions = 100

const (
	// lookGap is the time between two looks at least, so that a burst of posts
	// costs a few of them. The first post after a silence is told of at once.
	lookGap = time.Second
	// lookEvery is how often the resources are looked at in any case: of who is
	// here, and of what expires, no branch tells.
	lookEvery = 30 * time.Second
)

// subscriptions are the resources of whose changes the client wants to know.
// While there are any, one goroutine watches the store. Its zero value is ready.
type subscriptions struct {
	mu      sync.Mutex // held during a look, so that none comes between a subscription and its first
	session string
	seen    map[string]digest // by URI: what the client may have seen
	end     context.CancelFunc
}

// digest tells what a resource shows from what it showed before; the zero one
// is that of a resource that could not be shown.
type digest [sha256.Size]byte

// subscribing is in every line that subscribes, with whatever escapes, and in
// few others, which need not be parsed for it.
var subscribing = []byte("subscribe")

// onSubscribe subscribes before mcp-go answers, which would accept anything.
func (s *Server) onSubscribe(ctx context.Context, _, message any) error {
	line, ok := message.(json.RawMessage)
	if !ok || !bytes.Contains(line, subscribing) {
		return nil
	}
	var req struct {
		Method mcp.MCPMethod       `json:"method"`
		Params mcp.SubscribeParams `json:"params"`
	}
	if json.Unmarshal(line, &req) != nil || req.Method != mcp.MethodResourcesSubscribe {
		return nil
	}
	_, err := answer(ctx, s, string(req.Method), func() (struct{}, error) {
		return struct{}{}, s.subscribe(ctx, req.Params.URI)
	})
	return err
}

// subscribe returns when every change from now on will be told of. What is not
// there yet may be subscribed to.
func (s *Server) subscribe(ctx context.Context, uri string) error {
	r, err := s.resource(uri)
	if err != nil {
		return err
	}
	st, err := s.open(ctx)
	if err != nil {
		return err
	}
	u := &s.subscribed
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, again := u.seen[uri]; !again && len(u.seen) >= maxSubscriptions {
		return fmt.Errorf("there are %d subscriptions already; end some of them, or subscribe to %s", maxSubscriptions, threadsURI)
	}
	if len(u.seen) == 0 {
		if err := s.watchSubscribed(st); err != nil {
			return fmt.Errorf("changes of the store cannot be watched: %w", err)
		}
	}
	u.session = SessionID(ctx)
	u.seen[uri], _ = s.digest(ctx, st, r)
	return nil
}

// unsubscribe ends the watching with the last subscription.
func (s *Server) unsubscribe(uri string) {
	u := &s.subscribed
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.seen, uri)
	if len(u.seen) == 0 && u.end != nil {
		u.end()
		u.end = nil
	}
}

// watchSubscribed starts to watch; s.subscribed.mu must be held.
func (s *Server) watchSubscribed(st *gitstore.Store) error {
	ctx, end := context.WithCancel(s.life)
	changes, err := st.Watch(ctx)
	if err != nil {
		end()
		return err
	}
	st.Expect(ctx)
	s.subscribed.seen, s.subscribed.end = make(map[string]digest), end
	s.background.Go(func() {
		defer end()
		s.followSubscribed(ctx, st, changes)
	})
	return nil
}

func (s *Server) followSubscribed(ctx context.Context, st *gitstore.Store, changes <-chan struct{}) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	gap := time.NewTimer(0)
	defer gap.Stop()
	for {
		select {
		case <-gap.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-changes:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.tellSubscribed(ctx, st)
		gap.Reset(s.lookGap)
	}
}

// tellSubscribed looks at the resources and tells the client of those that show
// something else than before. What it could not be told of comes with the next
// look.
func (s *Server) tellSubscribed(ctx context.Context, st *gitstore.Store) {
	defer s.logPanic("looking at what is subscribed to")
	defer s.rest()
	u := &s.subscribed
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, uri := range sortedKeys(u.seen) {
		now, err := s.lookAt(ctx, st, uri)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Debug("a resource that is subscribed to cannot be shown", "uri", uri, "err", err)
			continue
		}
		if now == u.seen[uri] {
			continue
		}
		err = s.mcp.SendNotificationToSpecificClient(u.session, mcp.MethodNotificationResourceUpdated, map[string]any{"uri": uri})
		if err != nil {
			s.log.Debug("the client cannot be told of a change", "uri", uri, "err", err)
			continue
		}
		u.seen[uri] = now
	}
}

func (s *Server) lookAt(ctx context.Context, st *gitstore.Store, uri string) (digest, error) {
	r, err := s.resource(uri)
	if err != nil {
		return digest{}, err
	}
	return s.digest(ctx, st, r)
}

func (s *Server) digest(ctx context.Context, st *gitstore.Store, r resource) (digest, error) {
	text, err := r.show(ctx, st)
	if err != nil {
		return digest{}, err
	}
	return sha256.Sum256([]byte(text)), nil
}
