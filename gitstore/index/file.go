package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The index lies in a directory of its own, in a file whose name is never used
// twice: the one with the greatest name counts. To throw an index away is to
// make another, greater one. Replacing a file of the same name would not do:
// a process that still has the old one open could put its write-ahead log
// beside the new one, and SQLite would mix the two without noticing.

// file is one generation of the index, open in this process.
type file struct {
	name, path string
	db         *sql.DB
	idle       chan *conn
	retired    atomic.Bool            // no connection is kept for later
	sound      atomic.Pointer[string] // the stamp with which it was last found sound

	closing sync.Mutex
	conns   int  // open ones
	spoilt  bool // it is damaged: nothing is written any more
}

// maxIdle is how many connections a process keeps for later: each takes up to
// readCacheKB.
const maxIdle = 3

// fileName is the name of a generation: version, number, when it was made, and
// something random, because two processes may make the same one at once.
func fileName(number int64, now time.Time) string {
	return fmt.Sprintf("v%d-%08x-%010x-%08x.db", schemaVersion, number, now.Unix(), rand.Uint32())
}

// parseFileName returns the number of a generation of this version, and when
// it was made.
func parseFileName(name string) (number int64, made time.Time, ok bool) {
	var version, second int64
	var salt uint32
	if _, err := fmt.Sscanf(name, "v%d-%08x-%010x-%08x.db", &version, &number, &second, &salt); err != nil {
		return 0, time.Time{}, false
	}
	exact := fmt.Sprintf("v%d-%08x-%010x-%08x.db", version, number, second, salt)
	return number, time.Unix(second, 0), version == schemaVersion && exact == name
}

// newest returns the name of the generation that counts, "" if there is none.
func newest(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	best := ""
	for _, e := range entries {
		if name := e.Name(); name > best && strings.HasSuffix(name, ".db") {
			if _, _, ok := parseFileName(name); ok {
				best = name
			}
		}
	}
	return best, nil
}

// openFile opens a generation and checks that it is one. The connection that
// this took is left for the first query.
func openFile(dir, name string) (*file, error) {
	path := filepath.Join(dir, name)
	db, err := open(path, modeOpen)
	if err != nil {
		return nil, err
	}
	f := &file{name: name, path: path, db: db, idle: make(chan *conn, maxIdle)}
	c, err := f.get()
	if err == nil {
		err = c.check()
		c.put()
	}
	if err != nil {
		f.close(errors.Is(err, ErrDamaged))
		return nil, err
	}
	return f, nil
}

// check tells whether the file is of this schema.
func (c *conn) check() error {
	var application, version int
	if _, err := c.row(`SELECT application_id, user_version FROM pragma_application_id, pragma_user_version`, nil, &application, &version); err != nil {
		return err
	}
	if application != applicationID || version != schemaVersion {
		return damaged("application %x, version %d", application, version)
	}
	_, err := readState(c)
	return err
}

// fresh tells whether nothing was written to the file since it was made.
func (f *file) fresh() bool {
	c, err := f.get()
	if err != nil {
		return false
	}
	defer c.put()
	s, err := readState(c)
	return err == nil && s == state{}
}

// get returns a connection for use by one goroutine, if the file is sound.
func (f *file) get() (*conn, error) {
	if err := f.checkStamp(); err != nil {
		return nil, err
	}
	select {
	case c := <-f.idle:
		return c, nil
	default:
	}
	c, err := f.dial()
	if err == nil {
		f.closing.Lock()
		defer f.closing.Unlock()
		f.conns++
	}
	return c, err
}

// dial opens a connection.
func (f *file) dial() (*conn, error) {
	c, err := f.db.Conn(context.Background())
	if err != nil {
		return nil, explain(err)
	}
	return &conn{f, c, make(map[string]*sql.Stmt)}, nil
}

// drain closes what is idle.
func (f *file) drain() {
	for {
		select {
		case c := <-f.idle:
			c.close()
		default:
			return
		}
	}
}

// close closes what is idle now, and the rest when it is put back.
func (f *file) close(spoilt bool) {
	f.retired.Store(true)
	f.closing.Lock()
	f.spoilt = spoilt
	unused := f.conns == 0
	f.closing.Unlock()
	if unused {
		_ = f.db.Close()
	}
	f.drain()
}

// makeFile makes an empty generation, greater than the one named. It appears
// under its name at once and complete.
func makeFile(dir, after string) (err error) {
	number, _, _ := parseFileName(after)
	path := filepath.Join(dir, fileName(number+1, time.Now()))
	draft := strings.TrimSuffix(path, ".db") + draftSuffix
	defer func() {
		if err != nil {
			_ = os.Remove(draft)
		}
	}()
	if err := fill(draft); err != nil {
		return err
	}
	stamp, err := stampOf(draft)
	if err != nil {
		return err
	}
	if err := writeStamp(path, stamp); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

func open(path, mode string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", source(path, mode))
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(0) // file.idle keeps them
	return db, nil
}

const draftSuffix = ".new"

// fill writes an empty index. Closing it empties its write-ahead log too.
func fill(path string) error {
	db, err := open(path, modeCreate)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	if _, err = db.Exec(create); err == nil {
		_, err = db.Exec(writeStateSQL, state{}.encode())
	}
	return errors.Join(err, db.Close()) // nothing is damaged that is not there yet
}

// How long files are left alone that are of no use any more: a process may be
// in the middle of a query on a generation that another has thrown away, and
// another version of skein may still be at work.
const (
	keepReplaced = 10 * time.Minute
	keepForeign  = 7 * 24 * time.Hour
)

// sweep removes the files that are of no use any more. What cannot be removed
// is left for the next time.
func sweep(dir, current string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	_, made, _ := parseFileName(current)
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".")
		name += ".db"
		_, _, known := parseFileName(name)
		if name == current || e.IsDir() {
			continue
		}
		old := known && name < current && time.Since(made) > keepReplaced
		if old || unusedFor(e, keepForeign) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func unusedFor(e fs.DirEntry, d time.Duration) bool {
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) > d
}
