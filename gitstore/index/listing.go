package index

import (
	"cmp"
	"database/sql"
	"slices"
	"strings"

	"skein/gitstore/event"
)

// ThreadFilter narrows Threads; the zero value takes every thread. Names are
// as the store has them.
type ThreadFilter struct {
	Project, Status, Member string
	Limit                   int // 0: all
}

const (
	threadFilterSQL = `FROM threads WHERE (?1 = '' OR project = ?1) AND (?2 = '' OR status = ?2) AND (?3 = '' OR instr(members, ' ' || ?3 || ' ') > 0)`
	readThreadsSQL  = `SELECT n, project, thread, data ` + threadFilterSQL + ` ORDER BY last DESC, project || '/' || thread LIMIT ?4`
	namesakesSQL    = `SELECT project FROM threads WHERE thread = ? ORDER BY project`
)

// Threads returns the threads that the filter lets through, the newest
// activity first.
func (v *View) Threads(f ThreadFilter) ([]event.Thread, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = -1
	}
	var all []event.Thread
	var n int64
	var ref event.ThreadRef
	var data sql.RawBytes
	err := v.c.each(v.ctx, readThreadsSQL, []any{f.Project, f.Status, f.Member, limit}, func(scan func(...any) error) error {
		if err := scan(&n, &ref.Project, &ref.Thread, &data); err != nil {
			return err
		}
		var row threadRow
		if err := unsealJSON(data, &row, n); err != nil {
			return err
		}
		all = append(all, row.shown(ref))
		return nil
	})
	return all, err
}

// Thread returns one thread and its own events, oldest first; found is false
// if it has neither messages nor events.
func (v *View) Thread(ref event.ThreadRef) (t event.Thread, events []*event.Event, found bool, err error) {
	var n int64
	var data []byte
	found, err = v.c.row(readThreadSQL, []any{ref.Project, ref.Thread}, &n, &data)
	if err != nil || !found {
		return t, nil, false, err
	}
	var row threadRow
	if err = unsealJSON(data, &row, n); err != nil {
		return t, nil, false, err
	}
	events, err = v.c.events(threadOwner(ref))
	slices.SortStableFunc(events, func(a, b *event.Event) int { return a.ID.Compare(b.ID) })
	return row.shown(ref), events, err == nil, err
}

// Namesakes returns the projects that have a thread of that name.
func (v *View) Namesakes(thread string) (projects []string, err error) {
	err = v.c.each(v.ctx, namesakesSQL, []any{thread}, func(scan func(...any) error) error {
		var project string
		err := scan(&project)
		projects = append(projects, project)
		return err
	})
	return projects, err
}

const (
	sumProjectsSQL   = `SELECT project, count(*), sum(messages), max(last) FROM threads GROUP BY project`
	projectEventsSQL = `SELECT owner, data FROM events WHERE owner >= 'p:' AND owner < 'p;'`
)

// Projects returns the projects, the newest activity first.
func (v *View) Projects() ([]event.Project, error) {
	events := make(map[string][]*event.Event)
	err := v.c.each(v.ctx, projectEventsSQL, nil, func(scan func(...any) error) error {
		var owner string
		var data []byte
		if err := scan(&owner, &data); err != nil {
			return err
		}
		e, err := unsealEvent(data)
		name := strings.TrimPrefix(owner, projectOwner)
		events[name] = append(events[name], e)
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []event.Project
	err = v.c.each(v.ctx, sumProjectsSQL, nil, func(scan func(...any) error) error {
		var name string
		var threads, messages int
		var last int64
		err := scan(&name, &threads, &messages, &last)
		p := event.FoldProject(name, events[name])
		p.Threads, p.Messages, p.Last = threads, messages, when(last)
		all = append(all, p)
		delete(events, name)
		return err
	})
	for name, own := range events {
		all = append(all, event.FoldProject(name, own))
	}
	slices.SortFunc(all, func(a, b event.Project) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Name, b.Name))
	})
	return all, err
}

// threadRef returns the name of the thread with that number.
func (v *View) threadRef(n int64) (ref event.ThreadRef, err error) {
	found, err := v.c.row(`SELECT project, thread FROM threads WHERE n = ?`, []any{n}, &ref.Project, &ref.Thread)
	if err == nil && !found {
		err = damaged("thread %d is missing", n)
	}
	return ref, err
}
