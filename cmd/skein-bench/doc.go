// Command skein-bench is what `make bench` runs: it measures skein side by
// side with what one would use otherwise, and prints a table in Markdown.
//
//	skein-bench                     every figure; about twenty minutes
//	skein-bench -quick              the same on small stores, to see that it works
//	skein-bench -run 'durable|git'  only the groups whose names match
//	skein-bench -dir /mnt/disk      on another file system
//	skein-bench -peers              compare with other systems, from the network
//	skein-bench -update             publish: README.md, gitstore/BENCHMARKS.md
//	skein-bench -generate DIR       only make a store, of -messages and -seed
//	skein-bench -profile DIR        only write profiles of post, inbox and search
//
// # How it measures
//
// Both sides of a ratio are taken in one run, in turn (a block of skein, a
// block of the baseline, and so on), on the same file system and with the same
// messages; the figure is the median. Skein runs as it is installed, with the
// Markdown files beside the repository, unless a row says otherwise. Nothing
// is measured twice and the better kept.
//
// The baselines are SQLite (modernc.org/sqlite, the WAL, one insert a
// transaction, a table of messages with a primary key and two indexes), the
// git binary, and a Go program that does nothing.
//
// Most file systems keep a journal, and flushing waits for it. An ext4 without
// one, as virtual machines have it, flushes faster; but it makes new files
// slowly for minutes after old ones were deleted, by whichever process
// (recently_deleted in the kernel's fs/ext4/ialloc.c), so that figures from it
// say little. Where -dir is such a file system, the figures are taken on a
// fresh ext4 with a journal that is mounted for the run; that takes root and
// loop devices. The durable post is measured on both.
//
// It runs on any Unix; what only Linux tells (memory, bytes written) is measured
// there only.
//
// # The stores
//
// Stores are drawn from a seed: the same one gives the same commits. What they
// are like is said in gitstore/BENCHMARKS.md; corpus.go draws messages and
// threads, history.go all that happens around them. They are made once, kept in
// the directory of -dir, and copied for each figure; packs are linked, because
// nobody changes them.
//
// # Where things are
//
// main.go has the flags and the list of groups, setup.go what a run needs,
// table.go the rows, measure.go the taking of turns, publish.go, plot.go and
// curves.go what -update writes. The groups of figures are in post.go, wide.go,
// crowd.go, read.go and serve.go; figures.go has those that come from stores of
// several sizes, which scale.go measures; load.go has the agents at work, wake.go
// one that waits, gc.go compaction, index.go has the index made, upkeep.go posts
// beside both, sync.go and clones.go syncing with a remote, peers.go the other
// systems. corpus.go, history.go, store.go and generate.go make stores; sqlite.go
// and git.go are the baselines; client.go drives servers; machine.go and
// volume.go describe and prepare the machine.
package main
