package legacy

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The schemas as the systems make them.
const (
	duoSchema = `CREATE TABLE partners (id TEXT PRIMARY KEY, name TEXT NOT NULL, partner_key TEXT UNIQUE, project_path TEXT,
		created_at DATETIME DEFAULT CURRENT_TIMESTAMP, last_seen DATETIME DEFAULT CURRENT_TIMESTAMP,
		status TEXT DEFAULT 'online', status_message TEXT, notifications_enabled INTEGER DEFAULT 1);
	CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, type TEXT NOT NULL DEFAULT 'direct',
		created_at DATETIME DEFAULT CURRENT_TIMESTAMP, created_by TEXT, is_archived INTEGER DEFAULT 0);
	CREATE TABLE conversation_participants (conversation_id TEXT NOT NULL, partner_id TEXT NOT NULL,
		joined_at DATETIME DEFAULT CURRENT_TIMESTAMP, last_read_at DATETIME, PRIMARY KEY (conversation_id, partner_id));
	CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id TEXT NOT NULL, from_id TEXT NOT NULL,
		content TEXT NOT NULL, created_at DATETIME DEFAULT CURRENT_TIMESTAMP);`
	oldDuoSchema = `CREATE TABLE partners (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at DATETIME, last_seen DATETIME, status TEXT);
	CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, from_id TEXT NOT NULL, to_id TEXT NOT NULL, content TEXT NOT NULL,
		request_id TEXT, created_at DATETIME, delivered_at DATETIME, response_to INTEGER);`
	c2cSchema = `CREATE TABLE sessions (id TEXT PRIMARY KEY, name TEXT UNIQUE, metadata TEXT, created_at TEXT, last_seen_at TEXT);
	CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, from_session TEXT, from_name TEXT, recipient TEXT NOT NULL,
		body TEXT NOT NULL, tag TEXT, created_at TEXT NOT NULL, read_at TEXT);
	CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL, updated_at TEXT, updated_by TEXT);`
	relaySchema = `CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, sender TEXT NOT NULL, message TEXT NOT NULL,
		timestamp TEXT NOT NULL, read_by_desktop_at TEXT, read_by_code_at TEXT);`
)

// makeDB makes a database in a new directory and returns its path.
func makeDB(tb testing.TB, name string, statements ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	db := openDB(tb, path)
	run(tb, db, statements...)
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

func openDB(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func run(tb testing.TB, db *sql.DB, statements ...string) {
	tb.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

// files makes a directory of files and returns it.
func files(tb testing.TB, contents map[string]string) string {
	tb.Helper()
	root := tb.TempDir()
	for name, text := range contents {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return root
}

// read reads a store and checks that nothing in it was touched.
func read(tb testing.TB, system, path string) *Archive {
	tb.Helper()
	before := snapshot(tb, path)
	a, err := Read(context.Background(), system, path)
	if err != nil {
		tb.Fatal(err)
	}
	if after := snapshot(tb, path); !slices.Equal(before, after) {
		tb.Errorf("reading has changed\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	return a
}

// snapshot lists all files around a store with sizes, times and contents.
func snapshot(tb testing.TB, path string) (found []string) {
	tb.Helper()
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	err := filepath.Walk(path, func(name string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		found = append(found, name+" "+info.ModTime().String()+" "+info.Mode().String()+" "+string(data))
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// show writes the parts of an archive as lines, for comparison.
func show(tb testing.TB, a *Archive) string {
	tb.Helper()
	var b strings.Builder
	line := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			tb.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	for _, m := range a.Messages {
		line([]any{m.ID, m.Order, m.Thread, m.From, m.To, m.At.Format(time.RFC3339Nano), m.Body, m.Tags, m.ReplyTo})
		for _, s := range m.Seen {
			line([]any{"  seen", s.Agent, stamp(s.At), s.Acknowledged})
		}
	}
	for _, t := range a.Threads {
		line([]any{"thread", t.ID, t.Project, t.Title, t.Status, t.By, stamp(t.Created), t.Members})
	}
	for _, p := range a.Problems {
		b.WriteString("problem " + p.String() + "\n")
	}
	for _, n := range a.Notes {
		b.WriteString("note " + n + "\n")
	}
	return b.String()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// want compares an archive with lines.
func want(tb testing.TB, a *Archive, lines ...string) {
	tb.Helper()
	if got, want := show(tb, a), strings.Join(lines, "\n")+"\n"; got != want {
		tb.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func agent(tb testing.TB, a *Archive, name string) Agent {
	tb.Helper()
	i := slices.IndexFunc(a.Agents, func(g Agent) bool { return g.Name == name })
	if i < 0 {
		tb.Fatalf("there is no agent %q among %v", name, a.Agents)
	}
	return a.Agents[i]
}
