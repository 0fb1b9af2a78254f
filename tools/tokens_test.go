//go:build !race

// Counting needs a vocabulary that takes seconds to compile, and the race
// detector has nothing to find in it.

package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tiktoken-go/tokenizer"

	"skein/gitstore"
)

// tokens is how many tokens of o200k a text has.
func tokens(t *testing.T, text string) int {
	t.Helper()
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	n, err := codec.Count(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDefinitionsAreShort: what each session pays for skein before it has used
// it, in the shape in which clients hand definitions to a model.
func TestDefinitionsAreShort(t *testing.T) {
	for _, c := range []struct {
		set     string
		options Options
		limit   int
	}{
		{"the default set", Options{}, 1100},
		{"with admin", Options{Toolsets: []string{Admin}}, 1250},
		{"read-only", Options{ReadOnly: true}, 500},
	} {
		if n := tokens(t, forwarded(t, toolList(t, c.options))); n > c.limit {
			t.Errorf("%s has %d tokens, want at most %d", c.set, n, c.limit)
		}
	}
}

// forwarded is an answer to tools/list as a model sees it.
func forwarded(t *testing.T, list []byte) string {
	t.Helper()
	var got struct {
		Tools []struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Schema      json.RawMessage `json:"inputSchema"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(list, &got); err != nil {
		t.Fatal(err)
	}
	parts := make([]string, len(got.Tools))
	for i, d := range got.Tools {
		var schema bytes.Buffer
		if err := json.Compact(&schema, d.Schema); err != nil {
			t.Fatal(err)
		}
		parts[i] = fmt.Sprintf(`{"name":%q,"description":%q,"input_schema":%s}`, d.Name, d.Description, &schema)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// TestOverhead: what a message of 400 characters costs in an inbox against its
// body. Its share of the page counts, under names as clients have them; the
// page's first line comes once.
func TestOverhead(t *testing.T) {
	const limit = 1.35
	st := newStore(t)
	for _, from := range []string{"desktop", "claude-code@axon"} {
		for i := range 10 {
			send(t, st, gitstore.Post{From: from, Thread: "axon/constraint-model", To: []string{"codex"}, Body: sampleBody(i)})
		}
	}
	page := agent(t, st, "codex").call("check_inbox", `{"limit":20}`)
	_, rest, _ := strings.Cut(page, "\n\n")
	messages := strings.Split(rest, "\n\n")
	if len(messages) != 20 {
		t.Fatalf("%d messages in\n%s", len(messages), page)
	}
	bodies := 0
	for i, m := range messages {
		body := tokens(t, sampleBody(i%10))
		bodies += body
		if ratio := float64(tokens(t, m+"\n\n")) / float64(body); ratio > limit {
			t.Errorf("%.2f times its body:\n%s", ratio, m)
		}
	}
	if ratio := float64(tokens(t, page)) / float64(bodies); ratio > limit {
		t.Errorf("the page is %.2f times its bodies", ratio)
	}
}
