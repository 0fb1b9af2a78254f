// Package legacy reads the stores of the systems that skein replaces: dialogue,
// duo, c2c, dispatch and relay. It knows how each lies on disk, and nothing of
// git: [Read] returns what is there as plain values, with the names, ids and
// times that the system gave them, for gitstore to make events of.
//
// # What is read
//
//	dialogue  a directory: projects.json, and below it proj_<slug>_<hex>
//	          directories of thread_<slug>_<hex> directories, each with
//	          messages.jsonl
//	duo       SQLite, data/duo.db: partners, conversations and who is in them,
//	          messages
//	c2c       SQLite, ~/.claude/c2c.db: sessions, messages, state
//	dispatch  a directory: one directory an agent, one JSON file a message
//	relay     SQLite, ~/.relay_buffer.db: messages
//
// # Nothing is written
//
// A source is opened for reading only. A SQLite database is copied to a
// temporary directory first, with the write-ahead log beside it: to read that
// log SQLite has to write, and it writes to the copy.
//
// # Nothing is dropped in silence
//
// What cannot be read is a [Problem], with its place and the reason, and the
// rest is read all the same. What can be read but means nothing here, such as a
// column that a later version has added, is a note. A source that is not of the
// system named, or a database that is damaged, is an error: then nothing is
// returned, because half of a damaged database is no past.
//
// # What was read by whom
//
// Each message says who has seen it, as far as the system knows. Where a system
// keeps no account of that, everybody counts as having seen everything: nobody
// wants the mail of years as unread.
package legacy
