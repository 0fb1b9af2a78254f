package gitstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// update takes the index from one state to another. It is errBehind if more
// than most files differ (most 0: no bound). The turn must have been taken.
func (p *projection) update(ctx context.Context, x *index.Index, from, to index.State, most int) error {
	d := difference{s: p.s, x: x, most: most}
	if err := d.collect(ctx, from, to); err != nil {
		return err
	}
	return x.Update(ctx, from, to, d.changes())
}

// difference is what two states of the index differ by.
type difference struct {
	s              *Store
	x              *index.Index
	most           int // files; 0: any number
	added, removed []dated
	lost           []string // directories that cannot be read
	hid, hides     hidden   // what redactions hid before, and hide now
	reworded       []leaf   // messages of both states that they hide now, or otherwise
}

// dated is a file and the second at which it was written, as its name tells:
// the index wants messages in about the order of their ids.
type dated struct {
	second int64
	leaf
}

// errGone says that what the index was built from is not in the store any
// more, so that nobody can tell what to take out of it.
var errGone = fmt.Errorf("%w: what it was built from has gone", index.ErrDamaged)

func (d *difference) collect(ctx context.Context, from, to index.State) error {
	for _, b := range []struct {
		dir      string
		from, to plumbing.Hash
	}{{projectsDir, from.Main, to.Main}, {agentsDir, from.Agents, to.Agents}} {
		if err := d.branch(ctx, b.dir, b.from, b.to); err != nil {
			return err
		}
	}
	byTime := func(a, b dated) int {
		return cmp.Or(strings.Compare(b.dir[:1], a.dir[:1]), // what receipts are for comes before them
			cmp.Compare(a.second, b.second), strings.Compare(a.name, b.name))
	}
	slices.SortFunc(d.added, byTime)
	slices.SortFunc(d.removed, byTime)
	return d.redactions(ctx, from.Main, to.Main)
}

// redactions finds the messages that say something else to readers than
// before: the index has to forget what is hidden.
func (d *difference) redactions(ctx context.Context, from, to plumbing.Hash) (err error) {
	if d.hid, err = d.s.hiddenAt(from); err != nil {
		return gone(err)
	}
	if d.hides, err = d.s.hiddenAt(to); err != nil || maps.Equal(d.hid, d.hides) {
		return err
	}
	changed := make(hidden)
	maps.Copy(changed, d.hid)
	maps.Copy(changed, d.hides)
	maps.DeleteFunc(changed, func(id event.ID, _ event.Redaction) bool { return d.hid[id] == d.hides[id] })
	v, err := d.x.View(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	for id := range changed {
		found, err := v.Find(id.String())
		if err != nil {
			return err
		}
		for _, m := range found {
			d.reword(leaf{dir: m.Dir, hash: m.Blob})
		}
	}
	return nil
}

// reword notes a message that the index has, unless it goes.
func (d *difference) reword(f leaf) {
	if !slices.ContainsFunc(d.removed, func(r dated) bool { return r.dir == f.dir && r.hash == f.hash }) {
		d.reworded = append(d.reworded, f)
	}
}

// branch adds what differs between two commits of a branch; the zero hash
// stands for an empty one.
func (d *difference) branch(ctx context.Context, dir string, from, to plumbing.Hash) error {
	if from == to {
		return nil
	}
	before, err := d.s.topBefore(from, dir)
	if err != nil {
		return err
	}
	after, err := d.s.topOf(to, dir)
	if err != nil {
		return err
	}
	c := changes{most: d.most, bulk: d.most == 0}
	if err := d.s.diff(ctx, before, after, &c); err != nil {
		return gone(err)
	}
	d.lost = append(d.lost, c.broken...)
	for _, f := range c.removed {
		d.removed = append(d.removed, date(f))
	}
	for _, f := range c.added {
		d.added = append(d.added, date(f))
	}
	for _, sub := range c.gone {
		if err := d.expand(ctx, sub, &d.removed, nil); err != nil {
			return gone(err)
		}
	}
	for _, sub := range c.fresh {
		if err := d.expand(ctx, sub, &d.added, &d.lost); err != nil {
			return err
		}
	}
	return nil
}

// gone turns damage of what was into errGone.
func gone(err error) error {
	if damage(err) {
		return fmt.Errorf("%w (%w)", errGone, err)
	}
	return err
}

func (s *Store) topBefore(commit plumbing.Hash, dir string) (subtree, error) {
	if commit.IsZero() {
		return subtree{path: dir}, nil
	}
	top, err := s.topOf(commit, dir)
	return top, gone(err)
}

// expand adds the files below a directory. One that cannot be read is added to
// lost, or an error if lost is nil.
func (d *difference) expand(ctx context.Context, dir subtree, files *[]dated, lost *[]string) error {
	raw, err := d.s.listing(dir.hash)
	if err != nil && lost != nil {
		*lost = append(*lost, dir.path)
		return d.s.leaveOut(dir.path, err)
	}
	if err == nil {
		err = ctx.Err()
	}
	for e := range entries(raw) {
		switch {
		case err != nil:
			return err
		case e.Dir:
			err = d.expand(ctx, dir.sub(e), files, lost)
		case d.most > 0 && len(*files) >= d.most:
			return errBehind
		default:
			*files = append(*files, date(leaf{dir.path, e.Name, e.Hash}))
		}
	}
	return err
}

func date(f leaf) dated {
	month, _ := monthSpan(monthDir(f.dir))
	second, _ := nameSecond(month.from, f.name)
	return dated{second, f}
}

// releaseFiles is after how many files the packs' pages are given back. Files
// come in the order in which they were written, so no page is needed for long;
// in the order of the tree it would be, and a walk takes twice as long if it
// gives pages back.
const releaseFiles = 4096

// changes yields the difference, what was removed first.
func (d *difference) changes() iter.Seq2[index.Change, error] {
	return func(yield func(index.Change, error) bool) {
		for _, path := range d.lost {
			if !yield(index.Change{Path: path}, nil) {
				return
			}
		}
		for _, f := range d.removed {
			c, err := d.s.change(f.leaf)
			if c.Op = index.Remove; err != nil {
				err = gone(err)
			} else {
				d.hid.show(c.Event)
			}
			if !yield(c, err) {
				return
			}
		}
		for _, f := range d.reworded {
			if !yield(d.rewording(f)) {
				return
			}
		}
		for i, f := range d.added {
			if (i+1)%releaseFiles == 0 {
				d.s.db.ReleasePages()
			}
			c, err := d.s.change(f.leaf)
			if damage(err) {
				err = d.s.leaveOut(f.path(), err)
			}
			if c.Event != nil {
				d.hides.show(c.Event)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// rewording makes the change of what a message says to readers.
func (d *difference) rewording(f leaf) (index.Change, error) {
	c, err := d.s.change(f)
	if err != nil {
		return c, gone(err)
	}
	was := *c.Event
	d.hid.show(&was)
	d.hides.show(c.Event)
	c.Op, c.Was = index.Reword, &was
	return c, nil
}

var errPlace = errors.New("its event does not belong there")

// change reads a file for the index. If it is damaged the change says so to
// the index, which counts it, and an error goes with it.
func (s *Store) change(f leaf) (index.Change, error) {
	broken := index.Change{Path: f.path(), Blob: f.hash}
	data, err := s.blob(f)
	if err != nil {
		return broken, err
	}
	e, err := parseFile(f, data)
	if err != nil {
		return broken, err
	}
	ref, ok := homeOf(f, e)
	if !ok {
		return broken, &brokenError{errPlace}
	}
	c := broken
	c.Thread, c.Event = ref, e
	if e.Kind != event.KindMessage && e.Kind != event.KindReceipt {
		c.Data = data
	}
	return c, nil
}

// homeOf returns what thread or project an event belongs to by where it lies;
// ok is false if such an event must not lie there.
func homeOf(f leaf, e *event.Event) (ref event.ThreadRef, ok bool) {
	switch e.Kind {
	case event.KindMessage, event.KindThread:
		ref, _, ok = cutThread(f.dir)
	case event.KindProject:
		ref.Project, ok = cutProject(f.dir)
	default:
		var name string
		name, _, ok = cutAgent(f.path())
		ok = ok && event.AgentDir(e.From) == name
	}
	return ref, ok
}

// cutProject returns the project in whose own directory a path lies.
func cutProject(path string) (project string, ok bool) {
	rest, ok := strings.CutPrefix(path, projectsDir+"/")
	if !ok {
		return "", false
	}
	project, rest = cutFanOut(rest)
	return project, project[0] != '_' && strings.HasPrefix(rest, event.ProjectDir+"/")
}
