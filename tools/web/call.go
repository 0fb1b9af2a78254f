package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"syscall"

	"skein/gitstore"
	"skein/tools/profiles"
)

// call is a request to one of duo's endpoints.
type call struct {
	*http.Request
	store *gitstore.Store
	// after runs when the answer has been sent and before its end is: a client
	// that reads it whole finds it done. nil: nothing runs.
	after func()
}

// statusError is an error with the status it is answered with.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

func bad(message string) error { return statusError{http.StatusBadRequest, errors.New(message)} }

// endpoint makes a handler of a function that returns what is sent as JSON.
func (s *Server) endpoint(handle func(*call) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.opt.ReadOnly && r.Method != http.MethodGet {
			writeError(w, http.StatusForbidden, "this server is read-only")
			return
		}
		st, err := s.open()
		if err != nil {
			writeError(w, http.StatusServiceUnavailable, "the store cannot be used: "+err.Error())
			return
		}
		c := &call{Request: r, store: st}
		v, err := handle(c)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if writeJSON(w, http.StatusOK, v) == nil && c.after != nil {
			c.after()
		}
	}
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		err = statusError{http.StatusServiceUnavailable, errors.New("the server is ending")}
	}
	status := statusOf(err)
	if status >= http.StatusInternalServerError {
		s.log.Warn("a request failed", "path", r.URL.Path, "err", err)
	}
	writeError(w, status, err.Error())
}

// statusOf is the status for an error of the store: what the system refused is
// not the caller's fault, everything else is.
func statusOf(err error) int {
	var (
		status    statusError
		unknown   *gitstore.UnknownError
		ambiguous *gitstore.AmbiguousError
		path      *fs.PathError
		errno     syscall.Errno
	)
	switch {
	case errors.As(err, &status):
		return status.status
	case errors.As(err, &unknown), errors.As(err, &ambiguous):
		return http.StatusNotFound
	case errors.Is(err, profiles.ErrNotParticipant):
		return http.StatusForbidden
	case errors.As(err, &path), errors.As(err, &errno), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// read decodes the body, a JSON object, into v. Fields it does not know are
// left aside, as duo did.
func (c *call) read(v any) error {
	d := json.NewDecoder(c.Body)
	if err := d.Decode(v); err != nil {
		return bad("the body must be one JSON object with the right types")
	}
	if _, err := d.Token(); err != io.EOF {
		return bad("the body must be one JSON object, and more follows it")
	}
	return nil
}

// agent is the agent for a partner's id, which must be given.
func agent(name, id string) (string, error) {
	if id == "" {
		return "", bad(name + " required")
	}
	name, err := profiles.AgentID(id)
	if err != nil {
		return "", bad(err.Error())
	}
	return name, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(append(b, '\n')); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

func writeError(w http.ResponseWriter, status int, message string) {
	_ = writeJSON(w, status, map[string]string{"error": message}) // a client that is gone needs none
}
