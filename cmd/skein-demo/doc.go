// Command skein-demo is what `make demo` runs: two agents, each with its own
// `skein serve` process, hold a short conversation in one thread of a fresh
// store, driven by a real MCP client over standard input and output.
//
// It says what it does step by step, then shows what is left: the thread as a
// person reads it, the history and the files as git sees them. It checks every
// answer and exits with 1 as soon as one is not what it should be. The store is
// kept, so that one can go on looking around in it.
//
// main.go prepares, story.go is the conversation, remains.go looks at the
// store afterwards, client.go holds an agent's end of the protocol.
package main
