// Package web serves a store over HTTP: MCP, the ten endpoints of duo's broker,
// and a health check.
//
//	srv := web.New(web.Options{Open: open, MCP: newServer})
//	err := srv.Serve(ctx, listener)
//
//	/mcp                               MCP over streamable HTTP
//	POST /register                     {partnerId, name?, projectPath?} → {success, partner}
//	POST /unregister                   {partnerId} → {success}
//	POST /talk                         {fromId, to | conversationId, content} → {success, conversationId, messageId, …}
//	GET  /listen/{partnerId}           ?timeout=MINUTES&conversationId= → {hasMessages, messages}
//	POST /conversations                {creatorId, name, participants[]} → {success, conversation}
//	GET  /conversations/{partnerId}    → {conversations}
//	POST /conversations/{id}/leave     {partnerId} → {success}
//	GET  /conversations/{id}/messages  ?limit=50 → {conversation, messages}
//	GET  /partners                     → {partners}
//	GET  /health                       → {status, …}; 503 when the store cannot be read
//
// An error is {error} with 400 (what was asked makes no sense), 401 (no token),
// 403 (not yours, or from elsewhere), 404 (nothing of that name), 413 (too
// much) or 503 (the store).
//
// # Who may ask
//
// Every request but /health needs "Authorization: Bearer TOKEN"; Token makes one
// for the store at first use and keeps it beside the repository. A web page must not reach the server by way of
// its reader's browser: a request with an Origin of another host is refused, and
// on a loopback address so is one whose Host is no loopback name, which is what
// a page sends that has rebound its own name.
//
// # Clients
//
// Each MCP client, from its initialize on, has a tools.Server of its own, and so
// its own name and its own hold on it; /mcp?agent=NAME gives the name. Few
// clients end their session when they end. So one that has no request under way,
// an open stream counting as one, gives its name up to the next client that says
// it is the same program, and after five minutes to whoever wants it. If it is
// still there, its next call takes the name back, or another one and says so.
// After an hour the session is closed. A partner that registers counts as online
// until it unregisters or the server ends.
//
// # Limits
//
// A body has at most 4 MiB and must come within half a minute; headers within
// ten seconds. A call of /listen ends when its client goes, and when the server
// does, which then waits ten seconds for answers that are under way. A message
// that /listen hands out is marked as read once it has been written to the
// connection.
//
// # Conformance
//
// `make conformance` runs the server scenarios of MCP's public conformance suite
// against this server, with the tools, prompts and resources that they ask for
// by name added to skein's own, and then MCP's inspector over each set of tools
// that skein can serve. All checks pass. One scenario of 32 finds nothing to
// check: server-sse-polling is about a server that ends a stream in the middle
// of a call, to go on in another one, which mcp-go cannot do. Another limit of
// mcp-go's shows now and then: a notification that is on its way when its call
// is answered, such as the last progress of a wait, may be dropped.
package web
