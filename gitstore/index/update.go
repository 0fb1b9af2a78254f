package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"skein/gitstore/event"
)

// Update takes the index from one state to another, whose difference the
// changes are: all of them or, if there is an error, none. It is ErrMoved if
// the index is not at from, and ErrBusy at once if another process is updating
// it. An error that the changes yield is returned.
//
// Any order of the changes leads to the same answers. It is fastest if the
// messages come in about the order of their ids, and receipts behind the
// messages that they are for; then a first update takes 20 µs to 30 µs a
// message. A removed file that the index does not know is ErrDamaged.
//
// The changes are consumed in another goroutine, which has ended when Update
// returns. Memory does not grow with their number.
func (x *Index) Update(ctx context.Context, from, to State, changes iter.Seq2[Change, error]) error {
	c, err := x.get()
	if err != nil {
		return err
	}
	if err := c.exec(beginSQL); err != nil {
		c.close()
		return err
	}
	u := &update{x: x, c: c, ctx: ctx}
	if err = u.run(from, to, changes); err == nil {
		err = c.exec(`COMMIT`)
	}
	if err != nil {
		_ = c.exec(rollbackSQL)
	} else if c.file.due(c, logPages) {
		x.checkpointSoon(c.file)
	}
	if u.large || err != nil {
		c.close() // with its cache
	} else {
		c.put()
	}
	return err
}

// logPages is how many pages gather in the log before they are copied into the
// file: the more, the fewer flushes to the disk; the log takes 4 KB for each.
const logPages = 1 << 10

// checkpointSoon copies the log in the background, which may take the disk as
// long as all of its other work. What cannot be copied now is so later.
func (x *Index) checkpointSoon(f *file) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.file != f {
		return
	}
	x.copying.Go(func() {
		if c, err := f.get(); err == nil { // so that the one that copies is not the last to be closed
			_ = f.checkpoint()
			c.put()
		}
	})
}

// update is one call of Update.
type update struct {
	x     *Index
	c     *conn
	ctx   context.Context
	w     *writer
	large bool
}

func (u *update) run(from, to State, changes iter.Seq2[Change, error]) error {
	s, err := readState(u.c)
	if err != nil {
		return err
	}
	if s.State != from {
		return ErrMoved
	}
	if u.w, err = newWriter(u.ctx, u.c, s); err != nil {
		return err
	}
	if err := u.consume(changes); err != nil {
		return err
	}
	if err := u.w.finish(u.x.now().UnixMilli()); err != nil {
		return err
	}
	u.w.state.State = to
	if err := u.w.mark(); err != nil {
		return err
	}
	return u.c.exec(writeStateSQL, u.w.state.encode())
}

// Changes are applied in groups, each ordered by id: numbers are given in that
// order, and inboxes and searches are the faster the closer it is to that of
// ids.
const (
	groupSize  = 1 << 10
	groupBytes = 1 << 20
	queued     = 2 // groups under way between the goroutines
)

// consume applies the changes. One goroutine takes them in and cuts their text
// into words, this one writes.
func (u *update) consume(changes iter.Seq2[Change, error]) error {
	ctx, stop := context.WithCancelCause(u.ctx)
	groups := make(chan []prepared, queued)
	go func() {
		defer close(groups)
		stop(gather(ctx, changes, groups))
	}()
	var err error
	for group := range groups {
		if err == nil {
			err = u.applyGroup(group)
		}
		if err != nil {
			stop(err) // and let the goroutine come to its end
		}
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if errors.Is(err, errDone) {
		err = nil
	}
	return err
}

// errDone is the cause with which gather ends that has come to the end.
var errDone = errors.New("done")

// gather sends the changes in groups, until there are no more, an error, or
// ctx ends.
func gather(ctx context.Context, changes iter.Seq2[Change, error], groups chan<- []prepared) error {
	var d drafter
	var group []prepared
	size := 0
	send := func() error {
		slices.SortStableFunc(group, comparePrepared)
		select {
		case groups <- group:
			group, size = nil, 0
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for c, err := range changes {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		p, err := d.prepare(c)
		if err != nil {
			return err
		}
		group = append(group, p)
		if size += p.size(); len(group) == groupSize || size >= groupBytes {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := send(); err != nil {
		return err
	}
	return errDone
}

func comparePrepared(a, b prepared) int {
	var x, y event.ID
	if a.Event != nil {
		x = a.Event.ID
	}
	if b.Event != nil {
		y = b.Event.ID
	}
	return cmp.Or(x.Compare(y), cmp.Compare(a.Path, b.Path))
}

func (u *update) applyGroup(group []prepared) error {
	if len(group) == groupSize && !u.large {
		u.large = true
		if err := u.c.exec(fmt.Sprintf(`PRAGMA cache_size = -%d`, updateCacheKB)); err != nil {
			return err
		}
	}
	for i := range group {
		if i%64 == 0 && u.ctx.Err() != nil {
			return context.Cause(u.ctx)
		}
		if err := u.w.apply(&group[i]); err != nil {
			return err
		}
		if err := u.w.trim(); err != nil {
			return err
		}
	}
	return nil
}

// finish brings up to date what depends on all changes together.
func (w *writer) finish(now int64) error {
	for _, t := range w.threads {
		if err := w.refoldThread(t); err != nil {
			return err
		}
	}
	if err := w.refoldAgents(); err != nil {
		return err
	}
	if err := w.expire(now); err != nil {
		return err
	}
	if err := w.settleTouched(); err != nil {
		return err
	}
	if err := w.flushParts(); err != nil {
		return err
	}
	if err := w.findWrote(); err != nil {
		return err
	}
	for _, t := range w.threads {
		if err := w.findEdges(t); err != nil {
			return err
		}
	}
	return w.flush()
}

const expiringSQL = `SELECT n FROM expiring WHERE at > ? AND at <= ?`

// expire marks what has expired since the last update.
func (w *writer) expire(now int64) error {
	if now <= w.state.swept {
		return nil
	}
	var all []int64
	err := w.c.each(context.Background(), expiringSQL, []any{w.state.swept, now}, func(scan func(...any) error) error {
		var n int64
		err := scan(&n)
		all = append(all, n)
		return err
	})
	if err != nil {
		return err
	}
	for _, n := range all {
		b, err := w.blockToChange(n / blockSize)
		if err != nil {
			return err
		}
		b.expired.set(n % blockSize)
	}
	w.state.swept = now
	return nil
}

// recheck is how many blocks, of those in which something may wait, are looked
// at again when an agent has a new receipt: what it did not read there may
// have been its own, or expired.
const recheck = 16

func (w *writer) settleTouched() error {
	for a, blocks := range w.touched {
		if w.acted[a] {
			w.addUnsettled(a, blocks)
		}
		if err := w.settle(a, slices.Sorted(maps.Keys(blocks))); err != nil {
			return err
		}
	}
	return nil
}

// addUnsettled adds the last of the full blocks in which something may wait.
func (w *writer) addUnsettled(a *agent, blocks map[int64]bool) {
	found := 0
	for number := w.state.next/blockSize - 1; number >= 0 && found < recheck; number-- {
		if a.boxState(number)&settled == 0 {
			blocks[number] = true
			found++
		}
	}
}
