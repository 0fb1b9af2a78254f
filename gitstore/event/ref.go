package event

import (
	"fmt"
	"slices"
	"strings"
)

// Projects that exist without being asked for.
const (
	DefaultProject = "general" // of a thread that is named without a project
	DirectProject  = "direct"  // of messages that name recipients but no thread
)

// ThreadRef names a thread by two slugs. Project is "" where only the thread
// was named.
type ThreadRef struct{ Project, Thread string }

// String returns "project/thread", or "thread" where there is no project.
func (r ThreadRef) String() string {
	if r.Project == "" {
		return r.Thread
	}
	return r.Project + "/" + r.Thread
}

// IsZero tells whether r names nothing.
func (r ThreadRef) IsZero() bool { return r == ThreadRef{} }

// ParseThreadRef reads "project/thread" or "thread"; each part is turned into
// its slug.
func ParseThreadRef(s string) (ThreadRef, error) {
	project, thread, both := strings.Cut(s, "/")
	if !both {
		project, thread = "", s
	}
	if strings.Contains(thread, "/") {
		return ThreadRef{}, fmt.Errorf(`thread %s: has more than one "/"; write project/thread`, quote(s))
	}
	var ref ThreadRef
	var err error
	if ref.Thread, err = Slug(thread); err != nil {
		return ThreadRef{}, fmt.Errorf("thread %s: %w", quote(s), err)
	}
	if !both {
		return ref, nil
	}
	if ref.Project, err = Slug(project); err != nil {
		return ThreadRef{}, fmt.Errorf("thread %s: %w", quote(s), err)
	}
	return ref, nil
}

// DirectThread is the thread between the participants, whatever their order:
// project "direct", their names joined by "--". The names must be as AgentName
// returns them, and at least one.
func DirectThread(participants ...string) ThreadRef {
	names := make([]string, len(participants))
	for i, p := range participants {
		names[i] = AgentDir(p)
	}
	slices.Sort(names)
	joined := strings.Join(slices.Compact(names), "--")
	return ThreadRef{Project: DirectProject, Thread: distinguish(joined, joined, false)}
}
