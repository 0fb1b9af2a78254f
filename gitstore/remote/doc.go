// Package remote brings objects to and from a git repository elsewhere, with
// the git binary as the transport: the user's ssh configuration and agent,
// credential helpers and proxies work as they do for git itself. Where there is
// no git, or one that is too old, it speaks the protocols itself. It knows
// nothing of messages.
//
// # Fetching
//
// [Remote.Fetch] fetches into a bare repository of its own, a quarantine, which
// borrows the store's objects while git runs, so that only what is new crosses
// the network. Nothing in the store changes: whoever calls looks at what has
// come and takes it over, or removes the directory.
//
// # Pushing
//
// [Remote.Push] pushes commits by their ids to branches. Without a lease a
// branch only moves forward, and the remote itself refuses what is not built on
// its present tip; so a lost race is an error of kind [Race] and never a lost
// commit. With a lease it is replaced, if it still is where the caller saw it.
//
// # What git may do
//
// git runs with a clean environment: variables of a git process that called us,
// as from a hook, are left out. Nothing is ever asked on a terminal; ssh runs in
// batch mode. Hooks, submodules, automatic maintenance, signing and file system
// monitors are off, and only file, http, https and ssh are spoken, also after a
// redirect. The user's own git configuration counts, with its rewriting of
// addresses; that of the store does not. A git that says nothing for
// [Remote.Idle] is ended with all its children, and so is one that brings more
// than [Remote.MaxBytes].
//
// # Without git
//
// The files builtin*.go do the same with go-git's messages and clients, over
// http, https and ssh; a directory is reached with git only. Of the user's
// configuration they know the proxies of the environment, the ssh agent, keys
// without a passphrase, known_hosts, and of ~/.ssh/config HostName, Port, User
// and IdentityFile; a name and password for http stand in the address. A fetch
// asks for whole packs and checks what each object says of its size before it
// is unpacked: above 32 MiB the fetch is given up, where git would let the
// caller refuse the one object. A push walks back from what is pushed to where
// the remote's branch is, and sends exactly what those commits add, directories
// as deltas on the ones before; it moves a branch in steps of 32 MiB.
//
// # Errors
//
// An [Error] is one sentence with the [Kind] of what went wrong, for the caller
// to decide by: try again, go on without, or tell the user.
package remote
