package tools

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// lineReader hands the lines of in to mcp-go, each with its newline, and keeps
// the tracker informed. See the package comment for what it adds and why.
type lineReader struct {
	ctx   context.Context
	in    *bufio.Reader
	out   *lineWriter
	max   int
	grace time.Duration
	log   *slog.Logger

	hangUp func() // called at the end of in

	line  []byte // what of the current line has not been read yet
	ended bool
}

func newLineReader(ctx context.Context, in io.Reader, out *lineWriter, limit int, grace time.Duration, log *slog.Logger) *lineReader {
	return &lineReader{ctx: ctx, in: bufio.NewReaderSize(in, 64<<10), out: out, max: limit, grace: grace, log: log, hangUp: func() {}}
}

// Read returns bytes of one line at most: the next line is not even looked at
// before mcp-go asks for it.
func (r *lineReader) Read(p []byte) (int, error) {
	for len(r.line) == 0 {
		if r.ended {
			r.settle("the end of stdin")
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.line)
	r.line = r.line[n:]
	return n, nil
}

// next reads one line into r.line; it leaves r.line empty for a line that is
// not handed on.
func (r *lineReader) next() error {
	if r.out.track.handshake() {
		r.settle("the line after initialize")
	}
	line, tooLong, err := r.read()
	switch {
	case errors.Is(err, io.EOF):
		r.ended = true
		r.hangUp()
	case err != nil:
		return err
	}
	if tooLong != nil {
		return r.refuse(tooLong)
	}
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
	if len(line) == 0 {
		return nil
	}
	r.out.track.read(line)
	line = append(line, '\n')
	r.line = line
	return nil
}

// settle waits until every request handed on has been answered.
func (r *lineReader) settle(before string) {
	limit := time.NewTimer(r.grace)
	defer limit.Stop()
	select {
	case <-r.out.track.idle():
	case <-r.ctx.Done():
	case <-limit.C:
		r.log.Warn("requests are still unanswered; going on without their answers", "before", before, "waited", r.grace)
	}
}

// read returns the next line; a last line without a newline comes with io.EOF.
// Of a line over the limit only the ends are kept.
func (r *lineReader) read() (line []byte, tooLong *longLine, err error) {
	for {
		part, err := r.in.ReadSlice('\n')
		switch {
		case tooLong != nil:
			tooLong.add(part)
		case len(line)+len(part) > r.max+len("\r\n"):
			tooLong = &longLine{}
			tooLong.add(line)
			tooLong.add(part)
			line = nil
		default:
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

// refuse answers a line that was too long to be read.
func (r *lineReader) refuse(l *longLine) error {
	r.log.Warn("a request was refused", "bytes", l.size, "limit", r.max)
	msg := fmt.Sprintf("the request has %d bytes and at most %d are read; send less at once", l.size, r.max)
	id := mcp.NewRequestId(l.id())
	b, err := json.Marshal(mcp.NewJSONRPCError(id, mcp.INVALID_REQUEST, msg, nil))
	if err != nil {
		return err
	}
	_, err = r.out.Write(append(b, '\n'))
	return err
}

// keepEnds is how much of each end of a line is kept to find its id in.
const keepEnds = 4 << 10

// longLine is what is remembered of a line over the limit.
type longLine struct {
	size       int
	head, tail []byte
}

func (l *longLine) add(part []byte) {
	l.size += len(bytes.TrimRight(part, "\r\n"))
	if room := keepEnds - len(l.head); room > 0 {
		l.head = append(l.head, part[:min(room, len(part))]...)
	}
	if len(part) < keepEnds {
		part = append(l.tail[:len(l.tail):len(l.tail)], part...)
	}
	l.tail = bytes.Clone(part[max(0, len(part)-keepEnds):])
}

// trailingID is the id of a request that has it last, as the TypeScript SDK
// writes it. The brace and the comma are those of the outermost object: valid
// JSON has nothing after them.
var trailingID = regexp.MustCompile(`[,{]\s*"id"\s*:\s*(-?\d+|"(?:[^"\\]|\\.)*")\s*}\s*$`)

// id is the request's id if an end of the line shows it, else nil.
func (l *longLine) id() any {
	d := json.NewDecoder(bytes.NewReader(l.head))
	if t, err := d.Token(); err == nil && t == json.Delim('{') {
		for {
			key, err := d.Token()
			if err != nil {
				break
			}
			var v any
			if d.Decode(&v) != nil {
				break
			}
			if key == "id" {
				return v
			}
		}
	}
	var v any
	if m := trailingID.FindSubmatch(l.tail); m != nil && json.Unmarshal(m[1], &v) == nil {
		return v
	}
	return nil
}

// lineWriter is the client's side of stdout: one line a write, never mixed,
// and each answer crossed off once it is written.
type lineWriter struct {
	mu     sync.Mutex
	out    io.Writer
	track  *tracker
	broken context.CancelCauseFunc
}

// writeError says that out is gone; without it there is nobody to serve.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

func (w *lineWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	n, err := w.out.Write(line)
	w.mu.Unlock()
	if err != nil {
		w.broken(&writeError{err})
	}
	w.track.wrote(line)
	return n, err
}
