package tools

import "github.com/mark3labs/mcp-go/mcp"

// A param is one parameter of a tool's definition.
type param struct {
	name string
	add  mcp.ToolOption
}

func textParam(name string, o ...mcp.PropertyOption) param {
	return param{name, mcp.WithString(name, o...)}
}
func boolParam(name string, o ...mcp.PropertyOption) param {
	return param{name, mcp.WithBoolean(name, o...)}
}
func intParam(name string, o ...mcp.PropertyOption) param {
	return param{name, mcp.WithInteger(name, o...)}
}
func listParam(name string, o ...mcp.PropertyOption) param {
	return param{name, mcp.WithArray(name, append(o, mcp.WithStringItems())...)}
}

// about is a parameter's description; every word of it is in the context of
// every session, so parameters that explain themselves have none.
func about(s string) mcp.PropertyOption { return mcp.Description(s) }

// hints are what decides whether a client asks its user before a call.
// No tool of skein's reaches beyond the store, and only the admin's take
// anything away.
type hints struct{ readOnly, idempotent, destructive bool }

// define builds a tool whose parameters keep the order they are given in.
func define(name, description string, h hints, params ...param) mcp.Tool {
	opts := []mcp.ToolOption{
		mcp.WithDescription(description),
		mcp.WithReadOnlyHintAnnotation(h.readOnly),
		mcp.WithDestructiveHintAnnotation(h.destructive),
		mcp.WithIdempotentHintAnnotation(h.idempotent),
		mcp.WithOpenWorldHintAnnotation(false),
	}
	order := make([]string, len(params))
	for i, p := range params {
		opts, order[i] = append(opts, p.add), p.name
	}
	t := mcp.NewTool(name, opts...)
	t.InputSchema.PropertyOrder = order
	return t
}

// upFront asks a client that defers its tools to load this one at once.
func upFront(t mcp.Tool) mcp.Tool {
	t.Meta = mcp.NewMetaFromMap(map[string]any{"anthropic/alwaysLoad": true})
	return t
}

// Parameters that several tools share.
func limitParam() param  { return intParam("limit") }
func cursorParam() param { return textParam("cursor") }
func formatParam() param { return textParam("format", mcp.Enum(formatText, formatJSON)) }

const (
	formatText = "text"
	formatJSON = "json"
)
