// Package hooks is what reaches an agent or a person who has not asked: a
// notification of the system, a notice in a project's CLAUDE.md, a command of a
// client. It knows nothing of stores; whoever does tells it what to say.
//
//	err := hooks.Notify(ctx, "Message from desktop", "the parser is slow")
//	err := hooks.SetNotice("/src/axon/CLAUDE.md", "code@axon", "2 unread messages, from desktop: call listen")
//	path, err := hooks.InstallGet(hooks.ClaudeDir(home))
//
// # Rules
//
// A file of the user's is changed only between marks of our own, and taking
// back what was put there restores it to the byte. What cannot be told apart
// from the user's own is left alone, and the error says so. A file is replaced
// whole, by a rename.
//
// What a peer wrote never goes where a client reads instructions: a notice says
// who has written, not what.
package hooks
