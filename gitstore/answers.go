package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// The file answers in the queue's directory tells the owners of requests what
// the last group has made of theirs, so that they need not look for it in the
// history. It is one line, then one for each request:
//
//	skein-answers 1 <bytes> <crc32>\n
//	<id> <commit> <path>\n
//
// It is written in place, after the commit is durable, and read under the
// store's lock or RLock. Answers of earlier groups stay for a while, for those
// who are slow to look. Bytes and checksum are those of the lines: a leader may
// have been killed over them, and after a power loss anything may be there. What
// is no answer is no harm: whoever finds none looks in the history.
const answersMagic = "skein-answers 1"

// maxAnswers is how many bytes of earlier answers stay.
const maxAnswers = 8 << 10

// answer is what became of a request.
type answer struct {
	commit plumbing.Hash
	path   string
}

// leaveAnswers tells the other processes what became of their requests. The
// caller holds the lock.
func (q *queue) leaveAnswers(group []*request) {
	var lines []byte
	for _, r := range group {
		if r.done == nil && !r.commit.IsZero() {
			lines = fmt.Appendf(lines, "%s %s %s\n", r.event.ID, r.commit, r.path)
		}
	}
	if len(lines) == 0 {
		return
	}
	lines = append(lines, q.readAnswers(maxAnswers)...)
	f, err := q.fs.OpenFile(filepath.Join(q.dir, queueAnswers), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteAt(encodeAnswers(lines), 0) // an older and longer one may lie behind
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		q.log.Debug("no answers left for other processes", "err", err)
	}
}

func encodeAnswers(lines []byte) []byte {
	head := fmt.Sprintf("%s %d %08x\n", answersMagic, len(lines), crc32.ChecksumIEEE(lines))
	return append([]byte(head), lines...)
}

// readAnswers returns the first lines that leaveAnswers has left, as many as
// have no more than limit bytes.
func (q *queue) readAnswers(limit int) []byte {
	data, err := os.ReadFile(filepath.Join(q.dir, queueAnswers))
	if err != nil {
		return nil
	}
	head, lines, _ := bytes.Cut(data, []byte("\n"))
	var size int
	if _, err := fmt.Sscanf(string(head), answersMagic+" %d", &size); err != nil || size < 0 || size > len(lines) {
		return nil
	}
	if lines = lines[:size]; !bytes.HasPrefix(data, encodeAnswers(lines)) {
		return nil
	}
	return lines[:bytes.LastIndexByte(lines[:min(limit, size)], '\n')+1]
}

// findAnswer looks for the answer to a request in the lines of answers.
func findAnswer(lines []byte, id event.ID) (a answer, ok bool) {
	_, rest, ok := bytes.Cut(lines, []byte(id.String()+" "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	commit, path, _ := strings.Cut(string(line), " ")
	return answer{plumbing.NewHash(commit), path}, ok && plumbing.IsHash(commit)
}

// settleWaiting settles those requests of this process that other leaders have
// committed. The caller has the store's RLock.
func (q *queue) settleWaiting() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = q.settleAnswered(q.waiting)
}

// settleAnswered settles those of own requests that another leader has
// committed, as its answers say, and returns the others.
func (q *queue) settleAnswered(own []*request) []*request {
	if !slices.ContainsFunc(own, func(r *request) bool { return r.spooled }) {
		return own
	}
	lines := q.readAnswers(math.MaxInt)
	return slices.DeleteFunc(own, func(r *request) bool {
		a, ok := findAnswer(lines, r.event.ID)
		if !ok || !r.spooled {
			return false
		}
		r.path, r.commit = a.path, a.commit
		q.settle(r, nil)
		return true
	})
}
