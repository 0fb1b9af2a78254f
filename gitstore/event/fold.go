package event

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Thread is what a thread's events amount to.
type Thread struct {
	Ref                        ThreadRef
	Title, Status, Description string   // Status is active until an event says otherwise
	Members                    []string // sorted
	Closed                     bool     // members were ever set: it reaches only them
	Messages                   int
	First                      time.Time // of the first event
	Last                       time.Time // of the last message, or event where there is none
	LastFrom                   string    // who wrote that
	Opened                     string    // who wrote the first event
}

// FoldThread folds the messages and thread events of one thread, given in any
// order; the same event given twice counts once, events of other kinds do not.
func FoldThread(ref ThreadRef, events []*Event) Thread {
	t := Thread{Ref: ref, Status: StatusActive}
	members := map[string]bool{}
	for i, e := range inOrder(events, inMessage|inThread) {
		if i == 0 {
			t.First, t.Opened = e.At, e.From
		}
		if e.Kind == KindMessage {
			t.Messages++
		} else {
			t.change(e, members)
		}
		if e.Kind == KindMessage || t.Messages == 0 {
			t.Last, t.LastFrom = e.At, e.From
		}
	}
	t.Members = slices.Sorted(maps.Keys(members))
	return t
}

// change applies a thread event.
func (t *Thread) change(e *Event, members map[string]bool) {
	replace(&t.Title, e.Title)
	replace(&t.Status, e.Status)
	replace(&t.Description, e.Description)
	e.clear(map[string]*string{"title": &t.Title, "description": &t.Description})
	for _, name := range e.Add {
		members[name] = true
	}
	for _, name := range e.Remove {
		delete(members, name)
	}
	t.Closed = t.Closed || len(e.Add)+len(e.Remove) > 0
}

// Recipient tells whether message m of thread t is for agent: if m names
// recipients, whether agent or Everyone is among them, else whether agent is a
// member, or the thread never had members. The sender never receives its own
// message. When an agent joined is not considered.
func (t Thread) Recipient(agent string, m *Event) bool {
	switch {
	case m.Kind != KindMessage || m.From == agent:
		return false
	case len(m.To) > 0:
		return slices.Contains(m.To, agent) || slices.Contains(m.To, Everyone)
	}
	return !t.Closed || slices.Contains(t.Members, agent)
}

// Project is what a project's events and threads amount to.
type Project struct {
	Name, Title, Description string
	Threads, Messages        int
	Opened                   time.Time // of its own first event; zero: it has none
	Last                     time.Time // the latest of its threads
}

// FoldProject folds the project events of one project, given in any order,
// and counts its threads.
func FoldProject(name string, events []*Event, threads ...Thread) Project {
	p := Project{Name: name, Threads: len(threads)}
	for i, e := range inOrder(events, inProject) {
		if i == 0 {
			p.Opened = e.At
		}
		replace(&p.Title, e.Title)
		replace(&p.Description, e.Description)
		e.clear(map[string]*string{"title": &p.Title, "description": &p.Description})
	}
	for _, t := range threads {
		p.Messages += t.Messages
		if t.Last.After(p.Last) {
			p.Last = t.Last
		}
	}
	return p
}

// Agent is what an agent's profile events amount to.
type Agent struct {
	Name, Status     string
	Metadata         json.RawMessage // nil if never set, or set to null
	Joined, LastSeen time.Time       // of the first and the last profile event; zero: never joined
	Person           bool            // some profile says that it is a person
	Quiet            bool            // it wants no notifications
}

// FoldAgent folds the profile events of one agent, given in any order. What
// others wrote does not count. A profile without status, or without payload,
// leaves what was set before; the payload null takes the metadata away.
func FoldAgent(name string, profiles []*Event) Agent {
	a := Agent{Name: name}
	for _, e := range inOrder(profiles, inProfile) {
		if e.From == name {
			a.Apply(e)
		}
	}
	return a
}

// Apply folds in one more profile event of the agent's own, which comes after
// those folded so far.
func (a *Agent) Apply(e *Event) {
	if a.Joined.IsZero() {
		a.Joined = e.At
	}
	a.LastSeen = e.At
	replace(&a.Status, e.Status)
	e.clear(map[string]*string{"status": &a.Status})
	a.Person = a.Person || e.Person
	if e.Notifications != "" {
		a.Quiet = e.Notifications == NotificationsOff
	}
	switch {
	case string(e.Payload) == "null":
		a.Metadata = nil
	case len(e.Payload) > 0:
		a.Metadata = e.Payload
	}
}

// Receipts tells what one agent has done with messages: StateRead or
// StateAcknowledged by message; a message without entry is unread.
type Receipts map[ID]string

// FoldReceipts folds the receipts that agent wrote, given in any order.
func FoldReceipts(agent string, receipts []*Event) Receipts {
	r := Receipts{}
	for _, e := range receipts {
		if e.From == agent {
			r.Add(e)
		}
	}
	return r
}

// Add folds one more receipt into r; acknowledged beats read, so that the
// order does not matter. Events of other kinds are left out.
func (r Receipts) Add(e *Event) {
	if e.Kind != KindReceipt {
		return
	}
	for _, id := range e.Messages {
		if r[id] != StateAcknowledged {
			r[id] = e.State
		}
	}
}

// State is what the events of one key of the shared state amount to.
type State struct {
	Key   string
	Value json.RawMessage // nil: never set, or taken away by null
	At    time.Time       // of the last event; zero: there is none
	By    string          // who wrote that
}

// FoldState folds the state events of a key, given in any order. Those of
// other keys do not count.
func FoldState(key string, events []*Event) State {
	s := State{Key: key}
	for _, e := range inOrder(events, inState) {
		if e.Key == key {
			s.Value, s.At, s.By = e.Payload, e.At, e.From
		}
	}
	if string(s.Value) == "null" {
		s.Value = nil
	}
	return s
}

// Redaction says who has hidden a message's text, and why.
type Redaction struct {
	By     string
	At     time.Time
	Reason string // may be empty
}

// FoldRedactions folds redactions, given in any order: each message is hidden
// by the first that names it.
func FoldRedactions(events []*Event) map[ID]Redaction {
	hidden := map[ID]Redaction{}
	for _, e := range inOrder(events, inRedaction) {
		for _, id := range e.Messages {
			if _, ok := hidden[id]; !ok {
				hidden[id] = Redaction{e.From, e.At, e.Description}
			}
		}
	}
	return hidden
}

// Redact takes away what a message says, and leaves who wrote it to whom, and
// when.
func (e *Event) Redact(r Redaction) {
	e.Title, e.Tags, e.Payload, e.Extra = "", nil, nil, nil
	text := "(redacted by " + r.By + ", " + r.At.UTC().Format("2006-01-02 15:04Z")
	if r.Reason != "" {
		text += ": " + oneLine(r.Reason)
	}
	e.Body = []byte(text + ")")
}

// clear makes the fields empty that e names.
func (e *Event) clear(fields map[string]*string) {
	for _, name := range e.Clear {
		if field := fields[name]; field != nil {
			*field = ""
		}
	}
}

// replace sets a field that the event at hand says something about.
func replace(field *string, value string) {
	if value != "" {
		*field = value
	}
}

// inOrder returns the events of those kinds ordered by id, then by bytes, each
// once.
func inOrder(events []*Event, kinds kindSet) []*Event {
	ordered := make([]*Event, 0, len(events))
	for _, e := range events {
		if setOf(e.Kind)&kinds != 0 {
			ordered = append(ordered, e)
		}
	}
	slices.SortFunc(ordered, Compare)
	return slices.CompactFunc(ordered, func(a, b *Event) bool { return Compare(a, b) == 0 })
}

// Compare orders events as folds do: by id, and two that have the same id by
// the bytes of their files.
func Compare(a, b *Event) int {
	if c := a.ID.Compare(b.ID); c != 0 || a == b {
		return c
	}
	return bytes.Compare(a.bytes(), b.bytes())
}

// bytes is the file of e, whether or not e is valid.
func (e *Event) bytes() []byte { return e.appendBody(e.appendFront(nil)) }
