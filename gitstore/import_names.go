package gitstore

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"skein/gitstore/event"
	"skein/gitstore/legacy"
)

// plannedThread is a thread on its way here.
type plannedThread struct {
	*legacy.Thread
	ref         event.ThreadRef
	first, last time.Time // of its messages
	firstBy     string    // as the system names it
}

// heard takes account of a message; messages come in the order of their times.
func (t *plannedThread) heard(at time.Time, by string) {
	if t.first.IsZero() {
		t.first, t.firstBy = at, by
	}
	t.last = at
}

// opened tells when the thread was opened, and by whom.
func (t *plannedThread) opened() (time.Time, string) {
	at, by := t.Created, cmp.Or(t.By, t.firstBy)
	if at.IsZero() || !t.first.IsZero() && t.first.Before(at) {
		at = t.first
	}
	if by == "" && len(t.Members) > 0 {
		by = t.Members[0].Agent
	}
	return at, by
}

// nameAgents gives every agent that occurs a name here: its own, if that is one
// of skein's, else the nearest. If two would have the same, the one that came
// first keeps it, and the other gets a piece of a hash: who comes later does
// not change under what name the earlier ones have been imported.
func (p *planner) nameAgents() {
	p.names = make(map[string]string)
	taken := make(map[string]string)
	for _, name := range p.byArrival() {
		near := event.SuggestAgentName(name)
		if isAgentName(name) {
			near = name
		} else if near == "" {
			near = withHash("agent", name, event.MaxAgentName)
		}
		if other, ok := taken[near]; ok {
			unique := withHash(near, name, event.MaxAgentName)
			p.note("the agent %q is called %q here, because %q is another's", name, unique, other)
			near = unique
		}
		p.names[name], taken[near] = near, name
	}
}

func isAgentName(name string) bool {
	canonical, err := event.AgentName(name)
	return err == nil && canonical == name
}

// byArrival returns every name of an agent, in the order in which they first
// occur; of those of one moment, or of none, names of skein's come first.
func (p *planner) byArrival() []string {
	met := p.arrivals()
	rank := func(name string) int {
		if isAgentName(name) {
			return 0
		}
		return 1
	}
	return slices.SortedFunc(maps.Keys(met), func(a, b string) int {
		return cmp.Or(compareBool(met[a].IsZero(), met[b].IsZero()), met[a].Compare(met[b]), rank(a)-rank(b), strings.Compare(a, b))
	})
}

// arrivals tells when each agent first occurs; the zero Time if that is not
// known.
func (p *planner) arrivals() map[string]time.Time {
	met := map[string]time.Time{}
	meet := func(name string, at time.Time) {
		if was, ok := met[name]; !ok || was.IsZero() || !at.IsZero() && at.Before(was) {
			met[name] = at
		}
	}
	for _, g := range p.a.Agents {
		meet(g.Name, g.Joined)
	}
	for i := range p.a.Messages {
		m := &p.a.Messages[i]
		meet(m.From, m.At)
		for _, name := range m.To {
			meet(name, m.At)
		}
		for _, s := range m.Seen {
			meet(s.Agent, m.At)
		}
	}
	for _, t := range p.a.Threads {
		for _, m := range t.Members {
			meet(m.Agent, cmp.Or(m.Joined, t.Created))
		}
		meet(t.By, t.Created)
	}
	for _, s := range p.a.States {
		meet(s.By, s.At)
	}
	delete(met, "")
	return met
}

// withHash appends a piece of the hash of the original to a name.
func withHash(name, original string, most int) string {
	sum := sha256.Sum256([]byte(original))
	piece := "-" + hex.EncodeToString(sum[:3])
	return strings.TrimRight(name[:min(len(name), most-len(piece))], ".@_-") + piece
}

func (p *planner) named(names []string) []string {
	var all []string
	for _, name := range names {
		if here := p.names[name]; !slices.Contains(all, here) {
			all = append(all, here)
		}
	}
	return all
}

// nameThreads finds a place for each thread: projects and threads are called
// here as they are shown there. Of those that are called the same the oldest
// keeps the name.
func (p *planner) nameThreads() {
	p.projects = map[string]string{"": event.DefaultProject}
	taken := slugs{}
	byAge(p.a.Projects, func(t legacy.Project) (time.Time, string) { return t.Created, t.ID })
	for _, t := range p.a.Projects {
		p.projects[t.ID] = taken.slug("", t.Name, t.ID)
	}
	byAge(p.a.Threads, func(t legacy.Thread) (time.Time, string) { return t.Created, t.ID })
	for i := range p.a.Threads {
		t := &p.a.Threads[i]
		ref := event.ThreadRef{Project: p.projects[t.Project]}
		ref.Thread = taken.slug(ref.Project+"/", cmp.Or(t.Name, t.Title, t.ID), t.ID)
		p.threads[t.ID] = &plannedThread{Thread: t, ref: ref}
	}
}

func byAge[T any](all []T, age func(T) (time.Time, string)) {
	slices.SortFunc(all, func(a, b T) int {
		aAt, aID := age(a)
		bAt, bID := age(b)
		return cmp.Or(aAt.Compare(bAt), strings.Compare(aID, bID))
	})
}

// slugs are those given away, with what they are in before them.
type slugs map[string]bool

func (s slugs) slug(in, name, id string) string {
	slug, err := event.Slug(name)
	if err != nil { // a name that could leave its directory, and the like
		slug = withHash("imported", id, event.MaxSlug)
	}
	if s[in+slug] {
		slug = withHash(slug, id, event.MaxSlug)
	}
	s[in+slug] = true
	return slug
}

// projectEvents plans what projects are called, at the time of the first thing
// in them.
func (p *planner) projectEvents() {
	for _, t := range p.a.Projects {
		at, by, slug := t.Created, "", p.projects[t.ID]
		for _, thread := range p.a.Threads {
			if thread.Project != t.ID {
				continue
			}
			opened, who := p.threads[thread.ID].opened()
			if at.IsZero() || by == "" {
				at, by = cmp.Or(at, opened), who
			}
		}
		p.Projects++
		if t.Metadata != nil {
			p.attach(t.Place, "metadata/"+slug, t.Metadata, at, p.author(by))
		}
		if slug == t.Name && t.Description == "" {
			continue // there is nothing more to say
		}
		p.projectEvent(t, slug, at, by)
	}
}

func (p *planner) projectEvent(t legacy.Project, slug string, at time.Time, by string) {
	if at.IsZero() {
		p.problem(t.Place, "has no date, and nothing in it has one")
		return
	}
	e := &event.Event{Kind: event.KindProject, At: at, From: p.names[p.author(by)], Title: p.line(t.Place+", name", t.Name, event.MaxTitle),
		Description: p.text(t.Place+", description", t.Description), Extra: p.imported(map[string]any{"id": t.ID})}
	e.ID = p.id(at, 0, "project", t.ID, e.Title, e.Description)
	if p.valid(t.Place, e) {
		p.talk = append(p.talk, Record{event.ThreadRef{Project: slug}, e})
	}
}

// author is who did what nobody is known to have done, as the system names it.
func (p *planner) author(name string) string {
	if name == "" && len(p.a.Agents) > 0 {
		return p.a.Agents[0].Name
	}
	return name
}

// threadEvents plans what threads are called, who is in them and what has
// become of them. Each member is an event of its own, so that one who comes
// later changes nothing of what was imported before.
func (p *planner) threadEvents() {
	for i := range p.a.Threads {
		t := p.threads[p.a.Threads[i].ID]
		at, by := t.opened()
		if at.IsZero() {
			p.problem(t.Place, "has neither a date nor messages")
			continue
		}
		p.Threads++
		e := event.Event{Kind: event.KindThread, At: at, From: p.names[p.author(by)]}
		title := e
		title.Title = p.line(t.Place+", title", t.Title, event.MaxTitle)
		title.Description = p.text(t.Place+", description", t.Description)
		title.Extra = p.imported(map[string]any{"id": t.ID})
		title.ID = p.id(at, 0, "thread", t.ID, title.Title, title.Description)
		p.threadEvent(t, &title)
		for n, m := range t.Members {
			p.member(t, e, m, uint32(n)+1)
		}
		p.status(t, e)
		if len(t.Tags) > 0 {
			p.attach(t.Place, "tags/"+t.ref.String(), t.Tags, at, p.author(by))
		}
	}
}

func (p *planner) threadEvent(t *plannedThread, e *event.Event) {
	if e.Title == "" && e.Description == "" && e.Status == "" && len(e.Add) == 0 {
		return
	}
	if p.valid(t.Place, e) {
		p.talk = append(p.talk, Record{t.ref, e})
	}
}

func (p *planner) member(t *plannedThread, e event.Event, m legacy.Member, order uint32) {
	if m.Joined.After(e.At) && m.Joined.Before(p.latest) {
		e.At = m.Joined
	}
	e.Add = []string{p.names[m.Agent]}
	e.ID = p.id(e.At, order, "member", t.ID, m.Agent)
	p.threadEvent(t, &e)
}

// status plans the thread's status, at the time of its last change.
func (p *planner) status(t *plannedThread, e event.Event) {
	last := t.Updated
	if t.last.After(last) {
		last = t.last
	}
	if last.After(e.At) {
		e.At = last
	}
	if t.Status == "" || t.Status == event.StatusActive && !t.Updated.After(t.Created) {
		return
	}
	e.Status = t.Status
	e.ID = p.id(e.At, ^uint32(0), "status", t.ID, e.Status)
	p.threadEvent(t, &e)
}

// line makes a text one line of at most so many characters.
func (p *planner) line(place, text string, most int) string {
	line := strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	return p.cut(place, line, most)
}

// text drops what a description cannot hold.
func (p *planner) text(place, text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
	return p.cut(place, strings.TrimSpace(text), event.MaxDescription)
}

func (p *planner) cut(place, text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	p.note("%s: is longer than %d characters and was cut", place, most)
	return string(runes[:most-1]) + "…"
}
