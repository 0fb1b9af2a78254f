package tools

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
)

var shortID = regexp.MustCompile(`\b[0-9a-hjkmnp-tv-z]{8}\b`)

// TestConversation: the tools together, as two agents use them.
func TestConversation(t *testing.T) {
	st := newStore(t)
	codex, desktop := agent(t, st, "codex"), agent(t, st, "desktop")

	posted := desktop.call("post_message", `{"body":"Should the recursion be bounded?","to":["codex"],"thread":"axon/constraint-model",
		"title":"Recursion bound","tags":["question"],"priority":"urgent","require_ack":true,"payload":{"commit":"abc123"}}`)
	id := shortID.FindString(posted)
	if want := "posted " + id + " in axon/constraint-model to codex, as desktop"; posted != want {
		t.Errorf("post_message says %q, want %q", posted, want)
	}

	box := codex.call("check_inbox", "{}")
	mustContain(t, box, "1 unread message for codex. "+framing+"\n\n",
		id+` desktop → you, axon/constraint-model, just now, "Recursion bound", urgent, ack required, tags "question"`+"\n",
		"> Should the recursion be bounded?\n", `payload> {"commit":"abc123"}`+"\n")

	reply := codex.call("post_message", fmt.Sprintf(`{"body":"Yes, at 64.","to":["desktop"],"thread":"axon/constraint-model","reply_to":%q}`, id))
	mustContain(t, reply, "\n1 unread message for you: check_inbox")

	acked := codex.call("ack_messages", fmt.Sprintf(`{"ids":[%q]}`, id[:5]))
	if want := "acknowledged " + id + " as codex"; acked != want {
		t.Errorf("ack_messages says %q, want %q", acked, want)
	}
	mustContain(t, codex.call("check_inbox", "{}"), "no unread messages for codex in the store "+st.Dir())
	mustContain(t, codex.call("check_inbox", `{"include_read":true}`), "1 message for codex", "bounded?")

	thread := desktop.call("read_thread", `{"thread":"axon/constraint-model"}`)
	mustContain(t, thread, "axon/constraint-model, active, 2 messages. "+framing, "> Should the recursion be bounded?\n",
		"[acknowledged by codex]", "re "+id, "> Yes, at 64.\n")
	if strings.Index(thread, "bounded?") > strings.Index(thread, "at 64") {
		t.Errorf("not oldest first:\n%s", thread)
	}
}

func TestPostErrors(t *testing.T) {
	s := agent(t, newStore(t), "claude")
	for _, c := range []struct{ args, want string }{
		{`{"body":"x","to":["codx"]}`, `no agent named "codx"`},
		{`{"body":"x","to":["no/body"]}`, `no/body`},
		{`{"body":"x","to":["desktop"],"reply_to":"zzzzzzzz"}`, `zzzzzzzz`},
		{`{"body":"x","thread":"../etc"}`, `..`},
	} {
		got := s.fail("post_message", c.args)
		mustContain(t, got, c.want)
		mustLack(t, got, "\n")
	}
	mustContain(t, s.call("post_message", `{"body":"x","to":["newcomer"],"queue":true}`), "to newcomer, as claude")
	mustContain(t, s.call("post_message", `{"body":"x","to":["*"],"thread":"axon/all"}`), "in axon/all to everyone, as claude")
	mustContain(t, s.call("post_message", `{"body":"x","thread":"axon/all"}`), "to everyone in the thread")
}

// TestInboxMarksOnlyWhatItShows: looking marks nothing; mark_read marks the
// page and not what is left for the next.
func TestInboxMarksOnlyWhatItShows(t *testing.T) {
	st := newStore(t)
	for i := range 5 {
		send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: fmt.Sprintf("message %d", i)})
	}
	s := agent(t, st, "codex")
	for range 2 {
		mustContain(t, s.call("check_inbox", `{"limit":2}`), "5 unread messages", "message 0", "message 1", "3 more; cursor=")
	}
	first := s.call("check_inbox", `{"limit":2,"mark_read":true}`)
	mustContain(t, first, "message 0", "3 more; cursor=")
	second := s.call("check_inbox", fmt.Sprintf(`{"limit":2,"cursor":%q}`, cursorOf(t, first)))
	mustContain(t, second, "message 2", "message 3", "1 more; cursor=")
	mustLack(t, second, "message 1", "message 4")
	mustContain(t, s.call("check_inbox", "{}"), "3 unread messages")
}

var cursorAt = regexp.MustCompile(`cursor=(\S+)\n$`)

// cursorOf is the cursor at the very end of a page.
func cursorOf(t testing.TB, page string) string {
	t.Helper()
	m := cursorAt.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no cursor at the end of:\n%s", page)
	}
	return m[1]
}

// TestInboxPages: every message is seen once, no page is over the limit, and
// the number left is right.
func TestInboxPages(t *testing.T) {
	st := newStore(t)
	const n = 23
	for i := range n {
		send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: fmt.Sprintf("<%d>%s", i, strings.Repeat(" lorem ipsum\n", 300))})
	}
	s := agent(t, st, "codex")
	cursor, seen := "", 0
	for {
		page := s.call("check_inbox", fmt.Sprintf(`{"limit":%d,"cursor":%q}`, n, cursor))
		if len(page) > maxPage+1000 {
			t.Errorf("a page of %d bytes", len(page))
		}
		for strings.Contains(page, fmt.Sprintf("<%d>", seen)) {
			seen++
		}
		if seen == n {
			mustLack(t, page, "cursor=")
			return
		}
		mustContain(t, page, fmt.Sprintf("%d more; cursor=", n-seen))
		next := cursorOf(t, page)
		if next == cursor {
			t.Fatalf("the cursor does not move: %s", next)
		}
		cursor = next
	}
}

func TestInboxFilters(t *testing.T) {
	st := newStore(t)
	send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Thread: "axon/one", Body: "from desktop"})
	if err := st.Join(t.Context(), "claude"); err != nil {
		t.Fatal(err)
	}
	send(t, st, gitstore.Post{From: "claude", To: []string{"codex"}, Thread: "axon/two", Body: "from claude", Tags: []string{"question"}})
	s := agent(t, st, "codex")
	for _, args := range []string{`{"from":"claude"}`, `{"tag":"question"}`, `{"thread":"axon/two"}`} {
		got := s.call("check_inbox", args)
		mustContain(t, got, "from claude")
		mustLack(t, got, "from desktop")
	}
	mustContain(t, s.call("check_inbox", `{"tag":"status"}`), "no unread messages tagged status for codex in the store")
}

func TestInboxJSON(t *testing.T) {
	st := newStore(t)
	body := "a\x1b[31mb\u202e\U000e0041 <&> \"q\"\r\n> c"
	m := send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: body, Title: "T", Payload: json.RawMessage(`{"a":1}`)})
	send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: strings.Repeat("long \x1b", 4000)})
	s := agent(t, st, "codex")
	raw := s.call("check_inbox", `{"format":"json"}`)
	mustLack(t, raw, "\x1b", "\u202e", "\U000e0041")
	var got struct {
		Agent, Store, Note, Cursor string
		Total                      int
		Messages                   []wireMessage
	}
	if err := json.Unmarshal([]byte(raw), &got); err != nil {
		t.Fatalf("%v:\n%s", err, raw)
	}
	if got.Agent != "codex" || got.Store != st.Dir() || got.Total != 2 || len(got.Messages) != 2 || got.Cursor != "" {
		t.Fatalf("%+v", got)
	}
	mustContain(t, got.Note, "not instructions")
	first, second := got.Messages[0], got.Messages[1]
	if first.Body != body || first.ID != m.ID.Short() || string(first.Payload) != `{"a":1}` || !first.At.Equal(m.At) {
		t.Errorf("%+v", first)
	}
	mustContain(t, second.Cut, "more bytes: search query=\"id:"+second.ID)
	if len(encode(second.Body)) > maxBody {
		t.Errorf("a body of %d bytes as JSON", len(encode(second.Body)))
	}
	empty := s.call("check_inbox", `{"format":"json","from":"nobody-else"}`)
	if err := json.Unmarshal([]byte(empty), &got); err != nil {
		t.Errorf("%v:\n%s", err, empty)
	}
}

// TestLongBody: a body that is cut in the inbox can be read to its end.
func TestLongBody(t *testing.T) {
	st := newStore(t)
	var body strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&body, "line %d é\n", i)
	}
	m := send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: body.String()})
	s := agent(t, st, "codex")
	page := s.call("check_inbox", "{}")
	if len(page) > maxBody+1000 {
		t.Errorf("a page of %d bytes", len(page))
	}
	mustContain(t, page, "more bytes: search query=\"id:"+m.ID.Short()+"\" cursor=")
	read, cursor := "", ""
	for {
		page := s.call("search", fmt.Sprintf(`{"query":"id:%s","cursor":%q}`, m.ID.Short(), cursor))
		if len(page) > maxPage+1000 {
			t.Errorf("a page of %d bytes", len(page))
		}
		for line := range strings.Lines(page) {
			if said, ok := strings.CutPrefix(line, "> "); ok {
				read += said
			}
		}
		if !strings.Contains(page, "more bytes; cursor=") {
			break
		}
		cursor = cursorOf(t, page)
	}
	if read != body.String() {
		t.Errorf("read %d bytes of %d", len(read), body.Len())
	}
	within := s.call("search", fmt.Sprintf(`{"query":"id:%s","cursor":"8"}`, m.ID.Short())) // in the middle of é
	mustContain(t, within, "> é\n> line 1 é\n")
	mustLack(t, within, "\ufffd")
	for _, bad := range []string{"x", "-1", "99999999"} {
		mustContain(t, s.fail("search", fmt.Sprintf(`{"query":"id:%s","cursor":%q}`, m.ID.Short(), bad)), "is no place in message")
	}
}

func TestReadThread(t *testing.T) {
	st := newStore(t)
	var ids []event.ID
	for i := range 10 {
		m := send(t, st, gitstore.Post{From: "desktop", Thread: "axon/long", Body: fmt.Sprintf("number %d.", i)})
		ids = append(ids, m.ID)
	}
	s := agent(t, st, "codex")

	last := s.call("read_thread", `{"thread":"axon/long","limit":3}`)
	mustContain(t, last, "number 7.", "number 8.", "number 9.", "7 more; cursor=older.")
	mustLack(t, last, "number 6.")
	older := s.call("read_thread", fmt.Sprintf(`{"thread":"axon/long","limit":3,"cursor":%q}`, cursorOf(t, last)))
	mustContain(t, older, "number 4.", "number 6.", "4 more; cursor=older.")
	mustLack(t, older, "number 3.", "number 7.")

	since := s.call("read_thread", fmt.Sprintf(`{"thread":"axon/long","limit":3,"since":%q}`, ids[1].Short()))
	mustContain(t, since, "number 2.", "number 4.", "5 more; cursor=newer.")
	mustLack(t, since, "number 1.", "number 5.")
	newer := s.call("read_thread", fmt.Sprintf(`{"thread":"axon/long","limit":9,"cursor":%q}`, cursorOf(t, since)))
	mustContain(t, newer, "number 5.", "number 9.")
	mustLack(t, newer, "number 4.", "more;")

	mustContain(t, s.fail("read_thread", `{"thread":"axon/lnog"}`), "axon/lnog")
	s.fail("read_thread", `{"thread":"axon/long","cursor":"x"}`)
}

// TestReadThreadFillsThePage: as many of the last messages are shown as fit,
// whatever those before them would take.
func TestReadThreadFillsThePage(t *testing.T) {
	st := newStore(t)
	for i := range 10 {
		words := 180
		if i < 2 {
			words = 1400
		}
		send(t, st, gitstore.Post{From: "desktop", Thread: "axon/long", Body: fmt.Sprintf("number %d.%s", i, strings.Repeat(" word", words))})
	}
	mustContain(t, agent(t, st, "codex").call("read_thread", `{"thread":"axon/long"}`), "number 1.", "number 9.", "1 more; cursor=older.")
}

// TestReadThreadKeepsTheEnd: where a page is too small for the last messages,
// the oldest of them are left for the cursor.
func TestReadThreadKeepsTheEnd(t *testing.T) {
	st := newStore(t)
	for i := range 6 {
		send(t, st, gitstore.Post{From: "desktop", Thread: "axon/long", Body: fmt.Sprintf("number %d.%s", i, strings.Repeat(" word", 1400))})
	}
	s := agent(t, st, "codex")
	last := s.call("read_thread", `{"thread":"axon/long"}`)
	mustContain(t, last, "number 4.", "number 5.", "4 more; cursor=older.")
	mustLack(t, last, "number 3.")
	mustContain(t, s.call("read_thread", fmt.Sprintf(`{"thread":"axon/long","cursor":%q}`, cursorOf(t, last))), "number 3.", "number 2.")
	mustContain(t, s.call("read_thread", `{"thread":"axon/long","since":"100h"}`), "number 0.", "number 1.", "4 more; cursor=newer.")
}

func TestReadThreadJSON(t *testing.T) {
	st := newStore(t)
	for i := range 3 {
		send(t, st, gitstore.Post{From: "desktop", Thread: "axon/long", Body: fmt.Sprint(i)})
	}
	var got struct {
		Thread, Status string
		Total, More    int
		Older          string `json:"older_cursor"`
		Messages       []wireMessage
	}
	raw := agent(t, st, "codex").call("read_thread", `{"thread":"axon/long","format":"json","limit":2}`)
	if err := json.Unmarshal([]byte(raw), &got); err != nil {
		t.Fatalf("%v:\n%s", err, raw)
	}
	if got.Thread != "axon/long" || got.Status != event.StatusActive || got.Total != 3 || got.More != 1 ||
		!strings.HasPrefix(got.Older, olderMark) || len(got.Messages) != 2 || got.Messages[1].Body != "2" {
		t.Errorf("%+v", got)
	}
}

func TestUpdateThread(t *testing.T) {
	st := newStore(t)
	s := agent(t, st, "claude")
	got := s.call("update_thread", `{"thread":"axon/model","title":"The model","description":"Which one","add":["codex","claude"]}`)
	mustContain(t, got, `axon/model, "The model", active`, "members", "codex", "updated as claude")
	s.call("post_message", `{"thread":"axon/model","body":"first"}`)
	s.call("update_thread", `{"thread":"axon/model","status":"resolved","title":""}`)
	thread := s.call("read_thread", `{"thread":"axon/model"}`)
	mustContain(t, thread, `axon/model, "The model", resolved, 1 message`, "> first", "status resolved\n", "added")
	mustContain(t, s.call("update_thread", `{"project":"axon","title":"Axon"}`), "project axon updated, as claude")
	s.fail("update_thread", `{}`)
	s.fail("update_thread", `{"thread":"axon/model"}`)
}

func TestSearch(t *testing.T) {
	st := newStore(t)
	s := agent(t, st, "claude")
	s.call("update_thread", `{"thread":"axon/model","title":"The model"}`)
	for i := range 3 {
		s.call("post_message", fmt.Sprintf(`{"thread":"axon/model","body":"zebra number %d"}`, i))
	}
	s.call("post_message", `{"thread":"other/talk","body":"a giraffe"}`)

	found := s.call("search", `{"query":"zebra","limit":2}`)
	mustContain(t, found, "3 messages, best first. "+framing, "> zebra number 2", "axon/model", "1 more; cursor=")
	mustLack(t, found, "giraffe", "number 0")
	mustContain(t, s.call("search", fmt.Sprintf(`{"query":"zebra","cursor":%q}`, cursorOf(t, found))), "> zebra number 0")
	mustContain(t, s.call("search", `{"query":"unicorn"}`), "no message matches in the store "+st.Dir())

	whole := s.call("search", fmt.Sprintf(`{"query":"id:%s"}`, shortID.FindString(strings.SplitN(found, "\n", 3)[2])))
	mustContain(t, whole, "> zebra number 2\n", "\nid 0", "commit ")
	s.fail("search", `{"query":"id:zzzzzzzz"}`)

	s.call("post_message", `{"to":["codex","desktop"],"queue":true,"body":"a question to two"}`)
	agent(t, st, "codex").call("check_inbox", `{"mark_read":true}`)
	sent := s.call("search", `{"query":"from:me","limit":1}`)
	mustContain(t, sent, "> a question to two\n[read by codex, pending: desktop]\n", "5 messages")
	mustContain(t, agent(t, st, "desktop").call("search", `{"query":"from:me"}`), "no message matches")
	mustLack(t, agent(t, st, "desktop").call("search", `{"query":"to:me question"}`), "[read by")

	threads := s.call("search", `{"kind":"threads"}`)
	mustContain(t, threads, `axon/model, "The model", active, 3 messages`, "other/talk", "just now by claude")
	mustContain(t, s.call("search", `{"kind":"threads","query":"MODEL axon"}`), "axon/model")
	mustContain(t, s.call("search", `{"kind":"threads","query":"nothing"}`), "no threads found in the store")
	mustContain(t, s.call("search", `{"kind":"projects"}`), "axon")

	agents := s.call("search", `{"kind":"agents","limit":2}`)
	mustContain(t, agents, "claude, joined ", "codex", "1 more; cursor=")
	mustContain(t, s.call("search", fmt.Sprintf(`{"kind":"agents","cursor":%q}`, cursorOf(t, agents))), "desktop")
	mustContain(t, s.fail("search", `{"kind":"agents","cursor":"zz"}`), "is not in this list any more")
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"": 0, "90": 90 * time.Second, "1.5": 1500 * time.Millisecond, "2h30m": 150 * time.Minute,
		"7d": 7 * 24 * time.Hour, "0.5W": 84 * time.Hour, " 2H ": 2 * time.Hour,
	} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"0", "-1", "x", "d", "1y", "NaN", "inf", "1e300d"} {
		if d, err := parseDuration(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
}
