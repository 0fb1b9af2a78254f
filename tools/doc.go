// Package tools is skein's MCP server: what an AI agent's client starts with
// `skein serve` and speaks to over stdin and stdout.
//
//	srv := tools.New(open, tools.Options{Folder: "axon", Version: version, Logger: log})
//	defer srv.Close()
//	err := srv.ServeStdio(ctx, os.Stdin, os.Stdout)
//
// # Tools
//
//	post_message    send a message to agents, a thread, or everyone
//	check_inbox     what has come for me
//	ack_messages    I have dealt with these
//	read_thread     a thread's messages
//	search          messages by their words; threads, projects and agents
//	update_thread   open or change a thread or a project, join or leave
//	shared_state    values that all agents share
//	set_profile     who I am and what I do
//	who             who is here
//	prune, redact   with Options.Toolsets admin: forget old sessions, hide text
//
// Each is one file: its definition, its parameters and a plain function
//
//	func (s *Server) post(ctx context.Context, p postParams) (string, error)
//
// which says what it has to say in a few lines of text. bind (bind.go) is the
// one place where such a function meets the protocol: it checks the arguments
// (args.go), calls, and turns an error or a panic into a result that the model
// can read and act on. With Options.ReadOnly only those tools are offered that
// change nothing.
//
// With Options.Profile the tools are those of another message system (package
// profiles) and these rules about texts do not hold: its results are its own.
// Skein's prompts and resources are not offered then.
// Handler serves over HTTP in place of ServeStdio (package web).
//
// # Rules that hold for every tool
//
// A result is text only: some clients show a model the structured content in
// place of the text, some the text in place of the structured content.
//
// A page is at most about 18,000 bytes, roughly 5,000 tokens, however many
// messages were asked for. What does not fit is counted in the last line,
// with the cursor that goes on from there. A body too long for its page is
// cut, and the cut says how to read the rest.
//
// What a peer wrote is that peer's words. In text every line of it starts with
// "> " (a payload with "payload> "), and everything that could pass for a line
// break is one first, so no body can forge a header or end its own quotation
// (text.go). Control characters are shown as symbols and invisible ones left
// out. With format=json the body is exact: characters that cannot be seen are
// written as \u escapes.
//
// A call that waits for mail (wait.go) is answered when there is some, and at
// the latest before its client gives up on it; its last line has the cursor with
// which to wait on. It is told of through the store's one watcher, so that any
// number of calls may wait.
//
// An answer that could be mistaken for a lost identity, an empty inbox above
// all, says who was asking and which store was read.
//
// Looking at an inbox marks nothing as read unless mark_read is set, and then
// only the messages that are on the page, after the page has been made. Mail
// cannot be lost by being looked at.
//
// Every result says how many messages wait for the agent, if that is known at
// once, but for that of check_inbox, which shows them (waiting.go).
//
// # Prompts and resources
//
// A prompt (prompts.go) is what a person says to the model: one text, with what
// it takes from the store quoted in it under the rules above. A resource
// (resources.go) is a page of the same texts, with times written out, so that it
// stays the same as long as nothing changes. Neither changes the store: nothing
// is marked as read, and nobody joins. Names are completed (complete.go) by
// their beginning, then by what they have in them.
//
// A client that subscribes (subscribe.go) is told when a resource shows
// something else than before, by whatever process that was brought about. From
// the first subscription to the end of the last one goroutine watches the store
// and looks at what is subscribed to: after a change, at most once a second, and
// every half a minute, because no branch tells who is here and what has
// expired. What cannot be sent, to a client that does not read, is owed until
// the next look. A resource that is not there yet can be subscribed to; a URI
// that can never be one is refused.
//
// mcp-go gives most errors of these requests the code of an internal error;
// their text is what is to be believed.
//
// # Start-up and identity
//
// The store is opened beside initialize, which does not wait for it longer than
// a blink: initialize and tools/list are answered even when the store is slow,
// broken or of a newer format, and the calls then say what is wrong. An opening that failed is
// tried again by the next call.
//
// The agent is Options.Agent, else the client's name from initialize and the
// project's folder, as in claude-code@axon (identity.go). When the client has
// introduced itself the server takes a seat under that name, with a number if
// another session has it, and gives it back at the end (seat.go): that is how
// others see who is here. Where two sessions were given one name, both are
// told, and both get its mail. The agent joins the store at its first call of a
// tool that acts in its name. A server that is read-only joins nothing.
//
// # The stdio transport
//
// stdio.go stands between the client's pipes and mcp-go, which by itself drops
// the answers that are still due when stdin ends, ignores a last line without
// a newline, reads lines of any length into memory, and starts calls that were
// cancelled while they waited. ServeStdio
//
//   - keeps the end of stdin back until every request has been answered, for
//     at most ten seconds;
//   - lets nothing past an initialize that is not answered yet, so that a
//     client that writes everything at once is known by its name;
//   - answers a line longer than Options.MaxLine with a JSON-RPC error, under
//     the request's id where it can be made out, and goes on;
//   - refuses a call that was cancelled before it began;
//   - ends when ctx is cancelled, when stdin ends, or when stdout breaks.
//
// Only the initialize handshake is offered, at most revision 2025-11-25: a
// client that takes up the stateless protocol of 2026-07-28 over stdio never
// registers the server as a channel.
//
// Standard output belongs to the protocol. Everything else goes to
// Options.Logger. mcp-go keeps one stdio session per process, so a process
// serves one client at a time.
package tools
