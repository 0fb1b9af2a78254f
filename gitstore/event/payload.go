package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Limits of a payload.
const (
	MaxPayload      = 32 << 10 // bytes, compacted
	MaxPayloadDepth = 100      // lists and objects within each other
	// maxPayloadKey is how long a key YAML readers look for its ':'.
	maxPayloadKey = 1000
)

// CompactPayload returns a JSON value as front matter carries it: one line
// without white space outside strings, numbers and the order of keys as they
// were, and strings with no other escapes than necessary, so that YAML reads
// the same value. What YAML or another JSON reader would read differently is
// refused: duplicate keys, half surrogate pairs, numbers beyond float64.
func CompactPayload(value []byte) (json.RawMessage, error) {
	if len(value) > 8*MaxPayload {
		return nil, errPayloadSize
	}
	if !utf8.Valid(value) {
		return nil, errors.New("is not valid UTF-8; send plain JSON text")
	}
	if !json.Valid(value) {
		return nil, errors.New("is not valid JSON; send one JSON value")
	}
	c := compactor{in: value, out: make([]byte, 0, len(value))}
	if err := c.value(0); err != nil {
		return nil, err
	}
	if len(c.out) > MaxPayload {
		return nil, errPayloadSize
	}
	return c.out, nil
}

var errPayloadSize = fmt.Errorf("is larger than %d KiB; put the data into the body or a file, and point to it", MaxPayload>>10)

// compactor copies one valid JSON value from in to out.
type compactor struct {
	in, out []byte
}

// value copies the next value, which lies within depth lists and objects.
func (c *compactor) value(depth int) error {
	switch next := c.peek(); {
	case (next == '{' || next == '[') && depth == MaxPayloadDepth:
		return fmt.Errorf("is nested deeper than %d levels; flatten it", MaxPayloadDepth)
	case next == '{':
		return c.object(depth + 1)
	case next == '[':
		return c.list(depth + 1)
	case next == '"':
		_, err := c.text()
		return err
	}
	return c.literal()
}

func (c *compactor) object(depth int) error {
	seen := map[string]bool{}
	for c.take(); c.peek() != '}'; {
		if c.peek() == ',' {
			c.take()
		}
		start := len(c.out)
		c.peek()
		name, err := c.text()
		switch {
		case err != nil:
			return err
		case seen[name]:
			return fmt.Errorf("has the key %s twice; leave one out", quote(name))
		case len(c.out)-start > maxPayloadKey:
			return fmt.Errorf("has a key longer than %d bytes; shorten it", maxPayloadKey)
		}
		seen[name] = true
		c.peek()
		c.take() // the ':'
		if err := c.value(depth); err != nil {
			return err
		}
	}
	c.take()
	return nil
}

func (c *compactor) list(depth int) error {
	for c.take(); c.peek() != ']'; {
		if c.peek() == ',' {
			c.take()
		}
		if err := c.value(depth); err != nil {
			return err
		}
	}
	c.take()
	return nil
}

// text copies a string, escaped afresh, and returns what it says.
func (c *compactor) text() (string, error) {
	n := quotedLen(c.in)
	s, err := unquote(string(c.in[1 : n-1]))
	if err != nil {
		return "", errors.New(`holds half of a surrogate pair (\ud800 to \udfff); send the whole character`)
	}
	c.in = c.in[n:]
	c.out = appendQuoted(c.out, s)
	return s, nil
}

// literal copies a number, true, false or null.
func (c *compactor) literal() error {
	n := 0
	for n < len(c.in) && (isLetter(c.in[n]) || isDigit(c.in[n]) || c.in[n] == '+' || c.in[n] == '-' || c.in[n] == '.') {
		n++
	}
	word := string(c.in[:n])
	if !isLetter(word[0]) {
		if _, err := strconv.ParseFloat(word, 64); err != nil {
			return fmt.Errorf("holds the number %s, which is out of range; send it as a string", quote(word))
		}
	}
	c.in = c.in[n:]
	c.out = append(c.out, word...)
	return nil
}

// peek skips white space and returns the next byte, 0 at the end.
func (c *compactor) peek() byte {
	for len(c.in) > 0 && (c.in[0] == ' ' || c.in[0] == '\t' || c.in[0] == '\n' || c.in[0] == '\r') {
		c.in = c.in[1:]
	}
	if len(c.in) == 0 {
		return 0
	}
	return c.in[0]
}

// take copies the byte that peek has shown.
func (c *compactor) take() {
	c.out = append(c.out, c.in[0])
	c.in = c.in[1:]
}
