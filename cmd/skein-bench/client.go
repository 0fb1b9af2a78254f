package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// server is a `skein serve` with a bare client: nothing but lines.
type server struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	next int
}

// serve starts a server for an agent and waits until it has answered
// initialize. Extra settings are given as NAME=value.
func (b *bench) serve(ctx context.Context, store, agent string, env ...string) (*server, error) {
	s := &server{cmd: exec.CommandContext(ctx, b.skein, "serve", "--store", store, "--agent", agent)}
	s.cmd.Stderr = os.Stderr
	s.cmd.Env = append(os.Environ(), env...)
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.in, s.out = in, bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	_, err = s.call("initialize", map[string]any{
		"protocolVersion": "2025-06-18", "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": "bench", "version": "1"},
	})
	return s, err
}

// call sends a request and waits for its answer.
func (s *server) call(method string, params any) (json.RawMessage, error) {
	s.next++
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": s.next, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	for {
		answer, err := s.out.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		var got struct {
			ID            int
			Error, Result json.RawMessage
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		if got.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, got.Error)
		}
		if got.ID == s.next {
			return got.Result, nil
		}
	}
}

// tool calls a tool and returns its text; a result that says it is an error is one.
func (s *server) tool(name string, args any) (string, error) {
	raw, err := s.call("tools/call", map[string]any{"name": name, "arguments": args})
	if err != nil {
		return "", err
	}
	var result struct {
		IsError bool
		Content []struct{ Text string }
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	text := ""
	for _, c := range result.Content {
		text += c.Text
	}
	if result.IsError {
		return "", fmt.Errorf("%s: %s", name, text)
	}
	return text, nil
}

func (s *server) stop() error { return errors.Join(s.in.Close(), s.cmd.Wait()) }
