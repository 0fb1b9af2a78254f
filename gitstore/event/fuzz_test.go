package event

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse holds that Marshal(Parse(x)) is x, and that a YAML reader finds
// the same values in whatever Parse accepts.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	head := "---\nid: 01m7ysmc6k48v7n2m57k3q9x2m\n"
	for _, rest := range []string{
		"from: a\nat: 2026-11-21T10:15:03.123Z\n---\n\nbody\n",
		"from: a\nto: [b, \"*\", \"1\"]\nat: 2026-11-21T10:15:03.123Z\ntags: [\"a, b\", \"\\\"\"]\n---\n\n\n",
		"from: a\nat: 2026-11-21T10:15:03.123Z\ntitle: \"a: \\t\\u001b\"\npayload: {\"a\":[1,\"x\"]}\n---\n\n---\n\n",
		"from: a\nat: 2026-11-21T10:15:03.123Z\nx: |\n  a\n\n  b\nz: [1, 'c']\n---\n\n\n",
		"from: a\nat: 2026-11-21T10:15:03.123Z\nx: {a: b}\nz: # c\n  - a\n  - \"b\n    c\"\n---\n\n\n",
		"event: thread\nfrom: a\nat: 2026-11-21T10:15:03.123Z\ntitle: T\nstatus: active\ndescription: \"a\\nb\"\nadd: [b]\nremove: [c]\n---\n\n\n",
		"event: project\nfrom: a\nat: 2026-11-21T10:15:03.123Z\ntitle: T\n---\n\n\n",
		"event: receipt\nfrom: a\nat: 2026-11-21T10:15:03.123Z\nstate: read\nmessages: [01m7ysmc6k48v7n2m57k3q9x2m]\n---\n\n\n",
		"event: profile\nfrom: a\nat: 2026-11-21T10:15:03.123Z\nstatus: here\npayload: null\n---\n\n\n",
		"event: profile\nfrom: a\nat: 2026-11-21T10:15:03.123Z\nclear: [status]\nnotifications: \"off\"\nperson: true\n---\n\n\n",
		"event: state\nfrom: a\nat: 2026-11-21T10:15:03.123Z\npayload: {\"a\":1}\nkey: \"a: b\"\n---\n\n\n",
		"event: redaction\nfrom: a\nat: 2026-11-21T10:15:03.123Z\ndescription: why\nmessages: [01m7ysmc6k48v7n2m57k3q9x2m]\n---\n\n\n",
	} {
		f.Add([]byte(head + rest))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		e, err := Parse(file)
		if err != nil {
			if e != nil || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Fatalf("event %v, error %q", e, err)
			}
			return
		}
		back, err := e.Marshal()
		if err != nil || !bytes.Equal(back, file) {
			t.Fatalf("%q became %q, %v", file, back, err)
		}
		if err := checkYAMLAgrees(e, file); err != nil {
			t.Fatalf("%q: %v", file, err)
		}
	})
}

// FuzzEvent holds that every event which Validate accepts comes back from its
// file, and that a YAML reader finds the same values there.
func FuzzEvent(f *testing.F) {
	f.Add(uint8(0), []byte("id"), "claude", "desktop,*", int64(1_800_000_000_000), "title: #x", "null,1e5", "description", "{\"a\":[1,\"\\/\"]}", "x", " |\n  y", []byte("body"))
	f.Add(uint8(1), []byte("id"), "a@b", "c", int64(0), "- t", "", "a\nb", "", "z", " {a: b}", []byte(nil))
	f.Add(uint8(3), []byte("id"), "1", "c", int64(0), "", "", "", "", "", "", []byte(nil))
	f.Add(uint8(4), []byte("id"), "1", "c", int64(0), "status: free", "", "", "[]", "", "", []byte(nil))
	f.Add(uint8(5), []byte("id"), "1", "c", int64(0), "a/b: c", "", "", "[1]", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, kind uint8, id []byte, from, to string, at int64, title, tags, description, payload, key, raw string, body []byte) {
		e := fuzzedEvent(kind, id, from, to, at, title, tags, description, payload, key, raw, body)
		file, err := e.Marshal()
		if err != nil {
			return
		}
		back, err := Parse(file)
		if err != nil {
			t.Fatalf("%q: %v", file, err)
		}
		if len(e.Payload) > 0 {
			e.Payload, _ = CompactPayload(e.Payload)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatalf("%q (-want +got): %s", file, diff)
		}
		if err := checkYAMLAgrees(back, file); err != nil {
			t.Fatalf("%q: %v", file, err)
		}
	})
}

// fuzzedEvent spreads fuzzed values over the fields that the kind may carry.
func fuzzedEvent(kind uint8, id []byte, from, to string, at int64, title, tags, description, payload, key, raw string, body []byte) *Event {
	e := &Event{From: from, At: time.UnixMilli(at).UTC(), Kind: []Kind{KindMessage, KindThread, KindProject, KindReceipt, KindProfile, KindState, KindRedaction}[kind%7]}
	copy(e.ID[:], id)
	if key != "" {
		e.Extra = []Extra{{key, raw}}
	}
	switch e.Kind {
	case KindMessage:
		e.To, e.Tags, e.Title, e.RequireAck = words(to), words(tags), title, kind > 128
		if len(payload) > 0 {
			e.Payload = []byte(payload)
		}
		if len(body) > 0 {
			e.Body = body
		}
	case KindThread:
		e.Title, e.Description, e.Add, e.Status = title, description, words(to), StatusArchived
	case KindProject:
		e.Title, e.Description = title, description
	case KindReceipt:
		e.State, e.Messages = StateRead, []ID{e.ID}
		for ; len(id) >= 8; id = id[8:] {
			var more ID
			binary.BigEndian.PutUint64(more[:], binary.LittleEndian.Uint64(id))
			e.Messages = append(e.Messages, more)
		}
	case KindProfile:
		e.Status = title
		if len(payload) > 0 {
			e.Payload = []byte(payload)
		}
		e.Clear, e.Notifications, e.Person = words(tags), to, kind > 128
	case KindState:
		e.Key = title
		if len(payload) > 0 {
			e.Payload = []byte(payload)
		}
	case KindRedaction:
		e.Messages, e.Description = []ID{e.ID}, description
	}
	return e
}

func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
