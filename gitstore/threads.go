package gitstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// ThreadFilter narrows Threads; the zero value takes every thread.
type ThreadFilter struct {
	Project, Status, Member string
	Limit                   int // 0: all
}

// folded is a thread as its events make it. It must not be modified.
type folded struct {
	places  []plumbing.Hash // the trees that it was read from
	thread  event.Thread
	events  []*event.Event // the thread's own, oldest first
	skipped int            // files that could not be read
}

// folds keeps the threads read last. Its zero value is ready.
type folds struct {
	mu     sync.Mutex
	thread map[event.ThreadRef]*folded
}

// keepFolds bounds the threads kept; some 1 KB each.
const keepFolds = 16 << 10

func (m *folds) get(ref event.ThreadRef, places []plumbing.Hash) *folded {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.thread[ref]; f != nil && slices.Equal(f.places, places) {
		return f
	}
	return nil
}

func (m *folds) put(f *folded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.thread == nil || len(m.thread) >= keepFolds {
		m.thread = make(map[event.ThreadRef]*folded)
	}
	m.thread[f.thread.Ref] = f
}

// fold reads a thread from its places. Of the messages only the names are
// read, and those of the first and the last second.
func (m *summer) fold(ref event.ThreadRef, places []subtree) (*folded, error) {
	hashes := make([]plumbing.Hash, len(places))
	for i, place := range places {
		hashes[i] = place.hash
	}
	if f := m.s.read.folds.get(ref, hashes); f != nil {
		return f, nil
	}
	sum, err := m.thread(places)
	if err != nil {
		return nil, err
	}
	f := &folded{places: hashes, skipped: sum.skipped}
	if f.events, err = m.events(sum.events, &f.skipped); err != nil {
		return nil, err
	}
	n := len(f.events)
	f.events = slices.DeleteFunc(f.events, func(e *event.Event) bool { return e.Kind != event.KindThread })
	f.skipped += n - len(f.events)
	slices.SortFunc(f.events, func(a, b *event.Event) int { return a.ID.Compare(b.ID) })
	edges, err := m.events(sum.edges(), new(int)) // whoever reads the messages counts those
	if err != nil {
		return nil, err
	}
	f.thread = event.FoldThread(ref, append(edges, f.events...))
	f.thread.Messages = sum.messages
	m.s.read.folds.put(f)
	return f, nil
}

// edges returns the files of the first and the last second, each once.
func (sum *summary) edges() []leaf {
	if sum.first.second == sum.last.second {
		return sum.first.files
	}
	return slices.Concat(sum.first.files, sum.last.files)
}

// events reads files and counts those that are damaged.
func (m *summer) events(files []leaf, skipped *int) ([]*event.Event, error) {
	events := make([]*event.Event, 0, len(files))
	for _, f := range files {
		e, err := m.s.event(f)
		if err == nil {
			events = append(events, e)
			continue
		}
		*skipped++
		if err := m.s.leaveOut(f.path(), err); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// located is a thread and where it lies.
type located struct {
	ref    event.ThreadRef
	places []subtree
}

// locate returns the threads of one project, or of all if project is "".
func (s *Store) locate(projects subtree, project string) ([]located, error) {
	by, err := s.projectPlaces(projects, project)
	if err != nil {
		return nil, err
	}
	var all []located
	for name, places := range by {
		threads, err := s.threadsIn(name, places)
		if err != nil {
			return nil, err
		}
		all = append(all, threads...)
	}
	return all, nil
}

// threadsIn returns the threads of the project that lies at those places.
func (s *Store) threadsIn(project string, places []subtree) ([]located, error) {
	by, err := s.group(places)
	if err != nil {
		return nil, err
	}
	threads := make([]located, 0, len(by))
	for name, places := range by {
		threads = append(threads, located{event.ThreadRef{Project: project, Thread: name}, places})
	}
	return threads, nil
}

func (s *Store) projectPlaces(projects subtree, project string) (map[string][]subtree, error) {
	if project == "" {
		return s.group([]subtree{projects})
	}
	places, err := s.places(project, projects)
	if err != nil || len(places) == 0 {
		return nil, err
	}
	return map[string][]subtree{project: places}, nil
}

// foldAll folds threads on all processors.
func (s *Store) foldAll(ctx context.Context, threads []located) ([]*folded, error) {
	sums := s.newSummer(ctx)
	all := make([]*folded, len(threads))
	err := sums.each(len(threads), func(i int) (err error) {
		all[i], err = sums.fold(threads[i].ref, threads[i].places)
		return err
	})
	return all, err
}

// Threads returns the threads that the filter lets through, the newest
// activity first.
func (s *Store) Threads(ctx context.Context, f ThreadFilter) (threads []event.Thread, err error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	ok, err := s.fromIndex(ctx, func(v *index.View) (err error) {
		threads, err = indexedThreads(v, f)
		return err
	})
	if ok || err != nil {
		return threads, err
	}
	return s.walkThreads(ctx, f)
}

func (s *Store) walkThreads(ctx context.Context, f ThreadFilter) ([]event.Thread, error) {
	all, err := s.filtered(ctx, f)
	if err != nil {
		return nil, err
	}
	threads := make([]event.Thread, len(all))
	for i, one := range all {
		threads[i] = one.shown()
	}
	slices.SortFunc(threads, newestFirst)
	if f.Limit > 0 && len(threads) > f.Limit {
		threads = threads[:f.Limit]
	}
	return threads, nil
}

// shown returns a copy that the caller may change.
func (f *folded) shown() event.Thread {
	t := f.thread
	t.Members = slices.Clone(t.Members)
	return t
}

func newestFirst(a, b event.Thread) int {
	if c := b.Last.Compare(a.Last); c != 0 {
		return c
	}
	return strings.Compare(a.Ref.String(), b.Ref.String())
}

// filtered returns the threads that pass the filter, which has been checked.
func (s *Store) filtered(ctx context.Context, f ThreadFilter) ([]*folded, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	threads, err := s.locate(projects, f.Project)
	if err != nil {
		return nil, err
	}
	all, err := s.foldAll(ctx, threads)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(one *folded) bool { return !f.pass(&one.thread) }), nil
}

// check turns names into the form in which the store has them.
func (f *ThreadFilter) check() (err error) {
	if f.Project != "" {
		if f.Project, err = event.Slug(f.Project); err != nil {
			return fmt.Errorf("project: %w", err)
		}
	}
	if f.Member != "" {
		if f.Member, err = event.AgentName(f.Member); err != nil {
			return fmt.Errorf("member: %w", err)
		}
	}
	f.Status = strings.ToLower(f.Status)
	switch f.Status {
	case "", event.StatusActive, event.StatusResolved, event.StatusArchived:
		return nil
	}
	return fmt.Errorf("status: there is no status %q; use active, resolved or archived", f.Status)
}

func (f *ThreadFilter) pass(t *event.Thread) bool {
	return (f.Status == "" || t.Status == f.Status) &&
		(f.Member == "" || slices.Contains(t.Members, f.Member))
}

// Projects returns the projects, the newest activity first.
func (s *Store) Projects(ctx context.Context) (all []event.Project, err error) {
	ok, err := s.fromIndex(ctx, func(v *index.View) (err error) {
		all, err = v.Projects()
		return err
	})
	if ok || err != nil {
		return all, err
	}
	return s.walkProjects(ctx)
}

func (s *Store) walkProjects(ctx context.Context) ([]event.Project, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	by, err := s.projectPlaces(projects, "")
	if err != nil {
		return nil, err
	}
	all := make([]event.Project, 0, len(by))
	for name, places := range by {
		p, err := s.project(ctx, name, places)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b event.Project) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

func (s *Store) project(ctx context.Context, name string, places []subtree) (event.Project, error) {
	in, err := s.threadsIn(name, places)
	if err != nil {
		return event.Project{}, err
	}
	all, err := s.foldAll(ctx, in)
	if err != nil {
		return event.Project{}, err
	}
	threads := make([]event.Thread, len(all))
	for i, one := range all {
		threads[i] = one.thread
	}
	own, err := s.projectEvents(ctx, places)
	if err != nil {
		return event.Project{}, err
	}
	return event.FoldProject(name, own, threads...), nil
}

// projectEvents reads a project's own events.
func (s *Store) projectEvents(ctx context.Context, places []subtree) ([]*event.Event, error) {
	sums := s.newSummer(ctx)
	var own []subtree
	for _, place := range places {
		raw, err := s.tree(place.hash)
		if err != nil {
			return nil, s.leaveOut(place.path, err)
		}
		if e, ok := lookup(raw, event.ProjectDir); ok {
			own = append(own, place.sub(e))
		}
	}
	sum, err := sums.thread(own)
	if err != nil {
		return nil, err
	}
	var skipped int
	return sums.events(sum.events, &skipped)
}

// Thread returns one thread. ref is as Read takes it. A thread that is not
// there is an *UnknownError.
func (s *Store) Thread(ctx context.Context, ref string) (*event.Thread, error) {
	f, err := s.openThread(ctx, ref)
	if err != nil {
		return nil, err
	}
	t := f.shown()
	return &t, nil
}
