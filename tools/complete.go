package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
)

// maxCompletions is how many values a completion may have, by the protocol.
const maxCompletions = 100

// completer answers completion/complete: what the arguments of the prompts and
// the names in the templates of the resources may be.
type completer struct{ s *Server }

// CompletePromptArgument completes an argument of a prompt.
func (c completer) CompletePromptArgument(ctx context.Context, prompt string, arg mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	p, ok := c.s.prompt(prompt)
	if !ok {
		return nil, c.s.unknownPrompt(prompt)
	}
	if err := p.check(map[string]string{arg.Name: arg.Value}, false); err != nil {
		return nil, err
	}
	return c.complete(ctx, arg, map[string]namer{
		threadArg: threadNames, projectArg: projectNames, toArg: c.otherAgents,
	}[arg.Name])
}

// CompleteResourceArgument completes a name in a template.
func (c completer) CompleteResourceArgument(ctx context.Context, uri string, arg mcp.CompleteArgument, given mcp.CompleteContext) (*mcp.Completion, error) {
	names := map[string]namer{
		threadTemplate + " project": projectNames,
		threadTemplate + " thread":  threadsOf(given.Arguments["project"]),
		stateTemplate + " key":      keyNames,
	}[uri+" "+arg.Name]
	if names == nil {
		return nil, fmt.Errorf("there is no %s in a template %s; there are %s and %s", quoted(arg.Name), quoted(uri), threadTemplate, stateTemplate)
	}
	return c.complete(ctx, arg, names)
}

// A namer lists names that an argument may have, the likeliest first.
type namer func(context.Context, *gitstore.Store) ([]string, error)

// complete is what names has for an argument; where it is nil, any text goes.
func (c completer) complete(ctx context.Context, arg mcp.CompleteArgument, names namer) (*mcp.Completion, error) {
	if names == nil {
		return &mcp.Completion{}, nil
	}
	return answer(ctx, c.s, string(mcp.MethodCompletionComplete), func() (*mcp.Completion, error) {
		st, err := c.s.open(ctx)
		if err != nil {
			return nil, err
		}
		all, err := names(ctx, st)
		if err != nil {
			return nil, err
		}
		found := startingWith(arg.Value, all)
		shown := found[:min(maxCompletions, len(found))]
		return &mcp.Completion{Values: shown, Total: len(found), HasMore: len(shown) < len(found)}, nil
	})
}

// startingWith are the names that begin with what was typed, in whatever case,
// and after them those that have it elsewhere.
func startingWith(typed string, names []string) []string {
	typed = strings.ToLower(typed)
	var first, then []string
	for _, n := range names {
		switch strings.Index(strings.ToLower(n), typed) {
		case -1:
		case 0:
			first = append(first, n)
		default:
			then = append(then, n)
		}
	}
	return append(first, then...)
}

func threadNames(ctx context.Context, st *gitstore.Store) ([]string, error) {
	threads, err := st.Threads(ctx, gitstore.ThreadFilter{})
	names := make([]string, len(threads))
	for i, t := range threads {
		names[i] = t.Ref.String()
	}
	return names, err
}

// threadsOf lists the threads of a project without it, or of all where none is
// known yet.
func threadsOf(project string) namer {
	return func(ctx context.Context, st *gitstore.Store) ([]string, error) {
		threads, err := st.Threads(ctx, gitstore.ThreadFilter{Project: project})
		var names []string
		listed := make(map[string]bool, len(threads))
		for _, t := range threads {
			if !listed[t.Ref.Thread] {
				listed[t.Ref.Thread] = true
				names = append(names, t.Ref.Thread)
			}
		}
		return names, err
	}
}

func projectNames(ctx context.Context, st *gitstore.Store) ([]string, error) {
	projects, err := st.Projects(ctx)
	names := make([]string, len(projects))
	for i, p := range projects {
		names[i] = p.Name
	}
	return names, err
}

// otherAgents lists all agents but this one.
func (c completer) otherAgents(ctx context.Context, st *gitstore.Store) ([]string, error) {
	agents, err := st.Agents(ctx)
	me, _ := c.s.me(ctx)
	var names []string
	for _, a := range agents {
		if a.Name != me {
			names = append(names, a.Name)
		}
	}
	return names, err
}

func keyNames(ctx context.Context, st *gitstore.Store) ([]string, error) {
	states, err := st.States(ctx, "")
	names := make([]string, len(states))
	for i, state := range states {
		names[i] = state.Key
	}
	return names, err
}
