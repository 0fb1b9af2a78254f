package legacy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Systems are the names of the systems that Read knows.
func Systems() []string {
	names := make([]string, 0, len(systems))
	for _, s := range systems {
		names = append(names, s.name)
	}
	return names
}

// system is one of the systems: how its store is found and read.
type system struct {
	name string
	read func(ctx context.Context, path string, a *Archive) error
}

var systems = []system{
	{"dialogue", readDialogue},
	{"duo", readDuo},
	{"c2c", readC2C},
	{"dispatch", readDispatch},
	{"relay", readRelay},
}

// Archive is what a store holds. Names are as the system has them; an Agent is
// named by its name everywhere, a Project and a Thread by its ID.
type Archive struct {
	System   string
	OwnIDs   bool // no two messages ever have one ID; otherwise they are numbered anew in each store
	Agents   []Agent
	Projects []Project
	Threads  []Thread
	Messages []Message
	States   []State

	Problems []Problem // what could not be read; it is missing here
	Notes    []string  // what was read and means nothing here
}

// Agent is somebody who wrote, or could have.
type Agent struct {
	Name         string
	Display      string    // another name to show; ""
	Joined, Seen time.Time // zero: not known
	Status       string
	Quiet        bool            // wants no notifications
	Metadata     json.RawMessage // nil: none
}

// Project is a group of threads.
type Project struct {
	ID, Name, Description string
	Created               time.Time       // zero: not known
	Metadata              json.RawMessage // nil: none
	Place                 string
}

// Thread is a conversation with a name. Messages between two are in no thread.
type Thread struct {
	ID               string
	Project          string // a Project's ID; "": none
	Name             string // how its users call it, to be found by; "": by its title
	Title            string
	Description      string
	Status           string // "active", "resolved", "archived"; "": active
	Tags             []string
	By               string    // who opened it; "": not known
	Created, Updated time.Time // zero: not known
	Members          []Member  // whom it reaches; none: whoever messages name
	Place            string
}

// Member is an agent in a thread.
type Member struct {
	Agent  string
	Joined time.Time // zero: not known
}

// Message is one message.
type Message struct {
	ID     string // as the system has it
	Order  uint32 // its place among messages of the same moment
	Thread string // a Thread's ID; "": between From and To
	From   string
	To     []string // none: the members of the thread
	At     time.Time

	Body       string
	Tags       []string
	ReplyTo    string // a Message's ID; "": none
	Urgent     bool
	RequireAck bool
	Expires    time.Time       // zero: never
	Payload    json.RawMessage // nil: none

	Seen  []Seen
	Place string // where it stands, for people
}

// Seen says that an agent has read a message, or is done with it.
type Seen struct {
	Agent        string
	At           time.Time // zero: not known
	Acknowledged bool
}

// State is a key of the shared state.
type State struct {
	Key   string
	Value json.RawMessage
	By    string
	At    time.Time
	Place string
}

// Problem is something that could not be read.
type Problem struct {
	Place  string // a file, and the line or row in it
	Reason string
}

func (p Problem) String() string { return p.Place + ": " + p.Reason }

// Read reads the store of a system, which path names: its directory or its
// database file, or the directory that the database is in. An error means that
// nothing could be read; what is broken within a store is in Problems.
func Read(ctx context.Context, name, path string) (*Archive, error) {
	i := slices.IndexFunc(systems, func(s system) bool { return s.name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no system %q; name one of %s", name, strings.Join(Systems(), ", "))
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, cause(err))
	}
	a := &Archive{System: name}
	if err := systems[i].read(ctx, path, a); err != nil {
		return nil, err
	}
	return a, ctx.Err()
}

// cause drops the name of the call and of the file from an error of the system.
func cause(err error) error {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

func (a *Archive) problem(place, format string, args ...any) {
	a.Problems = append(a.Problems, Problem{place, fmt.Sprintf(format, args...)})
}

func (a *Archive) note(format string, args ...any) {
	a.Notes = append(a.Notes, fmt.Sprintf(format, args...))
}

// meet makes sure that an agent is in the archive.
func (a *Archive) meet(names ...string) {
	for _, name := range names {
		if !slices.ContainsFunc(a.Agents, func(g Agent) bool { return g.Name == name }) {
			a.Agents = append(a.Agents, Agent{Name: name})
		}
	}
}

// others returns the names without one of them.
func others(names []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == one })
}

// seenBy marks a message as read at an unknown time.
func seenBy(names []string) []Seen {
	seen := make([]Seen, len(names))
	for i, name := range names {
		seen[i].Agent = name
	}
	return seen
}
