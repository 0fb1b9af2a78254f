package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/gitstore/event"
	"skein/render"
)

// jsonHelp is the documentation of what --json prints, shown by `skein help
// json`. The JSON is an interface: keys may be added, none is renamed or
// removed; the scripts in testdata hold it.
const jsonHelp = `With --json a command prints one object on one line on standard output. If it
fails it prints none, but for verify, doctor, sync and import, whose reports say
what is wrong. A command about one thing prints the thing; a command about many
prints an object that holds the list under a plural key, beside what belongs to
the page:

  post, show                a message; show also a change, by its commit
  update                    a thread, or a project
  read                      {thread, messages, changes, remaining, older, next}
  inbox                     {agent, store, messages, total, next}
  sent                      {agent, messages, total, next}
  ack                       {agent, state, messages}
  search                    {hits: [{message, snippet}], total, next}
  threads projects agents   {threads} {projects} {agents}
  watch                     a message, a change or a state on each line
  redact                    {messages}
  prune                     {sessions}
  who                       {agents: [agent with here, person, sessions:
                             [{client, folder, session, pid, since, last_seen}]]}
  status                    an agent
  state                     a state, or {states}; state log {changes: [state]}
  log                       {commits: [{commit, at, author, subject, id}]}
  init                      {store, agent, created, remote, fetched, shallow,
                             refused: [{branch, commit, path, reason}], held,
                             notes}
  sync                      {remote, dry_run, fetched, replayed, pushed, pushes,
                             refused: [{branch, commit, path, reason}], held,
                             notes, rescued, older, moved}
  remote                    {url, unpushed, last_try, last_sync, problem, moved,
                             held: [{id, from, what, reason, since, again}],
                             barred: [{branch, inbox, reason, again}]}
  doctor                    {ok, checks: [{check, ok, says}]}
  verify                    {store, ok, objects, commits, messages, packs,
                             shallow, problems, repaired}
  gc                        {store, before, after, replaced}, each {objects,
                             packs, loose, bytes}
  export                    {store, files}
  import                    {store, system, path, dry_run, agents, projects,
                             threads, messages, states, added, here,
                             problems: [{place, reason}], notes}
  config                    {file, settings: [{key, value, source}]}
  version                   {version, go, platform, revision}

  message  {id, short, thread, from, to, at, title, body, reply_to, tags,
            priority, expires, require_ack, payload, path, commit,
            receipts: [{agent, state, at}], pushed, waits_in, held, pending}
  thread   {thread, project, title, description, status, members, messages,
            first, last, last_from, opened_by}
  change   {id, thread, project, from, at, title, description, status, add,
            remove, path, commit}
  project  {project, title, description, threads, messages, last}
  agent    {agent, status, metadata, joined, last_seen}
  state    {key, value, at, by}

Lists that are always there are never null. A key whose value is not known or
not set is left out; counts, truth values, to, tags and members are always
there. An empty "to" means whoever the thread reaches, empty members everyone.
Times are RFC 3339 in UTC with milliseconds. Ids are whole (26 characters);
short is what people type. older and next are cursors, for --cursor with the
same query. Characters that cannot be seen are written as \u escapes, so that
the output is safe to look at.`

// newJSONTopic is a help topic: there is nothing to run.
func newJSONTopic() *cobra.Command {
	return &cobra.Command{Use: "json", Short: "What --json prints", Long: jsonHelp}
}

type jsonMessage struct {
	ID         string          `json:"id"`
	Short      string          `json:"short"`
	Thread     string          `json:"thread"`
	From       string          `json:"from"`
	To         []string        `json:"to"` // empty: whoever the thread reaches
	At         string          `json:"at"`
	Title      string          `json:"title,omitempty"`
	Body       string          `json:"body"`
	ReplyTo    string          `json:"reply_to,omitempty"`
	Tags       []string        `json:"tags"`
	Priority   string          `json:"priority"` // normal or urgent
	Expires    string          `json:"expires,omitempty"`
	RequireAck bool            `json:"require_ack"`
	Payload    json.RawMessage `json:"payload,omitempty"`
	Path       string          `json:"path,omitempty"`
	Commit     string          `json:"commit,omitempty"`
	Receipts   []jsonReceipt   `json:"receipts,omitempty"` // read, show and sent
	Pushed     *bool           `json:"pushed,omitempty"`   // show, read, inbox and sent, where the store has a remote: it has it
	Inbox      string          `json:"waits_in,omitempty"` // the remote's branch in which it waits for main
	Held       string          `json:"held,omitempty"`     // why the remote refuses it
	Pending    []string        `json:"pending,omitempty"`  // show and sent: named recipients without a receipt
}

type jsonReceipt struct {
	Agent string `json:"agent"`
	State string `json:"state"` // read or acknowledged
	At    string `json:"at,omitempty"`
}

type jsonThread struct {
	Thread      string   `json:"thread"` // project/thread
	Project     string   `json:"project"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Status      string   `json:"status"`
	Members     []string `json:"members"` // empty: everyone
	Messages    int      `json:"messages"`
	First       string   `json:"first,omitempty"`
	Last        string   `json:"last,omitempty"`
	LastFrom    string   `json:"last_from,omitempty"`
	Opened      string   `json:"opened_by,omitempty"`
}

// jsonChange is a change of a thread, or of a project.
type jsonChange struct {
	ID          string   `json:"id"`
	Thread      string   `json:"thread,omitempty"`  // show
	Project     string   `json:"project,omitempty"` // show
	From        string   `json:"from"`
	At          string   `json:"at"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Status      string   `json:"status,omitempty"`
	Add         []string `json:"add,omitempty"`
	Remove      []string `json:"remove,omitempty"`
	Path        string   `json:"path,omitempty"`   // show
	Commit      string   `json:"commit,omitempty"` // show
}

type jsonProject struct {
	Project     string `json:"project"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Threads     int    `json:"threads"`
	Messages    int    `json:"messages"`
	Last        string `json:"last,omitempty"`
}

type jsonAgent struct {
	Agent    string          `json:"agent"`
	Status   string          `json:"status,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Joined   string          `json:"joined,omitempty"`
	LastSeen string          `json:"last_seen,omitempty"`
}

type jsonCommit struct {
	Commit  string `json:"commit"`
	At      string `json:"at"`
	Author  string `json:"author"`
	Subject string `json:"subject"`
	ID      string `json:"id,omitempty"` // of the event that it brought
}

type jsonSetting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"` // flag, env, file or default
}

type jsonConfig struct {
	File     string        `json:"file"`
	Settings []jsonSetting `json:"settings"`
}

// writeJSON writes v as one line. What encoding/json passes through but
// cannot be seen (DEL, C1, direction marks) is escaped: it can stand only
// inside strings.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("cannot write the answer as JSON: %w", err)
	}
	_, err := w.Write(escapeHidden(b.Bytes()))
	return err
}

func escapeHidden(line []byte) []byte {
	out := make([]byte, 0, len(line)+16)
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRune(line[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			out = append(out, `\ufffd`...)
		case r == '\n' || !render.Hidden(r):
			out = append(out, line[i:i+size]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}

func jsonTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// list returns s, or an empty list for nil.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// convert returns what f makes of every element; never nil.
func convert[T, U any](in []T, f func(T) U) []U {
	out := make([]U, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func toJSONMessage(m *gitstore.Message) jsonMessage {
	j := jsonMessage{
		ID: m.ID.String(), Short: m.ID.Short(), Thread: m.Thread.String(),
		From: m.From, To: list(m.To), At: jsonTime(m.At), Title: m.Title, Body: string(m.Body),
		ReplyTo: m.ReplyTo.String(), Tags: list(m.Tags), Priority: m.Priority,
		Expires: jsonTime(m.Expires), RequireAck: m.RequireAck, Payload: m.Payload, Path: m.Path,
	}
	if j.Priority == "" {
		j.Priority = "normal"
	}
	if !m.Commit.IsZero() {
		j.Commit = m.Commit.String()
	}
	for _, r := range m.Receipts {
		j.Receipts = append(j.Receipts, jsonReceipt{r.Agent, r.State, jsonTime(r.At)})
	}
	return j
}

// got says how far a message has got beyond this machine.
func (j jsonMessage) got(d gitstore.Delivery) jsonMessage {
	j.Pushed, j.Inbox, j.Held = &d.Pushed, d.Inbox, d.Held
	return j
}

// delivered is what JSON says of messages, and how far they have got; got is
// nil if the store has no remote.
func delivered(messages []*gitstore.Message, got []gitstore.Delivery) []jsonMessage {
	out := convert(messages, toJSONMessage)
	for i, d := range got {
		out[i] = out[i].got(d)
	}
	return out
}

func toJSONThread(t event.Thread) jsonThread {
	return jsonThread{
		Thread: t.Ref.String(), Project: t.Ref.Project, Title: t.Title, Description: t.Description,
		Status: t.Status, Members: list(t.Members), Messages: t.Messages,
		First: jsonTime(t.First), Last: jsonTime(t.Last), LastFrom: t.LastFrom, Opened: t.Opened,
	}
}

func toJSONChange(e *event.Event) jsonChange {
	return jsonChange{
		ID: e.ID.String(), From: e.From, At: jsonTime(e.At), Title: e.Title,
		Description: e.Description, Status: e.Status, Add: e.Add, Remove: e.Remove,
	}
}

// in says where a change was made.
func (j jsonChange) in(m *gitstore.Message) jsonChange {
	ref := home(m)
	j.Project, j.Path, j.Commit = ref.Project, m.Path, m.Commit.String()
	if ref.Thread != "" {
		j.Thread = ref.String()
	}
	return j
}

func toJSONProject(p event.Project) jsonProject {
	return jsonProject{p.Name, p.Title, p.Description, p.Threads, p.Messages, jsonTime(p.Last)}
}

func toJSONAgent(g event.Agent) jsonAgent {
	return jsonAgent{g.Name, g.Status, g.Metadata, jsonTime(g.Joined), jsonTime(g.LastSeen)}
}

func toJSONConfig(file string, values []value) jsonConfig {
	return jsonConfig{file, convert(values, func(v value) jsonSetting {
		return jsonSetting{v.Key, v.Text, v.Source}
	})}
}
