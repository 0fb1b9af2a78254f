package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"skein/gitstore"
)

// schema is what a message system on SQLite has: a primary key that grows with
// time, the text, and indexes for a thread and an inbox.
const schema = `
CREATE TABLE IF NOT EXISTS messages (
	id        TEXT PRIMARY KEY,
	thread    TEXT NOT NULL,
	sender    TEXT NOT NULL,
	recipient TEXT,
	at        INTEGER NOT NULL,
	title     TEXT,
	tags      TEXT,
	body      TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_thread ON messages (thread, id);
CREATE INDEX IF NOT EXISTS messages_recipient ON messages (recipient, id);`

// textSchema adds a full-text index, and triggers that keep it.
const textSchema = `
CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(title, body, content=messages);
CREATE TRIGGER IF NOT EXISTS messages_text AFTER INSERT ON messages BEGIN
	INSERT INTO texts (rowid, title, body) VALUES (new.rowid, new.title, new.body);
END;`

// database is the baseline of every post: one insert, one transaction.
type database struct {
	db     *sql.DB
	insert *sql.Stmt
}

// withText gives the database a full-text index, from now on.
func (d *database) withText(ctx context.Context) error {
	_, err := d.db.ExecContext(ctx, textSchema)
	return err
}

// search counts the 20 best matches of a word.
func (d *database) search(ctx context.Context, word string) (int, error) {
	return d.count(ctx, `SELECT m.id, m.thread, m.body FROM texts JOIN messages m ON m.rowid = texts.rowid
		WHERE texts MATCH ? ORDER BY rank LIMIT 20`, word)
}

// inbox counts what has come for an agent after the message last.
func (d *database) inbox(ctx context.Context, agent, last string) (int, error) {
	return d.count(ctx, `SELECT id, thread, body FROM messages WHERE recipient = ? AND id > ? ORDER BY id LIMIT 20`, agent, last)
}

func (d *database) count(ctx context.Context, query string, args ...any) (n int, err error) {
	rows, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, thread, body string
		if err := rows.Scan(&id, &thread, &body); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// openDatabase opens or creates the database at path with the given value of
// PRAGMA synchronous. It waits for other processes as long as they need.
func openDatabase(ctx context.Context, path, synchronous string) (*database, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(600000)", "journal_mode(WAL)", "synchronous(" + synchronous + ")",
	}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	d := &database{db: db}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

func (d *database) prepare(ctx context.Context) (err error) {
	if _, err = d.db.ExecContext(ctx, schema); err != nil {
		return err
	}
	d.insert, err = d.db.PrepareContext(ctx, `INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
	return err
}

func (d *database) close() error { return errors.Join(d.insert.Close(), d.db.Close()) }

func (d *database) post(ctx context.Context, p gitstore.Post) (string, error) {
	id := ulid.Make().String()
	_, err := d.insert.ExecContext(ctx, columns(id, p)...)
	return id, err
}

func columns(id string, p gitstore.Post) []any {
	return []any{id, p.Thread, p.From, strings.Join(p.To, ","), time.Now().UnixMilli(), p.Title, strings.Join(p.Tags, ","), p.Body}
}

// fill puts n messages of c into the database at once.
func (d *database) fill(ctx context.Context, c *corpus, n int) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	insert := tx.StmtContext(ctx, d.insert)
	for range n {
		if _, err := insert.ExecContext(ctx, columns(ulid.Make().String(), c.post())...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// inserter returns a function that inserts one more message of c.
func (d *database) inserter(ctx context.Context, c *corpus) func() error {
	return func() error {
		_, err := d.post(ctx, c.post())
		return err
	}
}

// sqliteVersion is the version of SQLite itself, as in "3.51.0".
func sqliteVersion(ctx context.Context) (string, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	var v string
	err = db.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&v)
	if err := errors.Join(err, db.Close()); err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	return v, nil
}
