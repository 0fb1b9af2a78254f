package index

import (
	"fmt"
	"net/url"
	"strings"
)

const (
	// schemaVersion is part of the files' names and in user_version. Whatever
	// changes in the tables, in what their rows hold or in how text is cut
	// into words asks for another number.
	schemaVersion = 4
	// applicationID marks the file as skein's: "skix".
	applicationID = 0x736b6978
)

// Memory bounds. hashBytes is how much text FTS5 gathers before it writes a
// segment: at the default of 1 MB a build takes six times as long. Only an
// update uses it.
const (
	hashBytes     = 4 << 20
	readCacheKB   = 2 << 10
	updateCacheKB = 8 << 10
	walBytes      = 16 << 20 // to which the log is cut back after a large update
)

// The tables. Messages are numbered as they come; the other tables speak of
// them by number. See the package comment for what the values hold.
const schema = `
CREATE TABLE state(one INTEGER PRIMARY KEY, data BLOB NOT NULL);

CREATE TABLE messages(n INTEGER PRIMARY KEY, short INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX messages_short ON messages(short);
CREATE TABLE dirs(id INTEGER PRIMARY KEY, path TEXT NOT NULL);
CREATE TABLE expiring(at INTEGER, n INTEGER, PRIMARY KEY(at, n)) WITHOUT ROWID;

CREATE TABLE blocks(block INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE boxes(agent INTEGER, block INTEGER, data BLOB NOT NULL, PRIMARY KEY(agent, block)) WITHOUT ROWID;
CREATE TABLE sights(part INTEGER, agent INTEGER, data BLOB NOT NULL, PRIMARY KEY(part, agent)) WITHOUT ROWID;
CREATE TABLE pending(id BLOB NOT NULL, agent INTEGER NOT NULL, sight INTEGER NOT NULL);
CREATE INDEX pending_id ON pending(id);

CREATE TABLE agents(n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE threads(n INTEGER PRIMARY KEY, project TEXT NOT NULL, thread TEXT NOT NULL,
	status TEXT NOT NULL, members TEXT NOT NULL, last INTEGER NOT NULL, messages INTEGER NOT NULL,
	data BLOB NOT NULL, UNIQUE(project, thread));
CREATE INDEX threads_last ON threads(last);
CREATE TABLE events(owner TEXT, path TEXT, blob BLOB, agent INTEGER NOT NULL, at INTEGER NOT NULL,
	data BLOB NOT NULL, PRIMARY KEY(owner, path, blob)) WITHOUT ROWID;
CREATE TABLE marks(n INTEGER PRIMARY KEY, main BLOB NOT NULL);
CREATE TABLE broken(path TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE VIRTUAL TABLE words USING fts5(doc, content='', columnsize=0,
	tokenize="ascii tokenchars ':=/.-@_*'");
`

// create makes the tables in a new file.
var create = fmt.Sprintf(`BEGIN; %s
	INSERT INTO words(words, rank) VALUES('hashsize', %d);
	PRAGMA application_id = %d;
	PRAGMA user_version = %d;
	COMMIT`, schema, hashBytes, applicationID, schemaVersion)

// The modes of source.
const (
	modeOpen   = "rw"
	modeCreate = "rwc"
)

// source is the name by which SQLite opens a file.
//
// Pages are not mapped into memory: if the file is cut short by another
// program, reading a map kills the process. With synchronous=NORMAL a power
// cut may lose the last updates, which are made again, but never leaves half
// of one, as OFF would; in WAL mode it costs a flush per checkpoint only.
func source(path, mode string) string {
	pragmas := []string{
		"busy_timeout(0)",
		"wal_autocheckpoint(0)", // see stamp.go
		"mmap_size(0)",
		"cell_size_check(1)",
		"trusted_schema(0)",
		fmt.Sprintf("cache_size(-%d)", readCacheKB),
		fmt.Sprintf("journal_size_limit(%d)", walBytes),
	}
	u := url.URL{Scheme: "file", Path: path}
	if !strings.HasPrefix(path, "/") { // C:\... on Windows
		u.Path = "/" + strings.ReplaceAll(path, `\`, "/")
	}
	if mode == modeCreate { // an empty file that a power cut damages is made again
		pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(OFF)")
	} else {
		pragmas = append(pragmas, "synchronous(NORMAL)")
	}
	return u.String() + "?mode=" + mode + "&_pragma=" + strings.Join(pragmas, "&_pragma=")
}
