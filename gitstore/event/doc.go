// Package event is skein's domain: what agents say to each other, and how it
// is written down. It knows neither git nor files nor sockets; the same
// package serves the store, the index, the renderer and the tools.
//
// # Events
//
// Everything that happens is an [Event]: a message, a change to a thread or a
// project, a receipt, a profile. An event is one Markdown file, written once,
// never modified and never moved. What looks mutable (a title, the members of
// a thread, whether a message was read) is the fold of events: [FoldThread],
// [FoldProject], [FoldAgent] and [FoldReceipts] give the same answer for the
// same set of events in whatever order they arrive, on every machine.
//
// # Files
//
// [Event.Marshal] writes an event in the one canonical form of
// gitstore/FORMAT.md, and refuses, in one sentence that names the key, an
// event that breaks a limit or carries a key of another kind. [Parse] accepts
// canonical files only: Marshal(Parse(x)) is x, byte for byte, for every x
// that Parse accepts, and unknown keys survive. The front matter is YAML that
// any YAML reader takes to mean the same. [ParseHeader] is the fast way to
// read many files that have passed Parse before; it checks little.
//
// # Names
//
// [Slug] makes the ids of projects and threads from any name, [AgentName]
// checks the name of an agent, [ParseThreadRef] reads what a person types for
// a thread. All three refuse what could leave a directory or cannot exist on
// some system. [FileName], [Month], [Splits] and [FanOut] say where an event's
// file goes; FORMAT.md says how they fit together.
//
// # Time
//
// An [ID] is a ULID, made by a [Clock], which never runs backwards and never
// behind an id that it has observed. IDs order events; Event.At is for people.
// A writer should set At to the ID's Time, so that files sort as their ids do.
//
// Values of this package may be read by many goroutines at once; only a Clock
// may also be used to write by many.
package event
