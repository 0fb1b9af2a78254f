// Package gitstore keeps a conversation in a git repository: messages between
// agents, the threads and projects they belong to, who is there and who has
// read what. [Store] is the one way to the data; the command line, the MCP
// server and the web pages all call its methods. Any number of processes may
// have the same store open; there is no server.
//
// # What is stored
//
// Everything is an event (package event): one Markdown file, written once,
// never modified, never moved, and one commit. The branch main holds messages
// and the events of threads and projects, so `git log main` is the history of
// the conversation; the branch agents holds profiles and receipts. FORMAT.md
// says where each file lies. What looks mutable, such as a thread's title or
// whether a message was read, is folded from events when it is asked for.
//
// The repository is bare. The Markdown files beside .git are copies for people,
// which are never read back: losing, changing or deleting one changes nothing.
//
// # Writing
//
// [Store.Post], [Store.UpdateThread], [Store.Acknowledge] and [Store.Join]
// check everything before they write anything, and an error means that nothing
// was written. When they return without error, the event
//
//   - is durable: it survives kill -9 and a power cut (but for Options.NoSync);
//   - is visible to every process, and to git;
//   - is there exactly once.
//
// The one exception is an error that says so: a call whose context ends while
// another process is committing the event, or a disk that fails in the middle
// of a commit (*odb.UnknownOutcomeError), can leave its fate open.
//
// Events that are written at the same time, by goroutines or by processes, are
// committed together by whoever holds the store's lock: one commit each, in
// one pack with one flush to the disk. A writer that finds the lock taken
// leaves its event as a request file in .git/skein/queue and waits for the
// lock; when it gets it, the event is usually there already. A process that is
// killed in the middle leaves either its event or no trace, and what it held
// is free at once.
//
// [Store.Import] brings in a past, many events at a time. [PlanImport] makes
// such events of what another system has kept (package legacy), and
// [Store.ImportPlanned] brings in those that are not here yet.
//
// The cost of a post does not grow with the store, the project, the thread or
// the day, because no directory takes more than 48 events: see layout.go.
//
// # Reading
//
// Readers take no lock and see the state of one commit. A branch that is
// missing or unreadable is an error, never an empty store. A damaged file costs
// what it held and nothing else: it is left out, the answer counts it as
// Skipped, and [Store.Verify] says what is wrong with it.
//
// [Store.Read] reads the newest directories of a thread. [Store.Search],
// [Store.Inbox] and the lists of threads, projects and agents come from the
// index (package index), a SQLite database in .git/skein that readers bring to
// the tips when they find it behind: at once where a few messages are missing,
// in stretches of commits where it is many (projection.go). As long as it is
// missing, behind, locked or damaged, and with Options.NoIndex, the same answer
// comes from the tree: a search then reads all messages that it cannot rule
// out by their paths, on all processors, and an inbox folds every event into some 85 bytes a
// message when it is first asked, and afterwards reads only what differs
// between two trees. Cursors
// name a message, not a count: whatever is written meanwhile, going from page
// to page shows each message once. [Store.Watch] tells when there is something
// new, whoever wrote it.
//
// # Many machines
//
// [Store.Sync] makes a store and its remote hold the same events in one linear
// history. What comes is fetched into a quarantine and checked (quarantine.go);
// what only this store has is committed again on top of it (replay.go); then it
// is pushed. If nobody else has pushed, that push is all (sync_first.go). A post
// never waits for any of that but for a batch at a time.
//
// [Store.AwaitInbox] waits for mail and [Store.Follow] shows what comes.
//
// # Shared state, presence, redaction
//
// [Store.SetState] sets a JSON value under a key for everybody; the last one
// wins, and [Store.StateLog] has the others. [Store.Attend] takes a name for a
// session, and [Store.Who] tells who is here by a lock that the kernel lets go
// of when a process ends. [Store.Redact] hides what messages say: every method
// that returns a message returns it as it may be shown.
//
// Options.Duplicates makes one message of two that say the same,
// Options.PairLimit stops two agents who go on answering each other, and
// Options.Roster lists the names to which messages may go.
//
// # Names and ids
//
// Wherever a thread is named, "project/thread" and a bare "thread" will do, and
// wherever a message is, its id or an abbreviation that is unique. What is not
// there is an [UnknownError], which suggests what was meant; what is not unique
// is an [AmbiguousError]. Every other error is one sentence that says what is
// wrong and what to do.
//
// # The copies beside .git
//
// After each post a goroutine writes the new files (Options.NoMirror turns that
// off). It never delays or fails a post: what cannot be written is logged and
// tried again at the next post or the next [Open]. [Store.Export] rebuilds all.
package gitstore
