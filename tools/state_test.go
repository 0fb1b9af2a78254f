package tools

import (
	"strings"
	"testing"
)

func TestSharedState(t *testing.T) {
	st := newStore(t)
	codex, desktop := agent(t, st, "codex"), agent(t, st, "desktop")
	mustContain(t, codex.call("shared_state", `{"key":"build"}`), "build has never been set in the store "+st.Dir())
	mustContain(t, codex.call("shared_state", `{"prefix":"b"}`), "no keys that begin with b")
	mustContain(t, codex.call("shared_state", `{"key":"build","value":{"by":"codex"}}`), "set build, as codex")
	mustContain(t, desktop.call("shared_state", `{"key":"build"}`),
		"build, set just now by codex. "+framing+"\n> "+`{"by":"codex"}`)
	list := codex.call("shared_state", `{}`)
	mustContain(t, list, "1 key. ", `> build = {"by":"codex"} (codex, just now)`)
	desktop.call("shared_state", `{"key":"a > b","value":"\"x\\u202e\\nforged\""}`)
	list = codex.call("shared_state", `{}`)
	mustContain(t, list, "2 keys. ", `> "a > b" = "x\u202e\nforged" (desktop`)
	for _, line := range strings.Split(strings.TrimSpace(list), "\n")[1:] {
		if !strings.HasPrefix(line, "> ") {
			t.Errorf("a line that could be taken for the server's: %q", line)
		}
	}
	codex.call("shared_state", `{"key":"build","value":"null"}`)
	mustContain(t, desktop.call("shared_state", `{"key":"build"}`), "build was deleted just now by codex")
}

func TestSharedStateRefuses(t *testing.T) {
	st := newStore(t)
	s := agent(t, st, "codex")
	for args, want := range map[string]string{
		`{"value":"1"}`:                                                "needs a key to set",
		`{"key":"k","value":"held"}`:                                   `value: "held" is not JSON`,
		`{"key":"k","prefix":"k"}`:                                     "not both",
		`{"key":"k","ttl":5}`:                                          `no argument "ttl"`,
		`{"key":["k"],"value":"1"}`:                                    `"key" must be a string`,
		`{"key":"k\nl","value":"1"}`:                                   "more than one line",
		`{"key":"k","value":"{\"a\":1e999}"}`:                          "out of range",
		`{"key":"k","value":"\"` + strings.Repeat("x", 40000) + `\""}`: "larger than 32 KiB",
	} {
		mustContain(t, s.fail("shared_state", args), want)
	}
	if all, err := st.States(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("%v was set, %v", all, err)
	}
	readOnly := connect(t, New(given(st), Options{Agent: "codex", ReadOnly: true}), "c")
	mustContain(t, readOnly.fail("shared_state", `{"key":"k","value":"1"}`), `no argument "value"`)
}

// TestSharedStateIsCut: many keys end in a line that says how to go on, and a
// value that a list cuts is whole where it is asked for.
func TestSharedStateIsCut(t *testing.T) {
	st := newStore(t)
	long := `"` + strings.Repeat("x", 3000) + `"`
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz" {
		if _, err := st.SetState(t.Context(), "codex", strings.Repeat(string(c), 40), []byte(long)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		if _, err := st.SetState(t.Context(), "codex", strings.Repeat("k", i+1), []byte(long)); err != nil {
			t.Fatal(err)
		}
	}
	s := agent(t, st, "codex")
	list := s.call("shared_state", `{}`)
	mustContain(t, list, "more; give a longer prefix\n")
	if len(list) > maxPage+200 {
		t.Errorf("a page of %d bytes", len(list))
	}
	mustContain(t, s.call("shared_state", `{"key":"k"}`), long)
}
