package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of single values, in characters where nothing else is said.
const (
	MaxStatus      = 200
	MaxDescription = 4000
	MaxTag         = 64
	MaxMessages    = 1000 // ids in one receipt
)

// codec writes, reads and checks the field behind one key. put and check are
// called only where has.
type codec struct {
	has   func(*Event) bool
	put   func([]byte, *Event) []byte
	set   func(*Event, string) error
	check func(*Event) error
}

func unchecked(*Event) error { return nil }

func idCodec(field func(*Event) *ID) codec {
	return codec{
		has: func(e *Event) bool { return !field(e).IsZero() },
		put: func(b []byte, e *Event) []byte { return appendID(b, *field(e), alone) },
		set: func(e *Event, v string) error {
			id, err := readID(v)
			*field(e) = id
			return err
		},
		check: unchecked,
	}
}

func readID(v string) (ID, error) {
	text, err := readScalar(v)
	if err != nil {
		return ID{}, err
	}
	return ParseID(text)
}

// appendID writes id. Like any other string it is quoted if it looks like a
// number, which a few ids do.
func appendID(b []byte, id ID, at place) []byte {
	return appendScalar(b, id.String(), at)
}

func idsCodec(most int, field func(*Event) *[]ID) codec {
	return codec{
		has: func(e *Event) bool { return len(*field(e)) > 0 },
		put: func(b []byte, e *Event) []byte {
			return appendList(b, *field(e), func(b []byte, id ID) []byte { return appendID(b, id, inList) })
		},
		set: func(e *Event, v string) (err error) {
			*field(e), err = readList(v, ParseID)
			return err
		},
		check: func(e *Event) error {
			return checkList(*field(e), most, func(id ID) error {
				if id.IsZero() {
					return errors.New("holds an empty id; leave it out")
				}
				return nil
			})
		},
	}
}

func listCodec(most int, check func(string) error, field func(*Event) *[]string) codec {
	return codec{
		has: func(e *Event) bool { return len(*field(e)) > 0 },
		put: func(b []byte, e *Event) []byte {
			return appendList(b, *field(e), func(b []byte, s string) []byte { return appendScalar(b, s, inList) })
		},
		set: func(e *Event, v string) (err error) {
			*field(e), err = readList(v, func(s string) (string, error) { return s, nil })
			return err
		},
		check: func(e *Event) error { return checkList(*field(e), most, check) },
	}
}

func checkList[T any](items []T, most int, check func(T) error) error {
	if len(items) > most {
		return fmt.Errorf("holds %d entries, more than %d; leave some out", len(items), most)
	}
	for _, item := range items {
		if err := check(item); err != nil {
			return err
		}
	}
	return nil
}

func checkMember(name string) error {
	canonical, err := AgentName(name)
	if err == nil && canonical != name {
		return fmt.Errorf("agent name %s is not lower case; write %q", quote(name), canonical)
	}
	return err
}

func checkRecipient(name string) error {
	if name == Everyone {
		return nil
	}
	return checkMember(name)
}

func checkTag(tag string) error {
	if tag == "" || strings.TrimSpace(tag) != tag {
		return fmt.Errorf("tag %s is empty or has space around it; trim it", quote(tag))
	}
	if err := checkLine(tag, MaxTag); err != nil {
		return fmt.Errorf("tag %s %w", quote(tag), err)
	}
	return nil
}

func agentCodec(field func(*Event) *string) codec {
	c := stringCodec(field)
	c.check = func(e *Event) error { return checkMember(*field(e)) }
	return c
}

// lineCodec is for text of one line, textCodec for text of several.
func lineCodec(most int, field func(*Event) *string) codec {
	c := stringCodec(field)
	c.check = func(e *Event) error { return checkLine(*field(e), most) }
	return c
}

func textCodec(most int, field func(*Event) *string) codec {
	c := stringCodec(field)
	c.check = func(e *Event) error { return checkText(*field(e), most) }
	return c
}

func stringCodec(field func(*Event) *string) codec {
	return codec{
		has: func(e *Event) bool { return *field(e) != "" },
		put: func(b []byte, e *Event) []byte { return appendScalar(b, *field(e), alone) },
		set: func(e *Event, v string) (err error) {
			*field(e), err = readScalar(v)
			return err
		},
	}
}

func checkLine(s string, most int) error {
	if strings.ContainsFunc(s, isLineBreak) {
		return errors.New("has more than one line; put the text in the body")
	}
	return checkText(s, most)
}

func checkText(s string, most int) error {
	switch {
	case len(s) > most && utf8.RuneCountInString(s) > most:
		return fmt.Errorf("longer than %d characters; shorten it, or put the text in the body", most)
	case !utf8.ValidString(s):
		return errors.New("is not valid UTF-8; send plain text")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return errors.New("holds a control character; leave it out")
	}
	return nil
}

func isLineBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// oneOf is the check of a field that takes only these values.
func oneOf(value string, valid ...string) error {
	for _, v := range valid {
		if value == v {
			return nil
		}
	}
	return fmt.Errorf("%s is unknown; use %s", quote(value), strings.Join(valid, " or "))
}

func kindCodec() codec {
	c := stringCodec(func(e *Event) *string { return (*string)(&e.Kind) })
	c.check = unchecked // Validate checks the kind before anything else
	return c
}

// priorityCodec never writes "normal", which is what no priority means.
func priorityCodec() codec {
	c := stringCodec(func(e *Event) *string { return &e.Priority })
	c.has = func(e *Event) bool { return e.Priority != "" && e.Priority != priorityNormal }
	c.check = func(e *Event) error { return oneOf(e.Priority, PriorityUrgent, priorityNormal) }
	return c
}

const priorityNormal = "normal"

// statusCodec: a thread's status is one of three, a profile's is free text.
func statusCodec() codec {
	c := stringCodec(func(e *Event) *string { return &e.Status })
	c.check = func(e *Event) error {
		if e.Kind == KindThread {
			return oneOf(e.Status, StatusActive, StatusResolved, StatusArchived)
		}
		return checkLine(e.Status, MaxStatus)
	}
	return c
}

// keyCodec is for the key of a shared state, which is any short text.
func keyCodec() codec {
	c := stringCodec(func(e *Event) *string { return &e.Key })
	c.check = func(e *Event) error { return checkStateKey(e.Key) }
	return c
}

func checkStateKey(key string) error {
	if strings.TrimSpace(key) != key {
		return fmt.Errorf("%s has space around it; trim it", quote(key))
	}
	return checkLine(key, MaxKey)
}

// clearable are the keys that a kind of event can make empty.
var clearable = map[Kind][]string{
	KindThread:  {"title", "description"},
	KindProject: {"title", "description"},
	KindProfile: {"status"},
}

func clearCodec() codec {
	c := listCodec(0, nil, func(e *Event) *[]string { return &e.Clear })
	c.check = func(e *Event) error {
		return checkList(e.Clear, len(clearable[e.Kind]), func(name string) error { return oneOf(name, clearable[e.Kind]...) })
	}
	return c
}

func notificationsCodec() codec {
	c := stringCodec(func(e *Event) *string { return &e.Notifications })
	c.check = func(e *Event) error { return oneOf(e.Notifications, NotificationsOn, NotificationsOff) }
	return c
}

func stateCodec() codec {
	c := stringCodec(func(e *Event) *string { return &e.State })
	c.check = func(e *Event) error { return oneOf(e.State, StateRead, StateAcknowledged) }
	return c
}

func flagCodec(field func(*Event) *bool) codec {
	return codec{
		has: func(e *Event) bool { return *field(e) },
		put: func(b []byte, _ *Event) []byte { return append(b, "true"...) },
		set: func(e *Event, v string) error {
			*field(e) = true
			return oneOf(v, "true")
		},
		check: unchecked,
	}
}

func payloadCodec() codec {
	return codec{
		has: func(e *Event) bool { return len(e.Payload) > 0 },
		put: func(b []byte, e *Event) []byte {
			compact, err := CompactPayload(e.Payload)
			if err != nil { // refused by check; an unchecked event still compares
				compact = e.Payload
			}
			return append(b, compact...)
		},
		set: func(e *Event, v string) error {
			e.Payload = json.RawMessage(v)
			return nil
		},
		check: func(e *Event) error {
			_, err := CompactPayload(e.Payload)
			return err
		},
	}
}

func timeCodec(field func(*Event) *time.Time) codec {
	return codec{
		has: func(e *Event) bool { return !field(e).IsZero() },
		put: func(b []byte, e *Event) []byte { return appendTime(b, *field(e)) },
		set: func(e *Event, v string) (err error) {
			*field(e), err = readTime(v)
			return err
		},
		check: func(e *Event) error { return checkTime(*field(e)) },
	}
}
