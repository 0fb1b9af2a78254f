package tools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"skein/gitstore"
)

// Options says who serves whom, and how.
type Options struct {
	Agent    string       // the agent's name; "": from the client's name and Folder
	Folder   string       // name of the project's folder, "" for none
	Session  string       // the client's own name for its session, "" for none
	Version  string       // skein's own version, told to the client
	Logger   *slog.Logger // nil: discards; must not write to stdout
	Toolsets []string     // tools offered besides the nine: Admin
	ReadOnly bool         // offer only what changes nothing
	MaxLine  int          // bytes a request may have; 0: 4 MiB
	Profile  *Profile     // another system's tools in place of skein's own
	Shared   bool         // others use the store too: Close leaves it open
}

// DefaultMaxLine is the longest request line that is read, in bytes. It leaves
// room for the largest body a message may have, escaped as JSON.
const DefaultMaxLine = 4 << 20

const (
	workers    = 100  // calls that run at once; mcp-go's own 5 are taken by five blocked waits
	queue      = 1000 // calls that wait for a worker before the reader has to
	answers    = 20   // other requests that are answered at once; none of them waits for mail
	drainGrace = 10 * time.Second
	openGrace  = 20 * time.Second
)

// Server is one agent's MCP server. Its methods are safe for concurrent use,
// but it serves one client: call ServeStdio once.
type Server struct {
	opt   Options
	log   *slog.Logger
	mcp   *server.MCPServer
	store *opener
	who   identity
	seats seats

	troubles troubles

	track *tracker
	now   func() time.Time
	grace time.Duration // how long the end of stdin waits for answers

	idle  *time.Timer  // runs release when no call has come for restAfter
	calls atomic.Int64 // answered so far

	watching sync.Once // the profile's Watch

	answering  chan struct{} // holds one for each request that calls no tool
	subscribed subscriptions
	lookGap    time.Duration

	countGrace time.Duration
	background sync.WaitGroup  // counts that came too late for their call
	life       context.Context // theirs; ended by Close
	end        context.CancelFunc

	hungUp        context.Context // ended when the client will send nothing more
	progressEvery time.Duration
}

// New makes a server over the store that open returns. open is called when the
// client has introduced itself or by the first tool call, and again after it
// has failed; never twice at once.
func New(open func() (*gitstore.Store, error), o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	s := &Server{
		opt:   o,
		log:   o.Logger,
		store: newOpener(open, openGrace),
		track: newTracker(),
		now:   time.Now,
		grace: drainGrace,

		countGrace: countGrace,

		progressEvery: progressEvery,

		answering: make(chan struct{}, answers),
		lookGap:   lookGap,
	}
	s.idle = time.AfterFunc(restAfter, s.release)
	s.life, s.end = context.WithCancel(context.Background())
	s.hungUp = s.life
	s.who.explicit, s.who.folder = o.Agent, o.Folder
	name := "skein"
	if o.Profile != nil {
		name = o.Profile.Name
	}
	s.mcp = server.NewMCPServer(name, o.Version,
		server.WithToolCapabilities(false),
		server.WithInstructions(s.instructions("")),
		server.WithHooks(s.hooks()),
	)
	if o.Profile != nil {
		s.offer(o.Profile)
		return s
	}
	s.offerOwn()
	return s
}

// offerOwn adds skein's own tools, prompts and resources.
func (s *Server) offerOwn() {
	for _, set := range []server.ServerOption{
		server.WithPromptCapabilities(false),
		server.WithResourceCapabilities(true, false),
		server.WithCompletions(),
		server.WithPromptCompletionProvider(completer{s}),
		server.WithResourceCompletionProvider(completer{s}),
	} {
		set(s.mcp)
	}
	s.mcp.AddTools(s.tools()...)
	s.addPrompts()
	s.addResources()
}

// ServeStdio answers the JSON-RPC lines of in on out until in ends, ctx is
// cancelled or out breaks. The first two are a clean end and return nil; by
// then every request read has been answered or has had its grace. A read of in
// that is still blocked when ctx is cancelled stays behind: close in to end it.
func (s *Server) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := &lineWriter{out: out, track: s.track, broken: stop}
	r := newLineReader(ctx, in, w, s.opt.MaxLine, s.grace, s.log)
	s.hungUp, r.hangUp = context.WithCancel(s.life)
	defer r.hangUp()
	stdio := server.NewStdioServer(s.mcp)
	for _, set := range []server.StdioOption{
		server.WithErrorLogger(slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)),
		server.WithStdioContextFunc(legacyHandshake),
		server.WithWorkerPoolSize(workers),
		server.WithQueueSize(queue),
	} {
		set(stdio)
	}
	err := stdio.Listen(ctx, r, w)
	if broken := (*writeError)(nil); errors.As(context.Cause(ctx), &broken) {
		return fmt.Errorf("cannot write to the client: %w", broken)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("cannot read from the client: %w", err)
	}
	return nil
}

// Close closes the store if a call has opened it. Call it after ServeStdio.
func (s *Server) Close() error {
	s.idle.Stop()
	s.end()
	s.background.Wait()
	err := s.leave()
	if s.opt.Shared {
		return err
	}
	return errors.Join(err, s.store.close())
}

// legacyHandshake keeps server/discover from offering revision 2026-07-28.
func legacyHandshake(ctx context.Context) context.Context {
	return server.WithSupportedProtocolVersions(ctx, mcp.LegacyProtocolVersions())
}

// hooks learn the client's name, tell it its own, and turn away calls that
// were cancelled while they waited for a worker.
func (s *Server) hooks() *server.Hooks {
	h := &server.Hooks{}
	h.AddAfterInitialize(func(ctx context.Context, _ any, req *mcp.InitializeRequest, res *mcp.InitializeResult) {
		s.who.met(req.Params.ClientInfo.Name)
		res.Instructions = s.instructions(s.arrive(ctx))
		s.watch()
	})
	h.AddOnRequestInitialization(func(_ context.Context, id, _ any) error {
		if s.track.isCancelled(id) {
			return errors.New("cancelled before it began")
		}
		return nil
	})
	if s.opt.Profile == nil {
		h.AddOnRequestInitialization(s.onSubscribe)
		h.AddAfterUnsubscribe(func(_ context.Context, _ any, req *mcp.UnsubscribeRequest, _ *mcp.EmptyResult) {
			s.unsubscribe(req.Params.URI)
		})
	}
	return h
}

// tools are the tools this server offers.
func (s *Server) tools() []server.ServerTool {
	list := []server.ServerTool{
		bind(s, inboxTool(s.opt.ReadOnly), s.inbox),
		bind(s, readTool(), s.read),
		bind(s, searchTool(), s.search),
		bind(s, stateTool(s.opt.ReadOnly), s.state),
		bind(s, whoTool(), s.whoIs),
	}
	if s.opt.ReadOnly {
		return list
	}
	list = append(list,
		bind(s, postTool(), s.post),
		bind(s, ackTool(), s.ack),
		bind(s, updateTool(), s.update),
		bind(s, profileTool(), s.profile),
	)
	if slices.Contains(s.opt.Toolsets, Admin) {
		list = append(list, bind(s, pruneTool(), s.prune), bind(s, redactTool(), s.redact))
	}
	return list
}
