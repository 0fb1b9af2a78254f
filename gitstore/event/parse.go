package event

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// The lines around the front matter, which opens the file.
const (
	openLine  = "---\n"
	closeLine = "---\n\n"
)

// Parse reads a file. It accepts only what Marshal writes, byte for byte: any
// other file is refused with one sentence that says where it differs. Body
// aliases file, which must not be changed afterwards.
func Parse(file []byte) (*Event, error) {
	e, err := ParseHeader(file)
	if err != nil {
		return nil, err
	}
	canonical, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, file) {
		return nil, notCanonical(canonical, file)
	}
	return e, nil
}

// notCanonical names the first line in which a file differs from what Marshal
// writes for the same event. The bodies are the same, therefore it is a line
// of the front matter.
func notCanonical(canonical, file []byte) error {
	const most = len(openLine) + MaxFrontMatter + len(closeLine)
	want := strings.Split(string(canonical[:min(len(canonical), most)]), "\n")
	got := strings.Split(string(file[:min(len(file), most)]), "\n")
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Errorf("line %d is not in canonical form: want %s, found %s", i+1, quote(want[i]), quote(got[i]))
		}
	}
	return errors.New("the file is not in canonical form; write it with skein")
}

// ParseHeader reads a file written by Marshal, as fast as it can: it checks
// the form of the known keys, but neither limits nor unknown keys nor the
// body, nor that the form is canonical. Use it on files that are known to have
// passed Parse. Body aliases file; the strings share one copy of the front
// matter.
func ParseHeader(file []byte) (*Event, error) {
	front, body, err := split(file)
	if err != nil {
		return nil, err
	}
	e := &Event{}
	if err := parseFront(e, string(front)); err != nil {
		return nil, err
	}
	if len(body) > 0 {
		e.Body = body
	}
	return e, nil
}

// split cuts a file into front matter, with its last newline, and body.
func split(file []byte) (front, body []byte, err error) {
	rest, ok := bytes.CutPrefix(file, []byte(openLine))
	if !ok {
		return nil, nil, errors.New("the file does not begin with a line ---; it is not an event")
	}
	n := bytes.Index(rest[:min(len(rest), MaxFrontMatter+len(closeLine))], []byte("\n"+openLine))
	if n < 0 {
		return nil, nil, fmt.Errorf("no line --- ends the front matter within %d KiB; it is not an event", MaxFrontMatter>>10)
	}
	front, rest = rest[:n+1], rest[n+1:]
	body, ok = bytes.CutPrefix(rest, []byte(closeLine))
	if !ok {
		return nil, nil, errors.New("no blank line follows the front matter; insert one")
	}
	body, ok = bytes.CutSuffix(body, []byte("\n"))
	if !ok {
		return nil, nil, errors.New("no newline ends the file; append one")
	}
	return front, body, nil
}

// parseFront reads lines `key: value`, each of which ends with a newline.
func parseFront(e *Event, front string) error {
	var seen uint32
	hint := 0
	for front != "" {
		colon := strings.IndexByte(front, ':')
		end := strings.IndexByte(front, '\n')
		if colon < 0 || colon > end {
			return fmt.Errorf("front matter: %s is not a line key: value", quote(front[:end]))
		}
		name := front[:colon]
		i := keyIndex(name, hint)
		if i < 0 {
			end = extraEnd(front, end)
			e.Extra = append(e.Extra, Extra{Key: name, Raw: front[colon+1 : end]})
			front = front[end+1:]
			continue
		}
		if seen&(1<<i) != 0 {
			return fmt.Errorf("%s: stands twice; keep one", name)
		}
		if err := setKey(e, &keys[i], front[colon+1:end]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		seen |= 1 << i
		hint = i + 1
		front = front[end+1:]
	}
	return nil
}

func setKey(e *Event, k *key, raw string) error {
	if len(raw) < 2 || raw[0] != ' ' {
		return errors.New("has no value after ': '; give one, or leave the key out")
	}
	return k.set(e, raw[1:])
}

// extraEnd returns where the value of an unknown key ends, whose first line
// ends at end: indented and empty lines belong to it.
func extraEnd(front string, end int) int {
	for {
		rest := front[end+1:]
		if rest == "" || rest[0] != ' ' && rest[0] != '\t' && rest[0] != '\n' {
			return end
		}
		end += 1 + strings.IndexByte(rest, '\n')
	}
}
