// Package index keeps a disposable projection of a store's two branches in
// SQLite, so that an inbox, a list of threads, an id and a search are answered
// without walking git trees. It knows no git: a caller tells it which files
// have come and gone, and what it answers are places of files, which the
// caller reads.
//
//	x, err := index.Open(dir, index.Options{})
//	v, err := x.View(ctx)        // one moment; readers never wait
//	if v.State() != tips {       // then catch up, or read the tree
//		err = x.Update(ctx, v.State(), tips, changes)
//	}
//	inbox, err := v.Inbox(index.InboxQuery{Agent: "desktop", Limit: 20, Now: now})
//
// # Whatever goes wrong, read the tree
//
// Nothing is in an index that is not in the store, so nothing depends on it.
// [ErrBusy] says that another process is writing, [ErrMoved] that it was
// faster, [ErrDamaged] that the index has to be thrown away with [Index.Reset];
// it is then filled by an Update from the zero State. Any other error is one of
// the disk or of the context. No call waits for another process.
//
// One transaction takes the index from one [State] to the next, so it is always
// that of some pair of trees. Any order of events, in any batches, leads to the
// same answers, also if some are taken back: a test holds all of them against
// the folds of package event.
//
// # Files
//
// The directory belongs to the index. A file in it is one generation, under a
// name that is never used again; the greatest name counts (file.go says why).
// A file that is damaged, cut short, of another version or not an index is left
// aside and a new one made. A stamp beside it tells whether another program has
// written into it (stamp.go); the rows that decide an answer carry checksums
// besides (seal.go). What that leaves is a disk that changes bytes and no time
// stamp: SQLite notices damage to the structure of its pages, but noise within
// a page of the full-text index can hide a message from a search. Hits are
// never wrong if the caller checks that the blob has the id it was promised. The
// third file of a generation is locked while its log is copied into it.
//
// The files are WAL databases with synchronous=NORMAL: after a power cut they
// are those of an earlier state, not damaged. OFF would save a flush per 4 MB
// and leave, after a power cut, pages of different states that nothing tells
// apart.
//
// # Numbers and blocks
//
// Messages are numbered as they come. That is nearly the order of their ids,
// and where it is not, the block says so: 4,096 numbers are a block, which
// knows the least and the greatest of its ids and whether each is greater than
// all before. Dense numbers make the full-text index 40 % smaller than numbers
// derived from time.
//
// Whom messages reach is kept as bitmaps, one bit a message. A block has the
// set of its messages for everyone and of those that have expired; an agent
// has, in each block that concerns it, the sets of what it wrote, of what
// reaches it by name or as a member, and of what it has seen. What waits is
//
//	(for everyone since it joined, less 7 days ∪ by name) ∖ written ∖ seen ∖ expired
//
// So a message to 50 agents costs one bit, not 50 rows, an agent that never
// reads costs nothing, and a receipt, a late message or an agent that turns out
// to have joined earlier changes a bit or none. Blocks are marked as settled
// for an agent once nothing waits for it there: an inbox looks at the others,
// which are few whatever the size of the store. A thread that is opened or
// closed, or whose members change, moves the bits of its messages.
//
// Messages that expire are marked by the update that comes after; in between a
// query asks for those few. A clock that was set back is noticed.
//
// # Marks
//
// What brought a message cannot be found by its place. So an update leaves a
// mark, every 256 messages at most: the state of main at which all messages of
// lesser numbers were there. [View.Since] finds the first one behind a message.
//
// # Text
//
// Text is cut into words in Go (tokens.go) and compared word by word: case is
// folded as strings.EqualFold does, anything but letters, digits and marks
// separates, each character of a script without spaces and each emoji is a
// word. [Query.Matcher] does the same for a walk through the tree. FTS5 keeps
// no text (it is contentless), positions for phrases, and neither sizes of columns
// (they cost half of the time of an insert) nor prefixes (they would double
// the index: rec* takes 4 ms at 100,000 messages without).
//
// Thread, project, sender, recipients and tags are words of the document too,
// with a mark that no text has, so that filters are intersections of lists.
//
// A message that may not be shown any more is reworded ([Reword]): the document
// is made of what it says to readers, not of its file.
//
// # Ranking
//
// BM25 would have to look at every match: 184 ms for a word in a third of
// 100,000 messages. Instead a word is indexed a second time where it is
// prominent: in the title, or three times in the body (once in 200 words, if
// it is long). Three lists are read from their newest end, 200 hits each: all
// words prominent, some, any. These are ranked by
//
//	1.5 × tier − log₂(1 + weeks older than the newest hit)
//
// so that a message about a thing ranks like a mention that is eight times as
// young. What is older follows, the newest first. [Page] is this order, given
// any source of matches; a [Place] in it is good for index and tree alike.
// The total is exact: counting 100,000 matches takes 4 ms.
//
// # What it costs
//
// On two cores of a shared machine, with messages of 350 bytes (median) in
// 10,000 threads by 50 agents:
//
//	                                    100,000   1,000,000 messages
//	first update, messages a second      27,000
//	file, bytes a message                   445
//	update by one message                0.2 ms
//	inbox, all read but three            0.1 ms
//	inbox, nothing ever read             0.2 ms
//	search, a word in one message        0.1 ms
//	search, a word in a third            2.5 ms
//	open, and the first search           2   ms
//
// A program that imports this package starts 1.5 ms later and is 7 MB larger.
package index
