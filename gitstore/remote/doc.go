// Package remote brings objects to and from a git repository elsewhere. It
// speaks http and https itself, which is faster than having git do it, and has
// the git program do all else: the user's ssh configuration and agent,
// credential helpers and proxies work as they do for git itself. It knows
// nothing of messages.
//
// # Which transport
//
// An http or https address is reached without git, unless the user's set-up has
// something to say of how git is to reach it: a setting of http.*, or of
// http.<url>.* for this host, a url.*.insteadOf that fits the address, a push
// option, a GIT_SSL_, GIT_PROXY_ or GIT_HTTP_ variable, GIT_ASKPASS, ALL_PROXY,
// or a .netrc. One call of git config tells. Then git is used, and for every
// other address; where there is no git, or one that is too old, it is done
// without. And where the built-in transport meets what it does not know, the
// same call is done by git, if there is one: choice.go has both rules.
//
// # Fetching
//
// [Remote.Fetch] fetches into a bare repository of its own, a quarantine, which
// borrows the store's objects while git runs, so that only what is new crosses
// the network. Nothing in the store changes: whoever calls looks at what has
// come and takes it over, or removes the directory.
//
// [Remote.FetchDepth] leaves older commits away, or brings those that were left
// away before. Where the history of r.Objects begins, and where that of the
// quarantine does, stands in the file shallow of each repository, as git has it.
// Both transports read and write it.
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
// monitors are off, only file, http, https and ssh are spoken, and no redirect is
// followed but by way of moved.go. The user's own git configuration counts, with its rewriting of
// addresses; that of the store does not. A git that says nothing for
// [Remote.Idle] is ended with all its children, and so is one that brings more
// than [Remote.MaxBytes].
//
// # Without git
//
// The files builtin*.go do the same with go-git's messages and clients, over
// http, https and ssh; a directory is reached with git only. Of the user's
// configuration they know the proxies of the environment, credential helpers,
// the ssh agent, keys without a passphrase, known_hosts, and of ~/.ssh/config
// HostName, Port, User and IdentityFile. One connection to an http server serves
// all calls until [Remote.Close].
//
// A server that asks for a name and password gets what stands in the address,
// or what the user's credential helpers know, by way of git credential. Where
// there is no git, the helpers of the global configuration are asked that are
// programs of their own, which takes those that need a shell out. A helper is
// told once whether what it knows is good; a login that was refused is not tried
// again; nobody is asked, and a password is in no error, log or file.
//
// A fetch of a few megabytes is taken apart in memory, and comes as deltas on
// what is here: [Remote.FetchObjects]. An object above 32 MiB is there without
// its content, or not at all, and the caller refuses what it belongs to. What is
// larger goes to the disk as a whole pack, where a delta that makes such an object,
// or is made on one, ends the fetch, unless there is a git to do it.
//
// A push walks back from what is pushed to where the remote's branch is, and
// sends exactly what those commits add, directories as deltas on the ones
// before; it moves a branch in steps of 32 MiB.
//
// # Addresses and logins
//
// A server that has given the repository another name sends whoever asks for the
// old one on, and both transports go there; [Remote.Moved] says where that is. A
// login goes to the server that it is for, and to no other.
//
// # What a hostile remote can cost
//
// What comes is bounded in bytes by [Remote.MaxBytes], and what those unpack to,
// with what it takes to read it, by [odb.Burden]: no chain of more than 4095
// deltas, no object that is made by way of more than 128 MiB, and no more work
// than unpacking 256 MiB, with 1024 bytes for each that came. Both transports
// refuse more with the same error of kind [TooLarge]. The built-in one does so
// before it has done the work. Of git it is known only afterwards, or once git has
// read in a pack for half a minute, when that is looked at while git is at it. So
// the time that a fetch takes on this machine is bounded by what the remote sends,
// beside that half minute; a clock bounds it only when nothing is heard for
// [Remote.Idle]. Whatever is done ends with its context.
//
// # Errors
//
// An [Error] is one sentence with the [Kind] of what went wrong, for the caller
// to decide by: try again, go on without, or tell the user.
package remote
