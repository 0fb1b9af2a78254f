package gitstore

import (
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// SyncReport says what a sync has done, in however many attempts, and how the
// last attempt has found and left things.
type SyncReport struct {
	Remote   string    // the address, without a password
	Fetched  int       // events that came
	Older    int       // commits that came after they had been left away
	Replayed int       // events of this store that were committed again on top of them
	Pushed   int       // events that the remote has now and had not before
	Pushes   int       // attempts to push, those that were too late as well
	Refused  []Refusal // what came and is not believed
	Held     []string  // sentences: branches that were not pushed, and why
	HeldBack []Held    // events that the remote has refused, one by one, in this sync
	Notes    []string  // sentences: what else there is to know
	Rescued  []string  // refs that keep what a rewritten history has replaced
	Moved    string    // the address to which the remote sends whoever asks there; "" if it does not
}

// MovedSentence says that a remote has another address now, and what to do.
func MovedSentence(to string) string {
	return fmt.Sprintf(`the remote has moved to %s; "skein remote add %s" has skein ask there at once`, to, to)
}

// done is what a sync has done, of which a later attempt of it sees nothing any
// more.
type done struct {
	notes    []string
	refused  []Refusal                      // in branches that were replaced
	replayed map[plumbing.ReferenceName]int // events, in the attempt with the most
}

// beginReport forgets how an earlier attempt has found things.
func (r *syncRun) beginReport() {
	r.report.Held, r.report.Refused, r.report.Notes = nil, slices.Clone(r.done.refused), slices.Clone(r.done.notes)
}

// noteDone notes something that was done.
func (r *syncRun) noteDone(text string) {
	if !slices.Contains(r.done.notes, text) {
		r.done.notes = append(r.done.notes, text)
		r.note(text)
	}
}

// note notes how things are.
func (r *syncRun) note(text string) { r.report.Notes = append(r.report.Notes, text) }

// noteRefused notes what is not believed of a branch of the remote.
func (r *syncRun) noteRefused(in *inspection) {
	r.report.Refused = append(r.report.Refused, in.refused...)
	if in.more > 0 {
		r.note(fmt.Sprintf("%d more refusals are not listed", in.more))
	}
}

// noteReplaced notes that the remote's branch, with what was refused in it, has
// made way for this store's.
func (r *syncRun) noteReplaced(b *replica) {
	r.done.refused = append(r.done.refused, b.refused...)
	r.noteDone(fmt.Sprintf("the remote's branch %s was replaced by this store's", b.ref.Short()))
}

// noteFuture notes that events of a branch came from somebody whose clock is ahead.
func (r *syncRun) noteFuture(b *replica) {
	if b.future > 0 {
		r.noteDone(fmt.Sprintf("%d events of branch %s come from a machine whose clock is more than a day ahead; they are taken, and sort after what is written now", b.future, b.ref.Short()))
	}
}

// noteOlder counts what has come of a history that was cut short.
func (r *syncRun) noteOlder(b *replica) {
	if b.older != nil {
		r.report.Older += len(b.older.commits)
	}
}

// noteReplayed counts events that were committed again. An attempt that follows
// one which was too late does so with those of that one, and with what was
// posted meanwhile.
func (r *syncRun) noteReplayed(ref plumbing.ReferenceName, n int) {
	if r.done.replayed == nil {
		r.done.replayed = map[plumbing.ReferenceName]int{}
	}
	if more := n - r.done.replayed[ref]; more > 0 {
		r.report.Replayed += more
		r.done.replayed[ref] = n
	}
}
