package gitstore

import (
	"context"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// summary is what the names of files tell of the part of a thread, a project's
// own events or an agent's below one directory. It must not be modified once it has been shared.
type summary struct {
	messages    int
	skipped     int    // files and directories that cannot be what they should
	events      []leaf // thread, project and profile events, in any order
	first, last edge
	wrote       map[string]int64 // agent -> the second of its last event
}

// edge holds the messages of the first or the last second of a directory.
// Their names do not tell in which order they were written, and nearly always
// there is just one.
type edge struct {
	second int64
	files  []leaf
}

// merge adds to sum what another directory holds.
func (sum *summary) merge(other *summary) {
	sum.messages += other.messages
	sum.skipped += other.skipped
	sum.events = append(sum.events, other.events...)
	sum.first.merge(other.first, -1)
	sum.last.merge(other.last, +1)
	for agent, at := range other.wrote {
		sum.seen(agent, at)
	}
}

func (sum *summary) seen(agent string, at int64) {
	if sum.wrote == nil {
		sum.wrote = make(map[string]int64)
	}
	sum.wrote[agent] = max(sum.wrote[agent], at)
}

// merge keeps the earlier (sign -1) or the later (+1) of two edges.
func (e *edge) merge(other edge, sign int64) {
	switch {
	case len(other.files) == 0 || len(e.files) > 0 && sign*other.second < sign*e.second:
	case len(e.files) == 0 || other.second != e.second:
		*e = edge{other.second, other.files[:len(other.files):len(other.files)]}
	default:
		e.files = append(e.files, other.files...)
	}
}

// add takes account of the file f of the month that began at month.
func (sum *summary) add(month int64, f leaf) {
	at, name, ok := nameOf(month, f.name)
	if !ok {
		sum.skipped++
		return
	}
	sum.seen(name.Agent, at)
	switch name.Kind {
	case event.KindMessage:
		one := edge{at, []leaf{f}}
		sum.messages++
		sum.first.merge(one, -1)
		sum.last.merge(one, +1)
	case event.KindReceipt: // there are as many as messages, and none is needed
	default:
		sum.events = append(sum.events, f)
	}
}

// summaries remembers what was read of directories, by the hash of their tree:
// what changed since the last look is then all that is read at the next. Its
// zero value is ready.
type summaries struct {
	mu     sync.Mutex
	byTree map[plumbing.Hash]*summary
	old    map[plumbing.Hash]*summary // of the last generation
}

// keepSummaries bounds a generation of summaries; some 300 bytes each.
const keepSummaries = 16 << 10

func (m *summaries) get(h plumbing.Hash) *summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sum := m.byTree[h]; sum != nil {
		return sum
	}
	sum := m.old[h]
	if sum != nil {
		m.keep(h, sum)
	}
	return sum
}

func (m *summaries) put(h plumbing.Hash, sum *summary) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(h, sum)
}

func (m *summaries) keep(h plumbing.Hash, sum *summary) {
	if m.byTree == nil || len(m.byTree) >= keepSummaries {
		m.byTree, m.old = make(map[plumbing.Hash]*summary), m.byTree
	}
	m.byTree[h] = sum
}

// summer reads summaries on all processors.
type summer struct {
	s     *Store
	ctx   context.Context
	spare chan struct{}
}

func (s *Store) newSummer(ctx context.Context) *summer {
	return &summer{s, ctx, make(chan struct{}, workers()-1)}
}

// each calls do for every number below n, on other processors as far as they
// are free. It returns one of the errors.
func (m *summer) each(n int, do func(i int) error) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		select {
		case m.spare <- struct{}{}:
			group.Go(func() {
				errs[i] = do(i)
				<-m.spare
			})
		default:
			errs[i] = do(i)
		}
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// thread sums up a thread that lies at the given places.
func (m *summer) thread(places []subtree) (*summary, error) {
	total := &summary{}
	for _, place := range places {
		months, skipped, err := m.months(place)
		if err != nil {
			return nil, err
		}
		total.skipped += skipped
		parts := make([]*summary, len(months))
		err = m.each(len(months), func(i int) (err error) {
			parts[i], err = m.dir(months[i].month, months[i].dir)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			total.merge(part)
		}
	}
	return total, nil
}

// months returns the directories of months in a thread's, a project's or an
// agent's directory, in order of time, and counts what is none.
func (m *summer) months(place subtree) (months []node, skipped int, err error) {
	raw, err := m.s.listing(place.hash)
	if err != nil {
		return nil, 1, m.s.leaveOut(place.path, err)
	}
	for e := range entries(raw) {
		in, ok := monthSpan(e.Name)
		if !ok || !e.Dir {
			skipped++
			continue
		}
		months = append(months, node{span: in, month: in.from, dir: place.sub(e)})
	}
	return months, skipped, nil
}

// dir sums up a directory of a month, or one into which it was split.
func (m *summer) dir(month int64, d subtree) (*summary, error) {
	if sum := m.s.read.summaries.get(d.hash); sum != nil {
		return sum, nil
	}
	if err := m.ctx.Err(); err != nil {
		return nil, err
	}
	raw, err := m.s.listing(d.hash)
	if err != nil {
		return &summary{skipped: 1}, m.s.leaveOut(d.path, err)
	}
	sum := &summary{}
	var subs []subtree
	for e := range entries(raw) {
		if e.Dir {
			subs = append(subs, d.sub(e))
		} else {
			sum.add(month, leaf{d.path, e.Name, e.Hash})
		}
	}
	parts := make([]*summary, len(subs))
	err = m.each(len(subs), func(i int) (err error) {
		parts[i], err = m.dir(month, subs[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		sum.merge(part)
	}
	m.s.read.summaries.put(d.hash, sum)
	return sum, nil
}

// group gathers the places of what lies below several directories (projects,
// threads, agents) by name.
func (s *Store) group(in []subtree) (map[string][]subtree, error) {
	by := make(map[string][]subtree)
	for _, d := range in {
		if err := s.children(d, by); err != nil {
			return nil, err
		}
	}
	return by, nil
}
