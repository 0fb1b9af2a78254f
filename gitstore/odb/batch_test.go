package odb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestBatch holds the whole way of a batch against git: objects, refs, and
// what a second process reads.
func TestBatch(t *testing.T) {
	for name, o := range map[string]Options{"durable": {}, "no sync": {NoSync: true}} {
		t.Run(name, func(t *testing.T) {
			dir := newRepo(t)
			s := open(t, dir, o)
			reader := open(t, dir, o)
			wantHistory(t, reader, mainRef)
			mustPost(t, s, mainRef, 10, "a", "b")
			mustPost(t, s, mainRef, 100_000, "c")
			mustPost(t, s, otherRef, 0, "d")
			for _, s := range []*Storage{s, reader, open(t, dir, o)} {
				wantHistory(t, s, mainRef, "a", "b", "c")
				wantHistory(t, s, otherRef, "d")
			}
			fsck(t, dir)
			if got := git(t, dir, "log", "--format=%s", "--reverse", "main"); got != "a 10\nb 10\nc 100000\n" {
				t.Errorf("git log: %q", got)
			}
			if got := git(t, dir, "cat-file", "blob", "main:file"); got != string(content("c", 100_000)) {
				t.Errorf("git cat-file returns %d bytes", len(got))
			}
		})
	}
}

// TestBatchSeveralRefs: refs of one batch move together.
func TestBatchSeveralRefs(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	unlock, err := s.Lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	b := s.NewBatch()
	h := addCommit(b, plumbing.ZeroHash, "a", 0)
	b.Move(mainRef, plumbing.ZeroHash, h)
	b.Move(otherRef, plumbing.ZeroHash, h)
	b.Move("refs/skein/deep/er", plumbing.ZeroHash, h)
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []plumbing.ReferenceName{mainRef, otherRef, "refs/skein/deep/er"} {
		wantHistory(t, s, ref, "a")
	}
	b = s.NewBatch()
	next := addCommit(b, h, "b", 0)
	b.Move(mainRef, h, next)
	b.Move(otherRef, plumbing.NewHash(strings.Repeat("1", 40)), next)
	if err := b.Commit(); !IsRace(err) {
		t.Fatalf("a batch with a wrong old value: %v", err)
	}
	wantHistory(t, s, mainRef, "a")
	wantHistory(t, s, otherRef, "a")
}

// TestBatchRefused: what cannot be kept is refused before anything is written.
func TestBatchRefused(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	mustPost(t, s, mainRef, 0, "a")
	tip, err := s.Ref(mainRef)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := s.Lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	nowhere := plumbing.NewHash(strings.Repeat("1", 40))
	before := listing(t, dir)
	for name, fill := range map[string]func(b *Batch){
		"not a ref below refs/":      func(b *Batch) { b.Move("HEAD", tip, tip) },
		"not a ref below refs":       func(b *Batch) { b.Move("refs/../config", tip, tip) },
		"moved twice":                func(b *Batch) { b.Move(mainRef, tip, tip); b.Move(mainRef, tip, tip) },
		"not in the store":           func(b *Batch) { b.Move(mainRef, tip, nowhere) },
		"commit it in parts":         func(b *Batch) { b.Move(mainRef, tip, addCommit(b, tip, "b", journalSize)) },
		"commit it in parts, please": func(b *Batch) { b.Add(plumbing.BlobObject, make([]byte, journalSize-maxCheckpoint)) },
	} {
		b := s.NewBatch()
		fill(b)
		if err := b.Commit(); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(name, ", please")) {
			t.Errorf("want an error that says %q, got %v", name, err)
		}
	}
	if after := listing(t, dir); after != before {
		t.Errorf("files were left:\n%s\nbefore:\n%s", after, before)
	}
}

// TestBatchAtTheEnd: a record that just fits the journal's rest is kept, as is
// one that just does not.
func TestBatchAtTheEnd(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	var ids []string
	for over := -25; over <= 25; over++ {
		id := fmt.Sprint("fit", over)
		unlock, err := s.Lock(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.journal.catchUp(), s.checkpoint()); err != nil {
			t.Fatal(err)
		}
		if err := postLocked(s, mainRef, MaxBatch-1000, id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		empty := newPackWriter()
		empty.add(plumbing.BlobObject, make([]byte, 40_000))
		spare := journalSize - s.journal.end - recordSize(nil, empty.buf) - packTrailer
		b := s.NewBatch()
		b.Add(plumbing.BlobObject, make([]byte, 40_000+int(spare)+over))
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		records, err := s.journal.records()
		if last := records[len(records)-1]; err != nil || len(last.pack) < 40_000 {
			t.Fatalf("%d bytes over the end: the last record has a pack of %d bytes (%v)", over, len(last.pack), err)
		}
		unlock()
	}
	wantHistory(t, open(t, dir, Options{Boot: "another"}), mainRef, ids...)
	fsck(t, dir)
}

// TestBatchTwice: the same objects once more must not endanger those that
// count already, whatever becomes of the second batch.
func TestBatchTwice(t *testing.T) {
	dir := newRepo(t)
	s := open(t, dir, Options{})
	unlock, err := s.Lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	commit := func(ref plumbing.ReferenceName, old plumbing.Hash) error {
		b := s.NewBatch()
		b.Move(ref, old, addCommit(b, plumbing.ZeroHash, "a", 0))
		return b.Commit()
	}
	if err := commit(mainRef, plumbing.ZeroHash); err != nil {
		t.Fatal(err)
	}
	if err := commit(otherRef, plumbing.NewHash(strings.Repeat("1", 40))); !IsRace(err) {
		t.Fatal(err)
	}
	wantHistory(t, open(t, dir, Options{}), mainRef, "a")
	if err := commit(otherRef, plumbing.ZeroHash); err != nil {
		t.Fatal(err)
	}
	wantHistory(t, open(t, dir, Options{}), otherRef, "a")
	fsck(t, dir)
}
