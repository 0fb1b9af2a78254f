package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options say how an index is opened. The zero value is ready.
type Options struct {
	Now func() time.Time // tells which messages have expired; nil: time.Now
}

// Index is an open index. It is safe for concurrent use.
type Index struct {
	dir string
	now func() time.Time

	mu      sync.Mutex
	file    *file          // nil when closed
	copying sync.WaitGroup // checkpoints under way
}

// Open opens the index in dir, which it makes and which must hold nothing
// else. A file that is missing, of another version, damaged or not an index is
// replaced by an empty one, silently. If another process has the file locked
// it is ErrBusy: go on without an index, and try again later.
func Open(dir string, o Options) (*Index, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for the index: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	x := &Index{dir: dir, now: o.Now}
	if x.file, err = openNewest(dir); err != nil {
		return nil, err
	}
	sweep(dir, x.file.name)
	return x, nil
}

// openNewest opens the generation that counts, and makes one if there is none
// or it is damaged. Other processes may be doing the same.
func openNewest(dir string) (*file, error) {
	const tries = 3
	var last error
	for range tries {
		name, err := newest(dir)
		if err != nil {
			return nil, fmt.Errorf("read the directory of the index: %w", err)
		}
		if name != "" {
			f, err := openFile(dir, name)
			if err == nil || !errors.Is(err, ErrDamaged) {
				return f, err
			}
			last = err
		}
		if err := makeFile(dir, name); err != nil {
			return nil, fmt.Errorf("make an index: %w", err)
		}
	}
	return nil, last
}

// Close lets go of the file. Closing twice is harmless; views that are open
// stay good until they are closed.
func (x *Index) Close() error {
	x.mu.Lock()
	f := x.file
	x.file = nil
	x.mu.Unlock()
	x.copying.Wait()
	if f != nil {
		f.close(false)
	}
	return nil
}

// errClosed says that an Index is used after Close.
var errClosed = errors.New("the index is closed")

// get returns a connection to the generation that counts.
func (x *Index) get() (*conn, error) {
	x.mu.Lock()
	f := x.file
	x.mu.Unlock()
	if f == nil {
		return nil, errClosed
	}
	switch name, err := newest(x.dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, damaged("%w", err)
	case err != nil:
		return nil, fmt.Errorf("read the directory of the index: %w", err)
	case name != f.name:
		return nil, damaged("%s was replaced by %q", f.name, name)
	}
	return f.get()
}

// Reset throws the index away after ErrDamaged and begins an empty one. If that
// has been done already, here or by another process, it is that one.
func (x *Index) Reset() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.file == nil {
		return errClosed
	}
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return fmt.Errorf("make a directory for the index: %w", err)
	}
	name, err := newest(x.dir)
	if err == nil && name == x.file.name {
		if x.file.fresh() {
			return nil
		}
		err = makeFile(x.dir, name)
	}
	if err != nil {
		return fmt.Errorf("make an index: %w", err)
	}
	f, err := openNewest(x.dir)
	if err != nil {
		return err
	}
	x.file.close(true)
	x.file = f
	return nil
}

// View is the index at one moment: all its answers are of one State, whatever
// is written meanwhile. It must be closed soon, because the file grows as long
// as it is open, and is not safe for concurrent use.
type View struct {
	c      *conn
	ctx    context.Context
	state  state
	blocks map[int64]*block
}

// View begins to read. It does not wait for anybody.
func (x *Index) View(ctx context.Context) (*View, error) {
	c, err := x.get()
	if err != nil {
		return nil, err
	}
	if err := c.exec(`BEGIN`); err != nil {
		c.close()
		return nil, err
	}
	v := &View{c: c, ctx: ctx, blocks: make(map[int64]*block)}
	if v.state, err = readState(c); err != nil {
		c.rollback()
		return nil, err
	}
	return v, nil
}

// Close ends the view. Closing twice is harmless.
func (v *View) Close() {
	if v.c != nil {
		v.c.rollback()
		v.c = nil
	}
}

// State tells what the index had seen.
func (v *View) State() State { return v.state.State }

// Sound tells, once a view has given its answers, whether another program has
// written into the file meanwhile: these may be wrong then, and it is
// ErrDamaged.
func (v *View) Sound() error { return v.c.file.checkStamp() }

// Check reads the whole file and tells whether it is in order. It is
// ErrDamaged if not, or if it does not hold that many messages.
func (v *View) Check(messages int) error {
	var verdict string
	if _, err := v.c.row(`PRAGMA integrity_check(1)`, nil, &verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return damaged("%s", verdict)
	}
	var count int
	if _, err := v.c.row(`SELECT count(*) FROM messages`, nil, &count); err != nil {
		return err
	}
	if count != messages {
		return damaged("it holds %d messages, and not %d", count, messages)
	}
	return v.Sound()
}

// Messages is about how many messages the index holds; those that were removed
// count as well.
func (v *View) Messages() int { return int(v.state.next) }
