package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore/event"
)

func ackTool() mcp.Tool {
	return define("ack_messages",
		"Say that you have dealt with messages: they leave your inbox and their senders can see it.",
		hints{idempotent: true},
		listParam("ids", mcp.Required()),
	)
}

type ackParams struct {
	IDs []string `json:"ids"`
}

func (s *Server) ack(ctx context.Context, p ackParams) (string, error) {
	st, me, err := s.joined(ctx)
	if err != nil {
		return "", err
	}
	ms, err := st.Acknowledge(ctx, me, p.IDs, event.StateAcknowledged)
	if err != nil {
		return "", err
	}
	ids := make([]string, len(ms))
	for i, m := range ms {
		ids[i] = m.ID.Short()
	}
	return fmt.Sprintf("acknowledged %s as %s", strings.Join(ids, ", "), me), nil
}
