package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// graft is an event that is to be committed again on another commit.
type graft struct {
	home   home
	event  *event.Event
	file   []byte
	commit []byte // the bytes of its commit as it was; nil: it is made anew
}

// missing returns the events of a commit that another one lacks, in order of
// their ids. An event that the other has at another level of the same
// directory is the same event: how full a directory was when it came decides
// where it lies.
func (s *Store) missing(ctx context.Context, ref plumbing.ReferenceName, from, in plumbing.Hash) ([]graft, error) {
	inTree, err := s.rootTree(in)
	if err != nil {
		return nil, err
	}
	files, err := s.filesOnlyIn(ctx, ref, from, in)
	if err != nil {
		return nil, err
	}
	root, err := rootDir(s.treeOnce, inTree)
	if err != nil {
		return nil, err
	}
	var grafts []graft
	for _, f := range files {
		g, err := s.graftOf(ref, f)
		if damage(err) {
			continue // it was not readable here either; Verify says so
		}
		if err != nil {
			return nil, err
		}
		there, err := holdsEvent(root, g.home, g.event, f.hash)
		if err != nil {
			return nil, err
		}
		if !there {
			grafts = append(grafts, g)
		}
	}
	slices.SortFunc(grafts, func(a, b graft) int {
		if c := a.event.ID.Compare(b.event.ID); c != 0 {
			return c
		}
		return bytes.Compare(a.file, b.file)
	})
	return grafts, s.findCommits(ctx, from, grafts)
}

// filesOnlyIn returns the files below the directories of events that are in
// the tree of one commit and not, at the same path, in that of another.
func (s *Store) filesOnlyIn(ctx context.Context, ref plumbing.ReferenceName, from, in plumbing.Hash) ([]leaf, error) {
	var c changes
	for _, dir := range topsOf(ref) {
		is, err := s.topOf(from, dir)
		if err != nil {
			return nil, err
		}
		other, err := s.topOf(in, dir)
		if err != nil {
			return nil, err
		}
		c.bulk = true
		if err := s.diff(ctx, other, is, &c); err != nil {
			return nil, err
		}
	}
	files := c.added
	for _, d := range c.fresh {
		if err := s.filesBelow(ctx, d, &files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (s *Store) filesBelow(ctx context.Context, d subtree, files *[]leaf) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	raw, err := s.listing(d.hash)
	if err != nil {
		return s.leaveOut(d.path, err)
	}
	for e := range entries(raw) {
		if !e.Dir {
			*files = append(*files, leaf{d.path, e.Name, e.Hash})
		} else if err := s.filesBelow(ctx, d.sub(e), files); err != nil {
			return err
		}
	}
	return nil
}

// graftOf reads an event of this store to be put elsewhere.
func (s *Store) graftOf(ref plumbing.ReferenceName, f leaf) (graft, error) {
	data, err := s.blob(f)
	if err != nil {
		return graft{}, err
	}
	return parseGraft(ref, f, data)
}

func parseGraft(ref plumbing.ReferenceName, f leaf, data []byte) (graft, error) {
	e, err := event.Parse(data)
	if err != nil {
		return graft{}, &brokenError{err}
	}
	h, _, _, err := parsePlace(ref, f.path())
	if err == nil {
		err = checkHome(h, e)
	}
	if err != nil {
		return graft{}, &brokenError{err}
	}
	return graft{home: h, event: e, file: data}, nil
}

// holdsEvent tells whether a tree holds an event, at whatever level, with these
// bytes; the zero hash stands for any.
func holdsEvent(root dir, h home, e *event.Event, blob plumbing.Hash) (bool, error) {
	homes, err := homesOf(root, h)
	if err != nil {
		return false, err
	}
	name := event.FileName(e)
	for _, d := range homes {
		for _, sub := range append([]string{event.Month(e.At)}, event.Splits(e)...) {
			if d, err = d.child(sub); err != nil {
				return false, err
			}
			if len(d.raw) == 0 {
				break
			}
			if there, ok := lookup(d.raw, name); ok && (blob.IsZero() || there.Hash == blob) {
				return true, nil
			}
		}
	}
	return false, nil
}

// homesOf returns the directories of h at every level at which machines may
// have made them.
func homesOf(root dir, h home) ([]dir, error) {
	top, name := h.top()
	d, err := root.child(top)
	if err != nil || name == "" {
		return []dir{d}, err
	}
	found, err := d.all(name)
	if err != nil || top != projectsDir {
		return found, err
	}
	var homes []dir
	for _, project := range found {
		if h.thread == "" {
			own, err := project.child(event.ProjectDir)
			if err != nil {
				return nil, err
			}
			homes = append(homes, own)
			continue
		}
		threads, err := project.all(h.thread)
		if err != nil {
			return nil, err
		}
		homes = append(homes, threads...)
	}
	return homes, nil
}

// all returns the directories of a slug below d, at every level there is.
func (d dir) all(slug string) (found []dir, err error) {
	for level := range event.MaxFanOut {
		if hasDir(d.raw, slug) {
			at, err := d.child(slug)
			if err != nil {
				return nil, err
			}
			found = append(found, at)
		}
		fan := event.FanOut(slug, level)
		if !hasDir(d.raw, fan) {
			break
		}
		if d, err = d.child(fan); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// findCommits looks up the commits that brought these events, so that they can
// be committed again with the same author, message and date. One that is not
// found, or that holds more than those, is made anew.
func (s *Store) findCommits(ctx context.Context, from plumbing.Hash, grafts []graft) error {
	wanted := make(map[event.ID][]int, len(grafts))
	for i, g := range grafts {
		wanted[g.event.ID] = append(wanted[g.event.ID], i)
	}
	past, err := s.ancestry()
	if err != nil {
		return err
	}
	for h := from; len(wanted) > 0 && !h.IsZero(); {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		raw, c, err := past.read(h)
		if err != nil {
			return fmt.Errorf("%w; run skein verify", err)
		}
		if at, ok := wanted[c.id]; ok && len(at) == 1 {
			grafts[at[0]].commit = raw
		}
		delete(wanted, c.id)
		h = c.parent
	}
	return nil
}

// encode returns the bytes of the event's commit with another tree and parent.
func (g graft) encode(tree, parent plumbing.Hash) []byte {
	if said, ok := g.said(); ok {
		return append([]byte("tree "+tree.String()+"\nparent "+parent.String()+"\n"), said...)
	}
	return encodeCommit(tree, parent, g.event.From, g.event.At, commitMessage(g.home, g.event))
}

// said is what a commit says: author, committer and message. ok is false for a
// commit that has other headers, such as a signature of what it was.
func (g graft) said() (said []byte, ok bool) {
	at := bytes.Index(g.commit, []byte("\nauthor "))
	if at < 0 {
		return nil, false
	}
	said = g.commit[at+1:]
	head, _, found := bytes.Cut(said, []byte("\n\n"))
	lines := bytes.Split(head, []byte("\n"))
	return said, found && len(lines) == 2 && bytes.HasPrefix(lines[1], []byte("committer "))
}

// graft puts an event on top of a draft's branch with its commit's own words.
func (d *draft) graft(h *draftHead, g graft) error {
	root, err := rootDir(d.tree, h.tree)
	if err != nil {
		return err
	}
	blob := plumbing.ComputeHash(plumbing.BlobObject, g.file)
	at, err := placeEvent(root, g.home, g.event, func() plumbing.Hash { return blob })
	if err != nil || at.found {
		return err
	}
	tree, err := d.insert(h.tree, at.path, d.batch.Add(plumbing.BlobObject, g.file))
	if err != nil {
		return err
	}
	commit := d.batch.Add(plumbing.CommitObject, g.encode(tree, h.commit))
	h.move(commit, tree, g.event.ID)
	return nil
}

// refOrZero returns where a ref is, and zero if there is none.
func (s *Store) refOrZero(ref plumbing.ReferenceName) (plumbing.Hash, error) {
	h, err := s.db.Ref(ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return plumbing.ZeroHash, nil
	}
	return h, err
}

// graftForeign puts events that came from a remote, but on a branch that is
// not to be believed as a whole, on top of ours.
func (s *Store) graftForeign(ctx context.Context, ref plumbing.ReferenceName, grafts []graft) (n int, err error) {
	slices.SortFunc(grafts, func(a, b graft) int { return a.event.ID.Compare(b.event.ID) })
	for len(grafts) > 0 {
		taken, added, err := s.graftBatch(ctx, ref, grafts)
		if err != nil {
			return n, err
		}
		n += added
		grafts = grafts[taken:]
	}
	return n, nil
}

func (s *Store) graftBatch(ctx context.Context, ref plumbing.ReferenceName, grafts []graft) (taken, added int, err error) {
	unlock, err := s.db.Lock(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer unlock()
	d := s.newDraft()
	h, err := d.head(ref)
	if err != nil {
		return 0, 0, err
	}
	for taken < len(grafts) && d.batch.Size() < maxGroup {
		g := grafts[taken]
		root, err := rootDir(d.tree, h.tree)
		if err != nil {
			return 0, 0, err
		}
		there, err := holdsEvent(root, g.home, g.event, plumbing.ComputeHash(plumbing.BlobObject, g.file))
		if err == nil && !there {
			added++
			err = d.graft(h, g)
		}
		if err != nil {
			return 0, 0, err
		}
		taken++
	}
	return taken, added, d.commit()
}

// isAncestor tells whether a commit is in the history of another.
func (s *Store) isAncestor(ctx context.Context, old, of plumbing.Hash) (bool, error) {
	n, err := s.distance(ctx, of, old)
	return n >= 0, err
}

// distance counts the commits from one back to an older one, or to the first
// that is here if that is zero; -1 if the older one is not in its history.
func (s *Store) distance(ctx context.Context, from, to plumbing.Hash) (n int, err error) {
	past, err := s.ancestry()
	if err != nil {
		return 0, err
	}
	for ; from != to; n++ {
		if from.IsZero() {
			return -1, nil
		}
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		c, err := past.info(from)
		if err != nil {
			return 0, err
		}
		from = c.parent
	}
	return n, nil
}
