package tools

import (
	"context"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
)

func updateTool() mcp.Tool {
	return define("update_thread",
		"Open or change a thread, or a project if no thread is given. Remove yourself to leave.",
		hints{idempotent: true},
		textParam("thread", about("project/thread")),
		textParam("project"),
		textParam("title"),
		textParam("description", about("- clears")),
		textParam("status", mcp.Enum(event.StatusActive, event.StatusResolved, event.StatusArchived)),
		listParam("add", about("Members")),
		listParam("remove"),
	)
}

type updateParams struct {
	Thread      string   `json:"thread"`
	Project     string   `json:"project"`
	Title       *string  `json:"title"`
	Description *string  `json:"description"`
	Status      *string  `json:"status"`
	Add         []string `json:"add"`
	Remove      []string `json:"remove"`
}

func (s *Server) update(ctx context.Context, p updateParams) (string, error) {
	st, me, err := s.joined(ctx)
	if err != nil {
		return "", err
	}
	t, err := st.UpdateThread(ctx, gitstore.ThreadUpdate{
		From: me, Thread: p.Thread, Project: p.Project,
		Title: optional(p.Title), Description: optional(p.Description), Status: p.Status, Add: p.Add, Remove: p.Remove,
	})
	if err != nil {
		return "", err
	}
	if t.Ref.Thread == "" {
		return fmt.Sprintf("project %s updated, as %s", t.Ref.Project, me), nil
	}
	return fmt.Sprintf("%s, updated as %s", summary(*t), me), nil
}
