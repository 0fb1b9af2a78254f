package legacy

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRelay(t *testing.T) {
	path := makeDB(t, ".relay_buffer.db", relaySchema,
		`INSERT INTO messages (sender, message, timestamp, read_by_desktop_at, read_by_code_at) VALUES
			('desktop', 'Refactor it', '2025-11-21T10:15:03.123456+00:00', NULL, '2025-11-21T10:16:00.000001+00:00'),
			('code', 'Done', '2025-11-21T11:15:03+01:00', NULL, '2025-11-21T10:15:04+00:00'),
			('robot', 'Hi', '2025-11-21T10:15:05+00:00', NULL, NULL),
			('code', 'When?', 'yesterday', NULL, NULL)`)
	a := read(t, "relay", filepath.Dir(path))
	want(t, a,
		`["1",1,"","desktop",["code"],"2025-11-21T10:15:03.123Z","Refactor it",null,""]`,
		`["  seen","code","2025-11-21T10:16:00Z",false]`,
		`["2",2,"","code",["desktop"],"2025-11-21T10:15:03Z","Done",null,""]`,
		`problem messages, id 3: sender is "robot", neither desktop nor code`,
		`problem messages, id 4: timestamp: "yesterday" is not a time`)
}

// Without the columns for it everything counts as read.
func TestRelayOfTheFirstVersion(t *testing.T) {
	path := makeDB(t, "old.db", `CREATE TABLE messages (id INTEGER PRIMARY KEY, sender TEXT, message TEXT, timestamp TEXT)`,
		`INSERT INTO messages VALUES (7, 'code', '', '2025-11-21T10:15:03Z')`)
	want(t, read(t, "relay", path), `["7",7,"","code",["desktop"],"2025-11-21T10:15:03Z","",null,""]`, `["  seen","desktop","",false]`)
}

func TestDuo(t *testing.T) {
	path := makeDB(t, "duo.db", duoSchema, `ALTER TABLE messages ADD COLUMN mood TEXT`, `CREATE TABLE friends (a TEXT, b TEXT)`,
		`INSERT INTO friends VALUES ('web', 'api')`,
		`INSERT INTO partners VALUES ('web', 'Web', 'secret', '/src/web', '2025-01-01 08:00:00', '2025-02-01 08:00:00', 'online', 'busy', 0),
			('api', 'api', NULL, NULL, '2025-01-01 09:00:00', NULL, 'offline', NULL, 1)`,
		`INSERT INTO conversations VALUES ('direct_api_web', NULL, 'direct', '2025-01-02 08:00:00', 'web', 0),
			('group_1735804800000_abc', 'Release team', 'group', '2025-01-02 09:00:00', 'api', 1)`,
		`INSERT INTO conversation_participants VALUES ('direct_api_web', 'api', '2025-01-02 08:00:00', '2025-01-03 10:00:00'),
			('direct_api_web', 'web', '2025-01-02 08:00:00', NULL), ('group_1735804800000_abc', 'api', '2025-01-02 09:00:00', NULL),
			('group_1735804800000_abc', 'web', '2025-01-02 09:00:00', '2025-01-04 10:00:00'), ('nowhere', 'web', NULL, NULL)`,
		`INSERT INTO messages (conversation_id, from_id, content, created_at, mood) VALUES
			('direct_api_web', 'web', 'seen', '2025-01-03 10:00:00', 'glad'), ('direct_api_web', 'web', 'not yet', '2025-01-03 10:00:01', NULL),
			('group_1735804800000_abc', 'api', 'to all', '2025-01-04 09:00:00', NULL), ('gone', 'api', 'lost', '2025-01-04 09:00:00', NULL)`)
	a := read(t, "duo", path)
	want(t, a,
		`["1",1,"","web",["api"],"2025-01-03T10:00:00Z","seen",null,""]`,
		`["  seen","api","2025-01-03T10:00:00Z",false]`,
		`["2",2,"","web",["api"],"2025-01-03T10:00:01Z","not yet",null,""]`,
		`["3",3,"group_1735804800000_abc","api",null,"2025-01-04T09:00:00Z","to all",null,""]`,
		`["  seen","web","2025-01-04T10:00:00Z",false]`,
		`["thread","group_1735804800000_abc","duo","Release team","archived","api","2025-01-02T09:00:00Z",[{"Agent":"api","Joined":"2025-01-02T09:00:00Z"},{"Agent":"web","Joined":"2025-01-02T09:00:00Z"}]]`,
		`problem conversation_participants, row 5: there is no conversation "nowhere"`,
		`problem messages, id 4: there is no conversation "gone"`,
		`note the table "friends" is not known to skein and was left out, with 1 row`,
		`note column of messages: "mood" is not known to skein and was left out of 1 record`,
		`note 1 partner key left out: they are secrets, and of no use here`)
	g := agent(t, a, "web")
	if g.Status != "busy" || !g.Quiet || string(g.Metadata) != `{"project_path":"/src/web"}` || stamp(g.Joined) != "2025-01-01T08:00:00Z" || g.Display != "Web" {
		t.Errorf("the partner is %+v", g)
	}
}

func TestDuoOfTheFirstVersion(t *testing.T) {
	path := makeDB(t, "duo.db", oldDuoSchema, `INSERT INTO partners VALUES ('a', 'a', NULL, NULL, 'online'), ('b', 'b', NULL, NULL, 'online')`,
		`INSERT INTO messages (from_id, to_id, content, created_at, delivered_at, response_to) VALUES
			('a', 'b', 'ping', '2025-01-03 10:00:00', '2025-01-03 10:00:02', NULL), ('b', 'a', 'pong', '2025-01-03 10:00:03', NULL, 1)`)
	want(t, read(t, "duo", path),
		`["1",1,"","a",["b"],"2025-01-03T10:00:00Z","ping",null,""]`, `["  seen","b","2025-01-03T10:00:02Z",false]`,
		`["2",2,"","b",["a"],"2025-01-03T10:00:03Z","pong",null,"1"]`)
}

func TestC2C(t *testing.T) {
	path := makeDB(t, "c2c.db", c2cSchema,
		`CREATE TABLE message_reads (message_id INTEGER, session TEXT, read_at REAL)`,
		`INSERT INTO sessions VALUES ('s1', 'local', '{"cwd":"/x"}', '2025-05-01T10:00:00Z', '2025-05-02T10:00:00Z'),
			('s2', 'online', NULL, NULL, '2025-05-02T11:00:00Z'), ('s3', 'bad', '{', NULL, '2025-05-02T11:00:00Z')`,
		`INSERT INTO messages (from_session, from_name, recipient, body, tag, created_at, read_at) VALUES
			('s1', 'local', 'online', 'take over', 'handoff', '2025-05-01T10:00:01.5', '2025-05-01T10:00:02'),
			('s2', NULL, '*', 'deploying', NULL, '1746093600.25', NULL),
			('s1', 'local', 'nobody-yet', 'for later', '', '1746093601000', NULL),
			('s1', 'local', 'online', x'ff', '', '1746093601000', NULL)`,
		`INSERT INTO message_reads VALUES (2, 's1', 1746093700.5), (99, 's1', 1746093700.5)`,
		`INSERT INTO state VALUES ('build', '{"ok":true}', '2025-05-01T12:00:00Z', 's2'), ('broken', '{"ok"', '2025-05-01T12:00:00Z', 'local'), ('undated', '1', NULL, 'local')`)
	a := read(t, "c2c", path)
	want(t, a,
		`["1",1,"","local",["online"],"2025-05-01T10:00:01.5Z","take over",["handoff"],""]`,
		`["  seen","online","2025-05-01T10:00:02Z",false]`,
		`["2",2,"*","online",null,"2025-05-01T10:00:00.25Z","deploying",null,""]`,
		`["  seen","local","2025-05-01T10:01:40.5Z",false]`,
		`["3",3,"","local",["nobody-yet"],"2025-05-01T10:00:01Z","for later",null,""]`,
		`["thread","*","c2c","everyone","","","",[{"Agent":"local","Joined":"2025-05-01T10:00:00Z"},{"Agent":"online","Joined":"0001-01-01T00:00:00Z"},{"Agent":"bad","Joined":"0001-01-01T00:00:00Z"}]]`,
		`problem sessions, id s3: metadata is not valid JSON`,
		`problem messages, id 4: body is not valid UTF-8`,
		`problem state, key broken: value is not valid JSON`,
		`problem state, key undated: updated_at is missing, so that it has no date`,
		`problem message_reads, row 2: there is no message 99`)
	if len(a.States) != 1 || a.States[0].By != "online" || string(a.States[0].Value) != `{"ok":true}` {
		t.Errorf("the state is %+v", a.States)
	}
	if g := agent(t, a, "local"); string(g.Metadata) != `{"cwd":"/x"}` {
		t.Errorf("the session is %+v", g)
	}
}

// What is only in the write-ahead log is read, and the log stays as it is.
func TestWriteAheadLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c2c.db")
	db := openDB(t, path)
	defer db.Close()
	run(t, db, `PRAGMA journal_mode = WAL`, `PRAGMA wal_autocheckpoint = 0`, c2cSchema,
		`INSERT INTO messages (from_name, recipient, body, created_at) VALUES ('a', 'b', 'in the log', '2025-05-01T10:00:00Z')`)
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("there is no log: %v", err)
	}
	want(t, read(t, "c2c", path), `["1",1,"","a",["b"],"2025-05-01T10:00:00Z","in the log",null,""]`)
}

func TestSourcesThatAreNone(t *testing.T) {
	relay := makeDB(t, "relay.db", relaySchema, `INSERT INTO messages (sender, message, timestamp)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 500) SELECT 'code', hex(randomblob(200)), '2025-01-01T00:00:00Z' FROM n`)
	data, err := os.ReadFile(relay)
	if err != nil {
		t.Fatal(err)
	}
	dir := files(t, map[string]string{"short.db": string(data[:len(data)/2]), "page.db": string(data[:100]), "empty.db": "", "text.db": "hello, this is not a database",
		"garbled.db": string(data[:8192]) + strings.Repeat("x", len(data)-8192)})
	other := makeDB(t, "other.db", `CREATE TABLE cats (name TEXT)`)
	blank := makeDB(t, "blank.db", `CREATE TABLE x (y)`, `DROP TABLE x`)
	for _, c := range []struct{ system, path, want string }{
		{"relay", filepath.Join(dir, "short.db"), "is damaged or cut short"},
		{"relay", filepath.Join(dir, "page.db"), "is damaged or cut short"},
		{"relay", filepath.Join(dir, "garbled.db"), "is damaged or cut short"},
		{"relay", filepath.Join(dir, "empty.db"), "is empty; it holds no database"},
		{"relay", filepath.Join(dir, "text.db"), "is not a SQLite database"},
		{"relay", filepath.Join(dir, "none.db"), "none.db cannot be read: no such file"},
		{"relay", dir, "holds no .relay_buffer.db; give the path"},
		{"duo", relay, "is a database of relay, not of duo; use skein import relay"},
		{"relay", other, "its tables are cats"},
		{"relay", blank, "its tables are none"},
		{"dispatch", relay, "is no store of dispatch: it is no directory"},
		{"dispatch", files(t, map[string]string{"app/package.json": `{"name":"x"}`, "lib/a.json": "[]"}), "holds no message of dispatch that can be read: app/package.json: id is missing"},
		{"dispatch", t.TempDir(), "no inbox in it holds a message"},
		{"dialogue", relay, "is no store of dialogue: it is no directory"},
		{"dialogue", t.TempDir(), "neither projects.json nor"},
		{"irc", relay, `there is no system "irc"`},
	} {
		a, err := Read(context.Background(), c.system, c.path)
		if err == nil || a != nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s of %s: %v, want %q", c.system, filepath.Base(c.path), err, c.want)
		}
	}
}
