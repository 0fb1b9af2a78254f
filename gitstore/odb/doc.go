// Package odb keeps git objects and refs in a way that survives: several
// processes write at once, any of them may be killed, the machine may lose
// power, git may run beside them. It implements go-git's storage.Storer, so
// that go-git's own code for logs, trees and commits works on it, and it knows
// nothing of messages.
//
// # Writing
//
// A Batch collects objects and the moves of refs that make them reachable. It
// is built and committed under the store's lock, and becomes durable as a whole
// or not at all:
//
//	unlock, err := s.Lock(ctx)
//	...
//	b := s.NewBatch()
//	tree := b.Add(plumbing.TreeObject, data)
//	commit := b.Add(plumbing.CommitObject, ...)
//	b.Move("refs/heads/main", old, commit)
//	err = b.Commit()
//	unlock()
//
// Each batch is one small pack. What makes it durable is not the pack but a
// record in the journal, which holds the same bytes: one flush of one file whose
// blocks are allocated, where a durable pack, index and ref would cost four. From
// time to time a checkpoint makes packs and refs durable on their own and
// empties the journal.
//
// The order of writes, the formats and what is done after a power loss are in
// FORMAT.md, in the directory above.
//
// # Reading
//
// Readers take no lock. Packs and indexes are mapped, or read if they are
// small, and an object is believed only if it hashes to its id. A miss is
// believed only after the pack directory was read again, since others add and
// merge packs at any time. A mapping whose file is cut short is an error of the
// read, not the end of the process.
//
// # Beside git
//
// Every git command may run at any time: gc, repack -ad, pack-refs, fsck, fetch,
// push. Refs move under git's own <ref>.lock, our packs are protected by .keep
// files, and a ref that another program moves
// backwards is put back from the journal, because a store only grows.
//
// # Maintenance
//
// Maintain copies small packs together, so that there are never more than about
// a hundred; it runs on the heels of writers. CompactSome makes packs with
// deltas of the larger ones, in the background, and Compact one of everything.
// Each runs in one process at a time, and replaced packs stay for a grace
// period. The files compact*.go hold it: a set of objects by number (compactset),
// the walk that orders them and names their bases (compactwalk), and the way
// through encoders to the disk (compactpack).
//
// # What differs by system
//
// Files that end in _linux, _unix, _windows and so on hold what does: how files
// and directories are flushed, how a start of the machine is named, what may be
// removed while it is mapped.
package odb
