package tools

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"skein/gitstore"
	"skein/gitstore/event"
)

// What can be searched for.
const (
	kindMessages = "messages"
	kindThreads  = "threads"
	kindProjects = "projects"
	kindAgents   = "agents"
)

func searchTool() mcp.Tool {
	return define("search",
		`Find messages: words, "phrases", prefix*, from: to: thread: tag: since: before:, or id:ID for one message in full; from:me tells who has seen what you sent. Or list threads, projects, agents.`,
		hints{readOnly: true, idempotent: true},
		textParam("query"),
		textParam("kind", mcp.Enum(kindMessages, kindThreads, kindProjects, kindAgents)),
		textParam("project"),
		textParam("status"),
		textParam("member"),
		textParam("tag"),
		limitParam(), cursorParam(),
	)
}

type searchParams struct {
	Query   string `json:"query"`
	Kind    string `json:"kind"`
	Project string `json:"project"`
	Status  string `json:"status"`
	Member  string `json:"member"`
	Tag     string `json:"tag"`
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

func (s *Server) search(ctx context.Context, p searchParams) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	st, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	if id, ok := strings.CutPrefix(strings.TrimSpace(p.Query), "id:"); ok {
		return s.whole(ctx, st, strings.TrimSpace(id), p.Cursor)
	}
	switch p.Kind {
	case kindThreads:
		return s.threads(ctx, st, p)
	case kindProjects:
		return s.projects(ctx, st, p)
	case kindAgents:
		return s.agents(ctx, st, p)
	}
	return s.messages(ctx, st, p)
}

// check refuses a filter that the kind does not have: an answer that ignored
// it would be taken for a filtered one.
func (p searchParams) check() error {
	given := map[string]bool{"project": p.Project != "", "status": p.Status != "", "member": p.Member != "", "tag": p.Tag != ""}
	takes := map[string]string{kindThreads: "project status member", kindProjects: "", kindAgents: ""}
	allowed, limited := takes[p.Kind]
	for _, name := range sortedKeys(given) {
		if limited && given[name] && !strings.Contains(allowed, name) {
			return fmt.Errorf("kind=%s takes no %s; it takes %s", p.Kind, name, strings.Join(append(strings.Fields(allowed), "query", "limit", "cursor"), ", "))
		}
	}
	return nil
}

func (s *Server) messages(ctx context.Context, st *gitstore.Store, p searchParams) (string, error) {
	at := parsePlace(p.Cursor)
	me, _ := s.me(ctx) // for from:me, and to say "you"; searching needs no name
	got, err := fitted(p.Limit, func(limit int) (part[*gitstore.SearchResult], error) {
		r, err := st.Search(ctx, gitstore.SearchQuery{
			Text: p.Query, Project: p.Project, Status: p.Status, Member: p.Member, Tag: p.Tag,
			Me: me, Limit: limit, Cursor: at.store,
		})
		if err == nil {
			err = fillOwn(ctx, st, me, r.Hits)
		}
		if err != nil {
			return part[*gitstore.SearchResult]{}, err
		}
		return part[*gitstore.SearchResult]{page: r, items: hits(me, r.Hits)}, nil
	})
	if err != nil {
		return "", err
	}
	r := got.page
	if len(r.Hits) == 0 {
		return "no message matches in the store " + st.Dir() + "; kind=threads, projects or agents lists those\n" + unreadable(r.Skipped), nil
	}
	head := fmt.Sprintf("%s, best first. %s\n\n", plural(r.Total, "message"), framing)
	return head + strings.Join(got.items, "\n") + unreadable(r.Skipped) + at.more(len(r.Hits), r.Total, r.Next), nil
}

func hits(me string, found []gitstore.Hit) []string {
	items := make([]string, len(found))
	for i, h := range found {
		snippet, _ := quote(oneLine(h.Snippet), maxSnippet)
		items[i] = header(me, stamp(h.Message.At), h.Message, true) + "\n" + snippet + seen(me, h.Message)
	}
	return items
}

// fillOwn fills in who has seen those hits that are the caller's own messages.
func fillOwn(ctx context.Context, st *gitstore.Store, me string, found []gitstore.Hit) error {
	var own []*gitstore.Message
	for _, h := range found {
		if h.Message.From == me {
			own = append(own, h.Message)
		}
	}
	return st.FillReceipts(ctx, own)
}

// maxSnippet is how much of a hit is shown, in bytes.
const maxSnippet = 400

// whole is one message with everything that is known of it. A body too long
// for a page is read on at its cursor, a place in the body.
func (s *Server) whole(ctx context.Context, st *gitstore.Store, id, cursor string) (string, error) {
	m, err := st.MessageByID(ctx, id)
	if err != nil {
		return "", err
	}
	text := clean(string(m.Body))
	from := 0
	if cursor != "" {
		if from, err = strconv.Atoi(cursor); err != nil || from < 0 || from > len(text) {
			return "", fmt.Errorf("cursor %q is no place in message %s; leave it out to begin at the start", clip(oneLine(cursor), 40), m.ID.Short())
		}
		from = runeStart(text+"\x00", from)
	}
	me, _ := s.me(ctx)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nid %s, commit %s. %s\n", header(me, stamp(m.At), m, true), m.ID, m.Commit, framing)
	b.WriteString(seen(me, m) + "\n")
	body, taken := quote(text[from:], maxPage)
	b.WriteString(body)
	if left := len(text) - from - taken; left > 0 {
		return b.String() + fmt.Sprintf("%d more bytes; cursor=%d\n", left, from+taken), nil
	}
	if len(m.Payload) > 0 {
		b.WriteString(payload(m) + "\n")
	}
	return b.String(), nil
}

// An entry is a thread, a project or an agent in a list: what a query is
// matched with, what stands for it in a cursor, and how it is shown.
type entry struct {
	cursor string
	words  string
	shown  string
}

func (s *Server) threads(ctx context.Context, st *gitstore.Store, p searchParams) (string, error) {
	ts, err := st.Threads(ctx, gitstore.ThreadFilter{Project: p.Project, Status: p.Status, Member: p.Member})
	if err != nil {
		return "", err
	}
	entries := make([]entry, len(ts))
	for i, t := range ts {
		entries[i] = entry{
			cursor: t.Ref.String(),
			words:  t.Ref.String() + " " + t.Title + " " + t.Description,
			shown:  summary(t) + lastIn(t, s.age),
		}
	}
	return p.list(entries, st)
}

// lastIn says when a thread's last message came, and whose it is.
func lastIn(t event.Thread, when func(time.Time) string) string {
	if t.LastFrom == "" {
		return ""
	}
	return ", last " + when(t.Last) + " by " + t.LastFrom
}

func (s *Server) projects(ctx context.Context, st *gitstore.Store, p searchParams) (string, error) {
	ps, err := st.Projects(ctx)
	if err != nil {
		return "", err
	}
	entries := make([]entry, len(ps))
	for i, pr := range ps {
		shown := pr.Name
		for _, t := range []string{pr.Title, pr.Description} {
			if t != "" {
				shown += ", " + quoted(t)
			}
		}
		shown += ", " + plural(pr.Threads, "thread") + ", " + plural(pr.Messages, "message")
		entries[i] = entry{cursor: pr.Name, words: pr.Name + " " + pr.Title + " " + pr.Description, shown: shown}
	}
	return p.list(entries, st)
}

func (s *Server) agents(ctx context.Context, st *gitstore.Store, p searchParams) (string, error) {
	as, err := st.Agents(ctx)
	if err != nil {
		return "", err
	}
	entries := make([]entry, len(as))
	for i, a := range as {
		shown := a.Name + ", joined " + stamp(a.Joined) + ", last seen " + s.age(a.LastSeen)
		if a.Status != "" {
			shown += ", " + quoted(a.Status)
		}
		entries[i] = entry{cursor: a.Name, words: a.Name + " " + a.Status, shown: shown}
	}
	return p.list(entries, st)
}

// list shows the entries that have every word of the query, from the one after
// the cursor.
func (p searchParams) list(all []entry, st *gitstore.Store) (string, error) {
	entries, err := p.after(p.matching(all))
	if err != nil {
		return "", err
	}
	if len(entries) == 0 {
		return fmt.Sprintf("no %s found in the store %s\n", p.Kind, st.Dir()), nil
	}
	lines := make([]string, min(pageLimit(p.Limit), len(entries)))
	for i := range lines {
		lines[i] = entries[i].shown + "\n"
	}
	n := fits(lines, false)
	tail := ""
	if n < len(entries) {
		tail = more(len(entries)-n, entries[n-1].cursor)
	}
	return strings.Join(lines[:n], "") + tail, nil
}

func (p searchParams) matching(all []entry) []entry {
	var found []entry
	words := strings.Fields(strings.ToLower(p.Query))
	for _, e := range all {
		text, has := strings.ToLower(e.words), true
		for _, w := range words {
			has = has && strings.Contains(text, w)
		}
		if has {
			found = append(found, e)
		}
	}
	return found
}

// after drops the entries up to the one that the cursor names.
func (p searchParams) after(entries []entry) ([]entry, error) {
	if p.Cursor == "" {
		return entries, nil
	}
	for i, e := range entries {
		if e.cursor == p.Cursor {
			return entries[i+1:], nil
		}
	}
	return nil, fmt.Errorf("cursor %q is not in this list any more; leave it out to begin at the start", clip(oneLine(p.Cursor), 80))
}
