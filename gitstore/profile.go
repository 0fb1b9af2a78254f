package gitstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"skein/gitstore/event"
)

// ProfileUpdate is what an agent says about itself. A nil field stays as it is.
type ProfileUpdate struct {
	From          string
	Status        *string         // one line; "" clears it
	Metadata      json.RawMessage // any JSON; null clears it
	Notifications *bool
}

// Empty tells whether the update would change nothing.
func (u ProfileUpdate) Empty() bool {
	return u.Status == nil && len(u.Metadata) == 0 && u.Notifications == nil
}

// Check says what is wrong with an update whose author is not settled yet.
func (u ProfileUpdate) Check() error {
	e, err := u.event()
	if err != nil {
		return err
	}
	// What the event will get when it is committed.
	e.ID, e.At, e.From = event.ID{1}, time.UnixMilli(0), "agent"
	return e.Validate()
}

func (u ProfileUpdate) event() (*event.Event, error) {
	e := &event.Event{Kind: event.KindProfile}
	if u.Status != nil {
		if e.Status = strings.TrimSpace(*u.Status); e.Status == "" {
			e.Clear = []string{"status"}
		}
	}
	if len(u.Metadata) > 0 {
		var err error
		if e.Payload, err = event.CompactPayload(u.Metadata); err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
	}
	if u.Notifications != nil {
		e.Notifications = event.NotificationsOff
		if *u.Notifications {
			e.Notifications = event.NotificationsOn
		}
	}
	return e, nil
}

// SetProfile commits what an agent says about itself and returns what is known
// of it now.
func (s *Store) SetProfile(ctx context.Context, u ProfileUpdate) (event.Agent, error) {
	name, err := event.AgentName(u.From)
	if err != nil {
		return event.Agent{}, err
	}
	if u.Empty() {
		return event.Agent{}, errors.New("nothing to change; give a status, metadata or notifications")
	}
	e, err := u.event()
	if err != nil {
		return event.Agent{}, err
	}
	e.From, e.Person = name, s.opts.Person
	if err := s.write(ctx, newRequest(home{agent: name}, e)); err != nil {
		return event.Agent{}, err
	}
	return s.Agent(ctx, name)
}

// Agent returns what is known of one agent. Of one that has not joined, Joined
// is zero. LastSeen is when it last wrote a profile or a receipt.
func (s *Store) Agent(ctx context.Context, name string) (event.Agent, error) {
	name, err := event.AgentName(name)
	if err != nil {
		return event.Agent{}, err
	}
	top, err := s.agents()
	if err != nil {
		return event.Agent{}, err
	}
	dir := event.AgentDir(name)
	places, err := s.places(dir, top)
	if err != nil || len(places) == 0 {
		return event.Agent{Name: name}, err
	}
	return s.newSummer(ctx).agent(dir, places)
}
