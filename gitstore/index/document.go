package index

import (
	"skein/gitstore/event"
)

// drafter makes documents. It is used by one goroutine.
type drafter struct {
	prominence prominence
	buf        []byte
}

// document returns the document of a message, good until the next call.
func (d *drafter) document(ref event.ThreadRef, e *event.Event) []byte {
	title := []byte(e.Title)
	b := plain(append(d.buf[:0], ' '), title)
	b = appendMarks(b, ref, e)
	body := len(b)
	b = plain(b, e.Body)
	d.prominence.reset()
	d.prominence.body(b[body:])
	d.prominence.title(title)
	d.buf = d.prominence.append(b)
	return d.buf
}

func appendMarks(b []byte, ref event.ThreadRef, e *event.Event) []byte {
	mark := func(prefix, name string) { b = append(append(append(b, prefix...), name...), ' ') }
	mark("", anyWord)
	mark(threadMark, ref.String())
	mark(projectMark, ref.Project)
	mark(fromMark, e.From)
	for _, name := range e.To {
		mark(toMark, name)
	}
	for _, tag := range e.Tags {
		mark("", tagWord(tag))
	}
	return b
}
