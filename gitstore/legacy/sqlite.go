package legacy

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// database is a copy of a system's database.
type database struct {
	path   string // of the original
	db     *sql.DB
	tables map[string][]string // the columns of each
}

// withDatabase runs f on a copy of the database at path, or of the one of those
// names in the directory at path.
func withDatabase(ctx context.Context, path string, names []string, f func(*database) error) error {
	path, err := findDatabase(path, names)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "skein-import-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "copy.db")
	if err := copyDatabase(ctx, path, file); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", source(file))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	d := &database{path: path, db: db, tables: map[string][]string{}}
	if err := d.check(ctx); err != nil {
		return err
	}
	return f(d)
}

// source names a database that came from anywhere: nothing in its schema may
// call a function.
func source(file string) string {
	path := filepath.ToSlash(file)
	if !strings.HasPrefix(path, "/") { // C:/… on Windows
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=trusted_schema(0)&_pragma=cell_size_check(1)"}
	return u.String()
}

func findDatabase(path string, names []string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, err
	}
	for _, name := range names {
		file := filepath.Join(path, filepath.FromSlash(name))
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s holds no %s; give the path of the database", path, strings.Join(names, " or "))
}

// beside are the endings of what SQLite keeps beside a database and needs to
// see its newest state. The fourth file, -shm, is made anew from the log.
var beside = []string{"", "-wal", "-journal"}

// magic is what each SQLite database begins with.
const magic = "SQLite format 3\x00"

const copies = 5 // how often a database that changes meanwhile is copied

// copyDatabase copies a database with what lies beside it. A copy that was
// taken while somebody wrote may be of no moment at all, so it is taken again.
func copyDatabase(ctx context.Context, from, to string) error {
	if err := checkMagic(from); err != nil {
		return err
	}
	for range copies {
		if err := ctx.Err(); err != nil {
			return err
		}
		before := stamps(from)
		for _, ending := range beside {
			if err := copyFile(from+ending, to+ending); err != nil && (ending == "" || !errors.Is(err, fs.ErrNotExist)) {
				return fmt.Errorf("%s cannot be read: %w", from+ending, cause(err))
			}
		}
		if slices.Equal(before, stamps(from)) {
			return nil
		}
	}
	return fmt.Errorf("%s is being written to all the time; stop what writes to it and try again", from)
}

func checkMagic(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", path, cause(err))
	}
	defer f.Close()
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	switch {
	case n == 0:
		return fmt.Errorf("%s is empty; it holds no database", path)
	case err != nil || !bytes.Equal(head, []byte(magic)):
		return fmt.Errorf("%s is not a SQLite database", path)
	}
	return nil
}

// stamps tells sizes and times of a database's files.
func stamps(path string) []string {
	var all []string
	for _, ending := range beside {
		stamp := "none"
		if info, err := os.Stat(path + ending); err == nil {
			stamp = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
		}
		all = append(all, stamp)
	}
	return all
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		_ = os.Remove(to) // of an earlier copy
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// check refuses a damaged database and learns its tables.
func (d *database) check(ctx context.Context) error {
	var verdict string
	err := d.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	if err == nil && verdict != "ok" {
		err = errors.New(strings.ReplaceAll(verdict, "\n", " "))
	}
	if err == nil {
		err = d.learn(ctx)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf(`%s is damaged or cut short (%w); save what can be saved with "sqlite3 %s .recover" into a new database and import that`,
			d.path, err, filepath.Base(d.path))
	}
	return errors.Join(ctx.Err(), err)
}

func (d *database) learn(ctx context.Context) error {
	const query = `SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'`
	rows, err := d.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return err
		}
		d.tables[table] = append(d.tables[table], column)
	}
	return rows.Err()
}

// has tells whether there is a table with these columns.
func (d *database) has(table string, columns ...string) bool {
	have, ok := d.tables[table]
	for _, c := range columns {
		ok = ok && slices.Contains(have, c)
	}
	return ok
}

// kinds tell the databases of the systems apart.
var kinds = []struct {
	system string
	is     func(*database) bool
}{
	{"duo", func(d *database) bool { return d.has("partners", "id") && d.has("messages", "from_id", "content") }},
	{"c2c", func(d *database) bool {
		return d.has("sessions", "name") && d.has("messages", "body") && (d.has("messages", "recipient") || d.has("messages", "from_name"))
	}},
	{"relay", func(d *database) bool { return d.has("messages", "sender", "message", "timestamp") }},
}

// mustBe refuses the database of another system.
func (d *database) mustBe(system string) error {
	other := ""
	for _, k := range kinds {
		if k.is(d) {
			if k.system == system {
				return nil
			}
			other = k.system
		}
	}
	if other != "" {
		return fmt.Errorf("%s is a database of %s, not of %s; use skein import %s", d.path, other, system, other)
	}
	return fmt.Errorf("%s is a SQLite database, but not one of %s: its tables are %s", d.path, system, d.tableList())
}

func (d *database) tableList() string {
	names := make([]string, 0, len(d.tables))
	for name := range d.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// noteTables notes the tables that are not among those known.
func (d *database) noteTables(ctx context.Context, a *Archive, known ...string) {
	for _, name := range strings.Split(d.tableList(), ", ") {
		if len(d.tables[name]) == 0 || slices.Contains(known, name) {
			continue
		}
		var n int
		_ = d.db.QueryRowContext(ctx, "SELECT count(*) FROM "+quoteName(name)).Scan(&n) // 0 does as well
		if n > 0 {
			a.note("the table %q is not known to skein and was left out, with %s", shorten(name), count(n, "row"))
		}
	}
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// each runs f on every row of a table, in the order in which they were made;
// a table that is not there has none. Columns not among those known are noted.
// What f does not accept is a problem of the row.
func (d *database) each(ctx context.Context, a *Archive, table string, known []string, f func(place string, row fields) error) error {
	if !d.has(table) {
		return nil
	}
	order := ""
	if d.has(table, "id") {
		order = ` ORDER BY "id"`
	}
	rows, err := d.db.QueryContext(ctx, "SELECT * FROM "+quoteName(table)+order) //nolint:gosec // the database's own name of a table, quoted
	if err != nil {
		return fmt.Errorf("the table %s of %s cannot be read: %w", table, d.path, err)
	}
	defer rows.Close()
	unknown := strangers{}
	for n := 1; rows.Next(); n++ {
		row, err := scan(rows)
		if err != nil {
			return err
		}
		unknown.meet("column of "+table, row, known...)
		place := rowPlace(table, row, n)
		if err := f(place, row); err != nil {
			a.problem(place, "%v", err)
		}
	}
	unknown.report(a)
	if err := rows.Err(); err != nil {
		return fmt.Errorf("the table %s of %s cannot be read: %w", table, d.path, err)
	}
	return nil
}

// rowPlace names a row by what people would look for.
func rowPlace(table string, row fields, n int) string {
	for _, name := range []string{"id", "name", "key"} {
		if text, err := row.text(name); err == nil && text != "" {
			return fmt.Sprintf("%s, %s %s", table, name, shorten(text))
		}
	}
	return fmt.Sprintf("%s, row %d", table, n)
}

func scan(rows *sql.Rows) (fields, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	row := make(fields, len(columns))
	for i, name := range columns {
		row[name] = values[i]
	}
	return row, nil
}
