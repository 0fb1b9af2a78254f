package tools

import (
	"log/slog"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// Handler serves the server's one client over streamable HTTP, in place of
// ServeStdio. It checks neither who asks nor how much is sent: package web does.
func (s *Server) Handler() http.Handler {
	return server.NewStreamableHTTPServer(s.mcp,
		server.WithStateful(true),
		server.WithStreamableHTTPProtocolVersions(mcp.LegacyProtocolVersions()...),
		server.WithStreamableHTTPLogger(slog.New(s.log.Handler())),
		server.WithDisableLocalhostProtection(true), // the guard before it is stricter
	)
}
