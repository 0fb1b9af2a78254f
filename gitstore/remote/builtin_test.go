package remote

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// TestAPushInSteps: what does not fit into a pack moves the branches on, pack
// by pack, and ends where it was to.
func TestAPushInSteps(t *testing.T) {
	dir, ours := repository(t), repository(t)
	tips := map[plumbing.ReferenceName]plumbing.Hash{}
	for i := range 5 {
		for _, ref := range []plumbing.ReferenceName{mainBranch, agentsBranch} {
			var parents []string
			if i > 0 {
				parents = []string{tips[ref].String()}
			}
			tips[ref] = commit(t, ours, ref.String()+string(rune('a'+i)), parents...)
		}
	}
	git(t, dir, "config", "core.logAllRefUpdates", "true")
	r := &Remote{URL: server(t, filepath.Dir(dir), nil) + "/repo", Repository: opened(t, ours), Transport: BuiltIn, packBytes: 1}
	outcome, err := r.Push(t.Context(), ours, []Update{{Branch: mainBranch, New: tips[mainBranch]}, {Branch: agentsBranch, New: tips[agentsBranch]}})
	if err != nil || len(outcome) != 2 {
		t.Fatal(outcome, err)
	}
	for ref, tip := range tips {
		if outcome[ref] != nil || git(t, dir, "rev-parse", ref.String()) != tip.String() {
			t.Fatal(ref, outcome[ref])
		}
		if moves := git(t, dir, "reflog", "show", "--format=%H", ref.String()); bytes.Count([]byte(moves), []byte("\n")) != 4 {
			t.Fatalf("%s has moved:\n%s", ref, moves)
		}
	}
	git(t, dir, "fsck", "--strict")
}

// TestANewBranchOnAnother: of a branch that the remote has not, only what none
// of its branches has is sent.
func TestANewBranchOnAnother(t *testing.T) {
	dir, ours := repository(t), repository(t)
	first := commit(t, ours, "one")
	second := commit(t, ours, "two", first.String())
	third := commit(t, ours, "three", second.String())
	git(t, dir, "config", "core.logAllRefUpdates", "always")
	r := &Remote{URL: server(t, filepath.Dir(dir), nil) + "/repo", Repository: opened(t, ours), Transport: BuiltIn, packBytes: 1}
	inbox := plumbing.NewBranchReferenceName("inbox/x")
	for _, u := range []Update{{Branch: mainBranch, New: second}, {Branch: inbox, New: third}, {Branch: agentsBranch, New: second}} {
		if outcome, err := r.Push(t.Context(), ours, []Update{u}); err != nil || outcome[u.Branch] != nil {
			t.Fatal(outcome, err)
		}
		if git(t, dir, "rev-parse", u.Branch.String()) != u.New.String() {
			t.Fatalf("%s is elsewhere", u.Branch)
		}
	}
	if moves := git(t, dir, "reflog", "show", "--format=%H", inbox.String()); moves != third.String() {
		t.Fatalf("%s has moved:\n%s", inbox, moves)
	}
	git(t, dir, "fsck", "--strict")
}

// TestAPackBomb: an object that is large when it is unpacked, and a delta that
// makes one of a few bytes, are found out before they are.
func TestAPackBomb(t *testing.T) {
	huge := make([]byte, maxObject+1)
	small := []byte("0123456789abcdef")
	base := plumbing.ComputeHash(plumbing.BlobObject, small)
	copies := []byte{16, 0x80, 0x80, 0x80, 0x20} // of 16 bytes make 2^26
	copies = append(copies, bytes.Repeat([]byte{0x90, 16}, 1000)...)
	for name, c := range map[string]struct {
		fill func(p *packing) error
		want error
	}{
		"object": {func(p *packing) error { return p.entry(plumbing.BlobObject, nil, huge) }, nil}, // its name and size are known
		"delta on it": {func(p *packing) error {
			id := plumbing.ComputeHash(plumbing.BlobObject, huge)
			return errors.Join(p.entry(plumbing.BlobObject, nil, huge), p.entry(plumbing.REFDeltaObject, id[:], middle(huge, small)))
		}, errTooLarge},
		"delta": {func(p *packing) error {
			return errors.Join(p.entry(plumbing.BlobObject, nil, small), p.entry(plumbing.REFDeltaObject, base[:], copies))
		}, errTooLarge},
		"broken delta": {func(p *packing) error {
			return errors.Join(p.entry(plumbing.BlobObject, nil, small), p.entry(plumbing.REFDeltaObject, base[:], []byte{16}))
		}, packfile.ErrMalformedPackFile},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPacking(&Remote{}, true)
			if err := c.fill(p); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := receive(t.Context(), dir, bytes.NewReader(p.finish()), 1<<40, nil); !errors.Is(err, c.want) {
				t.Fatal(err)
			}
		})
	}
}

// TestAPackThatIsNotWhole is not taken for one, wherever it ends.
func TestAPackThatIsNotWhole(t *testing.T) {
	p := newPacking(&Remote{}, true)
	if err := p.entry(plumbing.BlobObject, nil, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	whole := p.finish()
	for n := range whole {
		dir := t.TempDir()
		err := receive(t.Context(), dir, bytes.NewReader(whole[:n]), 1<<20, nil)
		if err == nil || kindOfFailure(err, err.Error()) != Network {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "pack-*")); len(found) > 0 {
			t.Fatal(found)
		}
	}
	broken := bytes.Clone(whole)
	broken[len(broken)-1] ^= 1
	if err := receive(t.Context(), t.TempDir(), bytes.NewReader(broken), 1<<20, nil); !errors.Is(err, packfile.ErrMalformedPackFile) {
		t.Fatal(err)
	}
	if err := receive(t.Context(), t.TempDir(), bytes.NewReader(whole), int64(len(whole)-1), nil); !errors.Is(err, errTooLarge) {
		t.Fatal(err)
	}
	if err := receive(t.Context(), t.TempDir(), bytes.NewReader(whole), int64(len(whole)), nil); err != nil {
		t.Fatal(err)
	}
}

// TestAnOldGit ends as git does that does not know an option; the remote is
// reached without it.
func TestAnOldGit(t *testing.T) {
	dir := repository(t)
	tip := commit(t, dir, "root")
	git(t, dir, "update-ref", mainBranch.String(), tip.String())
	address := server(t, filepath.Dir(dir), nil) + "/repo"
	ours := repository(t)
	r := &Remote{URL: address, Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours)}
	old := t.TempDir()
	if err := os.WriteFile(filepath.Join(old, "git"), []byte("#!/bin/sh\nexit 129\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("PATH")
	t.Setenv("PATH", old)
	tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
	t.Setenv("PATH", path)
	if err != nil || tips[mainBranch] != tip {
		t.Fatal(tips, err)
	}
}
