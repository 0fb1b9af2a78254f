package index

import (
	"context"
	"database/sql"
	"errors"

	_ "modernc.org/sqlite" // the driver
)

// conn is one connection, with the statements that were prepared on it. It is
// used by one goroutine at a time.
type conn struct {
	file  *file
	c     *sql.Conn
	stmts map[string]*sql.Stmt
}

// stmt returns the prepared form of a fixed statement.
func (c *conn) stmt(query string) (*sql.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, explain(err)
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs a fixed statement. It takes no context: watching one costs more
// than most statements do, so callers look at theirs between them.
func (c *conn) exec(query string, args ...any) error {
	s, err := c.stmt(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background(), args...)
	return explain(err)
}

// row runs a fixed query for one row; found is false if there is none.
func (c *conn) row(query string, args []any, into ...any) (found bool, err error) {
	s, err := c.stmt(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, explain(err)
}

// errEnough ends each early.
var errEnough = errors.New("enough")

// each runs a fixed query and calls do for each row, until do returns an
// error; errEnough is not reported. What was scanned into sql.RawBytes must
// not be kept.
func (c *conn) each(ctx context.Context, query string, args []any, do func(scan func(...any) error) error) error {
	s, err := c.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return explainIn(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return explainIn(ctx, err)
		}
	}
	return explainIn(ctx, rows.Err())
}

// explainIn is explain where a context may have ended the statement.
func explainIn(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return explain(err)
}

// put gives a connection back for others to use.
func (c *conn) put() {
	select {
	case c.file.idle <- c:
		if c.file.retired.Load() {
			c.file.drain()
		}
	default:
		c.close()
	}
}

// rollback ends a transaction without its changes. A connection on which that
// fails is not used again.
func (c *conn) rollback() {
	if err := c.exec(rollbackSQL); err != nil {
		c.close()
		return
	}
	c.put()
}

// close closes a connection. With the last one SQLite would write its log into
// the file; checkpoint leaves it nothing to do. What goes wrong here was
// committed before, or will not be missed.
func (c *conn) close() {
	f := c.file
	f.closing.Lock()
	defer f.closing.Unlock()
	if f.conns--; f.conns == 0 && !f.spoilt && f.due(c, 1) {
		_ = f.checkpoint()
	}
	_ = c.hangUp()
	if f.conns == 0 && f.retired.Load() {
		_ = f.db.Close()
	}
}

// hangUp closes the statements and the connection: as long as one of them is
// open, so is the file.
func (c *conn) hangUp() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.c.Close())...)
}
