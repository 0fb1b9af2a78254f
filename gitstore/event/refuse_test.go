package event

import (
	"strings"
	"testing"
	"time"
)

func TestValidateRefuses(t *testing.T) {
	long := strings.Repeat("é", 10000)
	many := make([]string, 65)
	for i := range many {
		many[i] = "a"
	}
	for want, change := range map[string]func(*Event){
		"id: is missing":                                   func(e *Event) { e.ID = ID{} },
		"from: is missing":                                 func(e *Event) { e.From = "" },
		"at: is missing":                                   func(e *Event) { e.At = time.Time{} },
		`event: unknown kind "x"`:                          func(e *Event) { e.Kind = "x" },
		"event: unknown kind":                              func(e *Event) { e.Kind = Kind(long) },
		`from: agent name "Desktop" is not lower case`:     func(e *Event) { e.From = "Desktop" },
		`from: agent name "../x"`:                          func(e *Event) { e.From = "../x" },
		`to: agent name "a b"`:                             func(e *Event) { e.To = []string{"a b"} },
		`to: agent name ""`:                                func(e *Event) { e.To = []string{""} },
		"to: holds 65 entries, more than 64":               func(e *Event) { e.To = many },
		"at: lies in the year 1969":                        func(e *Event) { e.At = time.Unix(-1, 0) },
		"at: lies in the year 10000":                       func(e *Event) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"at: holds fractions of a millisecond":             func(e *Event) { e.At = e.At.Add(1) },
		"expires: holds fractions":                         func(e *Event) { e.Expires = e.At.Add(1) },
		"title: longer than 500 characters; shorten it":    func(e *Event) { e.Title = long },
		"title: has more than one line":                    func(e *Event) { e.Title = "a\nb" },
		"title: has more than one line; put":               func(e *Event) { e.Title = "a\u2028b" },
		"title: holds a control character":                 func(e *Event) { e.Title = "\x1b[31m" },
		"title: holds a control character; leave":          func(e *Event) { e.Title = "a\x00" },
		"title: is not valid UTF-8":                        func(e *Event) { e.Title = "\xff" },
		"reply_to: is the id of the message itself":        func(e *Event) { e.ReplyTo = e.ID },
		"tags: holds 65 entries, more than 32":             func(e *Event) { e.Tags = many },
		`tags: tag " a" is empty or has space`:             func(e *Event) { e.Tags = []string{" a"} },
		`tags: tag "" is empty`:                            func(e *Event) { e.Tags = []string{""} },
		`tags: tag "a\nb" has more than one line`:          func(e *Event) { e.Tags = []string{"a\nb"} },
		"longer than 64 characters":                        func(e *Event) { e.Tags = []string{long} },
		`priority: "high" is unknown; use urgent or norma`: func(e *Event) { e.Priority = "high" },
		"payload: is not valid JSON":                       func(e *Event) { e.Payload = []byte("{") },
		"status: does not belong to a message event":       func(e *Event) { e.Status = "x" },
		"state: does not belong to a message event":        func(e *Event) { e.State = StateRead },
		"add: does not belong to a message event":          func(e *Event) { e.Add = []string{"a"} },
		"messages: does not belong":                        func(e *Event) { e.Messages = []ID{e.ID} },
		"to: does not belong to a thread event":            func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindThread, To: []string{"b"}} },
		"body: a thread event has none":                    func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindThread, Body: []byte("b")} },
		`status: "done" is unknown; use active or`:         func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindThread, Status: "done"} },
		`add: agent name "*"`:                              func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindThread, Add: []string{"*"}} },
		`remove: "b" is also in add`: func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindThread, Add: []string{"b"}, Remove: []string{"b"}}
		},
		"description: longer than 4000 characters": func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindProject, Description: long} },
		"status: longer than 200 characters":       func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindProfile, Status: long} },
		"state: is missing":                        func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindReceipt, Messages: []ID{e.ID}} },
		"messages: is missing":                     func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindReceipt, State: StateRead} },
		"messages: holds an empty id": func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindReceipt, State: StateRead, Messages: []ID{{}}}
		},
		"messages: holds 1001 entries": func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindReceipt, State: StateRead, Messages: make([]ID, 1001)}
		},
		"payload: is missing": func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindState, Key: "k"} },
		"key: is missing":     func(e *Event) { *e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindState, Payload: []byte("1")} },
		`key: " k" has space`: func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindState, Key: " k", Payload: []byte("1")}
		},
		"key: has more than one line": func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindState, Key: "a\nb", Payload: []byte("1")}
		},
		"clear: names title, which is also given": func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindThread, Title: "T", Clear: []string{"title"}}
		},
		`clear: "from" is unknown; use title or`: func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindThread, Clear: []string{"from"}}
		},
		`notifications: "maybe" is unknown`: func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindProfile, Notifications: "maybe"}
		},
		`state: "seen" is unknown; use read or ack`: func(e *Event) {
			*e = Event{ID: e.ID, From: "a", At: e.At, Kind: KindReceipt, State: "seen", Messages: []ID{e.ID}}
		},
		"front matter: 65 unknown keys are more than 64": func(e *Event) { e.Extra = make([]Extra, 65) },
		"front matter: 70": func(e *Event) { e.Extra = []Extra{{"x", " " + strings.Repeat("a", 70000)}} },
	} {
		e := message(t)
		change(e)
		wantError(t, e.Validate(), want)
		if file, err := e.Marshal(); err == nil || file != nil {
			t.Errorf("%s: Marshal wrote %q", want, file)
		}
	}
}

func TestTitleLimitCountsCharacters(t *testing.T) {
	e := message(t)
	e.Title = strings.Repeat("日", MaxTitle)
	roundTrip(t, e)
	e.Title += "本"
	wantError(t, e.Validate(), "title: longer than 500 characters")
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ old, replacement, want string }{
		{example, "", "does not begin with a line ---"},
		{"---\nid", "----\nid", "does not begin with a line ---"},
		{"---\nid", "\ufeff---\nid", "does not begin with a line ---"},
		{"---\nid", "---\n\nid", "is not a line key: value"},
		{"---\n\nS", "S", "no line --- ends the front matter"},
		{"---\n\nS", "---\nS", "no blank line follows"},
		{"---\n\nS", "--- \n\nS", "no line --- ends the front matter"},
		{"bounded?\n", "bounded?", "no newline ends the file"},
		{"---\nid", "---\r\nid", "does not begin with a line ---"},
		{"desktop]\n", "desktop]\r\n", "to: is not a list"},
		{"from: claude-code\n", "", "from: is missing"},
		{"from: claude-code\n", "from: claude-code\nfrom: claude-code\n", "from: stands twice"},
		{"from: claude-code\n", "from:\n", "from: has no value"},
		{"from: claude-code\n", "from: \n", "from: has no value"},
		{"from: claude-code\n", "from:claude-code\n", "from: has no value"},
		{"from: claude-code\n", "from:  claude-code\n", `from: agent name " claude-code"`},
		{"from: claude-code\n", "from\n", `front matter: "from" is not a line`},
		{"from: claude-code\n", "From: claude-code\n", "from: is missing"},
		{"from: claude-code\n", "from: claude-code # me\n", `from: agent name "claude-code # me"`},
		{"from: claude-code\n", "from: 'claude-code'\n", "from: agent name"},
		{"from: claude-code\n", "from: \"claude-code\"\n", `line 3 is not in canonical form: want "from: claude-code"`},
		{"from: claude-code\n", "from: \"claude-code\" x\n", "from: is not one double-quoted string"},
		{"from: claude-code\n", "from: \"claude-code\n", "from: is not one double-quoted string"},
		{"to: [desktop]\nat: 2026-11-21T10:15:03.123Z\n", "at: 2026-11-21T10:15:03.123Z\nto: [desktop]\n", "line 4 is not in canonical form"},
		{"[desktop]", "[]", "to: is not a list"},
		{"[desktop]", "desktop", "to: is not a list"},
		{"[desktop]", "[desktop,b]", "to: agent name"},
		{"[desktop]", "[desktop, ]", "to: is not a list"},
		{"[desktop]", "[, desktop]", "to: is not a list"},
		{"[desktop]", `["desktop"]`, "line 4 is not in canonical form"},
		{"[desktop]", `["desktop"x]`, "to: is not a list"},
		{"[desktop]", `["desktop]`, "to: is not"},
		{"[desktop]", "[*]", `line 4 is not in canonical form: want "to: [\"*\"]"`},
		{"title: Recursion bound", `title: "\x41"`, `title: holds a \ that begins no escape`},
		{"title: Recursion bound", `title: "\u00e9"`, "line 6 is not in canonical form"},
		{"title: Recursion bound", `title: "\ud83d\ude00"`, "line 6 is not in canonical form"},
		{"title: Recursion bound", `title: "\ud83d"`, `title: holds a \ that`},
		{"title: Recursion bound", `title: "\ude00"`, `title: holds a \ that`},
		{"title: Recursion bound", `title: "\u12g4"`, `title: holds a \ that`},
		{"title: Recursion bound", `title: "\u00`, "title: is not one double-quoted string"},
		{"title: Recursion bound", "title: *x", "line 6 is not in canonical form"},
		{"title: Recursion bound", "title: !!str x", "line 6 is not in canonical form"},
		{"title: Recursion bound", "title: |\n  x", "is not a line key: value"},
		{"title: Recursion bound", "title: 100", "line 6 is not in canonical form"},
		{"10:15:03.123Z", "10:15:03Z", "at: \"2026-11-21T10:15:03Z\" is not a time"},
		{"10:15:03.123Z", "10:15:03.123+00:00", "is not a time"},
		{"10:15:03.123Z", "25:15:03.123Z", "is not a time"},
		{"2026-11-21T10", "2026-02-30T10", "is not a time"},
		{"2026-11-21T10", "2026-13-21T10", "is not a time"},
		{"2026-11-21T10", "2026-11-00T10", "is not a time"},
		{"2026-11-21T10", "2026-11-21t10", "is not a time"},
		{"2026-11-21T10", "2026-11-2aT10", "is not a time"},
		{"id: 01m7ysmc6k48v7n2m57k3q9x2m", "id: 01M7YSMC6K48V7N2M57K3Q9X2M", "line 2 is not in canonical form"},
		{"id: 01m7ysmc6k48v7n2m57k3q9x2m", "id: x", `id: "x" is not an id`},
		{"priority: urgent", "priority: normal", "line 9 is not in canonical form"},
		{"require_ack: true", "require_ack: false", `require_ack: "false" is unknown; use true`},
		{`{"commit":"abc123"}`, `{"commit": "abc123"}`, "line 12 is not in canonical form"},
		{`{"commit":"abc123"}`, `{commit: abc123}`, "payload: is not valid JSON"},
		{`{"commit":"abc123"}`, `{"a":1,"a":2}`, `payload: has the key "a" twice`},
	} {
		file := strings.Replace(example, c.old, c.replacement, 1)
		if file == example {
			t.Fatalf("%q is not in the example", c.old)
		}
		e, err := Parse([]byte(file))
		wantError(t, err, c.want)
		if e != nil {
			t.Errorf("%q: event and error", c.replacement)
		}
	}
}

func TestUnknownKeysSurvive(t *testing.T) {
	for _, extra := range []string{
		"x: 1\n", "model: opus 4\nzeta: [a, b]\nalpha: {a: 1}\n", "_x-1: \n", "x:\n", "x:   spaced   # with a comment\n",
		"x: |\n  several\n\n  lines: of text\n  --- \n  # text\nz: 2\n", "x: >-\n  folded\n  text\n", "x:\n  - a\n  - b: c\n    d: e\n",
		"x: \"quoted \\\n  over lines\"\n", "x: 'it''s'\n", "x: [a,\n  b]\n", "x: 日本語\n", "x: 2026-11-21\n", "x: |+\n  kept\n\n\nz: 1\n",
		"x: ~\n", "x: plain\n  continued\n", "x: {\"json\": [1, 2]}\n", "payload2: 1\n",
	} {
		file := strings.Replace(example, "---\n\n", extra+"---\n\n", 1)
		e, err := Parse([]byte(file))
		if err != nil {
			t.Errorf("%q: %v", extra, err)
			continue
		}
		roundTrip(t, e)
	}
}

func TestUnknownKeysRefused(t *testing.T) {
	for extra, want := range map[string]string{
		"x: 1\nx: 2\n":                    "x: stands twice",
		"X: 1\n":                          `front matter: "X" is not a key`,
		"1x: 1\n":                         `front matter: "1x" is not a key`,
		"é: 1\n":                          `is not a key`,
		"a b: 1\n":                        `front matter: "a b" is not a key`,
		" x: 1\n":                         `is not a key`,
		"\"x\": 1\n":                      `is not a key`,
		strings.Repeat("x", 65) + ": 1\n": `is not a key`,
		"? x\n: y\n":                      `front matter: "? x" is not a line`,
		"y: 1\n":                          "y: is no text to a YAML reader",
		"null: 1\n":                       "null: is no text to a YAML reader",
		"x: &a b\n":                       "x: holds a YAML anchor",
		"x: *a\n":                         "x: is not valid YAML",
		"x: [&a b, *a]\n":                 "x: holds a YAML anchor",
		"x: !!binary aGk=\n":              "x: holds a YAML anchor, alias, tag",
		"x: !foo bar\n":                   "x: holds a YAML anchor, alias, tag",
		"x: {<<: {a: b}}\n":               "x: holds a YAML anchor, alias, tag or merge",
		"x: {a: 1, a: 2}\n":               `x: has the key "a" twice`,
		"x: [{a: 1, \"a\": 2}]\n":         `x: has the key "a" twice`,
		"x: {[a]: 1}\n":                   "x: has a list or a mapping as a key",
		"x: {a, a}\n":                     `x: has the key "a" twice`,
		"x: {" + strings.Repeat(".nan: 1, ", 6000) + "}\n":   `x: has the key ".nan" twice`,
		"x: {" + strings.Repeat("{a: b}: 1, ", 5000) + "}\n": "x: has a list or a mapping as a key",
		"x: [a\n":                          "x: is not valid YAML",
		"x: \"a\n":                         "x: is not valid YAML",
		"x: a: b\n":                        "x: is not valid YAML",
		"x:a\n":                            "x: has a line that does not begin with a space",
		"x:\ta\n":                          "x: has a line that does not begin with a space",
		"x: a\rfrom: evil\n":               "x: holds the character U+000D",
		"x: a\u0085from: evil\n":           "x: holds the character U+0085",
		"x: a\u2028from: evil\n":           "x: holds the character U+2028",
		"x: \x1b[0m\n":                     "x: holds the character U+001B",
		"x: \xff\n":                        "x: is not valid UTF-8",
		"# a comment\n":                    "is not a line",
		"x: 1\n- a\n":                      "is not a line",
		"x: " + strings.Repeat("[", 20000): "is not",
	} {
		_, err := Parse([]byte(strings.Replace(example, "---\n\n", extra+"---\n\n", 1)))
		wantError(t, err, want)
	}
}

func TestExtraCannotSmuggleKeys(t *testing.T) {
	for raw, want := range map[string]string{
		" a\nfrom: evil":     "x: has a line that does not begin with a space",
		" a\n---\n\nbody":    "x: has a line that does not begin with a space",
		" |\n  a\nfrom: b":   "x: has a line that does not begin with a space",
		" \"a\nfrom: \\\n  ": "x: has a line that does not begin with a space",
	} {
		e := message(t)
		e.Extra = []Extra{{"x", raw}}
		wantError(t, e.Validate(), want)
	}
	e := message(t)
	e.Extra = []Extra{{"title", " x"}}
	wantError(t, e.Validate(), "title: is a key of skein's own")
}

func TestFrontMatterSizeLimit(t *testing.T) {
	e := message(t)
	e.Extra = []Extra{{"x", " "}}
	front, err := e.marshalFront()
	if err != nil {
		t.Fatal(err)
	}
	fill := MaxFrontMatter - (len(front) - len(openLine) - len(closeLine))
	e.Extra[0].Raw += strings.Repeat("a", fill)
	roundTrip(t, e)
	e.Extra[0].Raw += "a"
	wantError(t, e.Validate(), "front matter: 65537 bytes are more than 64 KiB")
	_, err = Parse([]byte("---\n" + strings.Repeat("x: 1\n", 1<<20)))
	wantError(t, err, "within 64 KiB")
}
