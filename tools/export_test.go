package tools

import "github.com/mark3labs/mcp-go/server"

// Core is the protocol's side of a server, to which a test may add what skein
// does not offer.
func (s *Server) Core() *server.MCPServer { return s.mcp }
