package gitstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"skein/gitstore/event"
)

// ThreadUpdate changes a thread, or a project. A nil field stays as it is; a
// title or a description that is "" is taken away.
type ThreadUpdate struct {
	From string // the agent who changes it

	// Thread is the thread, as in Post; one that is not there yet is opened.
	// If it is "", Project is what is changed or opened: its title and
	// description.
	Thread, Project string

	Title, Description *string
	Status             *string  // event.StatusActive, StatusResolved or StatusArchived
	Add, Remove        []string // members
}

// UpdateThread commits a change to a thread or a project and returns what the
// thread is now; for a project, a Thread with its title and description whose
// Ref.Thread is "". Members that are added must be known (*UnknownError).
func (s *Store) UpdateThread(ctx context.Context, u ThreadUpdate) (*event.Thread, error) {
	r, err := s.composeUpdate(ctx, u)
	if err != nil {
		return nil, err
	}
	if err := s.stamp(r); err != nil {
		return nil, err
	}
	if err := s.Join(ctx, r.event.From); err != nil {
		return nil, err
	}
	if err := s.append(ctx, r); err != nil {
		return nil, err
	}
	if r.event.Kind == event.KindProject {
		return s.projectAsThread(ctx, r.home.project)
	}
	return s.Thread(ctx, r.home.threadRef().String())
}

func (s *Store) composeUpdate(ctx context.Context, u ThreadUpdate) (*request, error) {
	from, err := event.AgentName(u.From)
	if err != nil {
		return nil, err
	}
	e := &event.Event{From: from}
	for _, field := range []struct {
		name  string
		given *string
		to    *string
	}{{"title", u.Title, &e.Title}, {"description", u.Description, &e.Description}, {"status", u.Status, &e.Status}} {
		if field.given == nil {
			continue
		}
		if *field.to = strings.TrimSpace(*field.given); *field.to != "" {
			continue
		}
		if field.name == "status" {
			return nil, errors.New("status: cannot be made empty; give active, resolved or archived, or leave it out")
		}
		e.Clear = append(e.Clear, field.name)
	}
	e.Status = strings.ToLower(e.Status)
	if e.Add, err = agentNames(u.Add); err != nil {
		return nil, fmt.Errorf("add: %w", err)
	}
	if e.Remove, err = agentNames(u.Remove); err != nil {
		return nil, fmt.Errorf("remove: %w", err)
	}
	if err := s.checkKnown(from, e.Add, "it can be added once it has joined"); err != nil {
		return nil, err
	}
	if u.Thread == "" {
		return s.updateProject(e, u.Project)
	}
	return s.updateThread(ctx, e, u)
}

func (s *Store) updateThread(ctx context.Context, e *event.Event, u ThreadUpdate) (*request, error) {
	ref, err := s.resolveThread(ctx, u.Thread, u.Project)
	if err != nil {
		return nil, err
	}
	e.Kind = event.KindThread
	h := threadHome(ref)
	if e.Title == "" && e.Description == "" && e.Status == "" && len(e.Add)+len(e.Remove)+len(e.Clear) == 0 {
		found, err := s.homeExists(h)
		if err != nil {
			return nil, err
		}
		if found {
			return nil, errors.New("nothing to change; give a title, description or status, or members to add or remove")
		}
		e.Status = event.StatusActive
	}
	return newRequest(h, e), nil
}

func (s *Store) updateProject(e *event.Event, name string) (*request, error) {
	if name == "" {
		return nil, errors.New("thread: is missing; give project/thread, or a project to change that")
	}
	slug, err := event.Slug(name)
	if err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	e.Kind = event.KindProject
	h := home{project: slug}
	if e.Status != "" || len(e.Add)+len(e.Remove) > 0 {
		return nil, errors.New("thread: is missing; a project has a title and a description, only threads have a status and members")
	}
	if e.Title == "" && e.Description == "" && len(e.Clear) == 0 {
		found, err := s.homeExists(h)
		if err != nil {
			return nil, err
		}
		if found {
			return nil, errors.New("nothing to change; give the project a title or a description")
		}
		e.Title = strings.TrimSpace(name)
	}
	return newRequest(h, e), nil
}

// homeExists tells whether a thread, or a project's own directory, is there.
func (s *Store) homeExists(h home) (bool, error) {
	tip, err := s.tipState(h.ref())
	if err != nil {
		return false, err
	}
	root, err := rootDir(s.tree, tip.tree)
	if err != nil {
		return false, err
	}
	_, found, err := homeDir(root, h)
	return found, err
}

// projectAsThread returns a project's own title and description.
func (s *Store) projectAsThread(ctx context.Context, name string) (*event.Thread, error) {
	projects, err := s.projects()
	if err != nil {
		return nil, err
	}
	places, err := s.places(name, projects)
	if err != nil {
		return nil, err
	}
	events, err := s.projectEvents(ctx, places)
	if err != nil {
		return nil, err
	}
	p := event.FoldProject(name, events)
	return &event.Thread{Ref: event.ThreadRef{Project: name}, Title: p.Title, Description: p.Description, Last: p.Last}, nil
}
