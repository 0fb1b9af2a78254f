package tools

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// Admin is the toolset for those who look after a store.
const Admin = "admin"

func pruneTool() mcp.Tool {
	return define("prune",
		"Forget sessions of this machine that ended long ago. No message goes.",
		hints{idempotent: true, destructive: true},
		intParam("older_than_days", about("30 if left out")),
	)
}

type pruneParams struct {
	Days int `json:"older_than_days"`
}

// DefaultPruneDays is how long an ended session is remembered at least.
const DefaultPruneDays = 30

func (s *Server) prune(ctx context.Context, p pruneParams) (string, error) {
	if p.Days == 0 {
		p.Days = DefaultPruneDays
	}
	st, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	n, err := st.PrunePresences(ctx, s.now().Add(-time.Duration(p.Days)*24*time.Hour))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("forgot %s that ended more than %s ago", plural(n, "session"), plural(p.Days, "day")), nil
}

func redactTool() mcp.Tool {
	return define("redact",
		"Hide what messages say from everyone who reads with skein. git's history keeps the text: a secret must be changed as well.",
		hints{idempotent: true, destructive: true},
		listParam("ids", mcp.Required()),
		textParam("reason"),
	)
}

type redactParams struct {
	IDs    []string `json:"ids"`
	Reason string   `json:"reason"`
}

func (s *Server) redact(ctx context.Context, p redactParams) (string, error) {
	st, me, err := s.joined(ctx)
	if err != nil {
		return "", err
	}
	ms, err := st.Redact(ctx, me, p.IDs, p.Reason)
	if err != nil {
		return "", err
	}
	ids := make([]string, len(ms))
	for i, m := range ms {
		ids[i] = m.ID.Short()
	}
	return fmt.Sprintf("redacted %s, as %s; git's history still has the text", strings.Join(ids, ", "), me), nil
}
