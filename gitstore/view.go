package gitstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// reader is what the read side keeps in a Store between calls. Its zero value
// is ready.
type reader struct {
	view      view
	seen      seenView
	folds     folds
	summaries summaries
}

// release lets go of the views: they take 85 bytes a message, and the index
// answers without them. Views that are in use are left.
func (r *reader) release() {
	if r.view.mu.TryLock() {
		if r.view.built {
			r.view.reset()
		}
		r.view.mu.Unlock()
	}
	if r.seen.mu.TryLock() {
		if r.seen.built {
			r.seen.reset()
		}
		r.seen.mu.Unlock()
	}
}

// view is what an inbox needs to know of main, folded from all of its events
// up to some tree. It is built when it is first asked for, and brought up to
// date by what differs between two trees; history does not matter, so it is
// right after a replay too. Its zero value is ready.
type view struct {
	mu      sync.Mutex
	built   bool
	top     subtree
	records []record // by id, then by directory
	threads []viewThread
	broken  map[string]bool // paths of what could not be read

	byRef  map[event.ThreadRef]uint32
	dirs   table[string]
	agents table[string]
	lists  lists
}

// record is what the view keeps of a message: 72 bytes, because a store may
// hold a million.
type record struct {
	id      event.ID
	blob    plumbing.Hash
	dir     uint32 // in view.dirs
	thread  uint32 // in view.threads
	from    uint32 // in view.agents
	to      uint32 // in view.lists
	tags    uint32 // in view.lists
	needAck bool   // stays in the inbox when it has expired
	expires int64  // Unix milliseconds; 0: never
}

// viewThread is a thread, and its own events by path.
type viewThread struct {
	ref    event.ThreadRef
	events map[string]*event.Event
	folded event.Thread // without messages
}

// table numbers values. The zero value is ready.
type table[T comparable] struct {
	numbers map[T]uint32
	values  []T
}

func (t *table[T]) number(v T, keep func(T) T) uint32 {
	if n, ok := t.numbers[v]; ok {
		return n
	}
	if t.numbers == nil {
		t.numbers = make(map[T]uint32)
	}
	n := uint32(len(t.values))
	v = keep(v)
	t.numbers[v], t.values = n, append(t.values, v)
	return n
}

// lists numbers lists of strings; 0 is the empty list. The zero value is ready.
type lists struct {
	keys   table[string]
	values [][]string
}

func (l *lists) number(list []string) uint32 {
	if len(l.values) == 0 {
		l.keys.number("", strings.Clone)
		l.values = append(l.values, nil)
	}
	n := l.keys.number(strings.Join(list, "\x00"), strings.Clone)
	if int(n) == len(l.values) {
		l.values = append(l.values, strings.Split(l.keys.values[n], "\x00"))
	}
	return n
}

// batch is what was read for a view and is not part of it yet: a call that is
// given up half-way leaves the view as it was.
type batch struct {
	records []record
	events  map[uint32]map[string]*event.Event // by thread and path
	broken  []string
}

// catchUp makes the view one of the tip. v.mu must be held: the tip is looked
// up under it, so that calls do not drive the view back and forth.
func (v *view) catchUp(ctx context.Context, s *Store) error {
	top, err := s.projects()
	if err != nil || v.built && v.top.hash == top.hash {
		return err
	}
	var c changes
	err = s.diff(ctx, subtree{top.path, v.top.hash}, top, &c)
	if damage(err) { // the old tree has gone: begin anew
		v.reset()
		c = changes{}
		err = s.diff(ctx, subtree{path: top.path}, top, &c)
	}
	if err != nil {
		return err
	}
	b := &batch{events: map[uint32]map[string]*event.Event{}, broken: c.broken}
	if err := v.read(ctx, s, &c, b); err != nil {
		return err
	}
	if err := s.expandGone(ctx, &c); err != nil {
		return err
	}
	v.remove(&c)
	v.apply(b)
	v.built, v.top = true, top
	return nil
}

// reset empties a view.
func (v *view) reset() {
	v.built, v.top, v.records, v.threads, v.broken, v.byRef = false, subtree{}, nil, nil, nil, nil
	v.dirs, v.agents, v.lists = table[string]{}, table[string]{}, lists{}
}

// expandGone turns the directories that are gone into their files.
func (s *Store) expandGone(ctx context.Context, c *changes) error {
	var mu sync.Mutex
	w := walk{s: s, visit: func(_ int, f leaf) error {
		mu.Lock()
		defer mu.Unlock()
		c.removed = append(c.removed, f)
		return nil
	}}
	_, err := w.run(ctx, c.gone...)
	return err
}

// read reads what is new into b.
func (v *view) read(ctx context.Context, s *Store, c *changes, b *batch) error {
	var mu sync.Mutex
	visit := func(_ int, f leaf) error {
		e, err := s.event(f)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			v.add(b, f, e)
			return nil
		}
		b.broken = append(b.broken, f.path())
		return s.leaveOut(f.path(), err)
	}
	for _, f := range c.added {
		if err := visit(0, f); err != nil {
			return err
		}
	}
	w := walk{s: s, visit: visit, enter: notProjectDir}
	w.lost = func(path string) {
		mu.Lock()
		defer mu.Unlock()
		b.broken = append(b.broken, path)
	}
	_, err := w.run(ctx, c.fresh...)
	return err
}

// notProjectDir keeps out of projects' own events, which no inbox needs.
func notProjectDir(d subtree) bool { return !strings.HasSuffix(d.path, "/"+event.ProjectDir) }

// add puts an event into the batch.
func (v *view) add(b *batch, f leaf, e *event.Event) {
	ref, _, ok := cutThread(f.dir)
	if !ok {
		if e.Kind != event.KindProject {
			b.broken = append(b.broken, f.path())
		}
		return
	}
	thread := v.thread(ref)
	switch e.Kind {
	case event.KindMessage:
		b.records = append(b.records, v.record(f, e, thread))
	case event.KindThread:
		if b.events[thread] == nil {
			b.events[thread] = map[string]*event.Event{}
		}
		b.events[thread][f.path()] = e
	default:
		b.broken = append(b.broken, f.path())
	}
}

func (v *view) record(f leaf, e *event.Event, thread uint32) record {
	r := record{
		id:      e.ID,
		blob:    f.hash,
		dir:     v.dirs.number(f.dir, strings.Clone),
		thread:  thread,
		from:    v.agents.number(e.From, strings.Clone),
		to:      v.lists.number(e.To),
		tags:    v.lists.number(e.Tags),
		needAck: e.RequireAck,
	}
	if !e.Expires.IsZero() {
		r.expires = e.Expires.UnixMilli()
	}
	return r
}

// thread returns the number of a thread.
func (v *view) thread(ref event.ThreadRef) uint32 {
	if n, ok := v.byRef[ref]; ok {
		return n
	}
	if v.byRef == nil {
		v.byRef = make(map[event.ThreadRef]uint32)
	}
	ref = event.ThreadRef{Project: strings.Clone(ref.Project), Thread: strings.Clone(ref.Thread)}
	n := uint32(len(v.threads))
	v.byRef[ref] = n
	v.threads = append(v.threads, viewThread{ref: ref, folded: event.FoldThread(ref, nil)})
	return n
}

// apply makes a batch part of the view.
func (v *view) apply(b *batch) {
	for n, events := range b.events {
		t := &v.threads[n]
		if t.events == nil {
			t.events = make(map[string]*event.Event)
		}
		maps.Copy(t.events, events)
		t.fold()
	}
	if v.broken == nil {
		v.broken = make(map[string]bool)
	}
	for _, path := range b.broken {
		v.broken[path] = true
	}
	slices.SortFunc(b.records, compareRecords)
	tail := len(v.records) > 0 && len(b.records) > 0 && compareRecords(b.records[0], v.records[len(v.records)-1]) < 0
	v.records = append(v.records, b.records...)
	if tail { // older messages came late, by another machine
		slices.SortFunc(v.records, compareRecords)
	}
}

func (t *viewThread) fold() {
	t.folded = event.FoldThread(t.ref, slices.Collect(maps.Values(t.events)))
}

func compareRecords(a, b record) int {
	if c := a.id.Compare(b.id); c != 0 {
		return c
	}
	return cmp.Compare(a.dir, b.dir)
}

// recordKey tells a message's record by its path.
type recordKey struct {
	dir   uint32
	short uint64
}

// remove drops what is not in the tree any more.
func (v *view) remove(c *changes) {
	if len(c.removed)+len(c.gone) == 0 {
		return
	}
	gone := make(map[recordKey]bool)
	for _, f := range c.removed {
		delete(v.broken, f.path())
		if ref, _, ok := cutThread(f.dir); ok {
			v.threads[v.thread(ref)].forget(f.path())
		}
		if name, err := event.ParseFileName(f.name); err == nil {
			gone[recordKey{v.dirs.number(f.dir, strings.Clone), shortBits(name.Short)}] = true
		}
	}
	for _, d := range c.gone {
		maps.DeleteFunc(v.broken, func(path string, _ bool) bool { return path == d.path || strings.HasPrefix(path, d.path+"/") })
	}
	v.records = slices.DeleteFunc(v.records, func(r record) bool { return gone[recordKey{r.dir, lowBits(r.id)}] })
}

// forget drops one of the thread's own events.
func (t *viewThread) forget(path string) {
	if t.events[path] != nil {
		delete(t.events, path)
		t.fold()
	}
}

// shortBits returns the 40 bits of a short id, or of the beginning of one.
func shortBits(short string) (bits uint64) {
	for i := range len(short) {
		bits = bits<<5 | uint64(strings.IndexByte(base32Digits, short[i]))
	}
	return bits << (5 * (shortID - len(short)))
}

// lowBits returns the 40 bits of an id that its short form shows.
func lowBits(id event.ID) uint64 { return binary.BigEndian.Uint64(id[8:]) & (1<<40 - 1) }

// leaf returns the file that a record was read from.
func (v *view) leaf(r record) leaf { return leaf{dir: v.dirs.values[r.dir], hash: r.blob} }

// filesOf does what Store.filesOf does from the view, if it is built and up to
// date; ok is false otherwise. The names of the files are left open.
func (v *view) filesOf(top subtree, match idMatch) (files []leaf, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.built || v.top.hash != top.hash {
		return nil, false
	}
	for _, p := range match.prefixes {
		shift := 5 * (shortID - len(p))
		want := shortBits(p) >> shift
		for i := range v.records {
			if lowBits(v.records[i].id)>>shift == want {
				files = append(files, v.leaf(v.records[i]))
			}
		}
	}
	return files, true
}
