package gitstore

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// answered is a request of another process that a leader has committed.
func answered(t *testing.T, s *Store, path string) *request {
	t.Helper()
	r := &request{home: home{project: "p", thread: "t"}, event: &event.Event{From: "a", Body: []byte(path)}, path: path}
	if err := s.stamp(r); err != nil {
		t.Fatal(err)
	}
	r.commit = r.blobHash() // as good as any
	return r
}

// What a killed leader or a power loss has left of the answers is never taken
// for one, byte by byte; what is whole is found, for some groups.
func TestAnswersAreChecked(t *testing.T) {
	s := openTest(t, quiet)
	q := &s.queue
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	first, second := answered(t, s, "projects/p/t/one"), answered(t, s, "projects/p/t/two")
	q.leaveAnswers([]*request{first})
	q.leaveAnswers([]*request{second})
	file := filepath.Join(q.dir, queueAnswers)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, must bool) {
		lines := q.readAnswers(math.MaxInt)
		for _, r := range []*request{first, second} {
			if a, ok := findAnswer(lines, r.event.ID); ok != must || ok && a != (answer{r.commit, r.path}) {
				t.Errorf("%s: the answer to %s is %+v", what, r.path, a)
			}
		}
	}
	write := func(data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check("whole", true)
	write(append(bytes.Clone(whole), "and what an older one had"...))
	check("over a longer one", true)
	for i := range whole {
		write(whole[:i])
		check("cut short", false)
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		write(damaged)
		check("one bit flipped", false)
	}
}

// Answers of earlier groups make room for new ones, in whole lines.
func TestAnswersAreBounded(t *testing.T) {
	s := openTest(t, quiet)
	q := &s.queue
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var last *request
	for range 3 * maxAnswers / 100 {
		last = answered(t, s, "projects/p/t/"+strings.Repeat("x", 60))
		q.leaveAnswers([]*request{last})
	}
	lines := q.readAnswers(math.MaxInt)
	if a, ok := findAnswer(lines, last.event.ID); !ok || a.commit == plumbing.ZeroHash {
		t.Error("the last answer is not there")
	}
	if len(lines) > maxAnswers+200 || len(lines) < maxAnswers-200 || bytes.Count(lines, []byte(" ")) != 2*bytes.Count(lines, []byte("\n")) {
		t.Errorf("%d bytes of answers stay", len(lines))
	}
}
