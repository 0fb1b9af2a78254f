package web

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
)

const sessionName = "Mcp-Session-Id"

// mcp hands a request to the server of its session. An initialize without a
// session begins one.
func (s *Server) mcp(w http.ResponseWriter, r *http.Request) {
	if id := r.Header.Get(sessionName); id != "" {
		c := s.clients.take(id)
		if c == nil {
			writeError(w, http.StatusNotFound, "this session has ended; initialize again")
			return
		}
		defer s.clients.release(c)
		c.handler.ServeHTTP(w, r)
		if r.Method == http.MethodDelete {
			s.end(id)
		}
		return
	}
	program, ok := initializes(r)
	if !ok {
		writeError(w, http.StatusBadRequest, "there is no session yet; initialize first, and send the "+sessionName+" that comes back")
		return
	}
	s.begin(w, r, program)
}

// initializes tells whether a request is an initialize, and of which program.
func initializes(r *http.Request) (program string, ok bool) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var message struct {
		Method string
		Params struct {
			ClientInfo struct{ Name string }
		}
	}
	ok = err == nil && r.Method == http.MethodPost && json.Unmarshal(body, &message) == nil && message.Method == string(mcp.MethodInitialize)
	return message.Params.ClientInfo.Name, ok
}

// begin makes a server for a new client and lets it answer.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, program string) {
	if s.clients.full() {
		writeError(w, http.StatusServiceUnavailable, "there are too many sessions; end some of them")
		return
	}
	name := r.URL.Query().Get("agent")
	if name != "" {
		var err error
		if name, err = agent("agent", name); err != nil {
			writeError(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	srv := s.opt.MCP(name, s.open)
	c := &client{srv: srv, handler: srv.Handler(), program: program, agent: name}
	s.stepOut(s.clients.gone(c))
	begun := &beginning{ResponseWriter: w, add: func(id string) { s.clients.add(id, c) }}
	c.handler.ServeHTTP(begun, r)
	if !begun.added { // it was refused
		s.logClose(srv.Close())
	}
}

// beginning is the answer to an initialize. Its session is known before the
// client is told of it, because the client may use it at once.
type beginning struct {
	http.ResponseWriter
	add         func(id string)
	told, added bool
}

func (b *beginning) WriteHeader(status int) {
	if id := b.Header().Get(sessionName); !b.told && id != "" && status < http.StatusBadRequest {
		b.add(id)
		b.added = true
	}
	b.told = true
	b.ResponseWriter.WriteHeader(status)
}

func (b *beginning) Write(p []byte) (int, error) {
	if !b.told {
		b.WriteHeader(http.StatusOK)
	}
	return b.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController, and Flush for those who do without it.
func (b *beginning) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// Flush sends what was written.
func (b *beginning) Flush() { _ = http.NewResponseController(b.ResponseWriter).Flush() }

// end closes a session.
func (s *Server) end(id string) {
	if c := s.clients.remove(id); c != nil {
		s.logClose(c.srv.Close())
	}
}

// stepOut takes their names from clients that seem to have gone.
func (s *Server) stepOut(gone []*client) {
	for _, c := range gone {
		s.logClose(c.srv.StepOut())
	}
}

func (s *Server) logClose(err error) {
	if err != nil {
		s.log.Warn("a session did not end well", "err", err)
	}
}
