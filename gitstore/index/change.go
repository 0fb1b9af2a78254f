package index

import (
	"fmt"
	"path"

	"skein/gitstore/event"
)

// Op is what has become of a file.
type Op int

// What can become of a file. In the trees of a store files are added; they are
// removed only where history was rewritten. A message is reworded when readers
// are to find it by other words than those in its file.
const (
	Add Op = iota
	Remove
	Reword
)

// Change is a file that one tree has and the other has not. A file whose
// content has changed is two changes.
type Change struct {
	Op   Op
	Path string   // in its branch's tree, with slashes
	Blob [20]byte // its content's hash

	// Thread is the thread in whose directory the file lies. For a project's
	// own event only Project is set; for a receipt or a profile it is zero.
	Thread event.ThreadRef
	// Event is what the file holds: also where it is removed, because the
	// index does not keep it. It is nil for a file, or a directory, that
	// cannot be read or is not what its name promises: the index counts these.
	// It must not be modified as long as Update runs.
	Event *event.Event
	// Was is what a reworded message said to readers so far; only title, tags
	// and body may differ from Event.
	Was *event.Event
	// Data is the whole file. It is needed only where Event is an event of a
	// thread, of a project, or a profile.
	Data []byte
}

// owner names, in the table events, what an event that is neither message nor
// receipt belongs to.
func (c *Change) owner() string {
	switch c.Event.Kind {
	case event.KindThread:
		return threadOwner(c.Thread)
	case event.KindProject:
		return projectOwner + c.Thread.Project
	case event.KindProfile:
		return agentOwner(c.Event.From)
	}
	return ""
}

const projectOwner = "p:"

func threadOwner(ref event.ThreadRef) string { return "t:" + ref.String() }
func agentOwner(name string) string          { return "a:" + name }

// check refuses what only a mistake of the caller can bring.
func (c *Change) check() error {
	if c.Event == nil {
		return nil
	}
	inThread, inProject := false, false
	switch c.Event.Kind {
	case event.KindMessage, event.KindThread:
		inThread, inProject = true, true
	case event.KindProject:
		inProject = true
	}
	if inThread != (c.Thread.Thread != "") || inProject != (c.Thread.Project != "") {
		return fmt.Errorf("index %s: an event of kind %q cannot lie in thread %q", c.Path, c.Event.Kind, c.Thread)
	}
	return nil
}

// prepared is a change, and what can be made of it beside the writer.
type prepared struct {
	Change
	document string // of a message
	was      string // the document of a reworded message so far
}

// prepare makes the document and lets go of the body.
func (d *drafter) prepare(c Change) (prepared, error) {
	p := prepared{Change: c}
	if err := c.check(); err != nil || c.Event == nil {
		return p, err
	}
	if c.Event.Kind == event.KindMessage {
		p.document = string(d.document(c.Thread, c.Event))
	}
	if c.Op == Reword {
		p.was = string(d.document(c.Thread, c.Was))
		p.Was = nil
	}
	head := *c.Event
	head.Body = nil
	p.Event = &head
	return p, nil
}

// size is about how much memory p holds.
func (p *prepared) size() int { return len(p.document) + len(p.was) + len(p.Data) + 1<<10 }

// dir is the directory in which the file lies.
func (c *Change) dir() string { return path.Dir(c.Path) }
