package profiles

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/tools"
)

// projectView is a project as dialogue shows it.
type projectView struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Description   string          `json:"description"`
	Metadata      json.RawMessage `json:"metadata,omitempty"`
	Threads       int             `json:"thread_count"`
	ActiveThreads int             `json:"active_thread_count"`
	Created       *time.Time      `json:"created_at"`
	Updated       *time.Time      `json:"updated_at"`
}

// threadView is a thread as dialogue shows it.
type threadView struct {
	ID          string     `json:"id"`
	Project     string     `json:"project_id"`
	Title       string     `json:"title"`
	Status      string     `json:"status"`
	InitiatedBy string     `json:"initiated_by"`
	Tags        []string   `json:"tags"`
	Messages    int        `json:"message_count"`
	Preview     string     `json:"last_message_preview,omitempty"`
	Created     *time.Time `json:"created_at"`
	Updated     *time.Time `json:"updated_at"`
}

type threadPage struct {
	Threads []threadView `json:"threads"`
	Total   int          `json:"total"`
	Offset  int          `json:"offset"`
	Limit   int          `json:"limit"`
	More    bool         `json:"has_more"`
}

// messageView is a message as dialogue shows it.
type messageView struct {
	ID       string          `json:"id"`
	Project  string          `json:"project_id"`
	Thread   string          `json:"thread_id"`
	Role     string          `json:"role"`
	Content  string          `json:"content"`
	At       time.Time       `json:"timestamp"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

type readView struct {
	Thread   threadView    `json:"thread"`
	Messages []messageView `json:"messages"`
	Total    int           `json:"total"`
	Offset   int           `json:"offset"`
	Limit    int           `json:"limit"`
	More     bool          `json:"has_more"`
}

func dialogueView(m *gitstore.Message) messageView {
	return messageView{m.ID.Short(), m.Thread.Project, m.Thread.Thread, roleOf(m.From), string(m.Body), m.At, m.Payload}
}

// projectKey is where a project's metadata lies in the shared state, and
// tagsKey a thread's tags.
func projectKey(project string) string   { return "dialogue/metadata/" + project }
func tagsKey(ref event.ThreadRef) string { return tagsPrefix + ref.String() }

const tagsPrefix = "dialogue/tags/"

// allProjects are the projects as dialogue shows them, without their metadata.
func allProjects(ctx context.Context, st *gitstore.Store) ([]projectView, error) {
	projects, err := st.Projects(ctx)
	if err != nil {
		return nil, err
	}
	threads, err := st.Threads(ctx, gitstore.ThreadFilter{})
	if err != nil {
		return nil, err
	}
	views := make([]projectView, len(projects))
	for i, p := range projects {
		views[i] = viewProject(p, threads)
	}
	return views, nil
}

func viewProject(p event.Project, threads []event.Thread) projectView {
	v := projectView{ID: p.Name, Name: p.Title, Description: p.Description, Threads: p.Threads,
		Updated: timeOrNil(newer(p.Opened, p.Last))}
	if v.Name == "" {
		v.Name = p.Name
	}
	created := p.Opened
	for _, t := range threads {
		if t.Ref.Project != p.Name {
			continue
		}
		if t.Status == event.StatusActive {
			v.ActiveThreads++
		}
		if created.IsZero() || t.First.Before(created) {
			created = t.First
		}
	}
	v.Created = timeOrNil(created)
	return v
}

// oneProject finds a project by its id, or by the id that dialogue gave it.
func oneProject(ctx context.Context, st *gitstore.Store, id string) (*projectView, error) {
	all, err := allProjects(ctx, st)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{strings.ToLower(strings.TrimSpace(id)), oldName(id)} {
		for _, p := range all {
			if p.ID != name {
				continue
			}
			meta, err := st.State(ctx, projectKey(p.ID))
			p.Metadata = meta.Value
			return &p, err
		}
	}
	return nil, &gitstore.UnknownError{What: "project", Name: id, Hint: "dialogue_list_projects lists those there are"}
}

func projectsMarkdown(all []projectView) string {
	if len(all) == 0 {
		return "There are no projects yet."
	}
	var b strings.Builder
	b.WriteString("# Projects\n")
	for _, p := range all {
		fmt.Fprintf(&b, "\n## %s\n\n- id: %s\n- threads: %d, %d active\n", tools.Line(p.Name, 200), p.ID, p.Threads, p.ActiveThreads)
		if p.Description != "" {
			fmt.Fprintf(&b, "- description: %s\n", tools.Line(p.Description, 400))
		}
	}
	return b.String()
}

// previewRunes is how much of a message stands in a list.
const previewRunes = 100

func oneThread(ctx context.Context, st *gitstore.Store, t event.Thread) (threadView, error) {
	views, err := threadViews(ctx, st, []event.Thread{t})
	if err != nil {
		return threadView{}, err
	}
	return views[0], nil
}

func threadViews(ctx context.Context, st *gitstore.Store, threads []event.Thread) ([]threadView, error) {
	tags, err := allTags(ctx, st)
	if err != nil {
		return nil, err
	}
	views := make([]threadView, len(threads))
	for i, t := range threads {
		views[i] = viewThread(t, tags[t.Ref.String()])
		if t.Messages == 0 {
			continue
		}
		page, err := st.Read(ctx, gitstore.ReadQuery{Thread: t.Ref.String(), Limit: 1})
		if err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			views[i].Preview = preview(string(m.Body), previewRunes)
		}
	}
	return views, nil
}

func viewThread(t event.Thread, tags []string) threadView {
	v := threadView{ID: t.Ref.Thread, Project: t.Ref.Project, Title: t.Title, Status: t.Status, InitiatedBy: roleOf(t.Opened),
		Tags: tags, Messages: t.Messages, Created: timeOrNil(t.First), Updated: timeOrNil(t.Last)}
	if v.Title == "" {
		v.Title = t.Ref.Thread
	}
	if v.Tags == nil {
		v.Tags = []string{}
	}
	return v
}

// allTags are the tags of all threads, by "project/thread".
func allTags(ctx context.Context, st *gitstore.Store) (map[string][]string, error) {
	states, err := st.States(ctx, tagsPrefix)
	if err != nil {
		return nil, err
	}
	tags := make(map[string][]string, len(states))
	for _, s := range states {
		var list []string
		if json.Unmarshal(s.Value, &list) == nil { // anybody may write there
			tags[strings.TrimPrefix(s.Key, tagsPrefix)] = list
		}
	}
	return tags, nil
}

// readThread pages by counting, as dialogue does: the messages before the page
// are read and left out.
func readThread(ctx context.Context, s *tools.Server, p dialogueParams) (any, error) {
	st, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	t, err := findThread(ctx, st, p.Project, p.Thread)
	if err != nil {
		return nil, err
	}
	view, err := oneThread(ctx, st, *t)
	if err != nil {
		return nil, err
	}
	messages, err := from(ctx, st, t.Ref, p.Offset, min(p.Limit, mostAtOnce))
	if err != nil {
		return nil, err
	}
	read := readView{Thread: view, Messages: make([]messageView, len(messages)), Total: t.Messages, Offset: p.Offset, Limit: p.Limit}
	for i, m := range messages {
		read.Messages[i] = dialogueView(m)
	}
	read.More = p.Offset+len(messages) < t.Messages
	return read, nil
}

// from reads at most limit messages of a thread, after the first offset ones.
func from(ctx context.Context, st *gitstore.Store, ref event.ThreadRef, offset, limit int) ([]*gitstore.Message, error) {
	q := gitstore.ReadQuery{Thread: ref.String(), Since: "1970-01-01"}
	for {
		q.Limit = min(offset, mostAtOnce)
		if offset == 0 {
			q.Limit = limit
		}
		page, err := st.Read(ctx, q)
		if err != nil || offset == 0 {
			return page.Messages, err
		}
		if offset -= len(page.Messages); page.Next == "" {
			return nil, nil
		}
		q.Cursor = page.Next
	}
}
