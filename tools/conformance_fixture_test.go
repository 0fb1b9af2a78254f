package tools_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// addFixture adds what the conformance suite's server scenarios ask for by
// name: `conformance list --server` has them, and the suite's source what each
// must answer.
func addFixture(s *server.MCPServer) {
	for _, set := range []server.ServerOption{
		server.WithLogging(), server.WithElicitation(), server.WithPromptCompletionProvider(nothingToComplete{}),
	} {
		set(s)
	}
	s.EnableSampling()
	watchAnything(s.GetHooks())
	addContentTools(s)
	addTalkingTools(s)
	addResources(s)
	addPrompts(s)
}

// nothingToComplete stands in for skein's completions, which know only the
// arguments of skein's prompts.
type nothingToComplete struct{}

func (nothingToComplete) CompletePromptArgument(context.Context, string, mcp.CompleteArgument, mcp.CompleteContext) (*mcp.Completion, error) {
	return &mcp.Completion{Values: []string{}}, nil
}

// watchAnything lets a client subscribe to the suite's resource, past skein's
// check that the resource is one of its own.
func watchAnything(h *server.Hooks) {
	checks := h.OnRequestInitialization
	h.OnRequestInitialization = []server.OnRequestInitializationFunc{func(ctx context.Context, id, message any) error {
		if line, ok := message.(json.RawMessage); ok && bytes.Contains(line, []byte(`"test://watched-resource"`)) {
			return nil
		}
		for _, check := range checks {
			if err := check(ctx, id, message); err != nil {
				return err
			}
		}
		return nil
	}}
}

// The smallest picture and sound that are well formed.
func picture() string {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		panic(err) // into memory it cannot fail
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func sound() string {
	b := []byte("RIFF\x26\x00\x00\x00WAVEfmt ")
	for _, field := range []any{uint32(16), uint16(1), uint16(1), uint32(8000), uint32(16000), uint16(2), uint16(16)} {
		b, _ = binary.Append(b, binary.LittleEndian, field)
	}
	return base64.StdEncoding.EncodeToString(append(b, "data\x02\x00\x00\x00\x00\x00"...))
}

func text(s string) mcp.Content { return mcp.NewTextContent(s) }

func resource(uri, kind, content string) mcp.Content {
	return mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: uri, MIMEType: kind, Text: content})
}

// addContentTools adds the tools that answer with each kind of content.
func addContentTools(s *server.MCPServer) {
	for name, content := range map[string][]mcp.Content{
		"test_simple_text":       {text("This is a simple text response for testing.")},
		"test_image_content":     {mcp.NewImageContent(picture(), "image/png")},
		"test_audio_content":     {mcp.NewAudioContent(sound(), "audio/wav")},
		"test_embedded_resource": {resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")},
		"test_multiple_content_types": {
			text("Multiple content types test:"),
			mcp.NewImageContent(picture(), "image/png"),
			resource("test://mixed-content-resource", "application/json", `{"test":"data","value":123}`),
		},
	} {
		addTool(s, mcp.NewTool(name, mcp.WithDescription("Answers with fixed content")), func(context.Context, mcp.CallToolRequest) ([]mcp.Content, error) {
			return content, nil
		})
	}
	addTool(s, mcp.NewTool("test_error_handling", mcp.WithDescription("Fails")), func(context.Context, mcp.CallToolRequest) ([]mcp.Content, error) {
		return nil, errors.New("This tool intentionally returns an error for testing")
	})
	schema := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
		"$defs":{"address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}}}},
		"properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"}},"additionalProperties":false}`
	addTool(s, mcp.NewToolWithRawSchema("json_schema_2020_12_tool", "Has a schema of 2020-12", json.RawMessage(schema)),
		func(_ context.Context, r mcp.CallToolRequest) ([]mcp.Content, error) {
			return []mcp.Content{text(fmt.Sprint(r.GetArguments()))}, nil
		})
}

// addTool adds a tool whose error is a result, as those of skein's own tools are.
func addTool(s *server.MCPServer, def mcp.Tool, run func(context.Context, mcp.CallToolRequest) ([]mcp.Content, error)) {
	s.AddTool(def, func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		content, err := run(ctx, r)
		if err != nil {
			return mcp.NewToolResultError(err.Error()), nil
		}
		return &mcp.CallToolResult{Content: content}, nil
	})
}

// between is the pause that the suite wants between two notifications. One
// follows the last as well: mcp-go drops a notification that is still on its
// way when the answer is sent.
const between = 50 * time.Millisecond

// addTalkingTools adds the tools that speak to the client while they run.
func addTalkingTools(s *server.MCPServer) {
	addTool(s, mcp.NewTool("test_tool_with_logging", mcp.WithDescription("Logs")), func(ctx context.Context, _ mcp.CallToolRequest) ([]mcp.Content, error) {
		for _, line := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
			if err := s.SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "fixture", line)); err != nil {
				return nil, err
			}
			time.Sleep(between)
		}
		return []mcp.Content{text("logged")}, nil
	})
	addTool(s, mcp.NewTool("test_tool_with_progress", mcp.WithDescription("Reports progress")), func(ctx context.Context, r mcp.CallToolRequest) ([]mcp.Content, error) {
		for _, done := range []int{0, 50, 100} {
			if meta := r.Params.Meta; meta != nil && meta.ProgressToken != nil {
				step := map[string]any{"progressToken": meta.ProgressToken, "progress": done, "total": 100}
				if err := s.SendNotificationToClient(ctx, string(mcp.MethodNotificationProgress), step); err != nil {
					return nil, err
				}
			}
			time.Sleep(between)
		}
		return []mcp.Content{text("done")}, nil
	})
	addTool(s, mcp.NewTool("test_sampling", mcp.WithDescription("Asks the client's model"), mcp.WithString("prompt", mcp.Required())),
		func(ctx context.Context, r mcp.CallToolRequest) ([]mcp.Content, error) {
			question := mcp.SamplingMessage{Role: mcp.RoleUser, Content: text(r.GetString("prompt", ""))}
			answer, err := s.RequestSampling(ctx, mcp.CreateMessageRequest{ //nolint:staticcheck // deprecated, and asked for by the suite
				CreateMessageParams: mcp.CreateMessageParams{Messages: []mcp.SamplingMessage{question}, MaxTokens: 100},
			})
			if err != nil {
				return nil, err
			}
			return []mcp.Content{text(fmt.Sprint("LLM response: ", answer.Content))}, nil
		})
	addElicitation(s)
}

// addElicitation adds the tools that ask the client's user.
func addElicitation(s *server.MCPServer) {
	type object = map[string]any
	ask := func(ctx context.Context, question string, properties object) ([]mcp.Content, error) {
		answer, err := s.RequestElicitation(ctx, mcp.ElicitationRequest{
			Params: mcp.ElicitationParams{Message: question, RequestedSchema: object{"type": "object", "properties": properties}},
		})
		if err != nil {
			return nil, err
		}
		return []mcp.Content{text(fmt.Sprintf("Elicitation completed: action=%s, content=%v", answer.Action, answer.Content))}, nil
	}
	word := object{"type": "string"}
	addTool(s, mcp.NewTool("test_elicitation", mcp.WithDescription("Asks the user"), mcp.WithString("message", mcp.Required())),
		func(ctx context.Context, r mcp.CallToolRequest) ([]mcp.Content, error) {
			return ask(ctx, r.GetString("message", ""), object{"username": word, "email": word})
		})
	some := []string{"option1", "option2", "option3"}
	titled := []object{{"const": "value1", "title": "First"}, {"const": "value2", "title": "Second"}}
	for name, properties := range map[string]object{
		"test_elicitation_sep1034_defaults": {
			"name":     object{"type": "string", "default": "John Doe"},
			"age":      object{"type": "integer", "default": 30},
			"score":    object{"type": "number", "default": 95.5},
			"status":   object{"type": "string", "enum": []string{"active", "inactive", "pending"}, "default": "active"},
			"verified": object{"type": "boolean", "default": true},
		},
		"test_elicitation_sep1330_enums": {
			"untitledSingle": object{"type": "string", "enum": some},
			"titledSingle":   object{"type": "string", "oneOf": titled},
			"legacyEnum":     object{"type": "string", "enum": some, "enumNames": []string{"One", "Two", "Three"}},
			"untitledMulti":  object{"type": "array", "items": object{"type": "string", "enum": some}},
			"titledMulti":    object{"type": "array", "items": object{"anyOf": titled}},
		},
	} {
		addTool(s, mcp.NewTool(name, mcp.WithDescription("Asks the user in a form")), func(ctx context.Context, _ mcp.CallToolRequest) ([]mcp.Content, error) {
			return ask(ctx, "Please fill in", properties)
		})
	}
}

func addResources(s *server.MCPServer) {
	add := func(name, kind string, content mcp.ResourceContents) {
		s.AddResource(mcp.NewResource("test://"+name, name, mcp.WithMIMEType(kind)), func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{content}, nil
		})
	}
	add("static-text", "text/plain", mcp.TextResourceContents{URI: "test://static-text", MIMEType: "text/plain", Text: "This is the content of the static text resource."})
	add("static-binary", "image/png", mcp.BlobResourceContents{URI: "test://static-binary", MIMEType: "image/png", Blob: picture()})
	add("watched-resource", "text/plain", mcp.TextResourceContents{URI: "test://watched-resource", MIMEType: "text/plain", Text: "It never changes."})
	s.AddResourceTemplate(mcp.NewResourceTemplate("test://template/{id}/data", "template"), func(_ context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		id := r.Params.Arguments["id"].([]string)[0]
		data, err := json.Marshal(map[string]any{"id": id, "templateTest": true, "data": "Data for ID: " + id})
		return []mcp.ResourceContents{mcp.TextResourceContents{URI: r.Params.URI, MIMEType: "application/json", Text: string(data)}}, err
	})
}

func addPrompts(s *server.MCPServer) {
	add := func(def mcp.Prompt, say func(args map[string]string) []mcp.Content) {
		s.AddPrompt(def, func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			var messages []mcp.PromptMessage
			for _, content := range say(r.Params.Arguments) {
				messages = append(messages, mcp.NewPromptMessage(mcp.RoleUser, content))
			}
			return mcp.NewGetPromptResult("", messages), nil
		})
	}
	needs := func(name string) mcp.PromptOption { return mcp.WithArgument(name, mcp.RequiredArgument()) }
	add(mcp.NewPrompt("test_simple_prompt", mcp.WithPromptDescription("Says fixed words")), func(map[string]string) []mcp.Content {
		return []mcp.Content{text("This is a simple prompt for testing.")}
	})
	add(mcp.NewPrompt("test_prompt_with_arguments", mcp.WithPromptDescription("Says fixed words"), needs("arg1"), needs("arg2")), func(args map[string]string) []mcp.Content {
		return []mcp.Content{text(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", args["arg1"], args["arg2"]))}
	})
	add(mcp.NewPrompt("test_prompt_with_embedded_resource", mcp.WithPromptDescription("Says fixed words"), needs("resourceUri")), func(args map[string]string) []mcp.Content {
		return []mcp.Content{resource(args["resourceUri"], "text/plain", "Embedded resource content for testing."), text("Please process the embedded resource above.")}
	})
	add(mcp.NewPrompt("test_prompt_with_image", mcp.WithPromptDescription("Says fixed words")), func(map[string]string) []mcp.Content {
		return []mcp.Content{mcp.NewImageContent(picture(), "image/png"), text("Please analyze the image above.")}
	})
}
