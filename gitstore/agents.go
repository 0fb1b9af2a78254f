package gitstore

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// Agents returns everyone who has joined, by name. LastSeen is when the agent
// last wrote anything, a message or a receipt, to the second.
func (s *Store) Agents(ctx context.Context) (all []event.Agent, err error) {
	ok, err := s.fromIndex(ctx, func(v *index.View) (err error) {
		all, err = indexedAgents(v)
		return err
	})
	if ok || err != nil {
		return all, err
	}
	return s.walkAgents(ctx)
}

func (s *Store) walkAgents(ctx context.Context) ([]event.Agent, error) {
	agents, err := s.agents()
	if err != nil {
		return nil, err
	}
	by, err := s.group([]subtree{agents})
	if err != nil {
		return nil, err
	}
	wrote, err := s.lastWritten(ctx)
	if err != nil {
		return nil, err
	}
	sums := s.newSummer(ctx)
	all := make([]event.Agent, 0, len(by))
	for name, places := range by {
		a, err := sums.agent(name, places)
		if err != nil {
			return nil, err
		}
		if a.Joined.IsZero() {
			continue
		}
		if at := time.Unix(wrote[a.Name], 0).UTC(); at.After(a.LastSeen) {
			a.LastSeen = at
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b event.Agent) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// agent folds the profile of the agent whose directory has that name.
func (m *summer) agent(dirName string, places []subtree) (event.Agent, error) {
	name, err := event.AgentFromDir(dirName)
	if err != nil {
		return event.Agent{}, nil // Verify reports the directory
	}
	sum, err := m.thread(places)
	if err != nil {
		return event.Agent{}, err
	}
	profiles, err := m.events(sum.events, &sum.skipped)
	if err != nil {
		return event.Agent{}, err
	}
	a := event.FoldAgent(name, profiles)
	if at := time.Unix(sum.wrote[name], 0).UTC(); at.After(a.LastSeen) {
		a.LastSeen = at
	}
	return a, nil
}

// lastWritten returns the second at which each agent last wrote to main.
func (s *Store) lastWritten(ctx context.Context) (map[string]int64, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	threads, err := s.locate(projects, "")
	if err != nil {
		return nil, err
	}
	sums := s.newSummer(ctx)
	var mu sync.Mutex
	var total summary
	err = sums.each(len(threads), func(i int) error {
		sum, err := sums.thread(threads[i].places)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for agent, at := range sum.wrote {
			total.seen(agent, at)
		}
		return nil
	})
	return total.wrote, err
}
