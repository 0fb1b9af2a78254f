package gitstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"skein/gitstore/event"
)

// seenView is what an inbox needs to know of agents: who has joined when, and
// who has seen what. It is kept like view. Its zero value is ready.
type seenView struct {
	mu     sync.Mutex
	built  bool
	top    subtree
	agents map[string]*witness // by the name of the agent's directory
	broken map[string]bool     // paths of what could not be read
}

// witness is an agent as its receipts and profiles show it.
type witness struct {
	name   string
	joined int64      // Unix milliseconds; 0: never
	seen   []sighting // by message, each once
}

// sighting is an agent's receipt for one message.
type sighting struct {
	message event.ID
	at      int64 // Unix milliseconds
	acked   bool
}

func (g sighting) state() string {
	if g.acked {
		return event.StateAcknowledged
	}
	return event.StateRead
}

// compareSightings puts the one that counts first among those of a message:
// acknowledged beats read, then the earlier one.
func compareSightings(a, b sighting) int {
	if c := a.message.Compare(b.message); c != 0 {
		return c
	}
	if a.acked != b.acked {
		if a.acked {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.at, b.at)
}

// add takes account of an event of the agent's own directory.
func (w *witness) add(e *event.Event) {
	switch e.Kind {
	case event.KindProfile:
		if at := e.At.UnixMilli(); w.joined == 0 || at < w.joined {
			w.joined = at
		}
	case event.KindReceipt:
		for _, id := range e.Messages {
			w.seen = append(w.seen, sighting{id, e.At.UnixMilli(), e.State == event.StateAcknowledged})
		}
	}
}

// settle orders what was added behind the first n sightings.
func (w *witness) settle(n int) {
	if n == len(w.seen) {
		return
	}
	slices.SortFunc(w.seen[n:], compareSightings)
	if n > 0 && compareSightings(w.seen[n], w.seen[n-1]) < 0 {
		slices.SortFunc(w.seen, compareSightings)
	}
	w.seen = slices.CompactFunc(w.seen, func(a, b sighting) bool { return a.message == b.message })
}

// find returns the agent's receipt for a message.
func (w *witness) find(id event.ID) (sighting, bool) {
	i, ok := slices.BinarySearchFunc(w.seen, id, func(g sighting, id event.ID) int { return g.message.Compare(id) })
	if !ok {
		return sighting{}, false
	}
	return w.seen[i], true
}

// catchUp makes the view one of the tip, as view.catchUp does. v.mu must be held.
func (v *seenView) catchUp(ctx context.Context, s *Store) error {
	top, err := s.agents()
	if err != nil || v.built && v.top.hash == top.hash {
		return err
	}
	var c changes
	err = s.diff(ctx, subtree{top.path, v.top.hash}, top, &c)
	if err == nil && len(c.removed)+len(c.gone) > 0 || damage(err) {
		// Which receipt a sighting came from is not kept, and receipts hardly
		// ever go: begin anew.
		v.agents, v.broken = nil, nil
		c = changes{}
		err = s.diff(ctx, subtree{path: top.path}, top, &c)
	}
	if err != nil {
		return err
	}
	found, lost, err := s.readWitnesses(ctx, c.added, c.fresh, nil)
	if err != nil {
		return err
	}
	v.apply(found, append(c.broken, lost...))
	v.built, v.top = true, top
	return nil
}

// readWitnesses reads the receipts and profiles in some files, and in those
// directories that enter lets through.
func (s *Store) readWitnesses(ctx context.Context, files []leaf, dirs []subtree, enter func(subtree) bool) (found map[string]*witness, broken []string, err error) {
	var mu sync.Mutex
	found = make(map[string]*witness)
	lost := func(path string) {
		mu.Lock()
		defer mu.Unlock()
		broken = append(broken, path)
	}
	visit := func(_ int, f leaf) error {
		e, err := s.event(f)
		name, _, ok := cutAgent(f.path())
		if err != nil || !ok || event.AgentDir(e.From) != name {
			lost(f.path())
			return s.leaveOut(f.path(), err)
		}
		mu.Lock()
		defer mu.Unlock()
		if found[name] == nil {
			found[name] = &witness{name: e.From}
		}
		found[name].add(e)
		return nil
	}
	for _, f := range files {
		if err := visit(0, f); err != nil {
			return nil, nil, err
		}
	}
	w := walk{s: s, enter: enter, visit: visit, lost: lost}
	_, err = w.run(ctx, dirs...)
	return found, broken, err
}

func (v *seenView) reset() { v.built, v.top, v.agents, v.broken = false, subtree{}, nil, nil }

func (v *seenView) apply(found map[string]*witness, broken []string) {
	if v.agents == nil {
		v.agents, v.broken = make(map[string]*witness), make(map[string]bool)
	}
	for _, path := range broken {
		v.broken[path] = true
	}
	for name, add := range found {
		w := v.agents[name]
		if w == nil {
			w = &witness{name: add.name}
			v.agents[name] = w
		}
		if add.joined != 0 && (w.joined == 0 || add.joined < w.joined) {
			w.joined = add.joined
		}
		n := len(w.seen)
		w.seen = append(w.seen, add.seen...)
		w.settle(n)
	}
}

// receiptsOf returns what an agent has read and acknowledged.
func (s *Store) receiptsOf(ctx context.Context, agent string) (event.Receipts, error) {
	w, err := s.witness(ctx, event.AgentDir(agent))
	if err != nil {
		return nil, err
	}
	receipts := make(event.Receipts, len(w.seen))
	for _, g := range w.seen {
		receipts[g.message] = g.state()
	}
	return receipts, nil
}

// recorded returns what an agent has read and acknowledged of some messages.
func (s *Store) recorded(ctx context.Context, agent string, messages []*Message) (event.Receipts, error) {
	indexed, ok, err := s.indexedReceipts(ctx, messages)
	if err != nil {
		return nil, err
	}
	if !ok {
		return s.receiptsOf(ctx, agent)
	}
	states := make(event.Receipts)
	for id, receipts := range indexed {
		for _, r := range receipts {
			if r.Agent == agent {
				states[id] = r.State
			}
		}
	}
	return states, nil
}

// witness returns what is known of one agent, from the view if that is built,
// else by reading the agent's own directory. It must not be modified.
func (s *Store) witness(ctx context.Context, name string) (*witness, error) {
	v := &s.read.seen
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.built {
		if err := v.catchUp(ctx, s); err != nil {
			return nil, err
		}
		return v.copyOf(name), nil
	}
	top, err := s.agents()
	if err != nil {
		return nil, err
	}
	places, err := s.places(name, top)
	if err != nil {
		return nil, err
	}
	found, _, err := s.readWitnesses(ctx, nil, places, nil)
	if err != nil || found[name] == nil {
		return &witness{}, err
	}
	found[name].settle(0)
	return found[name], nil
}

// copyOf returns what is known of an agent; nothing of one that is not there.
// v.mu must be held.
func (v *seenView) copyOf(name string) *witness {
	w := v.agents[name]
	if w == nil {
		return &witness{}
	}
	return &witness{w.name, w.joined, slices.Clone(w.seen)}
}

// fillReceipts fills in who has seen the messages.
func (s *Store) fillReceipts(ctx context.Context, messages []*Message) error {
	if len(messages) == 0 {
		return nil
	}
	if !s.opts.Resident && s.now().Sub(oldest(messages)) < fewReceipts {
		return s.walkReceipts(ctx, messages)
	}
	indexed, ok, err := s.indexedReceipts(ctx, messages)
	if err != nil {
		return err
	}
	if !ok {
		return s.walkReceipts(ctx, messages)
	}
	for _, m := range messages {
		m.Receipts = nil
		for _, r := range indexed[m.ID] {
			m.Receipts = append(m.Receipts, Receipt(r))
		}
	}
	return nil
}

// fewReceipts is the time whose receipts are read sooner than the index is
// opened, in a process that does nothing else.
const fewReceipts = 24 * time.Hour

// oldest is when the first of some messages was written.
func oldest(messages []*Message) time.Time {
	return slices.MinFunc(messages, func(a, b *Message) int { return a.ID.Compare(b.ID) }).ID.Time()
}

// walkReceipts does what fillReceipts does from the tree.
func (s *Store) walkReceipts(ctx context.Context, messages []*Message) error {
	v := &s.read.seen
	v.mu.Lock()
	defer v.mu.Unlock()
	var err error
	var agents map[string]*witness
	if v.built {
		err = v.catchUp(ctx, s)
		agents = v.agents
	} else {
		agents, err = s.witnessesSince(ctx, messages)
	}
	if err != nil {
		return err
	}
	for _, m := range messages {
		m.Receipts = receiptsFor(m.ID, agents)
	}
	return nil
}

// witnessesSince reads the receipts that can be for the messages: a receipt's
// id is greater than that of the message, unless the message was written by a
// clock that was far ahead.
func (s *Store) witnessesSince(ctx context.Context, messages []*Message) (map[string]*witness, error) {
	top, err := s.agents()
	if err != nil {
		return nil, err
	}
	first := oldest(messages)
	since := first.Unix()
	if first.After(s.now()) {
		since = 0
	}
	found, _, err := s.readWitnesses(ctx, nil, []subtree{top}, func(d subtree) bool {
		_, rest, ok := cutAgent(d.path)
		if !ok {
			return true
		}
		_, in, ok := pathSpan(rest)
		return !ok || in.to >= since
	})
	for _, w := range found {
		w.settle(0)
	}
	return found, err
}

// receiptsFor returns the receipts for one message, oldest first.
func receiptsFor(id event.ID, agents map[string]*witness) []Receipt {
	var receipts []Receipt
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		if g, ok := agents[name].find(id); ok {
			receipts = append(receipts, Receipt{agents[name].name, g.state(), time.UnixMilli(g.at).UTC()})
		}
	}
	slices.SortStableFunc(receipts, func(a, b Receipt) int { return a.At.Compare(b.At) })
	return receipts
}
