package tools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// bind joins a tool's definition to its function. Whatever goes wrong in the
// call comes back as a result marked as an error, which the model sees;
// protocol errors are left to calls that name no tool of ours.
func bind[P any](s *Server, def mcp.Tool, run func(context.Context, P) (string, error)) server.ServerTool {
	check := newChecker(def)
	handle := func(ctx context.Context, req mcp.CallToolRequest) (res *mcp.CallToolResult, _ error) {
		defer s.rest()
		defer s.survive(def.Name, &res)
		var p P
		if err := check.decode(req.Params.RawArguments, &p); err != nil {
			return mcp.NewToolResultError(err.Error()), nil
		}
		out, err := run(withProgress(ctx, req), p)
		if err != nil {
			s.log.Debug("tool call failed", "tool", def.Name, "err", err)
			return mcp.NewToolResultError(explain(err)), nil
		}
		return mcp.NewToolResultText(s.ride(ctx, def.Name, out)), nil
	}
	return server.ServerTool{Tool: def, Handler: handle}
}

// survive turns a panic into an error result and a line in the log.
func (s *Server) survive(tool string, res **mcp.CallToolResult) {
	if p := recover(); p != nil {
		*res = mcp.NewToolResultError(s.panicked("tool", tool, p).Error())
	}
}

// answer answers a request that calls no tool. Its errors are such that a client
// can show them, a panic included. mcp-go runs all that a client sends at once;
// only so many are answered at the same time.
func answer[T any](ctx context.Context, s *Server, method string, run func() (T, error)) (res T, err error) {
	defer s.rest()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked("method", method, p)
		} else if err != nil {
			err = errors.New(explain(err))
		}
	}()
	select {
	case s.answering <- struct{}{}:
		defer func() { <-s.answering }()
	case <-ctx.Done():
		return res, ctx.Err()
	}
	return run()
}

func (s *Server) panicked(what, name string, p any) error {
	s.log.Error(what+" panicked", what, name, slog.Any("panic", p), "stack", string(debug.Stack()))
	return fmt.Errorf("internal error in %s: nothing more is known here, the server's log has the details", name)
}
