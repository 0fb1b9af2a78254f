package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"skein/gitstore"
	"skein/tools"
	"skein/tools/profiles"
)

// Options says what is served, and to whom.
type Options struct {
	Open     func() (*gitstore.Store, error)                                        // called when the store is first needed, and again after it has failed
	MCP      func(agent string, open func() (*gitstore.Store, error)) *tools.Server // makes the server of an MCP client; Options.Shared must be set
	ReadOnly bool                                                                   // nothing may be written
	Logger   *slog.Logger                                                           // nil: discards
	Ending   func()                                                                 // runs before the store is closed; nil: nothing does
}

// The limits of a request and of the end.
const (
	maxBody       = 4 << 20
	headerTimeout = 10 * time.Second
	bodyTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	shutdownGrace = 10 * time.Second
)

// Server serves one store. It is safe for concurrent use.
type Server struct {
	opt     Options
	log     *slog.Logger
	broker  *profiles.Broker
	clients clients

	mu    sync.Mutex
	store *gitstore.Store // nil: not opened yet
	seats map[string]*gitstore.Seat
}

// New makes a server; nothing is opened yet.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{opt: o, log: o.Logger, broker: profiles.NewBroker(), seats: make(map[string]*gitstore.Seat)}
}

// Serve answers requests on a listener, which it closes, until ctx ends or the
// listener fails. Then it closes the store.
func (s *Server) Serve(ctx context.Context, l net.Listener) (err error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	srv := &http.Server{
		Handler:           s.guard(isLoopback(l.Addr().String()), s.routes()),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return life },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if _, err := s.token(); err != nil { // made now, so that clients can be told it
		s.log.Warn("requests will be refused", "err", err)
	}
	go s.sweep(life)
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Serve(l) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	end() // those who wait are answered
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer stop()
	if srv.Shutdown(grace) != nil {
		return srv.Close()
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", s.mcp)
	for pattern, handle := range map[string]func(*call) (any, error){
		"POST /register":                   s.register,
		"POST /unregister":                 s.unregister,
		"POST /talk":                       s.talk,
		"GET /listen/{partnerId}":          s.listen,
		"POST /conversations":              s.create,
		"GET /conversations/{partnerId}":   s.conversations,
		"POST /conversations/{id}/leave":   s.leave,
		"GET /conversations/{id}/messages": s.messages,
		"GET /partners":                    s.partners,
		"GET /health":                      s.health,
	} {
		mux.HandleFunc(pattern, s.endpoint(handle))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, "there is nothing at "+r.Method+" "+r.URL.Path)
	})
	return mux
}

// open is the store, opened if it is not yet. A broken store is tried again by
// the next request.
func (s *Server) open() (*gitstore.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store != nil {
		return s.store, nil
	}
	st, err := s.opt.Open()
	if err == nil {
		s.store = st
	}
	return st, err
}

func (s *Server) close() error {
	err := s.clients.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seat := range s.seats {
		err = errors.Join(err, seat.Leave(false))
	}
	if s.opt.Ending != nil {
		s.opt.Ending()
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	return err
}
