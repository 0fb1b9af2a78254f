package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// The two branches.
const (
	mainRef   = plumbing.ReferenceName("refs/heads/main")   // the conversation
	agentsRef = plumbing.ReferenceName("refs/heads/agents") // who is there, and who has seen what
)

// commitInfo is what the store asks of a commit.
type commitInfo struct {
	tree   plumbing.Hash
	parent plumbing.Hash // the first; zero if there is none, or none that is here
	id     event.ID      // of the event that it brought; zero if it brought none
	cut    bool          // it has parents, but the history that is here begins with it
}

// root tells whether the commit is the first of its branch anywhere.
func (c commitInfo) root() bool { return c.parent.IsZero() && !c.cut }

// parseCommit reads the bytes of a commit object.
func parseCommit(raw []byte) (commitInfo, error) {
	var c commitInfo
	rest := raw
	for len(rest) > 0 && rest[0] != '\n' {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		key, value, _ := bytes.Cut(line, []byte(" "))
		switch {
		case string(key) == "tree":
			c.tree = plumbing.NewHash(string(value))
		case string(key) == "parent" && c.parent.IsZero():
			c.parent = plumbing.NewHash(string(value))
		}
		rest = after
	}
	if c.tree.IsZero() {
		return c, errors.New("it names no tree")
	}
	c.id = skeinID(raw)
	return c, nil
}

const idTrailer = "Skein-Id: "

// skeinID returns the id in the trailer of a commit's bytes, zero if it has none.
func skeinID(commit []byte) event.ID {
	at := bytes.LastIndex(commit, []byte("\n"+idTrailer))
	if at < 0 {
		return event.ID{}
	}
	line, _, _ := bytes.Cut(commit[at+1+len(idTrailer):], []byte("\n"))
	id, err := event.ParseID(string(line))
	if err != nil {
		return event.ID{}
	}
	return id
}

// encodeCommit returns the bytes of a commit by one author, at a whole second
// in UTC. parent is zero for a root commit.
func encodeCommit(tree, parent plumbing.Hash, author string, at time.Time, message string) []byte {
	who := author + " <" + author + "@skein> " + strconv.FormatInt(at.Unix(), 10) + " +0000\n"
	out := make([]byte, 0, 128+2*len(who)+len(message))
	out = append(out, "tree "+tree.String()+"\n"...)
	if !parent.IsZero() {
		out = append(out, "parent "+parent.String()+"\n"...)
	}
	out = append(out, "author "...)
	out = append(out, who...)
	out = append(out, "committer "...)
	out = append(out, who...)
	out = append(out, '\n')
	return append(out, message...)
}

// tipState is a branch's newest commit.
type tipState struct {
	commit plumbing.Hash
	commitInfo
}

// tipCache keeps the tips of both branches, so that a commit is read once. Its
// zero value is ready.
type tipCache struct {
	mu   sync.Mutex
	tips map[plumbing.ReferenceName]tipState
}

func (c *tipCache) get(ref plumbing.ReferenceName, commit plumbing.Hash) (tipState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tips[ref]
	return t, ok && t.commit == commit
}

func (c *tipCache) put(ref plumbing.ReferenceName, t tipState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tips == nil {
		c.tips = make(map[plumbing.ReferenceName]tipState)
	}
	c.tips[ref] = t
}

// tipState reads the tip of a branch and checks that its format is one that
// this skein knows: another process may have brought a newer one meanwhile.
func (s *Store) tipState(ref plumbing.ReferenceName) (tipState, error) {
	h, err := s.db.Ref(ref)
	if err != nil {
		return tipState{}, s.explainMissingRef(ref, err)
	}
	if t, ok := s.tips.get(ref, h); ok {
		return t, nil
	}
	info, err := s.commitInfo(h)
	if err != nil {
		return tipState{}, err
	}
	if err := s.checkFormat(info.tree); err != nil {
		return tipState{}, err
	}
	s.observe(info.id)
	s.readHighWater()
	t := tipState{h, info}
	s.tips.put(ref, t)
	return t, nil
}

// explainMissingRef never lets a missing branch pass for an empty store.
func (s *Store) explainMissingRef(ref plumbing.ReferenceName, err error) error {
	if !errors.Is(err, plumbing.ErrReferenceNotFound) {
		return fmt.Errorf("read branch %s of the store %s: %w", ref.Short(), s.dir, err)
	}
	return fmt.Errorf("the store %s has lost its branch %s; restore %s from a backup or from another clone: %w",
		s.dir, ref.Short(), gitDir(s.dir), err)
}

// tip returns the newest commit of a branch.
func (s *Store) tip(ref plumbing.ReferenceName) (plumbing.Hash, error) {
	t, err := s.tipState(ref)
	return t.commit, err
}

// rootTree returns a commit's tree.
func (s *Store) rootTree(commit plumbing.Hash) (plumbing.Hash, error) {
	for _, ref := range []plumbing.ReferenceName{mainRef, agentsRef} {
		if t, ok := s.tips.get(ref, commit); ok {
			return t.tree, nil
		}
	}
	info, err := s.commitInfo(commit)
	return info.tree, err
}

// commitInfo reads a commit. Whoever reads more than one walks (ancestry).
func (s *Store) commitInfo(h plumbing.Hash) (commitInfo, error) {
	past, err := s.ancestry()
	if err != nil {
		return commitInfo{}, fmt.Errorf("read commit %s: %w", h, err)
	}
	return past.info(h)
}

// ancestry is the history that is here, as one walk through it sees it. Whoever
// walks does so by it, and not by the parents in the bytes of commits: they need
// not be here.
type ancestry struct {
	s      *Store
	begins map[plumbing.Hash]bool // commits with parents with which it begins
}

// ancestry looks up where history begins, once for a walk. The walk must begin at
// a commit that was known before: what a branch moves to later may begin
// elsewhere.
func (s *Store) ancestry() (ancestry, error) {
	begins, err := s.db.ShallowSet()
	return ancestry{s, begins}, err
}

// info reads a commit.
func (p ancestry) info(h plumbing.Hash) (commitInfo, error) {
	_, info, err := p.read(h)
	return info, err
}

// read is info with the commit's bytes.
func (p ancestry) read(h plumbing.Hash) (raw []byte, info commitInfo, err error) {
	t, raw, err := p.s.db.Get(h)
	if err != nil {
		return nil, info, fmt.Errorf("read commit %s: %w", h, err)
	}
	if t != plumbing.CommitObject {
		return nil, info, fmt.Errorf("object %s is a %s; a commit was expected", h, t)
	}
	if info, err = parseCommit(raw); err != nil {
		return nil, info, fmt.Errorf("read commit %s: %w", h, err)
	}
	p.cut(h, &info)
	return raw, info, nil
}

// cut takes the parent from a commit with which the history that is here begins.
func (p ancestry) cut(h plumbing.Hash, c *commitInfo) {
	if c.cut = p.begins[h] && !c.parent.IsZero(); c.cut {
		c.parent = plumbing.ZeroHash
	}
}
