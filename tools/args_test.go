package tools

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArgumentErrors(t *testing.T) {
	s := agent(t, newStore(t), "codex")
	for _, c := range []struct{ tool, args, want string }{
		{"post_message", `{}`, `post_message needs "body"; its arguments are body (required), to, thread, project, title, reply_to, tags, priority, payload, expires_in, require_ack, queue`},
		{"post_message", `null`, `post_message needs "body"`},
		{"post_message", `{"body":""}`, `post_message needs "body"`},
		{"post_message", `{"body":null}`, `post_message needs "body"`},
		{"post_message", `{"body":{"a":1}}`, `post_message: "body" must be a string, not {"a":1}; its arguments are`},
		{"post_message", `{"body":"x","recipient":"codex"}`, `post_message has no argument "recipient" (did you mean "to"?); its arguments are body (required), to,`},
		{"post_message", `{"Body":"x"}`, `has no argument "Body" (did you mean "body"?)`},
		{"post_message", `{"body":"x","reply_too":"a"}`, `(did you mean "reply_to"?)`},
		{"post_message", `{"body":"x","colour":"red"}`, `has no argument "colour"; its`},
		{"post_message", `{"body":"x","priority":"high"}`, `"priority" must be one of normal, urgent, not "high"`},
		{"post_message", `{"body":"x","require_ack":"maybe"}`, `"require_ack" must be true or false, not "maybe"`},
		{"post_message", `{"body":"x","to":[["codex"]]}`, `"to" must be a list of strings, not [["codex"]]`},
		{"post_message", `{"body":"x","to":{"name":"codex"}}`, `"to" must be a list of strings`},
		{"post_message", `{"body":"x","payload":"{no"}`, `payload: "{no" is not JSON`},
		{"post_message", `{"body":"x","expires_in":"soon"}`, `expires_in: "soon" is no duration; write 90s, 30m, 2h or 7d`},
		{"post_message", `{"body":"x","expires_in":"-2h"}`, `"-2h" is no duration`},
		{"post_message", `{"body":"x","expires_in":"9999999d"}`, `is no duration`},
		{"post_message", `[1]`, `post_message: the arguments must be one JSON object; its arguments are`},
		{"post_message", `"x"`, `the arguments must be one JSON object`},
		{"check_inbox", `{"limit":"many"}`, `check_inbox: "limit" must be a whole number from 1, not "many"; its arguments are wait_seconds, thread, from, tag, include_read, mark_read, limit, cursor, format`},
		{"check_inbox", `{"limit":0}`, `"limit" must be a whole number from 1, not 0`},
		{"check_inbox", `{"limit":1.5}`, `not 1.5`},
		{"check_inbox", `{"limit":1e99}`, `not 1e99`},
		{"check_inbox", `{"limit":true}`, `not true`},
		{"check_inbox", `{"wait_secs":5}`, `check_inbox has no argument "wait_secs"`},
		{"check_inbox", `{"format":"xml"}`, `"format" must be one of text, json, not "xml"`},
		{"ack_messages", `{}`, `ack_messages needs "ids"; its arguments are ids (required)`},
		{"ack_messages", `{"ids":[]}`, `ack_messages needs "ids"`},
		{"ack_messages", `{"message_ids":["a"]}`, `(did you mean "ids"?)`},
		{"read_thread", `{"limit":3}`, `read_thread needs "thread"; its arguments are thread (required), since, limit, cursor, format`},
		{"search", `{"kind":"people"}`, `"kind" must be one of messages, threads, projects, agents, not "people"`},
		{"search", `{"kind":"agents","tag":"x"}`, `kind=agents takes no tag; it takes query, limit, cursor`},
		{"search", `{"kind":"threads","tag":"x"}`, `kind=threads takes no tag; it takes project, status, member, query, limit, cursor`},
		{"update_thread", `{"thread":"a/b","status":"done"}`, `"status" must be one of active, resolved, archived, not "done"`},
		{"update_thread", `{"thread":"a/b","members":["codex"]}`, `(did you mean "add"?)`},
	} {
		got := s.fail(c.tool, c.args)
		mustContain(t, got, c.want)
		mustLack(t, got, "\n")
	}
}

func TestCoercion(t *testing.T) {
	check := newChecker(postTool())
	var got postParams
	err := check.decode(json.RawMessage(`{"body":5,"title":true,"to":"codex","tags":"[\"a\",12345678901234567890]",
		"require_ack":"TRUE","queue":0,"payload":{"n":12345678901234567890},"priority":"Urgent","reply_to":null,"thread":""}`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := postParams{Body: "5", Title: "true", To: []string{"codex"}, Tags: []string{"a", "12345678901234567890"},
		RequireAck: true, Payload: `{"n":12345678901234567890}`, Priority: "urgent"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCoercedLists(t *testing.T) {
	check := newChecker(ackTool())
	for args, want := range map[string][]string{
		`{"ids":"a, b,,c "}`:          {"a", "b", "c"},
		`{"ids":["a",null,"","b,c"]}`: {"a", "b,c"},
		`{"ids":"[]x"}`:               {"[]x"},
		`{"ids":["1e3",2]}`:           {"1e3", "2"},
		`"{\"ids\":[\"a\"]}"`:         {"a"}, // the whole object as a string
	} {
		var got ackParams
		if err := check.decode(json.RawMessage(args), &got); err != nil {
			t.Errorf("%s: %v", args, err)
		}
		if d := cmp.Diff(want, got.IDs); d != "" {
			t.Errorf("%s: %s", args, d)
		}
	}
}

func TestCoercedNumbers(t *testing.T) {
	check := newChecker(readTool())
	for _, five := range []string{`5`, `"5"`, `" 5 "`, `5.0`, `"5.0"`, `5e0`} {
		var got readParams
		if err := check.decode(json.RawMessage(fmt.Sprintf(`{"thread":"a/b","limit":%s}`, five)), &got); err != nil {
			t.Errorf("%s: %v", five, err)
		}
		if got.Limit != 5 {
			t.Errorf("%s is %d", five, got.Limit)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"body":"x","to":["a"],"limit":5}`))
	f.Add([]byte(`"{\"ids\":null}"`))
	f.Add([]byte(`{"to":"null","tags":"[null]"}`))
	check := newChecker(postTool())
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p postParams
		if err := check.decode(raw, &p); err == nil && p.Body == "" {
			t.Errorf("%s: accepted without a body", raw)
		}
	})
}
