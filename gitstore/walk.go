package gitstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// The directories below which events lie, in main and in agents.
const (
	projectsDir = "projects"
	agentsDir   = "agents"
)

// subtree is a directory in a branch's tree.
type subtree struct {
	path string // with slashes, without one at the end
	hash plumbing.Hash
}

func (d subtree) sub(e treeEntry) subtree { return subtree{d.path + "/" + e.Name, e.Hash} }

// leaf is an event's file in a branch's tree.
type leaf struct {
	dir, name string // name is "" where the event itself is to tell it
	hash      plumbing.Hash
}

func (f leaf) path() string { return f.dir + "/" + f.name }

// top returns the directory of events at the tip of a branch. Its hash is zero
// as long as there is no event. Everything a call answers it reads below one
// top, so that the answer is of one moment.
func (s *Store) top(ref plumbing.ReferenceName, name string) (subtree, error) {
	commit, err := s.tip(ref)
	if err != nil {
		return subtree{}, err
	}
	return s.topOf(commit, name)
}

// topOf is top at a commit.
func (s *Store) topOf(commit plumbing.Hash, name string) (subtree, error) {
	root, err := s.rootTree(commit)
	if err != nil {
		return subtree{}, err
	}
	raw, err := s.tree(root)
	if err != nil {
		return subtree{}, err
	}
	e, _ := lookup(raw, name)
	_, err = s.tree(e.Hash)
	return subtree{name, e.Hash}, err
}

func (s *Store) projects() (subtree, error) { return s.top(mainRef, projectsDir) }

func (s *Store) agents() (subtree, error) { return s.top(agentsRef, agentsDir) }

// errNotTree and errNotBlob say that an entry's mode and its object disagree.
var (
	errNotTree = errors.New("a directory's object is not a tree")
	errNotBlob = errors.New("a file's object is not a blob")
)

// listing returns a directory's tree object without keeping it: reading in
// bulk would push out of the cache of s.tree what posts need.
func (s *Store) listing(h plumbing.Hash) ([]byte, error) {
	if h.IsZero() {
		return nil, nil
	}
	t, raw, err := s.db.Get(h)
	if err == nil && t != plumbing.TreeObject {
		err = fmt.Errorf("%w: %s", errNotTree, h)
	}
	return raw, err
}

// treeOnce is tree for reading in bulk: see listing.
func (s *Store) treeOnce(h plumbing.Hash) ([]byte, error) {
	raw, err := s.listing(h)
	if err == nil && !checkTree(raw) {
		err = fmt.Errorf("%w: %s", errNotTree, h)
	}
	return raw, err
}

// brokenError says that a file is not the event that its name promises.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }

func (e *brokenError) Unwrap() error { return e.err }

// blob returns the content of a file, which must not be modified.
func (s *Store) blob(f leaf) ([]byte, error) {
	t, data, err := s.db.Get(f.hash)
	if err == nil && t != plumbing.BlobObject {
		err = fmt.Errorf("%w: %s", errNotBlob, f.hash)
	}
	return data, err
}

// event reads the event in a file. Its body must not be modified.
func (s *Store) event(f leaf) (*event.Event, error) {
	data, err := s.blob(f)
	if err != nil {
		return nil, err
	}
	return parseFile(f, data)
}

func parseFile(f leaf, data []byte) (*event.Event, error) {
	e, err := event.ParseHeader(data)
	if err != nil {
		return nil, &brokenError{err}
	}
	if f.name == "" {
		return e, nil
	}
	if want := event.FileName(e); want != f.name {
		return nil, &brokenError{fmt.Errorf("it holds the event of a file named %s", want)}
	}
	if want := event.Month(e.At); want != monthDir(f.dir) {
		return nil, &brokenError{fmt.Errorf("it does not lie in a directory %s", want)}
	}
	return e, nil
}

// damage tells whether err means that something in the store is damaged, as
// against a failure to look. Readers leave damaged files out and count them;
// Verify says what is wrong with them.
func damage(err error) bool {
	var object *odb.DamagedError
	var broken *brokenError
	return errors.As(err, &object) || errors.As(err, &broken) ||
		errors.Is(err, plumbing.ErrObjectNotFound) || errors.Is(err, errNotTree) || errors.Is(err, errNotBlob)
}

// leaveOut reports that path is damaged and left out of an answer; it returns
// err itself if it is not about damage.
func (s *Store) leaveOut(path string, err error) error {
	if !damage(err) {
		return err
	}
	s.log.Warn("a damaged file is left out; run skein verify", "path", path, "err", err)
	return nil
}

// walk visits every file below some directories, on all processors.
type walk struct {
	s *Store
	// enter tells whether a directory is of interest; nil: all are.
	enter func(subtree) bool
	// visit is called from several goroutines, each with its own worker
	// number below workers(). An error ends the walk, unless it is damage.
	visit func(worker int, f leaf) error
	// lost, if set, is told which directories were left out. Like visit it is
	// called from several goroutines.
	lost func(path string)

	ctx     context.Context
	cancel  context.CancelCauseFunc
	spare   chan int
	group   sync.WaitGroup
	skipped atomic.Int64
}

func workers() int { return runtime.GOMAXPROCS(0) }

// run walks below the directories and returns how many files and directories
// were left out because they are damaged.
func (w *walk) run(ctx context.Context, dirs ...subtree) (skipped int, err error) {
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	defer w.cancel(nil)
	w.spare = make(chan int, workers())
	for n := 1; n < workers(); n++ {
		w.spare <- n
	}
	for _, d := range dirs {
		w.branch(0, d)
	}
	w.group.Wait()
	return int(w.skipped.Load()), context.Cause(w.ctx)
}

// branch walks d on another worker if one is free, else on this one.
func (w *walk) branch(worker int, d subtree) {
	if w.ctx.Err() != nil || w.enter != nil && !w.enter(d) {
		return
	}
	select {
	case spare := <-w.spare:
		w.group.Go(func() {
			w.dir(spare, d)
			w.spare <- spare
		})
	default:
		w.dir(worker, d)
	}
}

func (w *walk) dir(worker int, d subtree) {
	raw, err := w.s.listing(d.hash)
	if err != nil {
		if w.lost != nil {
			w.lost(d.path)
		}
		w.failed(d.path, err)
		return
	}
	for e := range entries(raw) {
		if e.Dir {
			w.branch(worker, d.sub(e))
			continue
		}
		if w.ctx.Err() != nil {
			return
		}
		f := leaf{d.path, e.Name, e.Hash}
		if err := w.visit(worker, f); err != nil {
			w.failed(f.path(), err)
		}
	}
}

func (w *walk) failed(path string, err error) {
	if err := w.s.leaveOut(path, err); err != nil {
		w.cancel(err)
		return
	}
	w.skipped.Add(1)
}

// isFanOut tells whether a directory holds part of a crowded directory, as
// event.FanOut names them.
func isFanOut(name string) bool { return len(name) == 2 && name[0] == '_' }

// children adds to by every directory below d that stands for a project, a
// thread or an agent, wherever fan-out has put it, by its name.
func (s *Store) children(d subtree, by map[string][]subtree) error {
	raw, err := s.listing(d.hash)
	if err != nil {
		return s.leaveOut(d.path, err)
	}
	for e := range entries(raw) {
		switch {
		case !e.Dir || e.Name == event.ProjectDir:
		case isFanOut(e.Name):
			if err := s.children(d.sub(e), by); err != nil {
				return err
			}
		default:
			by[e.Name] = append(by[e.Name], d.sub(e))
		}
	}
	return nil
}

// places returns the directories named slug below any of the given ones,
// looking at every level of fan-out at which it may lie.
func (s *Store) places(slug string, in ...subtree) ([]subtree, error) {
	var found []subtree
	for _, d := range in {
		for level := 0; !d.hash.IsZero(); level++ {
			raw, err := s.tree(d.hash)
			if err != nil {
				return nil, err
			}
			if e, ok := lookup(raw, slug); ok && e.Dir {
				found = append(found, d.sub(e))
			}
			e, _ := lookup(raw, event.FanOut(slug, level))
			d = d.sub(e)
		}
	}
	return found, nil
}

// threadPlaces returns the directories of a thread; none if there is no such
// thread.
func (s *Store) threadPlaces(projects subtree, ref event.ThreadRef) ([]subtree, error) {
	in, err := s.places(ref.Project, projects)
	if err != nil {
		return nil, err
	}
	return s.places(ref.Thread, in...)
}

// cutThread splits a path of main into the thread in whose directory it lies
// and the rest; ok is false for paths that are not below a thread's directory.
func cutThread(path string) (ref event.ThreadRef, rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, projectsDir+"/")
	if !ok {
		return ref, "", false
	}
	var names [2]string
	for i := range names {
		if names[i], rest = cutFanOut(rest); rest == "" || names[i][0] == '_' {
			return ref, "", false
		}
	}
	return event.ThreadRef{Project: names[0], Thread: names[1]}, rest, true
}

// cutAgent splits a path of agents into the agent's directory and the rest.
func cutAgent(path string) (name, rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, agentsDir+"/")
	if !ok {
		return "", "", false
	}
	name, rest = cutFanOut(rest)
	return name, rest, rest != "" && name[0] != '_'
}

// monthDir returns the name of the directory in a path where that of a month
// belongs.
func monthDir(path string) string {
	top, rest, _ := strings.Cut(path, "/")
	if top != event.RedactionsDir {
		_, rest = cutFanOut(rest)
	}
	if top == projectsDir {
		_, rest = cutFanOut(rest)
	}
	month, _, _ := strings.Cut(rest, "/")
	return month
}

// cutFanOut returns the first name of a path that is not of a fan-out
// directory, and what follows it.
func cutFanOut(path string) (name, rest string) {
	for {
		name, rest, _ = strings.Cut(path, "/")
		if name == "" {
			return "_", ""
		}
		if !isFanOut(name) {
			return name, rest
		}
		path = rest
	}
}
