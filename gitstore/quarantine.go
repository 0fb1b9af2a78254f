package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// What a remote sends is looked at before any of it becomes part of the store:
// every commit, tree and file that is new. A branch of which all is as skein
// writes it is clean and taken as it is. Of one that is not, only the events
// that are in order are taken; the branch itself is not, so nothing is built
// on it.

// Refusal says what came from a remote and is not believed.
type Refusal struct {
	Branch string `json:"branch"`
	Commit string `json:"commit"`
	Path   string `json:"path"` // "" if it is about the commit
	Reason string `json:"reason"`
}

func (r Refusal) String() string {
	what := r.Path
	if what == "" {
		what = "a commit"
	}
	return fmt.Sprintf("%s in %.8s of branch %s is refused: %s", printable(what), r.Commit, r.Branch, r.Reason)
}

// printable makes a name from outside harmless to show.
func printable(name string) string {
	if quoted := fmt.Sprintf("%q", name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

const (
	maxIncoming = 2 << 20 // bytes of an object, and of what it is made from
	maxPath     = 400     // bytes; the longest of skein's own is under 240
	maxRefusals = 100     // that are listed one by one

	timesLooked = 4        // at an object that came, on an average: when it is new, when something follows it, when it is taken
	freeLook    = 64 << 20 // bytes that are looked at besides,
	commitLook  = 1 << 20  // and for each commit, which may change many files of others
	lookCost    = 512      // bytes that a look at anything counts for, however small
)

// objectReader reads objects that have come from a remote.
type objectReader interface {
	Get(plumbing.Hash) (plumbing.ObjectType, []byte, error)
	Weigh(plumbing.Hash) (odb.Weight, error)
}

// incoming is an event that came.
type incoming struct {
	leaf
	id event.ID
}

// inspection is what was found of a branch of a remote.
type inspection struct {
	s       *Store
	ref     plumbing.ReferenceName // whose events belong here
	at      plumbing.ReferenceName // the remote's branch
	objects objectReader
	fresh   func(plumbing.Hash) bool // it came just now
	shallow []plumbing.Hash          // commits whose parents may stay away
	look    func()                   // counts what is looked at

	tip     plumbing.Hash
	commits []plumbing.Hash // that came, oldest first
	base    plumbing.Hash   // what they are built on; zero: nothing
	cutAt   plumbing.Hash   // the first of them, if what it is built on stayed away
	until   plumbing.Hash   // the commit that is built on them, where they come after it
	events  []incoming
	newest  event.ID // of those that do not lie in the future
	future  int      // events whose ids lie more than a day ahead

	needed  []plumbing.Hash // objects of a clean branch, each once
	seen    map[plumbing.Hash]bool
	refused []Refusal
	more    int   // refusals that are not listed
	work    int64 // bytes that may still be looked at

	ctx    context.Context // as long as it is run
	commit plumbing.Hash   // that is being looked at
}

func (in *inspection) clean() bool { return len(in.refused) == 0 }

// unfit is the error of a branch of which nothing can be told, such as one whose
// history cannot be followed.
type unfit struct{ Refusal }

func (u *unfit) Error() string { return u.String() }

func (in *inspection) unfit(format string, args ...any) error {
	return &unfit{Refusal{in.at.Short(), in.commit.String(), "", fmt.Sprintf(format, args...)}}
}

// inspect looks at everything of a branch that has come. An error means that
// it could not look, or that nothing of the remote may be taken; of a branch
// that is unfit, no more is known than that it is refused. With repair, that
// holds for one that was just begun, too.
func (s *Store) inspect(ctx context.Context, a *arrival, ref plumbing.ReferenceName, repair bool) (*inspection, error) {
	in, err := s.inspectAt(ctx, a, ref, ref)
	var bad *unfit
	if first := (*begun)(nil); repair && errors.As(err, &first) {
		bad = &first.unfit
	}
	if bad != nil || errors.As(err, &bad) {
		return &inspection{s: s, ref: ref, at: ref, objects: a.objects, fresh: a.fresh, tip: a.tips[ref], refused: []Refusal{bad.Refusal}}, nil
	}
	return in, err
}

// inspectAt looks at a branch of the remote, at, which holds what belongs to
// another.
func (s *Store) inspectAt(ctx context.Context, a *arrival, ref, at plumbing.ReferenceName) (*inspection, error) {
	in := newInspection(s, a, ref, at, a.tips[at])
	if in.tip.IsZero() {
		return in, nil
	}
	_, err := in.run(ctx)
	return in, err
}

func newInspection(s *Store, a *arrival, ref, at plumbing.ReferenceName, tip plumbing.Hash) *inspection {
	return &inspection{s: s, ref: ref, at: at, objects: a.objects, fresh: a.fresh, shallow: a.shallow, look: a.look, tip: tip,
		work: freeLook + timesLooked*a.work, seen: map[plumbing.Hash]bool{}}
}

// run looks at all commits that have come, and returns the tree of the last one.
func (in *inspection) run(ctx context.Context) (tree plumbing.Hash, err error) {
	in.ctx = ctx
	infos, err := in.list(ctx)
	if err != nil {
		return tree, err
	}
	in.work += commitLook * int64(len(in.commits))
	if in.base.IsZero() {
		if err := in.root(infos[0].tree); err != nil {
			return tree, err
		}
	} else if tree, err = in.baseTree(); err != nil {
		return tree, err
	}
	for i, c := range infos {
		in.commit = in.commits[i]
		if err := in.mayGoOn(); err != nil {
			return tree, err
		}
		in.need(in.commit)
		came, bad := len(in.events), len(in.refused)+in.more
		if err := in.compare("", tree, c.tree); err != nil {
			return tree, err
		}
		if len(in.refused)+in.more == bad {
			in.named(c.id, in.events[came:])
		}
		tree = c.tree
	}
	return tree, nil
}

// mayGoOn is an error when nobody waits any more, or when all that may be looked
// at has been.
func (in *inspection) mayGoOn() error {
	switch {
	case in.ctx.Err() != nil:
		return context.Cause(in.ctx)
	case in.work < 0:
		return in.unfit("the branch names the same files and directories again and again, more often than can be looked at")
	}
	return nil
}

// list finds the commits that have come, and what they are built on.
func (in *inspection) list(ctx context.Context) (infos []commitInfo, err error) {
	for h := in.tip; ; {
		if !in.fresh(h) {
			in.base = h
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		in.commit = h
		raw, err := in.read(h, plumbing.CommitObject)
		if err != nil {
			return nil, in.unfit("%v", err)
		}
		c, err := parseCommit(raw)
		if err != nil {
			return nil, in.unfit("%v", err)
		}
		if parents(raw) > 1 {
			in.refuse("", "it merges two histories, where skein has one line")
		}
		if !c.parent.IsZero() && slices.Contains(in.shallow, h) {
			in.cutAt, c.parent = h, plumbing.ZeroHash
		}
		in.commits, infos = append(in.commits, h), append(infos, c)
		if c.parent.IsZero() {
			break
		}
		h = c.parent
	}
	slices.Reverse(in.commits)
	slices.Reverse(infos)
	return infos, nil
}

// baseTree is the tree of what the commits that have come are built on.
func (in *inspection) baseTree() (plumbing.Hash, error) {
	tree, err := in.s.rootTree(in.base)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		err = in.unfit("it is built on commit %s, which did not come", in.base)
	}
	return tree, err
}

// read returns an object of that type, of the remote's or of ours.
func (in *inspection) read(h plumbing.Hash, want plumbing.ObjectType) ([]byte, error) {
	get := in.s.db.Get
	in.work -= lookCost
	if in.fresh(h) {
		weight, err := in.objects.Weigh(h)
		if err != nil {
			return nil, fmt.Errorf("it cannot be read: %w", err)
		}
		if weight.Most > maxIncoming {
			return nil, fmt.Errorf("it takes %d bytes, more than the %d of the largest event", weight.Most, maxIncoming)
		}
		in.work -= weight.Work
		get = in.objects.Get
	}
	t, data, err := get(h)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if t != want {
		return nil, fmt.Errorf("it is a %s where a %s belongs", t, want)
	}
	return data, nil
}

func (in *inspection) tree(h plumbing.Hash) ([]byte, error) {
	if h.IsZero() {
		return nil, nil
	}
	return in.read(h, plumbing.TreeObject)
}

// need notes an object that the branch is made of.
func (in *inspection) need(h plumbing.Hash) {
	if in.fresh(h) && !in.seen[h] {
		in.seen[h] = true
		in.needed = append(in.needed, h)
		in.look()
	}
}

func (in *inspection) refuse(path, format string, args ...any) {
	if len(in.refused) == maxRefusals {
		in.more++
		return
	}
	in.refused = append(in.refused, Refusal{in.at.Short(), in.commit.String(), path, fmt.Sprintf(format, args...)})
}

// compare looks at what a commit changes below a directory.
func (in *inspection) compare(path string, from, to plumbing.Hash) error {
	if from == to {
		return nil
	}
	before, _ := in.tree(from) // one that is no directory was refused when it came; then all is new
	after, err := in.tree(to)
	var bad map[string]string
	if err == nil && in.fresh(to) {
		bad, err = badEntries(after)
	}
	if err != nil {
		in.refuse(strings.TrimSuffix(path, "/"), "%v", err)
		return nil
	}
	in.need(to)
	return compareTrees(before, after, func(was, is treeEntry) error {
		if err := in.mayGoOn(); err != nil {
			return err
		}
		if reason := bad[is.Name]; reason != "" && (reason != collides || was.Name == "") {
			in.refuse(path+is.Name, "%s", reason)
			return nil
		}
		return in.entry(path, was, is)
	})
}

// named checks that a commit that names an event brings it: ours are found by
// these names.
func (in *inspection) named(id event.ID, came []incoming) {
	if !id.IsZero() && !slices.ContainsFunc(came, func(e incoming) bool { return e.id == id }) {
		in.refuse("", "it names event %s and does not bring it", id)
	}
}

// entry looks at one entry that a commit adds, changes or removes.
func (in *inspection) entry(path string, was, is treeEntry) error {
	full := path + is.Name
	switch {
	case len(full) > maxPath:
		in.refuse(full[:maxPath], "its path is longer than any of skein's")
	case is.Name == "":
		in.changed(path+was.Name, "removes")
	case is.Dir:
		return in.compare(full+"/", was.Hash, is.Hash)
	case full == formatFile:
		return in.format(is.Hash)
	case !in.holdsEvents(full):
		in.other(full, is.Hash)
	case was.Name != "":
		in.changed(full, "changes")
	default:
		in.event(path, is)
	}
	return nil
}

// changed refuses a commit that takes something away; files that are no events,
// such as a README, belong to whoever keeps the remote.
func (in *inspection) changed(path, verb string) {
	if in.holdsEvents(path) || path == formatFile {
		in.refuse(path, "the commit %s it, where events are only ever added", verb)
	}
}

// holdsEvents tells whether events lie at a path or below it.
func (in *inspection) holdsEvents(path string) bool {
	top, _, _ := strings.Cut(path, "/")
	return slices.Contains(topsOf(in.ref), top)
}

// topsOf returns the directories of a branch below which events lie.
func topsOf(ref plumbing.ReferenceName) []string {
	if ref == agentsRef {
		return []string{agentsDir}
	}
	return []string{projectsDir, event.StateDir, event.RedactionsDir}
}

// other looks at a file that is no event; it does no harm where it is.
func (in *inspection) other(path string, blob plumbing.Hash) {
	if _, err := in.read(blob, plumbing.BlobObject); err != nil {
		in.refuse(path, "%v", err)
		return
	}
	in.need(blob)
}

// format refuses all of a remote that a newer skein has written.
func (in *inspection) format(blob plumbing.Hash) error {
	text, err := in.read(blob, plumbing.BlobObject)
	if err != nil {
		in.refuse(formatFile, "%v", err)
		return nil
	}
	version, err := parseFormat(string(text))
	if err != nil {
		in.refuse(formatFile, "%v", err)
		return nil
	}
	if version > formatVersion {
		return &FormatError{Dir: "at the remote", Format: version, Known: formatVersion}
	}
	in.need(blob)
	return nil
}

// event looks at an event's file.
func (in *inspection) event(dir string, file treeEntry) {
	path := dir + file.Name
	data, err := in.read(file.Hash, plumbing.BlobObject)
	if err != nil {
		in.refuse(path, "%v", err)
		return
	}
	e, err := event.Parse(data)
	if err != nil {
		in.refuse(path, "it is no event as this skein knows it: %v", err)
		return
	}
	if !e.At.Equal(e.ID.Time()) {
		in.refuse(path, "it says that it was written at %s, and its id says %s", e.At, e.ID.Time())
		return
	}
	if want, err := properPath(in.ref, path, e); err != nil {
		in.refuse(path, "%v", err)
		return
	} else if want != path {
		in.refuse(path, "its event belongs to %s", want)
		return
	}
	in.need(file.Hash)
	in.events = append(in.events, incoming{leaf{strings.TrimSuffix(dir, "/"), file.Name, file.Hash}, e.ID})
	switch {
	case e.ID.Time().Sub(in.s.now()) > event.MaxAhead:
		in.future++
	case e.ID.Compare(in.newest) > 0:
		in.newest = e.ID
	}
}
