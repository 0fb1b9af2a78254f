// Package profiles offers the tools of five other message systems over skein's
// store: their names, parameters, defaults and documented results, so that
// their users change one line of configuration and nothing else.
//
//	dialogue   Claude Dialogue MCP: projects, threads, two roles
//	duo        MCP Claude Duo: partners, conversations, listening
//	c2c        claude-c2c: sessions, an inbox, shared state
//	dispatch   mcp-dispatch: receipts, time to live, mail that rides on results
//	relay      mcp-server-relay: a window between Claude Desktop and Claude Code
//
// Each system is one file, and thin: it calls the same Store methods as skein's
// own tools and keeps no data of its own. So a user of one system reaches the
// users of every other. What a system knows and skein has no word for lies in
// the shared state, under a key that begins with the system's name, where
// people and agents can see it.
//
// # Names and ids
//
// Agents' names are skein's: lower case, with '-' where another system allowed
// '_' or a space (AgentID). Where a system's tools take a name, both spellings
// are the same agent.
//
//	dialogue   claude_app and claude_code are the agents claude-app and
//	           claude-code; a project's or thread's id is its slug, and their
//	           old ids (proj_axon_1a2b3c4d) still find it
//	duo        direct_a_b is the direct thread of a and b, group_<ms>_<random>
//	           the thread of that name in the project duo
//	dispatch   msg-7k3q9x2m is the message 7k3q9x2m; a thread_id is a thread of
//	           the project dispatch
//	relay      desktop and code are agents; their direct thread, and what waits
//	           for either elsewhere, is the window
//
// Any other thread goes by "project/thread" where a system's tool takes the id
// of a thread or conversation.
//
// # What is not as it was
//
// Nothing is ever deleted. What another system deleted leaves the view by an
// event: relay_clear and prune write a mark to the shared state, ack records a
// receipt. A message that was handed out is marked as read only when its result
// is made, and can always be read again.
//
// Results are text: JSON where the other system gave an object or a list, else
// the sentence or the list that it showed. What cannot be done comes back as
// one sentence, and nothing is half-written.
package profiles
