package web

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// guard lets only those requests through that the package comment allows, with
// their bodies read.
func (s *Server) guard(loopback bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case loopback && !isLoopback(r.Host):
			writeError(w, http.StatusForbidden, fmt.Sprintf("the Host %q is not this machine", r.Host))
		case !sameOrigin(r):
			writeError(w, http.StatusForbidden, fmt.Sprintf("requests from pages of %q are refused", r.Header.Get("Origin")))
		case r.URL.Path == "/health":
			next.ServeHTTP(w, r)
		case !s.admit(w, r):
		case s.readBody(w, r):
			next.ServeHTTP(w, r)
		}
	})
}

// isLoopback tells whether a host, with or without a port, is this machine by a
// name that nobody else can give out.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// sameOrigin tells whether a request comes from no web page, or from one of
// this very server.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// admit checks the token.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	want, err := s.token()
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err.Error())
		return false
	}
	got, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if bearer && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1 {
		return true
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	writeError(w, http.StatusUnauthorized, `the token is missing or wrong; send "Authorization: Bearer TOKEN"`)
	return false
}

// token is what clients must show.
func (s *Server) token() (string, error) {
	st, err := s.open()
	if err != nil {
		return "", fmt.Errorf("the store cannot be used: %w", err)
	}
	return Token(st.Dir())
}

// readBody reads the body whole, within its limits, so that no handler waits
// for a slow client.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) bool {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout)) // a connection without deadlines has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = conn.SetReadDeadline(time.Time{})
	if err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return true
	}
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		writeError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes; send less at once", large.Limit))
	} else {
		writeError(w, http.StatusBadRequest, "the body did not come whole")
	}
	return false
}
