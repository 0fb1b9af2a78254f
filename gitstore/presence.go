package gitstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"skein/gitstore/event"
)

// Presence is what a machine knows of a session: a running `skein serve`, or
// one that has ended. It lies beside the repository and is never committed.
type Presence struct {
	Agent   string    `json:"agent"`
	Client  string    `json:"client,omitempty"`  // the program that started the session
	Folder  string    `json:"folder,omitempty"`  // the project's folder
	Session string    `json:"session,omitempty"` // the client's own name for the session
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`

	Seen  time.Time `json:"-"` // when it last did something
	Alive bool      `json:"-"` // the process still runs

	stem string // of the session's files
}

// A session has two files in .git/skein/presence: <stem>.json says who it is,
// and its time stamp when it last did something; <stem>.lock is locked as long
// as the process lives, so that the kernel tells of its end, however it ends.
// The stem is the agent's name, with "+2" and so on for further sessions of the
// same name. Whoever takes, looks at or removes such a lock holds the file
// "lock" meanwhile, so that a look is never taken for an owner.
const (
	presenceDir  = "presence"
	presenceLock = "lock"
	seatInfo     = ".json"
	seatLock     = ".lock"
	presencePoll = 5 * time.Millisecond // how often the lock is asked for
	maxNumber    = 999                  // sessions of one name
)

// Arrival is a session that wants a name.
type Arrival struct {
	Name string
	// Exact takes the name even if another session has it: both then share its
	// mail. Otherwise the name gets a number while it is taken.
	Exact                   bool
	Client, Folder, Session string
	Before                  string // the name this very session has given back, "" for none
}

// Seat is a session's hold on its name. It is safe for concurrent use once
// Attend has returned it.
type Seat struct {
	Presence
	s    *Store
	lock *flock.Flock

	before []byte // what the file said of an earlier session; nil: nothing
	seen   time.Time
}

// Attend takes a name for a session that begins. Without Exact it prefers what
// the session had Before, then the name that the same session of the same
// client and folder had, then the name itself, then the name with the lowest
// number that is free.
func (s *Store) Attend(ctx context.Context, a Arrival) (*Seat, error) {
	name, err := event.AgentName(a.Name)
	if err != nil {
		return nil, err
	}
	unlock, err := s.lockPresence(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	there, err := s.presences()
	if err != nil {
		return nil, err
	}
	seat := &Seat{s: s, Presence: Presence{Client: a.Client, Folder: a.Folder, Session: a.Session, PID: os.Getpid(), Since: s.now().UTC()}}
	if a.Exact {
		seat.Agent = name
		return seat, seat.take(there)
	}
	for _, seat.Agent = range a.candidates(name, there) {
		if !slices.ContainsFunc(there, func(p Presence) bool { return p.Alive && p.Agent == seat.Agent }) {
			return seat, seat.take(there)
		}
	}
	return nil, fmt.Errorf("%d sessions are called %s; end some of them, or give this one a name of its own", maxNumber, name)
}

// candidates are the names a session may have, best first.
func (a Arrival) candidates(name string, there []Presence) []string {
	var names []string
	if a.Before != "" {
		names = append(names, a.Before)
	}
	for _, p := range there { // the one seen last comes first
		if a.Session != "" && p.Session == a.Session && p.Client == a.Client && p.Folder == a.Folder {
			names = append(names, p.Agent)
		}
	}
	names = append(names, name)
	for n := 2; n <= maxNumber; n++ {
		names = append(names, numberedName(name, n))
	}
	return names
}

// numberedName is an agent's name with a number behind it.
func numberedName(name string, n int) string {
	suffix := "-" + strconv.Itoa(n)
	if room := event.MaxAgentName - len(suffix); len(name) > room {
		name = strings.TrimRight(name[:room], ".@-")
	}
	return name + suffix
}

// take takes the first free lock of the seat's name.
func (t *Seat) take(there []Presence) error {
	dir := t.s.presenceDir()
	for n := 1; n <= maxNumber; n++ {
		t.stem = event.AgentDir(t.Agent)
		if n > 1 {
			t.stem += "+" + strconv.Itoa(n)
		}
		if slices.ContainsFunc(there, func(p Presence) bool { return p.Alive && p.stem == t.stem }) {
			continue
		}
		t.lock = flock.New(filepath.Join(dir, t.stem+seatLock), flock.SetPermissions(0o600))
		ok, err := t.lock.TryLock()
		if err != nil {
			return err
		}
		if ok {
			return t.sign()
		}
	}
	return fmt.Errorf("%d sessions are called %s; end some of them", maxNumber, t.Agent)
}

// sign writes who has the seat.
func (t *Seat) sign() error {
	data, err := json.Marshal(t.Presence)
	if err != nil {
		return err
	}
	name := filepath.Join(t.s.presenceDir(), t.stem+seatInfo)
	if info, err := os.Stat(name); err == nil {
		t.seen = info.ModTime()
		t.before, _ = os.ReadFile(name) // without it the earlier session is forgotten
	}
	if err := writeWhole(name, append(data, '\n')); err != nil {
		return errors.Join(err, t.lock.Unlock())
	}
	return nil
}

// Touch records that the session has just done something.
func (t *Seat) Touch() error {
	now := time.Now()
	return os.Chtimes(filepath.Join(t.s.presenceDir(), t.stem+seatInfo), now, now)
}

// Rivals returns the other sessions alive that have the seat's name. It looks
// at their names only as long as there is none.
func (t *Seat) Rivals(ctx context.Context) ([]Presence, error) {
	files, err := os.ReadDir(t.s.presenceDir())
	if err != nil {
		return nil, err
	}
	own := event.AgentDir(t.Agent)
	if !slices.ContainsFunc(files, func(f os.DirEntry) bool {
		stem, ok := strings.CutSuffix(f.Name(), seatInfo)
		name, _, _ := strings.Cut(stem, "+")
		return ok && name == own && stem != t.stem
	}) {
		return nil, nil
	}
	all, err := t.s.Presences(ctx)
	return slices.DeleteFunc(all, func(p Presence) bool { return !p.Alive || p.Agent != t.Agent || p.stem == t.stem }), err
}

// Leave gives the name back. What is known of the session is kept, so that it
// finds its name again, unless forget says that it never did anything.
func (t *Seat) Leave(forget bool) error {
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	unlock, err := t.s.lockPresence(ctx)
	if err != nil {
		return errors.Join(err, t.lock.Unlock())
	}
	defer unlock()
	err = t.lock.Unlock()
	if forget {
		err = errors.Join(err, t.putBack())
	}
	return err
}

// putBack leaves the files as the session has found them.
func (t *Seat) putBack() error {
	if t.before == nil {
		return t.s.forget(t.stem)
	}
	name := filepath.Join(t.s.presenceDir(), t.stem+seatInfo)
	return errors.Join(os.WriteFile(name, t.before, 0o600), os.Chtimes(name, t.seen, t.seen))
}

// Presences returns the sessions of this machine, those that ended as well, the
// one seen last first.
func (s *Store) Presences(ctx context.Context) ([]Presence, error) {
	if _, err := os.Stat(s.presenceDir()); isNotThere(err) {
		return nil, nil
	}
	unlock, err := s.lockPresence(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.presences()
}

// PrunePresences forgets the sessions that ended and were last seen before a
// time. It returns how many.
func (s *Store) PrunePresences(ctx context.Context, before time.Time) (int, error) {
	unlock, err := s.lockPresence(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	all, err := s.presences()
	if err != nil {
		return 0, err
	}
	pruned := 0
	for _, p := range all {
		if p.Alive || !p.Seen.Before(before) {
			continue
		}
		if err := s.forget(p.stem); err != nil {
			return pruned, err
		}
		pruned++
	}
	return pruned, nil
}

func (s *Store) forget(stem string) error {
	base := filepath.Join(s.presenceDir(), stem)
	err := errors.Join(os.Remove(base+seatInfo), os.Remove(base+seatLock))
	if isNotThere(err) {
		return nil
	}
	return err
}

func (s *Store) presenceDir() string { return filepath.Join(s.db.StateDir(), presenceDir) }

func (s *Store) lockPresence(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(s.presenceDir(), 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(s.presenceDir(), presenceLock), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, presencePoll); err != nil {
		return nil, fmt.Errorf("who is there cannot be looked up: %w", err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// presences reads the files of all sessions, under the lock. What cannot be
// read is of no session.
func (s *Store) presences() ([]Presence, error) {
	files, err := os.ReadDir(s.presenceDir())
	if err != nil {
		return nil, err
	}
	var all []Presence
	for _, f := range files {
		stem, ok := strings.CutSuffix(f.Name(), seatInfo)
		if !ok {
			continue
		}
		if p, err := s.presence(stem); err == nil {
			all = append(all, p)
		} else {
			s.log.Warn("a session's file cannot be read", "file", f.Name(), "err", err)
		}
	}
	slices.SortStableFunc(all, func(a, b Presence) int {
		return cmp.Or(b.Seen.Compare(a.Seen), strings.Compare(a.stem, b.stem))
	})
	return all, nil
}

func (s *Store) presence(stem string) (Presence, error) {
	base := filepath.Join(s.presenceDir(), stem)
	p := Presence{stem: stem}
	data, err := os.ReadFile(base + seatInfo)
	if err != nil {
		return p, err
	}
	info, err := os.Stat(base + seatInfo)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, err
	}
	if name, err := event.AgentName(p.Agent); err != nil || name != p.Agent {
		return p, fmt.Errorf("it names the agent %q", p.Agent)
	}
	p.Seen = info.ModTime().UTC()
	lock := flock.New(base+seatLock, flock.SetPermissions(0o600))
	free, err := lock.TryLock()
	if free {
		err = lock.Unlock()
	}
	p.Alive = !free
	return p, err
}
