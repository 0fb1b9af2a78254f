package odb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// TestFailingCalls lets every single call that changes the disk fail, alone or
// with all that come after it. The work must end with that error and nothing
// moved, or be done; once the disk works again, so does the store.
func TestFailingCalls(t *testing.T) {
	base := []string{"a", "b", "c"}
	for _, work := range []struct {
		name string
		make func(t *testing.T, dir string) []string // what main has afterwards
		do   func(s *Storage) error
		then []string // what doing it adds to main
		long bool     // many calls on many files
	}{
		{"first batch", nothing, postWork("new"), []string{"new"}, false},
		{"batch", threeBatches, postWork("new"), []string{"new"}, false},
		{"batch of two refs", threeBatches, func(s *Storage) error {
			return withLock(s, func() error {
				return commitTo(s, []plumbing.ReferenceName{otherRef, mainRef}, []string{"new"}, 0)
			})
		}, []string{"new"}, false},
		{"batch that finds the journal full", fullJournal, func(s *Storage) error { return post(s, mainRef, 1000, "new") }, []string{"new"}, true},
		{"batch after a killed writer", killedWriter, postWork("new"), []string{"new"}, true},
		{"ref set by go-git", threeBatches, func(s *Storage) error {
			tip, err := s.Ref(mainRef)
			if err != nil {
				return err
			}
			return s.SetReference(plumbing.NewHashReference("refs/heads/copy", tip))
		}, nil, false},
		{"object stored by go-git", threeBatches, func(s *Storage) error {
			o := s.NewEncodedObject()
			o.SetType(plumbing.BlobObject)
			_, err := s.SetEncodedObject(o)
			return err
		}, nil, false},
		{"maintenance", manyPacks, func(s *Storage) error { return s.Maintain(context.Background()) }, nil, true},
		{"compaction", threeBatches, compactAndReap, nil, true},
	} {
		t.Run(work.name, func(t *testing.T) {
			template := newRepo(t)
			base = work.make(t, template)
			for i, f := range faults {
				if work.long && i > 1 && !soak() {
					break
				}
				for n := 1; ; n += stride(n, work.long) {
					dir := copyRepo(t, template)
					if !tryFault(t, dir, f, n, work.do, base, work.then) {
						break
					}
					os.RemoveAll(dir)
				}
			}
		})
	}
}

// stride is how far it is to the next call to fail. Where there are many they
// are much alike.
func stride(n int, long bool) int {
	if long && n > 12 && !soak() {
		return 5
	}
	return 1
}

// fault is a way of failing.
type fault struct {
	name   string
	how    outcome
	sticky bool
}

var faults = []fault{
	{"once", outcome{}, false},
	{"from then on", outcome{}, true},
	{"half done, once", outcome{short: true}, false},
	{"half done, from then on", outcome{short: true}, true},
	{"done and reported as failed, once", outcome{late: true}, false},
}

// tryFault does the work with the n-th call failing, and says whether there
// was such a call.
func tryFault(t *testing.T, dir string, f fault, n int, do func(*Storage) error, base, then []string) bool {
	t.Helper()
	errno := []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}[n%3]
	calls, armed, failed := 0, false, ""
	s := open(t, dir, Options{Boot: "boot", Logger: quiet(), FS: hooked(OS, func(call, _ string) outcome {
		if !armed {
			return outcome{}
		}
		if calls++; calls == n || f.sticky && calls > n {
			if failed == "" {
				failed = call
			}
			o := f.how
			o.err = &os.PathError{Op: call, Path: dir, Err: errno}
			return o
		}
		return outcome{}
	})})
	armed = true
	err := do(s)
	armed = false
	where := fmt.Sprintf("%s, call %d (%s) fails %s with %v", t.Name(), n, failed, f.name, errno)
	if err != nil && !errors.Is(err, errno) {
		t.Fatalf("%s: the error is %v", where, err)
	}
	checkAfterFault(t, where, dir, s, err, base, then, n%4 == 0 || soak())
	return failed != ""
}

func checkAfterFault(t *testing.T, where, dir string, s *Storage, err error, base, then []string, sample bool) {
	t.Helper()
	got, herr := history(s, mainRef)
	if herr != nil {
		t.Fatalf("%s: afterwards: %v", where, herr)
	}
	var unknown *UnknownOutcomeError
	got = withoutKilled(got)
	old, done := slices.Equal(got, base), slices.Equal(got, slices.Concat(base, then))
	switch {
	case err == nil && !done, err != nil && !old && !(done && errors.As(err, &unknown)):
		t.Fatalf("%s: %v; main has %v", where, err, got)
	}
	if err := post(s, mainRef, 0, "next"); err != nil {
		t.Fatalf("%s: the next batch: %v", where, err)
	}
	now, herr := history(s, mainRef)
	want := append(got, "next")
	if errors.As(err, &unknown) && slices.Contains(now, "new") {
		want = slices.Concat(base, then, []string{"next"})
	}
	if herr != nil || !slices.Equal(withoutKilled(now), want) {
		t.Fatalf("%s: after the next batch main has %v, want %v (%v)", where, now, want, herr)
	}
	s.Close()
	again := open(t, dir, Options{Boot: "another", Logger: quiet()})
	wantHistory(t, again, mainRef, now...)
	again.Close()
	if sample {
		fsck(t, dir)
	}
}

// withoutKilled leaves out the commit of killedWriter: it may be finished by
// the next writer, or not.
func withoutKilled(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "killed" })
}

func withLock(s *Storage, do func() error) error {
	unlock, err := s.Lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	return do()
}

func postWork(id string) func(*Storage) error {
	return func(s *Storage) error { return post(s, mainRef, 0, id) }
}

// compactAndReap compacts the store and removes what was replaced, as happens
// after the grace period.
func compactAndReap(s *Storage) error {
	_, err := s.Compact(context.Background(), nil)
	return errors.Join(err, s.reap(0))
}

func nothing(*testing.T, string) []string { return nil }

func threeBatches(t *testing.T, dir string) []string {
	s := open(t, dir, Options{Boot: "boot"})
	defer s.Close()
	ids := []string{"a", "b", "c"}
	for _, id := range ids {
		mustPost(t, s, mainRef, 0, id)
	}
	mustPost(t, s, otherRef, 0, "d")
	return ids
}

func fullJournal(t *testing.T, dir string) []string {
	ids := threeBatches(t, dir)
	s := open(t, dir, Options{Boot: "boot"})
	defer s.Close()
	for rest := journalSize; rest > 1000; rest = int(journalSize - s.journal.end) {
		id := fmt.Sprint("fill", rest)
		mustPost(t, s, mainRef, min(max(rest-5000, 0), MaxBatch/2), id)
		ids = append(ids, id)
	}
	return ids
}

// killedWriter leaves a batch whose record is in the journal, and nothing else.
func killedWriter(t *testing.T, dir string) []string {
	ids := threeBatches(t, dir)
	dead := false
	s := open(t, dir, Options{Boot: "boot", FS: hooked(OS, func(call, _ string) outcome {
		if dead = dead || call == "rename"; dead {
			return outcome{err: errKilled}
		}
		return outcome{}
	})})
	defer s.Close()
	if err := post(s, mainRef, 0, "killed"); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	return ids
}

func manyPacks(t *testing.T, dir string) []string {
	s := open(t, dir, Options{Boot: "boot"})
	defer s.Close()
	ids := names("m", smallPacks)
	for _, id := range ids {
		mustPost(t, s, mainRef, 0, id)
	}
	return ids
}

// copyRepo copies a repository.
func copyRepo(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.git")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}
