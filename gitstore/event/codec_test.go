package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// yamlFront reads the front matter of a file as any YAML reader would.
func yamlFront(file []byte) (map[string]any, error) {
	front, _, err := split(file)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	return fields, yaml.Unmarshal(front, &fields)
}

// wantYAML is what a YAML reader must find for the known keys of e.
func wantYAML(e *Event) map[string]any {
	want := map[string]any{"id": e.ID.String(), "from": e.From, "at": e.At.UTC()}
	for key, text := range map[string]string{
		"event": string(e.Kind), "title": e.Title, "reply_to": e.ReplyTo.String(), "priority": e.Priority,
		"status": e.Status, "description": e.Description, "state": e.State, "key": e.Key, "notifications": e.Notifications,
	} {
		if text != "" {
			want[key] = text
		}
	}
	for key, list := range map[string][]string{"to": e.To, "tags": e.Tags, "add": e.Add, "remove": e.Remove, "clear": e.Clear} {
		for _, item := range list {
			want[key] = append(asList(want[key]), item)
		}
	}
	for _, id := range e.Messages {
		want["messages"] = append(asList(want["messages"]), id.String())
	}
	if !e.Expires.IsZero() {
		want["expires"] = e.Expires.UTC()
	}
	if e.RequireAck {
		want["require_ack"] = true
	}
	if e.Person {
		want["person"] = true
	}
	return want
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// checkYAMLAgrees compares what a YAML reader finds in file with the event.
func checkYAMLAgrees(e *Event, file []byte) error {
	got, err := yamlFront(file)
	if err != nil {
		return fmt.Errorf("yaml: %w", err)
	}
	if len(e.Payload) > 0 {
		var want any
		if err := json.Unmarshal(e.Payload, &want); err != nil {
			return err
		}
		// cmp.Diff needs exponential time for a value nested deeply.
		if yamlSays := floats(got["payload"]); !reflect.DeepEqual(want, yamlSays) {
			return fmt.Errorf("payload: JSON says %v, YAML %v", want, yamlSays)
		}
		delete(got, "payload")
	}
	for _, x := range e.Extra {
		if _, found := got[x.Key]; !found {
			return fmt.Errorf("YAML has no %q", x.Key)
		}
		delete(got, x.Key)
	}
	if diff := cmp.Diff(wantYAML(e), got); diff != "" {
		return fmt.Errorf("front matter (-want +YAML): %s", diff)
	}
	return nil
}

// floats turns YAML's numbers into JSON's.
func floats(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = floats(v[key])
		}
	}
	return v
}

// roundTrip fails unless e comes back from its file, read as YAML too.
func roundTrip(t *testing.T, e *Event) {
	t.Helper()
	file, err := e.Marshal()
	if err != nil {
		t.Errorf("%+v: %v", e, err)
		return
	}
	back, err := Parse(file)
	if err != nil {
		t.Errorf("%q: %v", file, err)
		return
	}
	if diff := cmp.Diff(e, back); diff != "" {
		t.Errorf("%q (-want +got): %s", file, diff)
	}
	if err := checkYAMLAgrees(back, file); err != nil {
		t.Errorf("%q: %v", file, err)
	}
}

const example = `---
id: 01m7ysmc6k48v7n2m57k3q9x2m
from: claude-code
to: [desktop]
at: 2026-11-21T10:15:03.123Z
title: Recursion bound
reply_to: 01m7yrxpg52c9e0w1hzr4t8bnd
tags: [question]
priority: urgent
expires: 2026-11-21T11:15:03.000Z
require_ack: true
payload: {"commit":"abc123"}
---

Should the recursion be bounded?
`

func TestExample(t *testing.T) {
	file, err := message(t).Marshal()
	if err != nil || string(file) != example {
		t.Errorf("got %v\n%s", err, file)
	}
	roundTrip(t, message(t))
}

func TestEveryKind(t *testing.T) {
	base := func(kind Kind) *Event {
		return &Event{ID: mustID(t, "01m7ysmc6k48v7n2m57k3q9x2m"), Kind: kind, From: "claude-code@axon", At: time.UnixMilli(1_800_000_000_001).UTC()}
	}
	thread, project, receipt, profile := base(KindThread), base(KindProject), base(KindReceipt), base(KindProfile)
	roundTrip(t, base(KindMessage))
	roundTrip(t, thread)
	thread.Title, thread.Status, thread.Description = "T", StatusResolved, "two\nlines\tand a tab"
	thread.Add, thread.Remove = []string{"null", "1e5", "a@b"}, []string{"desktop"}
	project.Title, project.Description = "P: a project", "- not a list"
	receipt.State, receipt.Messages = StateAcknowledged, []ID{numbered(1), numbered(1 << 33)}
	profile.Status, profile.Payload = "reviewing #12", []byte(`{"model":"opus","n":[1,2.5,-0,1e3,null,true]}`)
	profile.Notifications, profile.Person = NotificationsOff, true
	cleared := base(KindThread)
	cleared.Clear = []string{"title", "description"}
	quiet := base(KindProfile)
	quiet.Clear, quiet.Notifications = []string{"status"}, NotificationsOn
	state, gone, redaction := base(KindState), base(KindState), base(KindRedaction)
	state.Key, state.Payload = "build: 1e5", []byte(`{"held":true}`)
	gone.Key, gone.Payload = "null", []byte("null")
	redaction.Messages, redaction.Description = []ID{numbered(1)}, "a token\nin it"
	for _, e := range []*Event{thread, project, receipt, profile, cleared, quiet, state, gone, redaction} {
		roundTrip(t, e)
	}
}

func TestScalars(t *testing.T) {
	plain := []string{
		"a", "Recursion bound", "Hello, world", "a [b] {c}", "it's", `a "b" c`, "C#", "a:b", "a#b", "日本語", "ß", "🚀 go", "2nd draft",
		"01m7ysmc6k48v7n2m57k3q9x2m", "nullable", "/etc", "(a)", "_a", "a - b", "x & y", "100% sure",
	}
	quoted := []string{
		" a", "a ", "a: b", "a :b: c", "a:", "a #b", "null", "NULL", "Null", "~", "true", "False", "YES", "no", "On", "off", "y", "N",
		"1", "-1", "+1", "0x1f", "0X1F", "0o17", "0b11", "1_000", "1.5", "1e5", "1E-5", ".5", ".inf", "-.INF", ".nan", "10:15", "190:20:30",
		"2026-11-21", "2026-11-21T10:15:03Z", "2026-11-21 10:15:03", "- a", "-a", "? a", ": a", ", a", "[a]", "{a}", "}", "#a", "&a", "*a", "!a", "!!str a",
		"|", ">", "'a'", `"a"`, "%a", "@a", "`a", "---", "...", "--- a", "=", "<<", "\\", "a\tb", "0", "00", "007",
	}
	for _, s := range plain {
		if got := string(appendScalar(nil, s, alone)); got != s {
			t.Errorf("%q is written %s", s, got)
		}
	}
	for _, s := range quoted {
		if got := string(appendScalar(nil, s, alone)); got[0] != '"' {
			t.Errorf("%q is written %s", s, got)
		}
	}
	for _, s := range append(plain, quoted...) {
		e := message(t)
		e.Title = s
		if checkTag(s) == nil {
			e.Tags = []string{s, s}
		}
		roundTrip(t, e)
	}
}

func TestListItemsAreQuotedMoreOften(t *testing.T) {
	e := minimal(t)
	e.Tags = []string{"a,b", "a, b", "[a]", "{a}", "a:b", "a?", "it's", `"`, "a b", `", "`, "日本, 語", "a]"}
	e.At = e.At.UTC()
	roundTrip(t, e)
	file, err := e.Marshal()
	want := `tags: ["a,b", "a, b", "[a]", "{a}", "a:b", "a?", "it's", "\"", a b, "\", \"", "日本, 語", "a]"]`
	if err != nil || !strings.Contains(string(file), want) {
		t.Errorf("%v\n%s", err, file)
	}
}

func TestEscapes(t *testing.T) {
	got := string(appendQuoted(nil, "\"\\/\b\f\n\r\t\x00\x1b\x7f\u0085\u009f\u00a0é\u2028\u2029\ufeff\ufffe\uffff\U0001F600\U000E0001"))
	want := `"\"\\/\b\f\n\r\t\u0000\u001b\u007f\u0085\u009f` + "\u00a0é" + `\u2028\u2029\ufeff\ufffe\uffff` + "\U0001F600\U000E0001\""
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var yamlText, jsonText string
	if err := yaml.Unmarshal([]byte(got), &yamlText); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(got), &jsonText); err != nil {
		t.Error(err)
	}
	text, err := readScalar(got)
	if err != nil || text != yamlText || text != jsonText {
		t.Errorf("skein reads %q, YAML %q, JSON %q, %v", text, yamlText, jsonText, err)
	}
}

func TestHostileBodies(t *testing.T) {
	for name, body := range map[string]string{
		"empty":          "",
		"one newline":    "\n",
		"no newline":     "text",
		"newlines":       "\n\n\ntext\n\n",
		"CRLF":           "a\r\nb\r\n",
		"CR":             "a\rb",
		"BOM":            "\ufefftext",
		"closing line":   "---\n\n---\ntext\n---\n",
		"front matter":   example,
		"YAML":           "&a [*a, !!python/object:os.system {}]\n<<: *a\n",
		"ANSI":           "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u009d",
		"C1":             "\u0085\u009b31m",
		"bidi":           "\u202ereversed",
		"HTML":           "<script>alert(1)</script>",
		"1 MiB":          strings.Repeat("x", MaxBody),
		"1 MiB of lines": strings.Repeat("\n", MaxBody),
	} {
		e := message(t)
		e.Body = []byte(body)
		if body == "" {
			e.Body = nil
		}
		t.Run(name, func(t *testing.T) { roundTrip(t, e) })
	}
}

func TestBodiesRefused(t *testing.T) {
	for body, want := range map[string]string{
		strings.Repeat("x", MaxBody+1): "body: 1048577 bytes are more than 1 MiB",
		"\xff":                         "body: is not valid UTF-8",
		"a\xc3":                        "body: is not valid UTF-8",
		"\xed\xa0\x80":                 "body: is not valid UTF-8",
		"a\x00b":                       "body: holds a NUL byte",
	} {
		e := message(t)
		e.Body = []byte(body)
		wantError(t, e.Validate(), want)
		_, err := Parse([]byte(example[:strings.Index(example, "Should")] + body + "\n"))
		wantError(t, err, want)
	}
}

func TestBodyAliasesFile(t *testing.T) {
	file := []byte(example)
	e, err := ParseHeader(file)
	if err != nil {
		t.Fatal(err)
	}
	file[len(file)-2] = '!'
	if !bytes.HasSuffix(e.Body, []byte("bounded!")) {
		t.Errorf("body %q", e.Body)
	}
}

func TestMarshalNormalises(t *testing.T) {
	e := message(t)
	e.Priority = "normal"
	e.Payload = []byte(" { \"a\" : \"\\/\" }\n")
	e.At = e.At.In(time.FixedZone("", 3600))
	file, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if s := string(file); strings.Contains(s, "priority") || !strings.Contains(s, "\npayload: {\"a\":\"/\"}\n") || !strings.Contains(s, "at: 2026-11-21T10:15:03.123Z\n") {
		t.Errorf("got %s", s)
	}
	if _, err := Parse(file); err != nil {
		t.Error(err)
	}
}
