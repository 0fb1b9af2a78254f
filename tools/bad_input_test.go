package tools

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
)

// TestBadInput: what is not there, what could be several, what belongs to
// another store and what no message can have is refused in one sentence that
// says what would do, and nothing is written.
func TestBadInput(t *testing.T) {
	st := newStore(t)
	s := agent(t, st, "codex")
	for _, thread := range []string{"axon/model", "hall/model", "hall/model"} {
		s.call("post_message", fmt.Sprintf(`{"thread":%q,"body":"x"}`, thread))
		send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Thread: thread, Body: "y"})
	}
	two := twins(t, st)
	elsewhere := otherStore(t)
	before := events(t, st)
	for _, c := range []struct{ tool, args, want string }{
		{"ack_messages", `{"ids":["zzzzzzzz"]}`, `no message named "zzzzzzzz" in this store`},
		{"ack_messages", `{"ids":["zz"]}`, "at least 4"},
		{"ack_messages", fmt.Sprintf(`{"ids":[%q]}`, two[0][:4]), fmt.Sprintf("%q fits more than one: give one of %s axon/old, %s axon/old", two[0][:4], two[0], two[1])},
		{"post_message", fmt.Sprintf(`{"body":"x","reply_to":%q}`, two[0][:4]), "fits more than one: give one of " + two[0]},
		{"post_message", `{"body":"x","to":["codx"]}`, `no agent named "codx" in this store (did you mean "codex"?)`},
		{"post_message", `{"body":"x","thread":"model"}`, `"model" fits more than one: give one of axon/model, hall/model`},
		{"post_message", `{"body":"x","to":["desktop"],"expires_in":"0"}`, `"0" is no duration`},
		{"post_message", `{"body":"x","to":["desktop"],"expires_in":"-5m"}`, `"-5m" is no duration`},
		{"post_message", `{"body":"x","to":["desktop"],"expires_in":"99999999d"}`, `"99999999d" is no duration`},
		{"read_thread", `{"thread":"axon/mode"}`, `no thread named "axon/mode" in this store (did you mean "axon/model" or `},
		{"read_thread", `{"thread":"model"}`, "give one of axon/model, hall/model"},
		{"read_thread", fmt.Sprintf(`{"thread":"axon/model","cursor":%q}`, elsewhere["read_thread"]), "is not one of this list; leave it out to begin again"},
		{"check_inbox", fmt.Sprintf(`{"cursor":%q}`, elsewhere["check_inbox"]), "is not one of this list; leave it out to begin again"},
		{"search", fmt.Sprintf(`{"query":"y","cursor":%q}`, elsewhere["search"]), "is not one of this list; leave it out to begin again"},
		{"check_inbox", `{"thread":"nowhere/none"}`, `no thread named "nowhere/none"`},
		{"search", `{"query":"since:yesterday"}`, "is no time"},
		{"search", `{"query":"\"open"}`, "the quote is not closed"},
		{"shared_state", `{"key":"k","value":"{"}`, "is not JSON"},
		{"update_thread", `{"thread":"axon/model","add":["nobody"]}`, `no agent named "nobody"`},
		{"set_profile", `{"name":"no/name"}`, "agent name"},
	} {
		got := s.fail(c.tool, c.args)
		mustContain(t, got, c.want)
		mustLack(t, got, "\n")
	}
	if after := events(t, st); after != before {
		t.Errorf("there were %d events and are %d", before, after)
	}
}

// twins brings in two messages whose ids begin alike, as people see them.
func twins(t *testing.T, st *gitstore.Store) (shorts []string) {
	t.Helper()
	var records []gitstore.Record
	for _, id := range []string{"01jd8z3k4q8v7n2m5xabcdef01", "01jd8z3k4q8v7n2m5yabcdef02"} {
		id, err := event.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		shorts = append(shorts, id.Short())
		records = append(records, gitstore.Record{Thread: event.ThreadRef{Project: "axon", Thread: "old"},
			Event: &event.Event{ID: id, From: "desktop", Body: []byte("old")}})
	}
	if _, err := st.Import(t.Context(), slices.Values(records), nil); err != nil {
		t.Fatal(err)
	}
	return shorts
}

// otherStore returns a cursor of each list of another store that holds the
// same.
func otherStore(t *testing.T) map[string]string {
	t.Helper()
	st := newStore(t)
	for range 2 {
		send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Thread: "axon/model", Body: "y"})
	}
	s := agent(t, st, "codex")
	cursors := make(map[string]string)
	for tool, args := range map[string]string{
		"read_thread": `{"thread":"axon/model","limit":1}`, "check_inbox": `{"limit":1}`, "search": `{"query":"y","limit":1}`,
	} {
		cursors[tool] = cursorOf(t, s.call(tool, args))
	}
	return cursors
}

// events counts what has been written to main.
func events(t *testing.T, st *gitstore.Store) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	log, err := st.Log(ctx, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(log)
}
