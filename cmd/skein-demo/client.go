package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// agent is one end of the conversation: an MCP client and the server process
// that it started.
type agent struct {
	*demo
	name   string
	client *client.Client
}

// start does what an agent's client does: it starts the server and introduces
// itself.
func (d *demo) start(ctx context.Context, name string) (*agent, error) {
	args := []string{"serve", "--store", d.store, "--agent", name}
	command := func(ctx context.Context, program string, _, args []string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = d.env
		return cmd, nil
	}
	c, err := client.NewStdioMCPClientWithOptions(d.skein, nil, args,
		transport.WithCommandFunc(command), transport.WithCommandStderrWriter(os.Stderr))
	if err != nil {
		return nil, err
	}
	a := &agent{demo: d, name: name, client: c}
	return a, errors.Join(a.introduce(ctx), ctx.Err())
}

func (a *agent) introduce(ctx context.Context) error {
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: a.name, Version: "1"}
	answer, err := a.client.Initialize(ctx, hello)
	if err != nil {
		return fmt.Errorf("%s: initialize: %w", a.name, err)
	}
	tools, err := a.client.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return fmt.Errorf("%s: tools/list: %w", a.name, err)
	}
	names := make([]string, len(tools.Tools))
	for i, t := range tools.Tools {
		names[i] = t.Name
	}
	a.show(fmt.Sprintf("%s %s offers %s to %s",
		answer.ServerInfo.Name, answer.ServerInfo.Version, strings.Join(names, ", "), a.name))
	return nil
}

// arguments of a tool call.
type arguments map[string]any

// String is the arguments for a reader: the short ones in a line, the body
// below it as it is.
func (args arguments) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(args)) {
		if key != "body" {
			fmt.Fprintf(&b, " %s=%v", key, args[key])
		}
	}
	if body, ok := args["body"].(string); ok {
		for line := range strings.Lines(body) {
			fmt.Fprintf(&b, "\n    ▸ %s", strings.TrimRight(line, "\n"))
		}
	}
	return b.String()
}

// call calls a tool, shows both sides of it, and fails unless every text of
// want is in the answer.
func (a *agent) call(ctx context.Context, tool string, args arguments, want ...string) (string, error) {
	a.say("    %s ▸ %s%s", a.name, tool, args)
	request := mcp.CallToolRequest{}
	request.Params.Name, request.Params.Arguments = tool, map[string]any(args)
	result, err := a.client.CallTool(ctx, request)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", a.name, tool, err)
	}
	answer := text(result)
	a.show(answer)
	if result.IsError {
		return "", fmt.Errorf("%s: %s failed", a.name, tool)
	}
	for _, w := range want {
		if !strings.Contains(answer, w) {
			return "", fmt.Errorf("%s: the answer to %s lacks %q", a.name, tool, w)
		}
	}
	return answer, nil
}

func text(result *mcp.CallToolResult) string {
	var parts []string
	for _, c := range result.Content {
		if t, ok := c.(mcp.TextContent); ok {
			parts = append(parts, t.Text)
		}
	}
	return strings.Join(parts, "\n")
}
