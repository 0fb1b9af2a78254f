package tools

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"skein/gitstore"
)

// TestWait: a call that waits is answered by what another process posts, and
// its cursor waits for what comes after that.
func TestWait(t *testing.T) {
	dir := t.TempDir()
	st, err := opens(dir)()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.Join(t.Context(), "codex"); err != nil {
		t.Fatal(err)
	}
	s := agent(t, st, "codex")
	s.write(callLine(100, "check_inbox", `{"wait_seconds":40}`))
	other := process(t, dir)
	other.Stdin = strings.NewReader(handshake("c") + callLine(1, "post_message", `{"to":["codex"],"body":"wake up"}`) + "\n")
	if out, err := other.Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	page := parseResult(t, s.read().Result).Content[0].Text
	mustContain(t, page, "1 unread message for codex", "> wake up")
	again := s.call("check_inbox", fmt.Sprintf(`{"wait_seconds":1,"cursor":%q}`, cursorOf(t, page)))
	mustContain(t, again, "no unread messages after this cursor for codex", "waited 1 seconds; go on with cursor=")
	s.write(callLine(101, "check_inbox", fmt.Sprintf(`{"wait_seconds":40,"cursor":%q,"format":"json"}`, cursorOf(t, again))))
	send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: "second"})
	var box struct {
		Messages []struct{ Body string }
		Cursor   string
	}
	if err := json.Unmarshal([]byte(parseResult(t, s.read().Result).Content[0].Text), &box); err != nil {
		t.Fatal(err)
	}
	if len(box.Messages) != 1 || box.Messages[0].Body != "second" || box.Cursor == "" {
		t.Errorf("woken with %+v", box)
	}
}

// TestManyWaits: fifty calls that wait hold up no post, and all are woken.
func TestManyWaits(t *testing.T) {
	st := newStore(t)
	s := agent(t, st, "codex")
	const n = 50
	for i := range n {
		s.write(callLine(100+i, "check_inbox", `{"wait_seconds":40}`))
	}
	mustContain(t, s.call("post_message", `{"to":["desktop"],"body":"while all wait"}`), "posted")
	send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: "wake up"})
	for range n {
		mustContain(t, parseResult(t, s.read().Result).Content[0].Text, "> wake up")
	}
}

// TestProgress is sent while a call waits, to a client that asked for it, and
// never after the answer.
func TestProgress(t *testing.T) {
	st := newStore(t)
	srv := New(given(st), Options{Agent: "codex"})
	srv.progressEvery = time.Millisecond
	t.Cleanup(func() { srv.Close() })
	s := connect(t, srv, "c")
	s.write(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"check_inbox","arguments":{"wait_seconds":40},"_meta":{"progressToken":"p1"}}}`)
	for range 3 {
		line, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		mustContain(t, line, `"method":"notifications/progress"`, `"progressToken":"p1"`, `"total":40`)
	}
	send(t, st, gitstore.Post{From: "desktop", To: []string{"codex"}, Body: "wake up"})
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, `"id":7`) {
			mustContain(t, line, "wake up")
			break
		}
	}
	s.request("ping", "{}")
}

// TestCancelledWait ends at once.
func TestCancelledWait(t *testing.T) {
	s := agent(t, newStore(t), "codex")
	s.write(callLine(7, "check_inbox", `{"wait_seconds":40}`))
	s.call("who", "{}") // by now the wait has begun, or is refused before it begins
	s.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
	if r := s.read(); string(r.ID) != "7" {
		t.Errorf("answer %s, want 7", r.ID)
	}
}

// TestWaitEndsWithInput: who has hung up is not waited for.
func TestWaitEndsWithInput(t *testing.T) {
	s := agent(t, newStore(t), "codex")
	s.write(callLine(7, "check_inbox", `{"wait_seconds":40}`))
	s.call("who", "{}")
	go io.Copy(io.Discard, s.out)
	s.in.Close()
	if err := s.ended(); err != nil {
		t.Error(err)
	}
}

func TestLongestWait(t *testing.T) {
	for client, want := range map[string]time.Duration{
		"claude-code": 110 * time.Second, "Codex-mcp-client": 280 * time.Second, "claude-ai": usualWait, "": usualWait,
	} {
		if got := longestWait(client); got != want {
			t.Errorf("%q waits %s, want %s", client, got, want)
		}
	}
	s := agent(t, newStore(t), "codex")
	mustContain(t, s.fail("check_inbox", `{"wait_seconds":"soon"}`), `"wait_seconds" must be a whole number`)
	mustContain(t, s.fail("check_inbox", `{"wait_seconds":-5}`), `"wait_seconds" must be a whole number`)
}
