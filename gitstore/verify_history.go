package gitstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// historian checks commits one after the other: what each adds to the tree of
// its parent. So every object of the branch is read about once.
type historian struct {
	v *verifier
	b *branch

	trees treeCache

	objects, messages, commits int
	ids                        []event.ID
}

// check looks at the commit at that place of the branch.
func (w *historian) check(ctx context.Context, at int) error {
	h := w.b.commits[at]
	w.commits++
	raw, c, err := w.commit(h)
	if err != nil {
		return w.v.unreadable("commit "+h.String(), err)
	}
	if n := parents(raw); n > 1 {
		w.v.problem("commit %s of branch %s merges %d histories, where each commit has one parent; take it off the branch and bring its messages in with skein", h, w.b.ref.Short(), n)
	}
	if at == len(w.b.commits)-1 {
		switch {
		case c.cut:
			return w.first(ctx, h, c)
		case w.b.whole:
			return w.root(h, c)
		}
		return nil // what it was added to cannot be read; that is reported
	}
	_, parent, err := w.b.commit(w.b.commits[at+1])
	if err != nil {
		return w.v.unreadable("commit "+w.b.commits[at+1].String(), err)
	}
	step := &step{w: w, name: fmt.Sprintf("commit %s of branch %s", h, w.b.ref.Short())}
	if err := step.compare(subtree{hash: parent.tree}, subtree{hash: c.tree}); err != nil {
		return err
	}
	return step.finish(raw, c)
}

func (w *historian) commit(h plumbing.Hash) ([]byte, commitInfo, error) {
	w.objects++
	return w.b.commit(h)
}

// parents counts the parents in the bytes of a commit.
func parents(raw []byte) int {
	head, _, _ := bytes.Cut(raw, []byte("\n\n"))
	return bytes.Count(head, []byte("\nparent "))
}

// root checks the first commit of a branch.
func (w *historian) root(h plumbing.Hash, c commitInfo) error {
	raw, err := w.tree(subtree{hash: c.tree})
	if err != nil {
		return w.v.unreadable("the tree of commit "+h.String(), err)
	}
	format, ok := lookup(raw, formatFile)
	dirs := slices.Collect(entries(raw))
	if !ok || format.Dir || slices.ContainsFunc(dirs, func(e treeEntry) bool { return e.Dir }) {
		w.v.problem("branch %s does not begin as a store of skein does (commit %s); restore it from another clone", w.b.ref.Short(), h)
	}
	return nil
}

// first checks the commit with which a history begins that is not whole: which
// of its events it brought itself is not known, so all of them are looked at.
func (w *historian) first(ctx context.Context, h plumbing.Hash, c commitInfo) error {
	raw, err := w.tree(subtree{hash: c.tree})
	if err != nil {
		return w.v.unreadable("the tree of commit "+h.String(), err)
	}
	if format, ok := lookup(raw, formatFile); !ok || format.Dir {
		w.v.problem("commit %s of branch %s is not of a store of skein; restore the branch from another clone", h, w.b.ref.Short())
	}
	for _, top := range topsOf(w.b.ref) {
		if e, ok := lookup(raw, top); ok {
			if err := w.below(ctx, subtree{hash: e.Hash, path: top}); err != nil {
				return err
			}
		}
	}
	return nil
}

// below checks all events below a directory.
func (w *historian) below(ctx context.Context, d subtree) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := w.tree(d)
	if err != nil {
		return w.v.unreadable(fmt.Sprintf("directory %q (tree %s)", d.path, d.hash), err)
	}
	for e := range entries(raw) {
		if e.Dir {
			err = w.below(ctx, d.sub(e))
		} else {
			_, err = w.event(leaf{d.path, e.Name, e.Hash})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tree reads a directory and checks its form the first time.
func (w *historian) tree(d subtree) ([]byte, error) {
	if d.hash.IsZero() {
		return nil, nil
	}
	if raw, ok := w.trees.get(d.hash); ok {
		return raw, nil
	}
	raw, err := w.v.s.listing(d.hash)
	if err != nil {
		return nil, err
	}
	w.objects++
	if err := checkEntries(raw); err != nil {
		w.v.problem("directory %q (tree %s) %v; another program wrote it: restore the branch from another clone", strings.TrimPrefix(d.path, "/"), d.hash, err)
	}
	w.trees.put(d.hash, raw)
	return raw, nil
}

// checkEntries checks that a tree is as skein writes it.
func checkEntries(raw []byte) error {
	var last []byte
	lastDir := false
	for len(raw) > 0 {
		mode, name, _, rest, ok := nextEntry(raw)
		if !ok {
			return errors.New("ends in bytes that are no entry")
		}
		if m := string(mode); m != "100644" && m != "40000" {
			return fmt.Errorf("holds %q with mode %s, where only files (100644) and directories (40000) belong", name, m)
		}
		if last != nil && compareEntries(last, lastDir, name, isDirMode(mode)) >= 0 {
			return fmt.Errorf("holds %q out of order, or twice", name)
		}
		last, lastDir, raw = name, isDirMode(mode), rest
	}
	return nil
}

// step is what one commit changed.
type step struct {
	w     *historian
	name  string
	added []leaf
	blind bool // part of it could not be read, so that nothing is to be concluded
}

// compare collects what was added below a directory and reports what was
// changed or removed.
func (p *step) compare(from, to subtree) error {
	before, err := p.tree(from)
	if err != nil {
		return err
	}
	after, err := p.tree(to)
	if err != nil || p.blind {
		return err
	}
	return compareTrees(before, after, func(was, is treeEntry) error {
		switch {
		case is.Name == "" || was.Name != "" && !is.Dir:
			path := strings.TrimPrefix(to.path+"/"+cmp.Or(was.Name, is.Name), "/")
			p.w.v.problem("%s changes or removes %s, where events are only ever added; restore the branch from another clone", p.name, path)
		case is.Dir:
			old := subtree{path: to.path + "/" + is.Name, hash: was.Hash}
			return p.compare(old, to.sub(is))
		default:
			p.added = append(p.added, leaf{strings.TrimPrefix(to.path, "/"), is.Name, is.Hash})
		}
		return nil
	})
}

func (p *step) tree(d subtree) ([]byte, error) {
	raw, err := p.w.tree(d)
	if err != nil {
		p.blind = true
		err = p.w.v.unreadable(fmt.Sprintf("directory %q (tree %s)", strings.TrimPrefix(d.path, "/"), d.hash), err)
	}
	return raw, err
}

// finish checks the event that the commit brought.
func (p *step) finish(raw []byte, c commitInfo) error {
	if len(p.added) != 1 && !p.blind {
		p.w.v.problem("%s adds %d files, where each commit brings one event; restore the branch from another clone", p.name, len(p.added))
	}
	for _, f := range p.added {
		e, err := p.w.event(f)
		if err != nil {
			return err
		}
		if e != nil && len(p.added) == 1 {
			p.checkCommit(raw, c, e)
		}
	}
	return nil
}

// checkCommit compares a commit with its event.
func (p *step) checkCommit(raw []byte, c commitInfo, e *event.Event) {
	if c.id != e.ID {
		p.w.v.problem("%s names the event %q and brings %s; restore the branch from another clone", p.name, c.id, e.ID)
	}
	who := e.From + " <" + e.From + "@skein> " + strconv.FormatInt(e.At.Unix(), 10) + " +0000\n"
	if !bytes.Contains(raw, []byte("\nauthor "+who+"committer "+who)) {
		p.w.v.problem("%s is not by the author, or not of the time, of its event %s; restore the branch from another clone", p.name, e.ID)
	}
}

// event reads and checks an event's file; nil if there is something wrong.
func (w *historian) event(f leaf) (*event.Event, error) {
	data, err := w.v.s.blob(f)
	if err != nil {
		return nil, w.v.unreadable(f.path(), err)
	}
	w.objects++
	e, err := event.Parse(data)
	if err != nil {
		w.v.problem("%s is no event as skein writes it: %v; post its text again and restore the branch from another clone", f.path(), err)
		return nil, nil
	}
	if !e.At.Equal(e.ID.Time()) {
		w.v.problem("%s says that it was written at %s, and its id says %s; post its text again", f.path(), e.At, e.ID.Time())
	}
	if want, err := properPath(w.b.ref, f.path(), e); err != nil {
		w.v.problem("%s lies where skein does not look for it: %v; post its text again", f.path(), err)
	} else if want != f.path() {
		w.v.problem("%s should be %s; post its text again", f.path(), want)
	}
	w.ids = append(w.ids, e.ID)
	if e.Kind == event.KindMessage {
		w.messages++
	}
	return e, nil
}

// properPath returns where an event that lies at path may lie: the names of
// project, thread or agent, and how deep it lies, are taken from path.
func properPath(ref plumbing.ReferenceName, path string, e *event.Event) (string, error) {
	h, proper, parts, err := parsePlace(ref, path)
	if err == nil {
		err = checkHome(h, e)
	}
	splits := event.Splits(e)
	if depth := len(parts) - 2; err == nil && (depth < 0 || depth > len(splits)) {
		err = errors.New("it is not in the directory of a month")
	}
	if err != nil {
		return "", err
	}
	proper = append(proper, event.Month(e.At))
	proper = append(proper, splits[:len(parts)-2]...)
	return strings.Join(append(proper, event.FileName(e)), "/"), nil
}

// parsePlace takes the path of an event apart: whose it is, the directories in
// which that is to be looked for, as deep as path has them, and the rest of
// path. The names in h are not checked, but for an agent's.
func parsePlace(ref plumbing.ReferenceName, path string) (h home, proper, rest []string, err error) {
	rest = strings.Split(path, "/")
	proper = []string{projectsDir}
	if other := rest[0]; ref == agentsRef {
		proper[0] = agentsDir
	} else if other == event.StateDir || other == event.RedactionsDir {
		proper[0] = other
	}
	rest = rest[1:]
	slug := func() (name string) {
		var fans []string
		name, fans, rest = cutSlug(rest)
		fans = fans[:min(len(fans), event.MaxFanOut)] // a path that is deeper is none of ours
		for level := range fans {
			fans[level] = event.FanOut(name, level)
		}
		proper = append(append(proper, fans...), name)
		return name
	}
	if ref == agentsRef {
		h.agent, err = event.AgentFromDir(slug())
	} else if proper[0] == event.StateDir {
		h.key = slug()
	} else if proper[0] == event.RedactionsDir {
		h.redactions = true
	} else if h.project = slug(); len(rest) > 0 && rest[0] == event.ProjectDir {
		proper, rest = append(proper, event.ProjectDir), rest[1:]
	} else {
		h.thread = slug()
	}
	return h, proper, rest, err
}

// cutSlug takes the name of a project, thread or agent off a path, and the
// fan-out directories before it.
func cutSlug(parts []string) (name string, fans, rest []string) {
	n := 0
	for n < len(parts)-1 && isFanOut(parts[n]) {
		n++
	}
	if n == len(parts) {
		return "", nil, nil
	}
	return parts[n], slices.Clone(parts[:n]), parts[n+1:]
}

func checkHome(h home, e *event.Event) error {
	if h.project != "" && !isSlug(h.project) || h.thread != "" && !isSlug(h.thread) {
		return fmt.Errorf("%s is no name of a thread", h)
	}
	if !h.takes(e) {
		return fmt.Errorf("%s is no place for it", h)
	}
	return nil
}
