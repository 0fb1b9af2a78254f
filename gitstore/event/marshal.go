package event

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Marshal returns the file of e, the same bytes for the same event, or the
// error of Validate. A payload is written compacted (see CompactPayload).
func (e *Event) Marshal() ([]byte, error) {
	file, err := e.marshalFront()
	if err != nil {
		return nil, err
	}
	return e.appendBody(file), nil
}

// Validate says in one sentence what is wrong with e and what to do, naming
// the front-matter key; nil if e can be written.
func (e *Event) Validate() error {
	_, err := e.marshalFront()
	return err
}

// marshalFront checks e and returns the front matter between its lines ---,
// with room for the body.
func (e *Event) marshalFront() ([]byte, error) {
	kind := setOf(e.Kind)
	if kind == 0 {
		return nil, fmt.Errorf("event: unknown kind %s; use thread, project, receipt, profile, state or redaction, or leave it out for a message", quote(string(e.Kind)))
	}
	if err := e.checkKeys(kind); err != nil {
		return nil, err
	}
	if err := checkExtras(e.Extra); err != nil {
		return nil, err
	}
	if err := e.checkBody(); err != nil {
		return nil, err
	}
	file := e.appendFront(make([]byte, 0, len(e.Body)+len(e.Payload)+512))
	if size := len(file) - len(openLine) - len(closeLine); size > MaxFrontMatter {
		return nil, fmt.Errorf("front matter: %d bytes are more than %d KiB; put the text in the body", size, MaxFrontMatter>>10)
	}
	return file, nil
}

func (e *Event) checkKeys(kind kindSet) error {
	for i := range keys {
		k := &keys[i]
		if !k.has(e) {
			if k.required&kind != 0 {
				return fmt.Errorf("%s: is missing; give it", k.name)
			}
			continue
		}
		if k.kinds&kind == 0 {
			return fmt.Errorf("%s: does not belong to a %s event; leave it out", k.name, e.Kind.name())
		}
		if err := k.check(e); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return e.checkTogether()
}

// checkTogether checks what no field can be blamed for alone.
func (e *Event) checkTogether() error {
	if e.ReplyTo == e.ID {
		return errors.New("reply_to: is the id of the message itself; give the id of the message answered")
	}
	for _, added := range e.Add {
		for _, removed := range e.Remove {
			if added == removed {
				return fmt.Errorf("remove: %q is also in add; name it in one of them", added)
			}
		}
	}
	for _, name := range e.Clear {
		if name == "status" && e.Status != "" || name == "title" && e.Title != "" || name == "description" && e.Description != "" {
			return fmt.Errorf("clear: names %s, which is also given; do one of them", name)
		}
	}
	return nil
}

func (e *Event) checkBody() error {
	switch {
	case len(e.Body) > MaxBody:
		return fmt.Errorf("body: %d bytes are more than 1 MiB; split it, or put the data in a file and point to it", len(e.Body))
	case len(e.Body) > 0 && e.Kind != KindMessage:
		return fmt.Errorf("body: a %s event has none; post a message for the text", e.Kind.name())
	case bytes.IndexByte(e.Body, 0) >= 0:
		return errors.New("body: holds a NUL byte; send text")
	case !utf8.Valid(e.Body):
		return errors.New("body: is not valid UTF-8; send text")
	}
	return nil
}

func (e *Event) appendFront(b []byte) []byte {
	b = append(b, openLine...)
	for i := range keys {
		if k := &keys[i]; k.has(e) {
			b = append(append(b, k.name...), ": "...)
			b = append(k.put(b, e), '\n')
		}
	}
	for _, x := range e.Extra {
		b = append(append(b, x.Key...), ':')
		b = append(append(b, x.Raw...), '\n')
	}
	return append(b, closeLine...)
}

func (e *Event) appendBody(b []byte) []byte {
	return append(append(b, e.Body...), '\n')
}

// name is the kind as a person says it.
func (k Kind) name() string {
	if k == KindMessage {
		return "message"
	}
	return string(k)
}
