package index

import (
	"cmp"
	"database/sql"
	"slices"
	"strings"
	"time"

	"skein/gitstore/event"
)

// agent is anybody who has written something or was named.
type agent struct {
	n    int64
	name string
	row  agentRow
}

// agentRow is what the table agents holds, as JSON. Times are in Unix
// milliseconds; 0: never.
type agentRow struct {
	Joined   int64  `json:",omitempty"`
	LastSeen int64  `json:",omitempty"` // of the last profile
	Status   string `json:",omitempty"`
	Metadata []byte `json:",omitempty"`
	Person   bool   `json:",omitempty"`
	Quiet    bool   `json:",omitempty"`

	Last  event.ID // of the profiles folded so far the greatest
	Wrote int64    `json:",omitempty"` // the latest of anything it wrote
	Boxes []byte   `json:",omitempty"` // boxState by block
}

// profile folds in a profile that comes after those folded so far.
func (r *agentRow) profile(e *event.Event) {
	a := r.agent("")
	a.Apply(e)
	r.keep(a)
	r.Last = e.ID
}

// replace takes over the fold of all profiles.
func (r *agentRow) replace(name string, profiles []*event.Event) {
	r.keep(event.FoldAgent(name, profiles))
	r.Last = event.ID{}
	for _, e := range profiles {
		if e.ID.Compare(r.Last) > 0 {
			r.Last = e.ID
		}
	}
}

// agent is what the row says of an agent.
func (r *agentRow) agent(name string) event.Agent {
	return event.Agent{Name: name, Status: r.Status, Metadata: r.Metadata, Joined: when(r.Joined), LastSeen: when(r.LastSeen),
		Person: r.Person, Quiet: r.Quiet}
}

func (r *agentRow) keep(a event.Agent) {
	r.Joined, r.LastSeen, r.Status, r.Metadata, r.Person, r.Quiet = 0, 0, a.Status, slices.Clone(a.Metadata), a.Person, a.Quiet
	if !a.Joined.IsZero() {
		r.Joined, r.LastSeen = a.Joined.UnixMilli(), a.LastSeen.UnixMilli()
	}
}

// Agent is an agent as its profiles make it, and when it last wrote anything:
// a message, a receipt, a profile or a change of a thread.
type Agent struct {
	event.Agent
	Wrote time.Time
}

func (a *agent) shown() Agent {
	return Agent{Agent: a.row.agent(a.name), Wrote: when(a.row.Wrote)}
}

// when is the time of Unix milliseconds, the zero Time for 0.
func when(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

const (
	readAgentSQL  = `SELECT n, data FROM agents WHERE name = ?`
	nameAgentSQL  = `SELECT name FROM agents WHERE n = ?`
	readAgentsSQL = `SELECT n, name, data FROM agents`
)

// agent reads an agent; nil if nobody of that name was ever mentioned.
func (c *conn) agent(name string) (*agent, error) {
	a := &agent{name: name}
	var data []byte
	found, err := c.row(readAgentSQL, []any{name}, &a.n, &data)
	if err != nil || !found {
		return nil, err
	}
	return a, unsealJSON(data, &a.row, a.n)
}

// Agents returns everyone who has joined, by name.
func (v *View) Agents() ([]Agent, error) {
	var all []Agent
	var data sql.RawBytes
	err := v.c.each(v.ctx, readAgentsSQL, nil, func(scan func(...any) error) error {
		a := &agent{}
		if err := scan(&a.n, &a.name, &data); err != nil {
			return err
		}
		if err := unsealJSON(data, &a.row, a.n); err != nil {
			return err
		}
		if a.row.Joined != 0 {
			all = append(all, a.shown())
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Agent) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// agent returns the agent of that name, for whom there may be no row yet.
func (w *writer) agent(name string) (*agent, error) {
	if a := w.agents[name]; a != nil {
		return a, nil
	}
	a, err := w.c.agent(name)
	if err != nil {
		return nil, err
	}
	if a == nil {
		w.lastAgent++
		a = &agent{n: w.lastAgent, name: name}
		w.changedAgents[a] = true
	}
	w.agents[name], w.numbers[a.n] = a, a
	return a, nil
}

// wrote takes account of the time at which an agent wrote something.
func (w *writer) wrote(a *agent, at int64) {
	if at > a.row.Wrote {
		a.row.Wrote = at
		w.changedAgents[a] = true
	}
}

// unwrote takes account of the time of something that is there no more.
func (w *writer) unwrote(a *agent, at int64) {
	if at >= a.row.Wrote {
		w.lostWrote[a] = true
	}
}

func (w *writer) addProfile(a *agent, e *event.Event) {
	if e.ID.Compare(a.row.Last) <= 0 {
		w.refolded[a] = true
		return
	}
	joined := a.row.Joined
	a.row.profile(e)
	w.changedAgents[a] = true
	if a.row.Joined != joined {
		w.rejoined[a] = true
	}
}

// refoldAgents folds the agents anew whose profiles came out of order, or went.
func (w *writer) refoldAgents() error {
	for a := range w.refolded {
		profiles, err := w.c.events(agentOwner(a.name))
		if err != nil {
			return err
		}
		joined := a.row.Joined
		a.row.replace(a.name, profiles)
		w.changedAgents[a] = true
		if a.row.Joined != joined {
			w.rejoined[a] = true
		}
	}
	for a := range w.rejoined {
		for number := range w.state.lastBlock() + 1 {
			w.touch(a, number)
		}
	}
	return nil
}

const (
	latestEventSQL   = `SELECT coalesce(max(at), 0) FROM events WHERE agent = ? AND owner NOT LIKE 'p:%'`
	latestMessageSQL = `SELECT n, data FROM messages WHERE n IN (SELECT rowid FROM words WHERE words MATCH ?)`
	agentSightsSQL   = `SELECT part, data FROM sights WHERE agent = ?`
	latestPendingSQL = `SELECT sight FROM pending WHERE agent = ?`
)

// findWrote looks for the last that agents wrote whose last has gone. It comes
// after flushParts.
func (w *writer) findWrote() error {
	for a := range w.lostWrote {
		latest, err := w.latest(a)
		if err != nil {
			return err
		}
		a.row.Wrote = latest
		w.changedAgents[a] = true
	}
	return nil
}

func (w *writer) latest(a *agent) (latest int64, err error) {
	if _, err := w.c.row(latestEventSQL, []any{a.n}, &latest); err != nil {
		return 0, err
	}
	err = w.c.records(w.ctx, latestMessageSQL, []any{quoted(fromMark + a.name)}, func(m numbered) error {
		latest = max(latest, m.at)
		return nil
	})
	if err != nil {
		return 0, err
	}
	var part int64
	var data sql.RawBytes
	err = w.c.each(w.ctx, agentSightsSQL, []any{a.n}, func(scan func(...any) error) error {
		if err := scan(&part, &data); err != nil {
			return err
		}
		sights, err := decodeSights(data, part, a.n)
		for _, s := range sights {
			latest = max(latest, s.at())
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	err = w.c.each(w.ctx, latestPendingSQL, []any{a.n}, func(scan func(...any) error) error {
		var s int64
		err := scan(&s)
		latest = max(latest, sight(s).at())
		return err
	})
	return latest, err
}

const writeAgentSQL = `INSERT OR REPLACE INTO agents(n, name, data) VALUES(?, ?, ?)`

func (w *writer) flushAgents() error {
	all := make([]*agent, 0, len(w.changedAgents))
	for a := range w.changedAgents {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *agent) int { return cmp.Compare(a.n, b.n) })
	for _, a := range all {
		data, err := sealJSON(&a.row, a.n)
		if err != nil {
			return err
		}
		if err := w.c.exec(writeAgentSQL, a.n, a.name, data); err != nil {
			return err
		}
	}
	clear(w.changedAgents)
	return nil
}
