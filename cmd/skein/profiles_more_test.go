package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestC2CProfile goes through what c2c's documentation shows: two sessions that
// claim names, an inbox that marks nothing, shared state, a name taken over.
func TestC2CProfile(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "c2c.db"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"CLAUDE_C2C_DB=" + filepath.Join(home, "c2c.db")}
	local := newPeer(t, home, env, "--profile", "c2c")
	deployed := newPeer(t, home, env, "--profile", "c2c")
	if !strings.Contains(local.stderr.String(), "CLAUDE_C2C_DB names the store "+filepath.Join(home, "c2c.skein")) {
		t.Errorf("stderr does not say which store is used: %q", local.stderr)
	}

	same(t, local.json("register_session", `{"name":"local","metadata":{"repo":"pipelines"}}`), `{"name":"local","metadata":{"repo":"pipelines"}}`)
	// Mail for a name nobody holds yet waits for it.
	sent := local.json("send_message", `{"to":"online","body":"schema is migrated","tag":"handoff"}`)
	same(t, sent, `{"from_name":"local","recipient":"online","body":"schema is migrated","tag":"handoff"}`)
	same(t, deployed.json("register_session", `{"name":"online"}`), `{"name":"online"}`)
	local.json("send_message", `{"to":"*","body":"lunch"}`)

	inbox := deployed.json("inbox", `{}`)
	same(t, inbox, `[{"from_name":"local","recipient":"online","body":"schema is migrated","tag":"handoff","read_at":null},{"recipient":"*","body":"lunch","tag":null}]`)
	fields(t, at(t, inbox, 0), "id", "created_at")
	same(t, deployed.json("inbox", `{"tag":"handoff"}`), `[{"body":"schema is migrated"}]`)
	if again, _ := deployed.json("inbox", `{}`).([]any); len(again) != 2 {
		t.Errorf("looking marked something as read: %v", again)
	}
	same(t, deployed.json("inbox", `{"limit":1}`), `[{"body":"schema is migrated"}]`)
	id, _ := at(t, inbox, 0, "id").(string)
	same(t, deployed.json("mark_read", `{"message_ids":["`+id+`","zzzz9999"]}`), `{"marked":1,"not_found":["zzzz9999"]}`)
	same(t, deployed.json("inbox", `{}`), `[{"body":"lunch"}]`)
	both := deployed.json("inbox", `{"unread_only":false}`)
	if at(t, both, 0, "read_at") == nil || at(t, both, 1, "read_at") != nil {
		t.Errorf("read_at is wrong: %v", both)
	}
	same(t, deployed.json("inbox", `{"unread_only":false,"limit":1}`), `[{"body":"lunch"}]`)

	same(t, local.json("set_state", `{"key":"deploy/status","value":{"ok":true,"n":[1,2]}}`), `{"key":"deploy/status","value":{"ok":true,"n":[1,2]},"updated_by":"local"}`)
	local.json("set_state", `{"key":"deploy/who","value":"mary"}`)
	same(t, deployed.json("get_state", `{"key":"deploy/status"}`), `{"value":{"ok":true,"n":[1,2]},"updated_by":"local"}`)
	same(t, deployed.json("get_state", `{"prefix":"deploy/"}`), `[{"key":"deploy/status"},{"key":"deploy/who","value":"mary"}]`)
	same(t, deployed.json("set_state", `{"key":"deploy/who","value":null}`), `{"value":null,"updated_by":"online"}`)
	same(t, local.json("get_state", `{"key":"never"}`), `{"key":"never","value":null,"updated_at":null}`)

	same(t, local.json("heartbeat", `{}`), `{"name":"local","metadata":{"repo":"pipelines"}}`)
	names := sessionNames(t, local.json("list_sessions", `{}`))
	if !strings.Contains(names, " local ") || !strings.Contains(names, " online ") {
		t.Errorf("sessions are missing:%s", names)
	}

	// The last claim wins.
	newer := newPeer(t, home, env, "--profile", "c2c")
	stale, _ := at(t, newer.json("register_session", `{"name":"local"}`), "superseded").(string)
	if !strings.HasPrefix(stale, "local-stale-") {
		t.Fatalf("the older session is called %q", stale)
	}
	deployed.json("send_message", `{"to":"local","body":"for the newer"}`)
	same(t, local.json("heartbeat", `{}`), `{"name":"`+stale+`"}`)
	if mail, _ := local.json("inbox", `{}`).([]any); len(mail) > 1 || len(mail) == 1 && at(t, mail, 0, "recipient") != "*" {
		t.Errorf("a stale session gets mail: %v", mail)
	}
	same(t, newer.json("inbox", `{}`), `[{"body":"for the newer"}]`)
	if names := sessionNames(t, newer.json("list_sessions", `{}`)); strings.Contains(names, "stale") {
		t.Errorf("stale sessions are listed:%s", names)
	}

	same(t, deployed.json("prune", `{}`), `{"messages_deleted":0,"sessions_deleted":0}`)
	same(t, deployed.json("prune", `{"older_than_days":0}`), `{"messages_deleted":1}`)
	same(t, deployed.json("inbox", `{"unread_only":false}`), `[{"body":"lunch"}]`)
	same(t, deployed.json("prune", `{"older_than_days":0}`), `{"messages_deleted":0}`)

	local.refuses("get_state", `{"key":"a","prefix":"b"}`, `a key or a prefix, not both`)
	local.refuses("set_state", `{"key":"a"}`, `set_state needs "value"`)
	local.refuses("register_session", `{"name":"日本"}`, `name: agent name`)
	local.refuses("send_message", `{"to":"online","body":""}`, `send_message needs "body"`)
	local.refuses("prune", `{"older_than_days":-1}`, `"older_than_days" must be a number from 0`)
}

func sessionNames(t *testing.T, list any) string {
	t.Helper()
	names := " "
	for i := range list.([]any) {
		name, _ := at(t, list, i, "name").(string)
		names += name + " "
	}
	return names
}

// TestDuoProfile goes through what duo's documentation shows: a direct
// conversation made by its first message, listening, a group, history, status.
func TestDuoProfile(t *testing.T) {
	home := t.TempDir()
	a := newPeer(t, home, []string{"PARTNER_NAME=project_a"}, "--profile", "duo")
	if text := a.call("list_conversations", `{}`); text != "No conversations." {
		t.Errorf("got %q", text)
	}
	a.refuses("talk", `{"message":"anybody?"}`, "there is no other partner yet")
	b := newPeer(t, home, []string{"CLAUDE_PROJECT_DIR=/src/project_b"}, "--profile", "duo")
	contains(t, b.call("register", `{}`), "**project-b**")

	// A waiting partner is woken by another process's message.
	heard := make(chan string, 1)
	go func() { heard <- b.call("listen", `{"timeout":1}`) }()
	contains(t, a.call("talk", `{"message":"Hey, can you help with the auth module?","to":"project_b"}`), "direct_project-a_project-b")
	select {
	case text := <-heard:
		contains(t, text, "📁 **direct_project-a_project-b**", "**project-a:** Hey, can you help with the auth module?")
	case <-time.After(30 * time.Second): // a bug's limit, nothing waits for it
		t.Fatal("listen does not end")
	}
	// Without a recipient, to the only partner.
	contains(t, b.call("talk", `{"message":"Sure, what do you need?"}`), "direct_project-a_project-b")
	contains(t, a.call("list_conversations", `{}`), "💬 **project-a, project-b** (1 unread)", "ID: `direct_project-a_project-b`")
	contains(t, a.call("listen", `{"conversation":"direct_project_a_project_b","timeout":10}`), "**project-b:** Sure")
	contains(t, a.call("listen", `{"timeout":0}`), "No message for project-a within 0s")

	c := newPeer(t, home, []string{"PARTNER_NAME=project_c"}, "--profile", "duo")
	contains(t, c.call("register", `{"name":"Backend"}`), "**backend**")
	a.refuses("talk", `{"message":"who?"}`, "there are several partners: ")
	created := a.call("create_conversation", `{"name":"Backend Team","participants":"project_b, backend"}`)
	contains(t, created, "👥 **Backend Team**", "Participants: backend, project-a, project-b")
	group := created[strings.Index(created, "group_"):strings.LastIndex(created, "`")]
	contains(t, a.call("talk", `{"message":"Sprint planning in 5 min","conversation":"`+group+`"}`), group)
	contains(t, c.call("listen", `{"conversation":"`+group+`","timeout":1}`), "**project-a:** Sprint planning in 5 min")
	contains(t, b.call("history", `{"conversation":"`+group+`"}`), "**History: Backend Team**", "Sprint planning")
	contains(t, c.call("leave_conversation", `{"conversation":"`+group+`"}`), "You left")
	c.refuses("talk", `{"message":"still there?","conversation":"`+group+`"}`, "not a participant")
	a.refuses("leave_conversation", `{"conversation":"direct_project-a_project-b"}`, "only groups can")

	// A message waits for a partner who has gone.
	if err := c.c.Close(); err != nil {
		t.Fatal(err)
	}
	contains(t, a.call("list_partners", `{"search":"backend"}`), "⚫ **backend**")
	a.call("talk", `{"message":"for later","to":"backend"}`)
	back := newPeer(t, home, []string{"PARTNER_NAME=backend"}, "--profile", "duo")
	contains(t, back.call("listen", `{"timeout":0}`), "**project-a:** for later")

	contains(t, a.call("set_status", `{"message":"on the parser"}`), "on the parser")
	contains(t, b.call("list_partners", `{}`), "🟢 **project-a** (project-a) — _on the parser_", "**project-b** (project-b) (you)")
	if text := b.call("list_partners", `{"search":"parser"}`); !strings.Contains(text, "project-a") || strings.Contains(text, "project-b") {
		t.Errorf("search does not narrow: %s", text)
	}
	contains(t, a.call("set_status", `{}`), "Status cleared.")
	contains(t, a.call("notifications", `{"enabled":false}`), "off")

	a.refuses("talk", `{"message":"x","to":"project_x"}`, `no agent named "project-x"`)
	a.refuses("talk", `{"message":"x","conversation":"group_1_none"}`, `no conversation named "group_1_none"`)
	a.refuses("listen", `{"timeout":-1}`, `"timeout" must be a number from 0`)
	a.refuses("create_conversation", `{"name":"x","participants":"nobody"}`, `no agent named "nobody"`)
	a.refuses("notifications", `{}`, `notifications needs "enabled"`)
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

// TestProfilesMeet: the users of all profiles, and of skein's own tools, write
// to each other over one store.
func TestProfilesMeet(t *testing.T) {
	home := t.TempDir()
	store := []string{"SKEIN_STORE=" + filepath.Join(home, "store")}
	with := func(env ...string) []string { return append(env, store...) }
	relay := newPeer(t, home, store, "--profile", "relay", "--client", "desktop")
	duo := newPeer(t, home, with("PARTNER_NAME=dora"), "--profile", "duo")
	c2c := newPeer(t, home, store, "--profile", "c2c")
	dispatch := newPeer(t, home, with("MCP_DISPATCH_AGENT_ID=dan"), "--profile", "dispatch")
	dialogue := newPeer(t, home, store, "--profile", "dialogue")
	own := newPeer(t, home, store, "--agent", "olga")

	c2c.call("register_session", `{"name":"carl"}`)
	duo.call("register", `{}`)
	own.call("post_message", `{"thread":"axon/plan","body":"from skein","to":["dora","carl","dan","desktop","claude-code"],"queue":true}`)
	contains(t, duo.call("listen", `{"timeout":1}`), "axon/plan", "**olga:** from skein")
	same(t, c2c.json("inbox", `{}`), `[{"from_name":"olga","body":"from skein"}]`)
	same(t, dispatch.json("peek", `{}`), `{"messages":[{"from":"olga","content":"from skein","thread_id":"axon/plan"}]}`)
	same(t, relay.json("relay_fetch", `{"reader":"desktop"}`), `[{"sender":"olga","message":"from skein"}]`)
	same(t, dialogue.json("dialogue_read_thread", `{"project_id":"axon","thread_id":"plan"}`), `{"messages":[{"role":"olga","content":"from skein"}]}`)

	relay.call("relay_send", `{"message":"from relay","sender":"desktop"}`)
	duo.call("talk", `{"message":"from duo","to":"olga"}`)
	c2c.call("send_message", `{"to":"olga","body":"from c2c"}`)
	dispatch.call("dispatch", `{"message":"from dispatch","target":"olga"}`)
	dialogue.call("dialogue_post_message", `{"project_id":"axon","thread_id":"plan","role":"claude_code","content":"from dialogue"}`)
	contains(t, own.call("check_inbox", `{}`), "from duo", "from c2c", "from dispatch", "from dialogue")
	contains(t, own.call("read_thread", `{"thread":"direct/code--desktop"}`), "from relay")

	duo.call("talk", `{"message":"duo to c2c","to":"carl"}`)
	c2c.call("send_message", `{"to":"dan","body":"c2c to dispatch"}`)
	dispatch.call("dispatch", `{"message":"dispatch to relay","target":"desktop"}`)
	contains(t, c2c.call("inbox", `{}`), "duo to c2c")
	contains(t, dispatch.call("peek", `{}`), "c2c to dispatch")
	contains(t, relay.call("relay_fetch", `{"reader":"desktop"}`), "dispatch to relay")
}
