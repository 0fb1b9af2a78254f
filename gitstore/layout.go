package gitstore

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// maxFiles is how many events a directory takes, and how many slugs; more go
// to sub-directories. It bounds what a post writes: see FORMAT.md.
const maxFiles = 48

// home is whose directory an event belongs to: a thread's, a project's own
// (thread is ""), that of keys of the shared state, that of redactions, or on
// the branch agents an agent's.
type home struct {
	project, thread string
	key             string // event.KeyDir of the keys
	redactions      bool
	agent           string
}

func threadHome(ref event.ThreadRef) home { return home{project: ref.Project, thread: ref.Thread} }

func (h home) ref() plumbing.ReferenceName {
	if h.agent != "" {
		return agentsRef
	}
	return mainRef
}

func (h home) threadRef() event.ThreadRef {
	return event.ThreadRef{Project: h.project, Thread: h.thread}
}

// treeReader reads a tree: the store's own, or one of a draft not yet written.
type treeReader func(plumbing.Hash) ([]byte, error)

// dir is a directory on the way to an event's place. One that is not there yet
// is empty.
type dir struct {
	from treeReader
	path []string
	raw  []byte
}

func rootDir(from treeReader, root plumbing.Hash) (dir, error) {
	raw, err := from(root)
	return dir{from: from, raw: raw}, err
}

// child returns the sub-directory of that name.
func (d dir) child(name string) (dir, error) {
	sub := dir{from: d.from, path: append(d.path[:len(d.path):len(d.path)], name)}
	e, ok := lookup(d.raw, name)
	if !ok {
		return sub, nil
	}
	if !e.Dir {
		return sub, fmt.Errorf("%s is a file where a directory belongs; the branch was changed by another program", sub)
	}
	var err error
	sub.raw, err = d.from(e.Hash)
	return sub, err
}

func (d dir) String() string { return strings.Join(d.path, "/") }

// files counts the files, and slugs the entries that no slug's fan-out made.
func (d dir) files() (n int) {
	for rest := d.raw; ; {
		mode, _, _, next, ok := nextEntry(rest)
		if !ok {
			return n
		}
		if !isDirMode(mode) {
			n++
		}
		rest = next
	}
}

func (d dir) slugs() (n int) {
	for rest := d.raw; ; {
		_, name, _, next, ok := nextEntry(rest)
		if !ok {
			return n
		}
		if name[0] != '_' {
			n++
		}
		rest = next
	}
}

// find returns the directory of a slug below d, where it is: the shallowest
// one if two machines made it in different places. If there is none, found is
// false and the directory is where it is to be made: the shallowest with room.
func (d dir) find(slug string) (at dir, found bool, err error) {
	var room *dir
	for level := 0; ; level++ {
		e, taken := lookup(d.raw, slug)
		if taken && e.Dir {
			at, err = d.child(slug)
			return at, true, err
		}
		if room == nil && !taken && d.slugs() < maxFiles {
			made, err := d.child(slug)
			if err != nil {
				return made, false, err
			}
			room = &made
		}
		fan := event.FanOut(slug, level)
		if room != nil && !hasDir(d.raw, fan) || level == event.MaxFanOut-1 {
			break
		}
		if d, err = d.child(fan); err != nil {
			return d, false, err
		}
	}
	if room == nil {
		return d, false, fmt.Errorf("no directory below %s has room for %q", d, slug)
	}
	return *room, false, nil
}

func hasDir(raw []byte, name string) bool {
	e, ok := lookup(raw, name)
	return ok && e.Dir
}

// top returns the directory of the branch below which h lies, and the name
// that it has there; none for the redactions, which lie in the directory itself.
func (h home) top() (dir, name string) {
	switch {
	case h.agent != "":
		return agentsDir, event.AgentDir(h.agent)
	case h.key != "":
		return event.StateDir, h.key
	case h.redactions:
		return event.RedactionsDir, ""
	}
	return projectsDir, h.project
}

// homeDir returns the directory of h in a branch's tree.
func homeDir(root dir, h home) (at dir, found bool, err error) {
	top, name := h.top()
	d, err := root.child(top)
	if err != nil || name == "" {
		return d, len(d.raw) > 0, err
	}
	if d, found, err = d.find(name); err != nil || top != projectsDir {
		return d, found, err
	}
	if h.thread == "" {
		d, err = d.child(event.ProjectDir)
		return d, len(d.raw) > 0, err
	}
	return d.find(h.thread)
}

// place is where an event's file goes, or is.
type place struct {
	path  []string
	found bool // the same bytes are there already
}

// placeEvent finds where an event's file belongs below its home: in the
// month's directory, or while that is full in the next of event.Splits. The
// file's blob is asked for only if its name is taken.
func placeEvent(root dir, h home, e *event.Event, blob func() plumbing.Hash) (place, error) {
	d, _, err := homeDir(root, h)
	if err != nil {
		return place{}, err
	}
	name := event.FileName(e)
	for _, sub := range append([]string{event.Month(e.At)}, event.Splits(e)...) {
		if d, err = d.child(sub); err != nil {
			return place{}, err
		}
		there, taken := lookup(d.raw, name)
		if taken && there.Hash == blob() {
			return place{append(d.path, name), true}, nil
		}
		if !taken && d.files() < maxFiles {
			return place{append(d.path, name), false}, nil
		}
	}
	return place{}, fmt.Errorf("no directory below %s has room for %s", d, name)
}
