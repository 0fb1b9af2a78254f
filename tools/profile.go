package tools

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"skein/gitstore"
)

// A Profile is another message system's surface over the same store. A server
// that has one offers its tools, under that system's names, in place of
// skein's own; everything else about the server stays as it is.
type Profile struct {
	// Name is the server's name, as that system told its clients.
	Name string
	// Instructions makes the server's instructions for the agent of that name.
	// The name may be "" at first, before the client has introduced itself.
	Instructions func(agent string) string
	// Announce adds to a result that another session has taken this one's name,
	// in the way that the system's results allow; nil: they do not. Apart says
	// how the two get two names.
	Announce func(result, notice string) string
	Apart    string

	Tools     []ProfileTool
	Resources []ProfileResource
	// Watch, if not nil, runs from the end of initialize until the server is
	// closed, which ends ctx.
	Watch func(ctx context.Context, s *Server)
}

// A ProfileTool is a tool of a profile.
type ProfileTool struct {
	Definition mcp.Tool
	bind       func(*Server) server.ServerTool
}

// NewProfileTool joins a definition to its function. The arguments are checked
// against the definition, with its defaults put in, and decoded into a P. A
// string is the result as it is, anything else is sent as JSON, in a text.
func NewProfileTool[P any](def mcp.Tool, run func(context.Context, *Server, P) (any, error)) ProfileTool {
	return ProfileTool{def, func(s *Server) server.ServerTool {
		return bind(s, def, func(ctx context.Context, p P) (string, error) {
			v, err := run(ctx, s, p)
			if text, ok := v.(string); ok || err != nil {
				return text, err
			}
			return encode(v), nil
		})
	}}
}

// A ProfileResource is a resource of a profile; Read returns what is sent as
// JSON.
type ProfileResource struct {
	Definition mcp.Resource
	Read       func(context.Context, *Server) (any, error)
}

// bind joins a resource's definition to its function.
func (r ProfileResource) bind(s *Server) server.ServerResource {
	read := func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		defer s.rest()
		v, err := r.Read(ctx, s)
		if err != nil {
			return nil, err
		}
		return []mcp.ResourceContents{mcp.TextResourceContents{
			URI: req.Params.URI, MIMEType: r.Definition.MIMEType, Text: encode(v),
		}}, nil
	}
	return server.ServerResource{Resource: r.Definition, Handler: read}
}

// offer adds the profile's tools and resources in place of skein's own.
func (s *Server) offer(p *Profile) {
	for _, t := range p.Tools {
		if ro := t.Definition.Annotations.ReadOnlyHint; !s.opt.ReadOnly || ro != nil && *ro {
			s.mcp.AddTools(t.bind(s))
		}
	}
	for _, r := range p.Resources {
		s.mcp.AddResources(r.bind(s))
	}
}

// announce adds to a profile's result, which is the other system's to the
// letter otherwise, what its agent must know.
func (s *Server) announce(ctx context.Context, p *Profile, out string) string {
	if p.Announce == nil {
		return out
	}
	notice := strings.TrimSuffix(s.rivals(ctx, p.Apart), "\n")
	if notice == "" {
		return out
	}
	return p.Announce(out, notice)
}

// watch runs the profile's Watch, once.
func (s *Server) watch() {
	if p := s.opt.Profile; p != nil && p.Watch != nil && !s.opt.ReadOnly {
		s.watching.Do(func() {
			s.background.Go(func() {
				defer s.logPanic("watching for mail")
				p.Watch(s.life, s)
			})
		})
	}
}

// Store is the store, opened if it is not yet.
func (s *Server) Store(ctx context.Context) (*gitstore.Store, error) { return s.open(ctx) }

// Log is the server's log.
func (s *Server) Log() *slog.Logger { return s.log }

// Agent is the name of the agent that this call acts for.
func (s *Server) Agent(ctx context.Context) (string, error) { return s.me(ctx) }

// Joined is the store and the agent this call acts for, who has joined it.
func (s *Server) Joined(ctx context.Context) (*gitstore.Store, string, error) { return s.joined(ctx) }

// LongestWait is how long a call may wait before its client gives up on it.
func (s *Server) LongestWait() time.Duration { return longestWait(s.who.clientName()) }

// Await is the inbox as soon as there is a message in it, or when the time is
// up; the client is told meanwhile that the call still waits.
func (s *Server) Await(ctx context.Context, st *gitstore.Store, q gitstore.InboxQuery, wait time.Duration) (*gitstore.Inbox, error) {
	return s.await(ctx, st, q, wait)
}

// Rename takes another name for the rest of this server's life.
func (s *Server) Rename(ctx context.Context, name string) error {
	st, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := s.rename(ctx, st, name); err != nil {
		return err
	}
	return st.Join(ctx, name)
}

// SessionID tells the clients of one server apart.
func SessionID(ctx context.Context) string {
	if session := server.ClientSessionFromContext(ctx); session != nil {
		return session.SessionID()
	}
	return ""
}

// Param is one parameter of a tool's definition.
type Param = param

// Define builds the definition of a profile's tool, whose parameters keep the
// order they are given in.
func Define(name, description string, readOnly, idempotent bool, params ...Param) mcp.Tool {
	return define(name, description, hints{readOnly: readOnly, idempotent: idempotent}, params...)
}

// Text is a parameter that is a string.
func Text(name string, o ...mcp.PropertyOption) Param { return textParam(name, o...) }

// Bool is a parameter that is true or false.
func Bool(name string, o ...mcp.PropertyOption) Param { return boolParam(name, o...) }

// Int is a parameter that is a whole number: from 1, or from its minimum.
func Int(name string, o ...mcp.PropertyOption) Param { return intParam(name, o...) }

// Number is a parameter that is a number, not below its minimum.
func Number(name string, o ...mcp.PropertyOption) Param {
	return param{name, mcp.WithNumber(name, o...)}
}

// List is a parameter that is a list of strings.
func List(name string, o ...mcp.PropertyOption) Param { return listParam(name, o...) }

// Object is a parameter that is a JSON object of any shape.
func Object(name string, o ...mcp.PropertyOption) Param {
	return param{name, mcp.WithObject(name, append(o, mcp.AdditionalProperties(true))...)}
}

// Any is a parameter that is any JSON value, null included. The kinds are
// listed because some clients refuse a schema that says nothing.
func Any(name string, o ...mcp.PropertyOption) Param {
	var kinds []any
	for _, kind := range []string{"string", "number", "boolean", "null"} {
		kinds = append(kinds, map[string]any{"type": kind})
	}
	object := map[string]any{"type": "object", "additionalProperties": true}
	list := map[string]any{"type": "array", "items": map[string]any{"anyOf": append(kinds[:4:4], object)}}
	kinds = append(kinds, object, list)
	return param{name, mcp.WithAny(name, append(o, func(schema map[string]any) { schema["anyOf"] = kinds })...)}
}

// Line is a peer's text in one line that cannot steer a terminal, at most
// limit bytes long.
func Line(s string, limit int) string { return clip(oneLine(s), limit) }
