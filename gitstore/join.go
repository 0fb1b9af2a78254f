package gitstore

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// joins remembers who has joined, and keeps goroutines of one process from
// joining the same agent twice.
type joins struct {
	done sync.Map      // agent name -> true
	turn chan struct{} // holds a token while somebody joins
}

// Join makes an agent known: the first time ever it commits the agent's first
// profile event, afterwards it does nothing. From then on messages can be
// addressed to the agent. Post, UpdateThread and Acknowledge join their author
// by themselves.
func (s *Store) Join(ctx context.Context, agent string) error {
	name, err := event.AgentName(agent)
	if err != nil {
		return err
	}
	if _, ok := s.joins.done.Load(name); ok {
		return nil
	}
	select {
	case s.joins.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s.joins.turn }()
	there, err := s.hasProfile(name)
	if err == nil && !there {
		err = s.append(ctx, newRequest(home{agent: name}, &event.Event{Kind: event.KindProfile, From: name, Person: s.opts.Person}))
	}
	if err == nil {
		s.joins.done.Store(name, true)
	}
	return err
}

// hasProfile tells whether a profile event of the agent is in the store.
func (s *Store) hasProfile(name string) (bool, error) {
	d, found, err := s.agentDir(name)
	if err != nil || !found {
		return false, err
	}
	return d.holdsProfile()
}

// agentDir returns the directory of an agent at the tip.
func (s *Store) agentDir(name string) (d dir, found bool, err error) {
	tip, err := s.tipState(agentsRef)
	if err != nil {
		return dir{}, false, err
	}
	root, err := rootDir(s.tree, tip.tree)
	if err != nil {
		return dir{}, false, err
	}
	return homeDir(root, home{agent: name})
}

// holdsProfile looks through the events of an agent; the first one, which
// comes first, is its profile.
func (d dir) holdsProfile() (bool, error) {
	for e := range entries(d.raw) {
		if !e.Dir {
			if strings.HasSuffix(e.Name, "."+string(event.KindProfile)+".md") {
				return true, nil
			}
			continue
		}
		sub, err := d.child(e.Name)
		if err != nil {
			return false, err
		}
		if there, err := sub.holdsProfile(); there || err != nil {
			return there, err
		}
	}
	return false, nil
}

// forEveryone are names that people and models try for "*".
var forEveryone = []string{"all", "everybody", "everyone", "team"}

// unknownAgent returns the error for a name that no agent holds.
func (s *Store) unknownAgent(name, hint string) error {
	if slices.Contains(forEveryone, name) {
		return &UnknownError{What: "agent", Name: name, Hint: `"*" stands for everyone`}
	}
	names, err := s.agentDirs()
	if err != nil {
		return err
	}
	return &UnknownError{What: "agent", Name: name, Nearest: nearest(name, names), Hint: hint}
}

// agentDirs lists everyone who has a directory.
func (s *Store) agentDirs() ([]string, error) {
	tip, err := s.tipState(agentsRef)
	if err != nil {
		return nil, err
	}
	root, err := s.tree(tip.tree)
	if err != nil {
		return nil, err
	}
	top, _ := lookup(root, agentsDir)
	return s.agentsBelow(top.Hash)
}

func (s *Store) agentsBelow(h plumbing.Hash) ([]string, error) {
	raw, err := s.tree(h)
	if err != nil {
		return nil, err
	}
	var names []string
	for e := range entries(raw) {
		if strings.HasPrefix(e.Name, "_") && e.Dir {
			more, err := s.agentsBelow(e.Hash)
			if err != nil {
				return nil, err
			}
			names = append(names, more...)
		} else if name, err := event.AgentFromDir(e.Name); err == nil {
			names = append(names, name)
		}
	}
	return names, nil
}
