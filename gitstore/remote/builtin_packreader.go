package remote

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
)

// deltaStart keeps the beginning of a delta, which says how long that is which
// it is made from, and how long what it makes.
type deltaStart []byte

func (d *deltaStart) Write(p []byte) (int, error) {
	if need := 2*binary.MaxVarintLen64 - len(*d); need > 0 {
		*d = append(*d, p[:min(need, len(p))]...)
	}
	return len(p), nil
}

// result is the length of what the delta makes; -1 if it says none.
func (d *deltaStart) result() int64 {
	_, n := binary.Uvarint(*d)
	if n <= 0 {
		return -1
	}
	size, m := binary.Uvarint((*d)[n:])
	if m <= 0 || size > 1<<56 {
		return -1
	}
	return int64(size)
}

// packReader reads a pack from any place, and knows where it is. It ends with its
// context: all of a long look at a pack reads from it, again and again.
type packReader struct {
	ctx     context.Context
	pack    io.ReaderAt
	at, end int64 // of all; to is where reading ends for now
	to      int64
	buf     *bufio.Reader
}

const packBuffer = 32 << 10

func newPackReader(ctx context.Context, pack io.ReaderAt, end int64) *packReader {
	r := &packReader{ctx: ctx, pack: pack, end: end}
	r.buf = bufio.NewReaderSize(nil, packBuffer)
	r.seek(0, end)
	return r
}

// seek goes to a place, from where something is to be read that ends at another.
func (r *packReader) seek(at, to int64) {
	r.at, r.to = at, to
	r.buf.Reset(checked{r.ctx, io.NewSectionReader(r.pack, at, to-at)})
}

func (r *packReader) left() int64 { return r.to - r.at }

func (r *packReader) Read(p []byte) (int, error) {
	n, err := r.buf.Read(p)
	r.at += int64(n)
	return n, err
}

// ReadByte is what zlib reads with, so that it takes no more than it needs.
func (r *packReader) ReadByte() (byte, error) {
	c, err := r.buf.ReadByte()
	if err == nil {
		r.at++
	}
	return c, err
}

// checked reads as long as its context lasts.
type checked struct {
	ctx  context.Context
	from io.Reader
}

func (c checked) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.from.Read(p)
}
