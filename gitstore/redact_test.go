package gitstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRedact: no reader shows what was hidden, with and without an index, in
// this process and another, and neither do the files beside .git.
func TestRedact(t *testing.T) {
	s := openTest(t, Options{NoSync: true})
	m := mustPost(t, s, Post{From: "ann", To: []string{"bob"}, Queue: true, Thread: "axon/x", Title: "Secret title", Body: "the token is xyzzy",
		Tags: []string{"token"}, Payload: []byte(`{"token":"xyzzy"}`)})
	mustPost(t, s, Post{From: "ann", Thread: "axon/x", Body: "nothing secret, and no xyzzyx"})
	if _, err := s.Redact(t.Context(), "bob", []string{m.ID.Short(), "00000000"}, ""); err == nil {
		t.Error("a message that is not there was hidden")
	}
	shown, err := s.Redact(t.Context(), "bob", []string{m.ID.Short()}, "a token")
	if err != nil || shown[0].Redacted == nil || shown[0].Redacted.By != "bob" || !strings.Contains(string(shown[0].Body), "(redacted by bob, ") {
		t.Fatalf("%+v, %v", shown, err)
	}
	if _, err := s.Redact(t.Context(), "ann", []string{m.ID.Short()}, "again"); err != nil {
		t.Error(err)
	}
	for name, o := range map[string]Options{"index": {}, "tree": {NoIndex: true}} {
		o.Dir, o.NoSync, o.NoMirror = s.Dir(), true, true
		reader := openTest(t, o)
		secret := func(where string, text ...string) {
			t.Helper()
			for _, word := range []string{"xyzzy", "Secret"} {
				if got := strings.Join(text, " "); strings.Contains(strings.ReplaceAll(got, "xyzzyx", ""), word) {
					t.Errorf("%s: %s shows %q", name, where, got)
				}
			}
		}
		in, err := reader.Inbox(t.Context(), InboxQuery{Agent: "bob", IncludeRead: true})
		if err != nil || len(in.Messages) != 2 {
			t.Fatalf("%s: %v, %v", name, in, err)
		}
		for _, m := range in.Messages {
			secret("the inbox", m.Title, string(m.Body), string(m.Payload), strings.Join(m.Tags, " "))
		}
		for _, text := range []string{"xyzzy", `"token is"`, "secret title", "tag:token", "from:ann tag:token"} {
			found, err := reader.Search(t.Context(), SearchQuery{Text: text})
			if err != nil || len(found.Hits) != 0 || found.Total != 0 {
				t.Errorf("%s: a search for %s finds %d, %v", name, text, found.Total, err)
			}
		}
		if in, err := reader.Inbox(t.Context(), InboxQuery{Agent: "bob", Tag: "token"}); err != nil || in.Total != 0 {
			t.Errorf("%s: the inbox by its tag holds %d, %v", name, in.Total, err)
		}
		found, err := reader.Search(t.Context(), SearchQuery{Text: "redacted"})
		if err != nil || len(found.Hits) != 1 || found.Total != 1 {
			t.Errorf("%s: a search for what is shown finds %d, %v", name, found.Total, err)
		}
		if found, err = reader.Search(t.Context(), SearchQuery{Text: "from:ann"}); err != nil || len(found.Hits) != 2 {
			t.Errorf("%s: a search for its sender finds %v, %v", name, found, err)
		}
		for _, hash := range []string{m.ID.String(), m.Commit.String()} {
			one, err := reader.Show(t.Context(), hash)
			if err != nil {
				t.Fatal(err)
			}
			secret("show", one.Title, string(one.Body))
		}
		page, err := reader.Read(t.Context(), ReadQuery{Thread: "axon/x"})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Messages {
			secret("the thread", m.Title, string(m.Body))
		}
		log, err := reader.Log(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range log {
			secret("the log", e.Subject)
		}
	}
	s.background.Wait()
	for _, whole := range []bool{false, true} {
		if whole {
			if err := s.Export(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		file, err := os.ReadFile(filepath.Join(s.Dir(), filepath.FromSlash(m.Path)))
		if err != nil || strings.Contains(string(file), "xyzzy") || !strings.Contains(string(file), "(redacted by bob") {
			t.Errorf("the file beside .git, export %v: %s, %v", whole, file, err)
		}
	}
	verified(t, s)
	if report, err := s.Verify(t.Context(), nil); err != nil || len(report.Repaired) > 0 {
		t.Errorf("verify takes it for damage: %v, %v", report.Repaired, err)
	}
	if text := git(t, s.Dir(), "show", "main:"+m.Path); !strings.Contains(text, "xyzzy") {
		t.Error("git's history has lost it")
	}
}
