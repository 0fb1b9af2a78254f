package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"skein/gitstore"
	"skein/gitstore/event"
)

// refuse sends one request and returns the message of the error it must end with.
func (s *session) refuse(method, params string) string {
	s.t.Helper()
	s.next++
	s.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, s.next, method, params))
	r := s.read()
	if r.Error == nil {
		s.t.Fatalf("%s %s: no error but %s", method, params, r.Result)
	}
	return r.Error.Message
}

// show reads a resource and returns its text.
func (s *session) show(uri string) string {
	s.t.Helper()
	var r struct {
		Contents []struct{ URI, MimeType, Text string }
	}
	if err := json.Unmarshal(s.request("resources/read", fmt.Sprintf(`{"uri":%q}`, uri)), &r); err != nil {
		s.t.Fatal(err)
	}
	if len(r.Contents) != 1 || r.Contents[0].URI != uri || r.Contents[0].MimeType == "" {
		s.t.Fatalf("%s: %+v", uri, r)
	}
	return r.Contents[0].Text
}

// branches are the commits that a store has.
func branches(t testing.TB, st *gitstore.Store) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", st.Dir(), "for-each-ref").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestOffer holds what clients are told of prompts and resources.
func TestOffer(t *testing.T) {
	for name, o := range map[string]Options{"offer.json": {Agent: "codex"}, "offer-read-only.json": {Agent: "codex", ReadOnly: true}} {
		s := connect(t, New(given(nil), o), "test-client")
		var all bytes.Buffer
		for _, method := range []string{"prompts/list", "resources/list", "resources/templates/list"} {
			if err := json.Indent(&all, s.request(method, "{}"), "", "  "); err != nil {
				t.Fatal(err)
			}
			all.WriteByte('\n')
		}
		golden(t, name, all.Bytes())
	}
}

// TestResources: each shows what the tool of its kind does, at times that stay.
func TestResources(t *testing.T) {
	st := newStore(t)
	m := send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Thread: "axon/model", Title: "Bound", Body: "one\n# two\n8888888x codex, now\nthree"})
	if _, err := st.SetState(t.Context(), "desktop", "build/number", []byte(`{"n": 5}`)); err != nil {
		t.Fatal(err)
	}
	s := agent(t, st, "codex")
	at := stamp(m.At)
	quotation := "> one\n> # two\n> 8888888x codex, now\n> three\n"
	mustContain(t, s.show(inboxURI), "1 unread message for codex. "+framing, m.ID.Short()+" desktop → you, axon/model, "+at, quotation)
	mustContain(t, s.show("skein://threads/axon/model"), "axon/model, active, 1 message. "+framing, quotation)
	mustContain(t, s.show(threadsURI), "\n- axon/model, active, 1 message, last "+at+" by desktop\n")
	mustContain(t, s.show(agentsURI), "\n- codex (you), here\n", "\n- desktop, last seen 20")
	var state struct {
		Key, Note string
		Value     struct{ N int }
		By        string `json:"updated_by"`
	}
	if err := json.Unmarshal([]byte(s.show("skein://state/build%2Fnumber")), &state); err != nil {
		t.Fatal(err)
	}
	if state.Key != "build/number" || state.Value.N != 5 || state.By != "desktop" || !strings.Contains(state.Note, "not instructions") {
		t.Errorf("state is %+v", state)
	}
	mustContain(t, s.show("skein://state/never"), `"key":"never","value":null,"note"`)
}

// TestLookingChangesNothing: whoever reads resources, takes prompts and
// completes their arguments has read no message, and has not even joined.
func TestLookingChangesNothing(t *testing.T) {
	st := newStore(t)
	m := send(t, st, gitstore.Post{From: "desktop", To: []string{"visitor"}, Thread: "axon/model", Body: "x", Queue: true})
	s := agent(t, st, "visitor")
	before := branches(t, st)
	for _, uri := range []string{inboxURI, threadsURI, agentsURI, "skein://threads/axon/model", "skein://state/k"} {
		s.show(uri)
		s.request("resources/subscribe", fmt.Sprintf(`{"uri":%q}`, uri))
	}
	for name, args := range map[string]string{
		"get": "{}", "catch_up": "{}", "summarize_thread": `{"thread":"axon/model"}`,
		"hand_off": `{"to":"codex","thread":"axon/model"}`, "start_thread": `{"thread":"axon/model"}`,
	} {
		s.request("prompts/get", fmt.Sprintf(`{"name":%q,"arguments":%s}`, name, args))
	}
	s.complete("ref/prompt", "hand_off", "to", "")
	if after := branches(t, st); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	box, err := st.Inbox(t.Context(), gitstore.InboxQuery{Agent: "visitor"})
	if err != nil || len(box.Messages) != 1 || box.Messages[0].ID != m.ID {
		t.Errorf("the inbox has %+v, %v", box, err)
	}
}

func TestResourceErrors(t *testing.T) {
	st := newStore(t)
	send(t, st, gitstore.Post{From: "desktop", Thread: "axon/model", Body: "x"})
	s := agent(t, st, "codex")
	for uri, want := range map[string]string{
		"skein://threads/axon/modal":         `no thread named "axon/modal" in this store (did you mean "axon/model"?)`,
		"skein://threads/axon/model/2026-11": "resource not found",
		"skein://state/a/b":                  "resource not found",
		"skein://mailbox":                    "resource not found",
		"file:///etc/passwd":                 "resource not found",
	} {
		mustContain(t, s.refuse("resources/read", fmt.Sprintf(`{"uri":%q}`, uri)), want)
	}
}

// TestResourcesOfBrokenStore: the error is the store's, and no panic ends anything.
func TestResourcesOfBrokenStore(t *testing.T) {
	s := connect(t, New(func() (*gitstore.Store, error) { return nil, errors.New("the disk is full") }, Options{Agent: "codex"}), "c")
	mustContain(t, s.refuse("resources/read", `{"uri":"skein://inbox"}`), "the store cannot be used: the disk is full")
	mustContain(t, s.refuse("resources/subscribe", `{"uri":"skein://inbox"}`), "the store cannot be used: the disk is full")
	mustContain(t, s.refuse("prompts/get", `{"name":"get"}`), "the store cannot be used: the disk is full")

	var log logBuffer
	s = connect(t, New(given(nil), Options{Agent: "codex", Logger: log.logger()}), "c") // a nil store panics
	mustContain(t, s.refuse("resources/read", `{"uri":"skein://inbox"}`), "internal error in resources/read")
	mustContain(t, s.refuse("resources/subscribe", `{"uri":"skein://inbox"}`), "internal error in resources/subscribe")
	mustContain(t, log.String(), "method panicked", "goroutine")
	s.request("ping", "{}")
}

// TestResourcePages: what does not fit a page is counted, and can be had. Of
// threads of the same millisecond the lower name comes first, so the later ones
// have that.
func TestResourcePages(t *testing.T) {
	st := newStore(t)
	for i := range 30 {
		send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Thread: fmt.Sprintf("axon/t%02d", 29-i), Body: strings.Repeat("x ", 500)})
	}
	s := agent(t, st, "codex")
	box := s.show(inboxURI)
	if len(box) > maxPage+1000 {
		t.Errorf("the inbox has %d bytes", len(box))
	}
	mustContain(t, box, "30 unread messages", " more; cursor=")
	mustContain(t, s.call("check_inbox", fmt.Sprintf(`{"cursor":%q}`, cursorOf(t, box))), "30 unread messages")
	page, err := threadsPage(t.Context(), st, "axon", 10)
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, page, "- axon/t00, ", "there are more: search kind=threads\n")
	mustLack(t, page, "axon/t10,")
}

// TestAgentsStay: what an agent that is here does leaves its line as it is.
func TestAgentsStay(t *testing.T) {
	st := newStore(t)
	s := agent(t, st, "codex")
	agent(t, st, "ann").call("who", "{}")
	before := s.show(agentsURI)
	send(t, st, gitstore.Post{From: "codex", To: []string{event.Everyone}, Body: "x"})
	s.call("who", "{}")
	if after := s.show(agentsURI); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestProfileOffersNoMore: of skein's own prompts and resources another
// system's users see nothing.
func TestProfileOffersNoMore(t *testing.T) {
	p := &Profile{Name: "other", Instructions: func(string) string { return "" }}
	s := serve(t, New(given(newStore(t)), Options{Agent: "codex", Profile: p}))
	var got initResult
	if err := json.Unmarshal(s.request("initialize", initParams("c", "2025-11-25")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Capabilities) != 1 || got.Capabilities["tools"] == nil {
		t.Errorf("capabilities %v, want tools alone", got.Capabilities)
	}
	for _, method := range []string{"prompts/list", "resources/list", "resources/templates/list"} {
		mustContain(t, s.refuse(method, "{}"), "not supported")
	}
	mustContain(t, s.refuse("resources/subscribe", `{"uri":"skein://inbox"}`), "not supported")
}

// TestAnswersAtOnce: however much a client asks at once, only so much is
// answered at the same time, and what waits can be called off.
func TestAnswersAtOnce(t *testing.T) {
	st, opened := newStore(t), make(chan struct{})
	srv := New(func() (*gitstore.Store, error) { <-opened; return st, nil }, Options{Agent: "codex", Shared: true})
	t.Cleanup(func() { srv.Close() })
	s := connect(t, srv, "c")
	for i := range answers + 5 {
		s.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"resources/read","params":{"uri":"skein://inbox"}}`, 100+i))
	}
	awaitGoroutines(t, "answer[...]", answers+5)
	awaitGoroutines(t, "(*opener).get", 1+answers) // one of them takes the seat
	for i := range answers + 5 {
		s.write(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, 100+i))
		if r := s.read(); string(r.ID) != fmt.Sprint(100+i) || r.Error == nil || r.Error.Message != "the call was cancelled" {
			t.Errorf("answer %s: %+v", r.ID, r)
		}
	}
	close(opened)
	s.show(inboxURI)
}
