package tools

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skein/gitstore"
)

// completion is what completion/complete returns.
type completion struct {
	Values  []string `json:"values"`
	Total   int      `json:"total"`
	HasMore bool     `json:"hasMore"`
}

func completeParams(kind, of, arg, typed string) string {
	where := "name"
	if kind == "ref/resource" {
		where = "uri"
	}
	return fmt.Sprintf(`{"ref":{"type":%q,%q:%q},"argument":{"name":%q,"value":%q},"context":{"arguments":{"project":"axon"}}}`, kind, where, of, arg, typed)
}

// complete asks what an argument may be where the project is axon.
func (s *session) complete(kind, of, arg, typed string) completion {
	s.t.Helper()
	var r struct{ Completion completion }
	if err := json.Unmarshal(s.request("completion/complete", completeParams(kind, of, arg, typed)), &r); err != nil {
		s.t.Fatal(err)
	}
	return r.Completion
}

// TestComplete finds names by their beginning, and by what they have in them.
func TestComplete(t *testing.T) {
	st := newStore(t)
	for _, thread := range []string{"zebra/model-2", "axon/parser", "axon/model"} { // newest first is in order of names
		send(t, st, gitstore.Post{From: "codex", Thread: thread, Body: "x"})
	}
	for _, key := range []string{"build/number", "rebuild"} {
		if _, err := st.SetState(t.Context(), "desktop", key, []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	s := agent(t, st, "codex")
	for _, c := range []struct {
		kind, of, arg, typed string
		want                 []string
	}{
		{"ref/prompt", "summarize_thread", "thread", "", []string{"axon/model", "axon/parser", "zebra/model-2"}},
		{"ref/prompt", "get", "thread", "Axon/", []string{"axon/model", "axon/parser"}},
		{"ref/prompt", "get", "thread", "model", []string{"axon/model", "zebra/model-2"}},
		{"ref/prompt", "hand_off", "to", "", []string{"desktop"}}, // not to itself
		{"ref/prompt", "catch_up", "project", "ze", []string{"zebra"}},
		{"ref/prompt", "start_thread", "about", "x", []string{}},
		{"ref/resource", threadTemplate, "project", "", []string{"axon", "zebra"}},
		{"ref/resource", threadTemplate, "thread", "", []string{"model", "parser"}},
		{"ref/resource", stateTemplate, "key", "build", []string{"build/number", "rebuild"}},
		{"ref/resource", stateTemplate, "key", "nothing", []string{}},
	} {
		got := s.complete(c.kind, c.of, c.arg, c.typed)
		if d := cmp.Diff(c.want, got.Values); d != "" || got.Total != len(c.want) || got.HasMore {
			t.Errorf("%s %s=%q (-want +got, of %d, more %t):\n%s", c.of, c.arg, c.typed, got.Total, got.HasMore, d)
		}
	}
	for params, want := range map[string]string{
		completeParams("ref/prompt", "caught_up", "project", ""):    `there is no prompt "caught_up"; there are get, catch_up`,
		completeParams("ref/prompt", "catch_up", "thread", ""):      `catch_up has no argument "thread"; its arguments are project`,
		completeParams("ref/resource", stateTemplate, "thread", ""): `there is no "thread" in a template "skein://state/{key}"`,
		completeParams("ref/resource", inboxURI, "key", ""):         `in a template "skein://inbox"`,
	} {
		mustContain(t, s.refuse("completion/complete", params), want)
	}
}

// TestCompleteMany: a hundred are the most, and the rest are counted.
func TestCompleteMany(t *testing.T) {
	st := newStore(t)
	for i := range maxCompletions + 1 {
		send(t, st, gitstore.Post{From: "codex", Thread: fmt.Sprintf("axon/t%d", i), Body: "x"})
	}
	got := agent(t, st, "codex").complete("ref/resource", threadTemplate, "thread", "t")
	if len(got.Values) != maxCompletions || got.Total != maxCompletions+1 || !got.HasMore {
		t.Errorf("%d of %d, more %t", len(got.Values), got.Total, got.HasMore)
	}
}

// TestCompleteOnce: a name that several projects have is offered once.
func TestCompleteOnce(t *testing.T) {
	st := newStore(t)
	for _, thread := range []string{"axon/model", "zebra/model"} {
		send(t, st, gitstore.Post{From: "codex", Thread: thread, Body: "x"})
	}
	names, err := threadsOf("")(t.Context(), st)
	if err != nil || len(names) != 1 || names[0] != "model" {
		t.Errorf("%v, %v", names, err)
	}
}
