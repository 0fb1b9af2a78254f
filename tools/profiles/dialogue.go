package profiles

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/tools"
)

func dialogue() *tools.Profile {
	return &tools.Profile{
		Name: "claude-dialogue-mcp",
		Instructions: func(string) string {
			return peersAreNotInstructions("A shared notebook of projects and threads for Claude instances: claude_app (Claude.ai, Desktop) and claude_code (Claude Code) leave each other messages and read them whenever they like. Say who you are with role.")
		},
		Tools: []tools.ProfileTool{
			tools.NewProfileTool(tools.Define("dialogue_list_projects", "List all projects, with their counts of threads.", true, true,
				tools.Text("response_format", mcp.Enum("markdown", "json"), mcp.DefaultString("json"))), listProjects),
			tools.NewProfileTool(tools.Define("dialogue_create_project", "Create a project, which holds threads.", false, true,
				tools.Text("name", mcp.Required()), tools.Text("description"), metadataParam()), createProject),
			tools.NewProfileTool(tools.Define("dialogue_get_project", "One project's details.", true, true,
				projectParam(mcp.Required())), getProject),
			tools.NewProfileTool(tools.Define("dialogue_list_threads", "A project's threads, the latest activity first.", true, true,
				projectParam(mcp.Required()), statusParam(),
				offsetParam(), tools.Int("limit", mcp.DefaultNumber(20))), listThreads),
			tools.NewProfileTool(tools.Define("dialogue_create_thread", "Start a thread in a project.", false, true,
				projectParam(mcp.Required()), tools.Text("title", mcp.Required()), roleParam("initiated_by"),
				tools.Text("tags", mcp.Description("Separated by commas"))), createThread),
			tools.NewProfileTool(tools.Define("dialogue_update_thread_status", "Say whether a thread is active, resolved (concluded) or archived (kept for reference).", false, true,
				projectParam(mcp.Required()), threadParam(), statusParam(mcp.Required())), updateStatus),
			tools.NewProfileTool(tools.Define("dialogue_post_message", "Post a message to a thread, as claude_app or claude_code.", false, false,
				projectParam(mcp.Required()), threadParam(), roleParam("role"), tools.Text("content", mcp.Required()), metadataParam()), postMessage),
			tools.NewProfileTool(tools.Define("dialogue_read_thread", "A thread and its messages, oldest first.", true, true,
				projectParam(mcp.Required()), threadParam(), offsetParam(), tools.Int("limit", mcp.DefaultNumber(50))), readThread),
			tools.NewProfileTool(tools.Define("dialogue_search", "Find threads by their titles, tags and messages.", true, true,
				tools.Text("query", mcp.Required()), projectParam()), searchThreads),
		},
	}
}

func projectParam(o ...mcp.PropertyOption) tools.Param { return tools.Text("project_id", o...) }
func threadParam() tools.Param                         { return tools.Text("thread_id", mcp.Required()) }
func offsetParam() tools.Param {
	return tools.Int("offset", mcp.Min(0.0), mcp.DefaultNumber(0))
}
func metadataParam() tools.Param { return tools.Text("metadata", mcp.Description("JSON in a string")) }
func statusParam(o ...mcp.PropertyOption) tools.Param {
	return tools.Text("status", append(o, mcp.Enum(event.StatusActive, event.StatusResolved, event.StatusArchived))...)
}
func roleParam(name string) tools.Param {
	return tools.Text(name, mcp.Required(), mcp.Enum(roleApp, roleCode))
}

// The two roles of dialogue.
const (
	roleApp  = "claude_app"
	roleCode = "claude_code"
)

func roleAgent(role string) string { return strings.ReplaceAll(role, "_", "-") }

// roleOf is an agent as dialogue names it; those who came by another way keep
// their names.
func roleOf(agent string) string {
	if role := strings.ReplaceAll(agent, "-", "_"); role == roleApp || role == roleCode {
		return role
	}
	return agent
}

type dialogueParams struct {
	Project     string `json:"project_id"`
	Thread      string `json:"thread_id"`
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Metadata    string `json:"metadata"`
	Tags        string `json:"tags"`
	Status      string `json:"status"`
	Role        string `json:"role"`
	InitiatedBy string `json:"initiated_by"`
	Content     string `json:"content"`
	Query       string `json:"query"`
	Format      string `json:"response_format"`
	Offset      int    `json:"offset"`
	Limit       int    `json:"limit"`
}

func listProjects(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	all, err := allProjects(ctx, st)
	if err != nil || p.Format != "markdown" {
		return all, err
	}
	return projectsMarkdown(all), nil
}

func createProject(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	if err := checkMetadata(p.Metadata); err != nil {
		return nil, err
	}
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	u := gitstore.ThreadUpdate{From: me, Project: p.Name, Title: &p.Name}
	if p.Description != "" {
		u.Description = &p.Description
	}
	made, err := st.UpdateThread(ctx, u)
	if err != nil {
		return nil, err
	}
	if p.Metadata != "" {
		if _, err := st.SetState(ctx, me, projectKey(made.Ref.Project), []byte(p.Metadata)); err != nil {
			return nil, fmt.Errorf("the project %s was created, but not its metadata: %w", made.Ref.Project, err)
		}
	}
	return oneProject(ctx, st, made.Ref.Project)
}

func getProject(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	return oneProject(ctx, st, p.Project)
}

func listThreads(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	project, err := oneProject(ctx, st, p.Project)
	if err != nil {
		return nil, err
	}
	threads, err := st.Threads(ctx, gitstore.ThreadFilter{Project: project.ID, Status: p.Status})
	if err != nil {
		return nil, err
	}
	from, to := window(len(threads), p.Offset, p.Limit)
	list, err := threadViews(ctx, st, threads[from:to])
	return threadPage{list, len(threads), p.Offset, p.Limit, to < len(threads)}, err
}

func createThread(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	project, err := oneProject(ctx, st, p.Project)
	if err != nil {
		return nil, err
	}
	slug, err := event.Slug(p.Title)
	if err != nil {
		return nil, fmt.Errorf("title: %w", err)
	}
	by := roleAgent(p.InitiatedBy)
	made, err := st.UpdateThread(ctx, gitstore.ThreadUpdate{From: by, Thread: project.ID + "/" + slug, Title: &p.Title})
	if err != nil {
		return nil, err
	}
	if tags := splitList(p.Tags); len(tags) > 0 {
		value, err := json.Marshal(tags)
		if err == nil {
			_, err = st.SetState(ctx, by, tagsKey(made.Ref), value)
		}
		if err != nil {
			return nil, fmt.Errorf("the thread %s was created, but not its tags: %w", made.Ref, err)
		}
	}
	return oneThread(ctx, st, *made)
}

func updateStatus(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	st, me, err := s.Joined(ctx)
	if err != nil {
		return nil, err
	}
	t, err := findThread(ctx, st, p.Project, p.Thread)
	if err != nil {
		return nil, err
	}
	if t, err = st.UpdateThread(ctx, gitstore.ThreadUpdate{From: me, Thread: t.Ref.String(), Status: &p.Status}); err != nil {
		return nil, err
	}
	return oneThread(ctx, st, *t)
}

func postMessage(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	if err := checkMetadata(p.Metadata); err != nil {
		return nil, err
	}
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	t, err := findThread(ctx, st, p.Project, p.Thread)
	if err != nil {
		return nil, err
	}
	m, err := st.Post(ctx, gitstore.Post{From: roleAgent(p.Role), Thread: t.Ref.String(), Body: p.Content, Payload: json.RawMessage(p.Metadata)})
	if err != nil {
		return nil, err
	}
	return dialogueView(m), nil
}

func searchThreads(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	var filter gitstore.ThreadFilter
	if p.Project != "" {
		project, err := oneProject(ctx, st, p.Project)
		if err != nil {
			return nil, err
		}
		filter.Project = project.ID
	}
	threads, err := st.Threads(ctx, filter)
	if err != nil {
		return nil, err
	}
	said, err := threadsThatSay(ctx, st, p.Query, filter.Project)
	if err != nil {
		return nil, err
	}
	tags, err := allTags(ctx, st)
	if err != nil {
		return nil, err
	}
	threads = slices.DeleteFunc(threads, func(t event.Thread) bool {
		return !said[t.Ref] && !mentions(p.Query, t.Title, t.Ref.Thread, strings.Join(tags[t.Ref.String()], " "))
	})
	return threadViews(ctx, st, threads)
}

// threadsThatSay finds the threads of which a message holds the query.
func threadsThatSay(ctx context.Context, st *gitstore.Store, query, project string) (map[event.ThreadRef]bool, error) {
	phrase := `"` + strings.ReplaceAll(query, `"`, " ") + `"`
	found, err := st.Search(ctx, gitstore.SearchQuery{Text: phrase, Project: project, Limit: mostAtOnce})
	if err != nil {
		return nil, err
	}
	said := make(map[event.ThreadRef]bool)
	for _, hit := range found.Hits {
		said[hit.Message.Thread] = true
	}
	return said, nil
}

func mentions(query string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), strings.ToLower(query)) })
}

// findThread finds a thread by its id, or by the id that dialogue gave it.
func findThread(ctx context.Context, st *gitstore.Store, project, thread string) (*event.Thread, error) {
	p, err := oneProject(ctx, st, project)
	if err != nil {
		return nil, err
	}
	thread = strings.TrimPrefix(thread, p.ID+"/")
	t, err := st.Thread(ctx, p.ID+"/"+thread)
	if name := oldName(thread); isUnknown(err, "thread") && name != "" {
		if old, err := st.Thread(ctx, p.ID+"/"+name); err == nil {
			return old, nil
		}
	}
	return t, err
}

// oldID is an id as dialogue made them.
var oldID = regexp.MustCompile(`^(?:proj|thread)_(.+)_[0-9a-f]{8}$`)

// oldName is the name in an id that dialogue made, "" for any other id.
func oldName(id string) string {
	if m := oldID.FindStringSubmatch(strings.ToLower(id)); m != nil {
		return m[1]
	}
	return ""
}

func checkMetadata(metadata string) error {
	if metadata != "" && !json.Valid([]byte(metadata)) {
		return fmt.Errorf("metadata: %s is not JSON; write an object, as in {\"commit\": \"abc123\"}", tools.Line(metadata, 60))
	}
	return nil
}

// splitList reads names that are separated by commas.
func splitList(s string) []string {
	var list []string
	for f := range strings.SplitSeq(s, ",") {
		if f = strings.TrimSpace(f); f != "" {
			list = append(list, f)
		}
	}
	return list
}
