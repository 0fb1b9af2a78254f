package gitstore

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"skein/gitstore/event"
)

// Attendance is an agent, and its sessions on this machine.
type Attendance struct {
	event.Agent            // of one that has not joined, only the name
	Here        bool       // a session of it is alive on this machine
	Sessions    []Presence // those alive if there are any, else the one seen last
}

// Who returns everyone who has joined or has a session here, those who are here
// first, then by when they were last seen. With within > 0, only those who are
// here or were seen in that time.
func (s *Store) Who(ctx context.Context, within time.Duration) ([]Attendance, error) {
	agents, err := s.Agents(ctx)
	if err != nil {
		return nil, err
	}
	sessions, err := s.Presences(ctx)
	if err != nil {
		s.log.Warn("who is here cannot be told", "err", err)
	}
	by := make(map[string]*Attendance, len(agents))
	for _, a := range agents {
		by[a.Name] = &Attendance{Agent: a}
	}
	for _, p := range sessions {
		a := by[p.Agent]
		if a == nil {
			a = &Attendance{Agent: event.Agent{Name: p.Agent}}
			by[p.Agent] = a
		}
		a.note(p)
	}
	var all []Attendance
	for _, a := range by {
		if within <= 0 || a.Here || s.now().Sub(a.LastSeen) <= within {
			all = append(all, *a)
		}
	}
	slices.SortFunc(all, compareAttendance)
	return all, nil
}

// note takes account of a session; they come with the one seen last first.
func (a *Attendance) note(p Presence) {
	if p.Seen.After(a.LastSeen) {
		a.LastSeen = p.Seen
	}
	switch {
	case p.Alive && !a.Here:
		a.Here, a.Sessions = true, []Presence{p}
	case p.Alive || len(a.Sessions) == 0:
		a.Sessions = append(a.Sessions, p)
	}
}

func compareAttendance(a, b Attendance) int {
	if a.Here != b.Here {
		if a.Here {
			return -1
		}
		return 1
	}
	return cmp.Or(b.LastSeen.Compare(a.LastSeen), strings.Compare(a.Name, b.Name))
}
