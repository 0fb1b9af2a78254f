package gitstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"skein/gitstore/event"
)

// Post is a message to be posted.
type Post struct {
	From string // the agent who writes

	// Thread is where the message goes: "project/thread", or "thread", which is
	// the one thread of that name, in Project if that is given, else one made
	// in Project or "general". If it is "", an answer goes to the thread of
	// ReplyTo, a message to named agents to the direct thread between them, and
	// one to everyone to the thread "general".
	Thread, Project string

	// To names the recipients; event.Everyone is everyone. Without it the
	// message is for the members of the thread, or everyone if it has none.
	To []string

	Title, Body string
	ReplyTo     string // id or abbreviation of the message answered
	Tags        []string
	Priority    string // "", "normal" or "urgent"
	Payload     json.RawMessage
	ExpiresIn   time.Duration // 0: never
	RequireAck  bool
	Queue       bool // accept names in To that nobody holds yet
}

// Post commits a message and returns it when it is durable. Everything is
// checked before anything is written: a recipient that nobody knows is an
// *UnknownError with the nearest names, unless p.Queue; so is a message to
// reply to that is not there. With Options.Duplicates a message that was just
// posted is not posted again but returned, and with Options.PairLimit one too
// many between two agents is a *PairLimitError.
func (s *Store) Post(ctx context.Context, p Post) (*Message, error) {
	r, err := s.compose(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := s.stamp(r); err != nil {
		return nil, err
	}
	return s.guarded(ctx, r, func() (*Message, error) { return s.post(ctx, r) })
}

// post commits a message that has been checked.
func (s *Store) post(ctx context.Context, r *request) (m *Message, err error) {
	if err := s.Join(ctx, r.event.From); err != nil {
		return nil, err
	}
	if err := s.append(ctx, r); err != nil {
		return nil, err
	}
	m = &Message{Event: *r.event, Thread: r.home.threadRef(), Path: r.path, Commit: r.commit}
	if m.Commit.IsZero() { // another process committed it, just now
		if m.Commit, err = s.commitOf(context.WithoutCancel(ctx), m.ID); err != nil {
			s.log.Warn("the commit of a message just posted cannot be read", "id", m.ID, "err", err)
		}
	}
	return m, nil
}

// compose turns a Post into an event and a place for it.
func (s *Store) compose(ctx context.Context, p Post) (*request, error) {
	from, err := event.AgentName(p.From)
	if err != nil {
		return nil, err
	}
	e := &event.Event{From: from, Title: strings.TrimSpace(p.Title), Body: []byte(p.Body),
		Tags: p.Tags, Priority: priority(p.Priority), RequireAck: p.RequireAck}
	if strings.TrimSpace(p.Body) == "" && e.Title == "" {
		return nil, errors.New("body: is empty; say something")
	}
	if p.ExpiresIn < 0 {
		return nil, fmt.Errorf("expires_in: %s is in the past; give a time to live, or leave it out", p.ExpiresIn)
	}
	if len(p.Payload) > 0 {
		if e.Payload, err = event.CompactPayload(p.Payload); err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
	}
	if e.To, err = s.recipients(from, p.To, p.Queue); err != nil {
		return nil, err
	}
	ref, err := s.destination(ctx, e, p)
	if err != nil {
		return nil, err
	}
	r := newRequest(threadHome(ref), e)
	r.lifetime = p.ExpiresIn
	return r, nil
}

func priority(s string) string {
	if s = strings.ToLower(strings.TrimSpace(s)); s == "normal" {
		return ""
	}
	return s
}

// recipients checks the names in To, each once; nil means whoever the thread
// reaches.
func (s *Store) recipients(from string, to []string, queue bool) ([]string, error) {
	if slices.Contains(to, event.Everyone) {
		return []string{event.Everyone}, nil
	}
	names, err := agentNames(to)
	if err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if len(names) == 1 && names[0] == from {
		return nil, fmt.Errorf("to: %q is you, and nobody receives their own messages; name somebody else", from)
	}
	if queue && len(s.opts.Roster) == 0 {
		return names, nil
	}
	return names, s.checkKnown(from, names, "pass queue=true to leave it for when it joins")
}

func agentNames(given []string) ([]string, error) {
	var names []string
	for _, g := range given {
		name, err := event.AgentName(g)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// checkKnown refuses the first name that no agent holds; whoever writes needs
// not be there yet.
func (s *Store) checkKnown(from string, names []string, hint string) error {
	if len(s.opts.Roster) > 0 {
		return s.inRoster(from, names)
	}
	for _, name := range names {
		if name == from {
			continue
		}
		_, found, err := s.agentDir(name)
		if err != nil {
			return err
		}
		if !found {
			return s.unknownAgent(name, hint)
		}
	}
	return nil
}

// destination finds the thread of a message, and sets what it answers.
func (s *Store) destination(ctx context.Context, e *event.Event, p Post) (event.ThreadRef, error) {
	var answered event.ThreadRef
	if p.ReplyTo != "" {
		found, err := s.resolveMessages(ctx, []string{p.ReplyTo})
		if err != nil {
			return answered, fmt.Errorf("reply_to: %w", err)
		}
		s.observe(found[0].ID)
		e.ReplyTo, answered = found[0].ID, found[0].Thread
	}
	switch {
	case strings.Contains(p.Thread, "/") && p.Project == "": // needs no look at the store
		return event.ParseThreadRef(p.Thread)
	case p.Thread != "":
		return s.resolveThread(ctx, p.Thread, p.Project)
	case p.ReplyTo != "":
		return answered, nil
	case len(e.To) == 0:
		return answered, errors.New("thread: is missing; give project/thread, or name the recipients in to")
	case slices.Contains(e.To, event.Everyone):
		return inProject(event.ThreadRef{Project: event.DefaultProject, Thread: event.DefaultProject}, p.Project)
	}
	return inProject(event.DirectThread(append([]string{e.From}, e.To...)...), p.Project)
}

// inProject moves a thread to a project, if one is given.
func inProject(ref event.ThreadRef, project string) (event.ThreadRef, error) {
	if project == "" {
		return ref, nil
	}
	slug, err := event.Slug(project)
	if err != nil {
		return ref, fmt.Errorf("project: %w", err)
	}
	ref.Project = slug
	return ref, nil
}
