package legacy

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestDialogue(t *testing.T) {
	root := files(t, map[string]string{
		"projects.json": `{"projects":[{"id":"proj_lost_00000001","name":"Lost & found"}]}`,
		".DS_Store":     "x",
		"proj_axon_1a2b3c4d/project.json": `{"id":"proj_axon_1a2b3c4d","name":"Axon Architecture","description":"How it is made","metadata":{"owner":"mary"},
			"created_at":"2025-02-01T10:00:00.000Z","color":"red"}`,
		"proj_axon_1a2b3c4d/threads.json": `[{"id":"thread_bound_2b3c4d5e","title":"x"}]`,
		"proj_axon_1a2b3c4d/thread_bound_2b3c4d5e/thread.json": `{"id":"thread_bound_2b3c4d5e","title":"Recursion bound","status":"resolved",
			"created_at":"2025-02-01T11:00:00.000Z","updated_at":"2025-02-03T11:00:00.000Z","initiated_by":"claude_code","tags":["design","solver"]}`,
		"proj_axon_1a2b3c4d/thread_bound_2b3c4d5e/messages.jsonl": `{"id":"msg_1","role":"claude_code","content":"Should it be bounded?\n","timestamp":"2025-02-01T11:00:00.250Z"}` + "\n\n" +
			`{"id":"msg_2","role":"claude_app","content":"Yes","timestamp":"2025-02-02T11:00:00Z","mood":"sure","metadata":"by phone"}` + "\r\n" +
			`{"id":"msg_3","role":"claude_app","content":7,"timestamp":[]}` + "\n" +
			`{"id":"msg_4","role":"claude_code","content":"half a li`,
		"proj_lost_00000001/thread_a_00000002/thread.json": `{"title"`,
	})
	a := read(t, "dialogue", root)
	want(t, a,
		`["msg_1",1,"proj_axon_1a2b3c4d/thread_bound_2b3c4d5e","claude_code",["claude_app"],"2025-02-01T11:00:00.25Z","Should it be bounded?\n",null,""]`,
		`["  seen","claude_app","",false]`,
		`["msg_2",3,"proj_axon_1a2b3c4d/thread_bound_2b3c4d5e","claude_app",["claude_code"],"2025-02-02T11:00:00Z","Yes",null,""]`,
		`["  seen","claude_code","",false]`,
		`["thread","proj_axon_1a2b3c4d/thread_bound_2b3c4d5e","proj_axon_1a2b3c4d","Recursion bound","resolved","claude_code","2025-02-01T11:00:00Z",null]`,
		`["thread","proj_lost_00000001/thread_a_00000002","proj_lost_00000001","a","","","",null]`,
		`problem proj_axon_1a2b3c4d/thread_bound_2b3c4d5e/messages.jsonl, line 4: timestamp is no text`,
		`problem proj_axon_1a2b3c4d/thread_bound_2b3c4d5e/messages.jsonl, line 5: is cut short in the middle of its JSON`,
		`problem proj_lost_00000001/project.json: cannot be read: no such file or directory`,
		`problem proj_lost_00000001/thread_a_00000002/thread.json: is cut short in the middle of its JSON`,
		`note .DS_Store is not of dialogue and was left out`,
		`note field of messages: "mood" is not known to skein and was left out of 1 record`,
		`note field of project.json: "color" is not known to skein and was left out of 1 record`)
	if len(a.Projects) != 2 || a.Projects[0].Name != "Axon Architecture" || a.Projects[1].Name != "Lost & found" {
		t.Errorf("the projects are %+v", a.Projects)
	}
	if got := fmt.Sprintf("%s %s %q", a.Projects[0].Metadata, a.Messages[1].Payload, a.Threads[0].Tags); got != `{"owner":"mary"} "by phone" ["design" "solver"]` {
		t.Errorf("metadata and tags are %s", got)
	}
}

func TestDispatch(t *testing.T) {
	message := func(id, from, to, rest string) string {
		return `{"id":"` + id + `","from":"` + from + `","to":"` + to + `","timestamp":"2025-06-01T10:00:00Z","priority":"normal","content":"` + id + `"` + rest + `}`
	}
	root := files(t, map[string]string{
		"alice/1748772000001-bob.json": message("msg-1", "bob", "alice",
			`,"thread_id":"deploy-123","reply_to":"msg-0","payload":{"commit":"abc"},"ttl":3600,"must_read":true,"state":"pending"`),
		"alice/1748772000002-bob.json":           message("msg-2", "bob", "all", `,"ttl":0,"payload":null,"state":"read","read_at":"2025-06-01T10:05:00Z"`),
		"carol/1748772000003-bob.json":           message("msg-2", "bob", "all", `,"state":"pending"`),
		"web-42/1748772000004-bob-1a2b3c4d.json": message("msg-3", "bob", "web", `,"state":"read","read_at":"2025-06-01T10:06:00Z","_via":"git","mood":1`),
		"alice/1748772000005-bob.json":           message("msg-4", "bob", "#ops", ``),
		"alice/half.json":                        `{"id":"msg-9","from":"bo`,
		"alice/empty.json":                       ``,
		"alice/list.json":                        `[]`,
		"alice/left.tmp":                         `{`,
		"dave/.keep":                             ``,
		".presence/alice.json":                   `{}`,
		"README":                                 ``,
	})
	a := read(t, "dispatch", root)
	everyone := `[{"Agent":"alice","Joined":"0001-01-01T00:00:00Z"},{"Agent":"carol","Joined":"0001-01-01T00:00:00Z"},{"Agent":"dave","Joined":"0001-01-01T00:00:00Z"},{"Agent":"web-42","Joined":"0001-01-01T00:00:00Z"},{"Agent":"bob","Joined":"0001-01-01T00:00:00Z"},{"Agent":"web","Joined":"0001-01-01T00:00:00Z"}]`
	want(t, a,
		`["msg-1",1,"deploy-123","bob",["alice"],"2025-06-01T10:00:00Z","msg-1",null,"msg-0"]`,
		`["msg-2",2,"all","bob",null,"2025-06-01T10:00:00Z","msg-2",null,""]`,
		`["  seen","alice","2025-06-01T10:05:00Z",false]`,
		`["  seen","dave","",false]`, `["  seen","web-42","",false]`, `["  seen","web","",false]`,
		`["msg-4",5,"#ops","bob",null,"2025-06-01T10:00:00Z","msg-4",null,""]`,
		`["  seen","carol","",false]`, `["  seen","dave","",false]`, `["  seen","web-42","",false]`, `["  seen","web","",false]`,
		`["msg-3",4,"","bob",["web"],"2025-06-01T10:00:00Z","msg-3",null,""]`,
		`["  seen","web","2025-06-01T10:06:00Z",false]`,
		`["thread","#ops","dispatch","#ops","","","",`+everyone+`]`,
		`["thread","all","dispatch","everyone","","","",`+everyone+`]`,
		`["thread","deploy-123","dispatch","deploy-123","","","",null]`,
		`problem alice/empty.json: is empty`,
		`problem alice/half.json: is cut short in the middle of its JSON`,
		`problem alice/left.tmp: is a file that was never finished`,
		`problem alice/list.json: is no JSON object`,
		`note the directory .presence is no inbox and was left out`,
		`note the file README is no inbox and was left out`,
		`note dave/.keep is no message and was left out`,
		`note field of messages: "mood" is not known to skein and was left out of 1 record`)
	m := a.Messages[0]
	if !m.RequireAck || stamp(m.Expires) != "2025-06-01T11:00:00Z" || string(m.Payload) != `{"commit":"abc"}` {
		t.Errorf("the message is %+v", m)
	}
}

func TestReadCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for system, path := range map[string]string{
		"relay":    makeDB(t, "relay.db", relaySchema),
		"dispatch": files(t, map[string]string{"a/1-b.json": `{}`}),
		"dialogue": files(t, map[string]string{"proj_a_00000000/project.json": `{"name":"a"}`}),
	} {
		if _, err := Read(ctx, system, path); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", system, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2025-11-21T10:15:03.123456789Z": "2025-11-21T10:15:03.123Z",
		"2025-11-21T10:15:03+0100":       "2025-11-21T09:15:03Z",
		"2025-11-21 10:15:03":            "2025-11-21T10:15:03Z",
		"2025-11-21 10:15:03.5+02:00":    "2025-11-21T08:15:03.5Z",
		"2025-11-21T10:15:03.123456":     "2025-11-21T10:15:03.123Z",
		"1763720103":                     "2025-11-21T10:15:03Z",
		"1763720103.5":                   "2025-11-21T10:15:03.5Z",
		"1763720103500":                  "2025-11-21T10:15:03.5Z",
		"":                               "",
		"NaN":                            "",
		"-5":                             "",
		"1e300":                          "",
		"0001-01-01T00:00:00Z":           "",
		"21.11.2025":                     "",
	} {
		got, err := parseTime(text)
		if err == nil != (want != "") || err == nil && stamp(got) != want {
			t.Errorf("%q is %s, %v; want %q", text, stamp(got), err, want)
		}
	}
}
