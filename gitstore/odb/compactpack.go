package odb

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// job is an object on its way into the new pack. Those whose body is known are
// only copied.
type job struct {
	i, base  uint32 // base: what it may be made on, or none
	kind     plumbing.ObjectType
	data, on []byte // the object and its base; nil: to be read

	delta bool   // body is a delta on base
	size  int    // bytes of the object, or of its delta
	body  []byte // compressed
}

const (
	portionJobs  = 256
	portionBytes = 1 << 20 // of objects in a portion, more or less
)

// portion is some jobs on their way through the encoders to the writer, which takes
// portions in the order in which they were made.
type portion struct {
	all   []job
	bytes int
	done  chan struct{} // closed when they are encoded
}

// compaction writes the objects of a set as one pack.
type compaction struct {
	set      *objectSet
	encoders int
	gentle   bool                  // use half of one processor
	copy     bool                  // entries as they stand, in their order
	progress func(done, total int) // nil: nobody is told

	todo  chan *portion // to the encoders
	order chan *portion // to the writer
}

// mark returns what the .keep file of the pack holds.
func (c *compaction) mark() string {
	if c.copy {
		return mergedText
	}
	return compactText
}

// write writes the pack to f and returns its checksum.
func (c *compaction) write(outer context.Context, f io.Writer) ([]byte, error) {
	c.todo, c.order = make(chan *portion, c.encoders), make(chan *portion, 2*c.encoders)
	ctx, stop := context.WithCancelCause(outer)
	defer stop(nil)
	var crew sync.WaitGroup
	start := func(work func(context.Context) error) {
		crew.Go(func() {
			if err := work(ctx); err != nil {
				stop(err) // the first error counts
			}
		})
	}
	out := newPackStream(f, c.set.count)
	start(c.walk)
	for range c.encoders {
		start(c.encode)
	}
	start(func(ctx context.Context) error { return c.store(ctx, out) })
	crew.Wait()
	if err := cmp.Or(outer.Err(), context.Cause(ctx)); err != nil {
		return nil, err
	}
	return out.finish()
}

// walk sends portions to the encoders, and at once to the writer.
func (c *compaction) walk(ctx context.Context) (err error) {
	defer close(c.todo)
	defer close(c.order)
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	part := &portion{done: make(chan struct{})}
	flush := func() error {
		for _, to := range []chan *portion{c.order, c.todo} {
			select {
			case to <- part:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		part = &portion{done: make(chan struct{})}
		return nil
	}
	last := time.Now()
	w := &walker{set: c.set, emit: func(j job) error {
		part.all = append(part.all, j)
		if part.bytes += j.size; len(part.all) < portionJobs && part.bytes < portionBytes {
			return nil
		}
		if err := c.rest(ctx, &last); err != nil {
			return err
		}
		return flush()
	}}
	run := w.run
	if c.copy {
		run = w.copies
	}
	if err := run(); err != nil {
		return err
	}
	return flush()
}

// rest waits as long as the work since the last rest took.
func (c *compaction) rest(ctx context.Context, last *time.Time) error {
	if !c.gentle {
		return nil
	}
	select {
	case <-time.After(time.Since(*last)):
		*last = time.Now()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *compaction) encode(ctx context.Context) (err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	e := newEncoder(c.set)
	for part := range c.todo {
		for k := range part.all {
			if err := e.encode(&part.all[k]); err != nil {
				return err
			}
		}
		close(part.done)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (c *compaction) store(ctx context.Context, out *packStream) (err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	done := 0
	for part := range c.order {
		select {
		case <-part.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		for k := range part.all {
			j := &part.all[k]
			at := int64(0)
			if j.delta {
				at = c.set.state[j.base].at
			}
			st := &c.set.state[j.i]
			st.at, st.crc, err = out.add(j, at)
			if err != nil {
				return err
			}
		}
		done += len(part.all)
		if c.progress != nil {
			c.progress(done, c.set.count)
		}
	}
	return nil
}

// encoder makes jobs ready to be written. It is used by one goroutine.
type encoder struct {
	set    *objectSet
	differ differ
	delta  []byte
	packed bytes.Buffer
	zlib   *zlib.Writer
}

func newEncoder(set *objectSet) *encoder {
	e := &encoder{set: set}
	// At this level klauspost's writer costs a few microseconds an object, where
	// those of higher levels and the standard library's clear large tables first;
	// the result is as small to within a percent.
	e.zlib, _ = zlib.NewWriterLevel(&e.packed, 6) // the level exists
	return e
}

func (e *encoder) encode(j *job) (err error) {
	if j.body != nil {
		return nil
	}
	if j.data == nil {
		if _, j.data, err = e.set.read(j.i); err != nil {
			return err
		}
	}
	if j.base != none && j.on == nil {
		if _, j.on, err = e.set.read(j.base); err != nil {
			return err
		}
	}
	e.choose(j)
	j.data, j.on = nil, nil
	return nil
}

// choose takes the delta if it is clearly shorter. Both are not compressed to
// see: that would cost more than it saves.
func (e *encoder) choose(j *job) {
	if j.base != none && len(j.on) > 0 && len(j.data) >= minDelta {
		e.delta = e.differ.delta(e.delta[:0], j.on, j.data)
		if j.delta = len(e.delta) < len(j.data)/4*3; j.delta {
			j.size, j.body = len(e.delta), e.deflate(e.delta, j.kind)
			return
		}
	}
	j.size, j.body = len(j.data), e.deflate(j.data, plumbing.AnyObject)
}

const (
	minDelta  = 32  // bytes; a smaller object is not worth a delta
	fewBytes  = 40  // so few bytes are hardly ever smaller compressed
	fewHashes = 256 // nor so many of a tree's delta, which are mostly hashes
)

// deflate returns data as a zlib stream; deltaOf is the type of the object if
// they are a delta.
func (e *encoder) deflate(data []byte, deltaOf plumbing.ObjectType) []byte {
	if len(data) < fewBytes || deltaOf == plumbing.TreeObject && len(data) < fewHashes {
		return appendStored(make([]byte, 0, len(data)+storedCost), data)
	}
	e.packed.Reset()
	e.zlib.Reset(&e.packed)
	_, _ = e.zlib.Write(data) // into memory: it cannot fail
	_ = e.zlib.Close()
	return bytes.Clone(e.packed.Bytes())
}

// packStream writes a pack from beginning to end.
type packStream struct {
	f    io.Writer
	w    *bufio.Writer
	sum  hash.Hash
	at   int64
	head []byte
}

func newPackStream(f io.Writer, count int) *packStream {
	p := &packStream{f: f, sum: sha1.New(), at: packHeader}
	p.w = bufio.NewWriterSize(io.MultiWriter(f, p.sum), 1<<18)
	head := []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00")
	binary.BigEndian.PutUint32(head[8:], uint32(count))
	_, _ = p.w.Write(head) // an error stays with w
	return p
}

// add writes an entry, whose base, if it is a delta, is at base.
func (p *packStream) add(j *job, base int64) (at int64, crc uint32, err error) {
	at = p.at
	if j.delta {
		p.head = appendEntryHeader(p.head[:0], plumbing.OFSDeltaObject, j.size)
		p.head = appendOffset(p.head, at-base)
	} else {
		p.head = appendEntryHeader(p.head[:0], j.kind, j.size)
	}
	_, _ = p.w.Write(p.head) // an error stays with w
	_, err = p.w.Write(j.body)
	p.at += int64(len(p.head) + len(j.body))
	crc = crc32.Update(crc32.ChecksumIEEE(p.head), crc32.IEEETable, j.body)
	return at, crc, err
}

func (p *packStream) finish() ([]byte, error) {
	if err := p.w.Flush(); err != nil {
		return nil, err
	}
	sum := p.sum.Sum(nil)
	_, err := p.f.Write(sum)
	return sum, err
}

// writeIndex writes the index of the pack that a set has become.
func (set *objectSet) writeIndex(f io.Writer, packSum []byte) error {
	digest := sha1.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, digest), 1<<18)
	put := func(b []byte) { _, _ = w.Write(b) } // an error stays with w
	var b [8]byte
	put32 := func(v uint32) { put(binary.BigEndian.AppendUint32(b[:0], v)) }
	put([]byte("\xfftOc\x00\x00\x00\x02"))
	all := set.sorted()
	n := 0
	for first := range 256 {
		for n < len(all) && int(set.hash(all[n])[0]) == first {
			n++
		}
		put32(uint32(n))
	}
	for _, i := range all {
		h := set.hash(i)
		put(h[:])
	}
	for _, i := range all {
		put32(set.state[i].crc)
	}
	var large []int64
	for _, i := range all {
		off := uint32(set.state[i].at)
		if set.state[i].at >= 1<<31 {
			off = 1<<31 | uint32(len(large))
			large = append(large, set.state[i].at)
		}
		put32(off)
	}
	for _, off := range large {
		put(binary.BigEndian.AppendUint64(b[:0], uint64(off)))
	}
	put(packSum)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := f.Write(digest.Sum(nil))
	return err
}
