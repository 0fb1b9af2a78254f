package legacy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// fields are the named values of one record: the columns of a row, or the
// members of a JSON object. A value is nil, a string, []byte, int64, float64,
// bool or time.Time, or what JSON holds. Each getter takes the names under
// which versions of a system have kept the value; the first that is there
// counts. A value that is null counts as not there.
type fields map[string]any

func (f fields) get(names []string) (any, string) {
	for _, name := range names {
		if v := f[name]; v != nil {
			return v, name
		}
	}
	return nil, names[0]
}

// text returns a text; a number is written out. It is "" if there is none.
func (f fields) text(names ...string) (string, error) {
	v, name := f.get(names)
	text := ""
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		text = v
	case []byte:
		text = string(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case json.Number:
		text = v.String()
	case time.Time:
		text = v.UTC().Format(time.RFC3339Nano)
	default:
		return "", fmt.Errorf("%s is no text", name)
	}
	switch {
	case !utf8.ValidString(text):
		return "", fmt.Errorf("%s is not valid UTF-8", name)
	case strings.ContainsRune(text, 0):
		return "", fmt.Errorf("%s holds a NUL character", name)
	}
	return text, nil
}

// needText is text for what cannot be left out.
func (f fields) needText(names ...string) (string, error) {
	text, err := f.text(names...)
	if err == nil && text == "" {
		err = fmt.Errorf("%s is missing", names[0])
	}
	return text, err
}

// body is text that may be empty, but not left out.
func (f fields) body(names ...string) (string, error) {
	if v, name := f.get(names); v == nil {
		return "", fmt.Errorf("%s is missing", name)
	}
	return f.text(names...)
}

// time returns a time, zero if there is none.
func (f fields) time(names ...string) (time.Time, error) {
	v, name := f.get(names)
	if t, ok := v.(time.Time); ok {
		return checkedTime(t)
	}
	if number, ok := v.(float64); ok {
		return unixTime(number)
	}
	text, err := f.text(name)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	t, err := parseTime(text)
	if err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// needTime is time for what cannot be left out.
func (f fields) needTime(names ...string) (time.Time, error) {
	t, err := f.time(names...)
	if err == nil && t.IsZero() {
		err = fmt.Errorf("%s is missing, so that it has no date", names[0])
	}
	return t, err
}

// number returns a whole number, 0 if there is none.
func (f fields) number(names ...string) (int64, error) {
	v, name := f.get(names)
	switch v := v.(type) {
	case nil:
		return 0, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case int64:
		return v, nil
	}
	text, err := f.text(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is no whole number", name)
	}
	return n, nil
}

func (f fields) flag(names ...string) (bool, error) {
	n, err := f.number(names...)
	return n != 0, err
}

// json returns a value as JSON, nil if there is none. What a row holds as text
// must be JSON.
func (f fields) json(names ...string) (json.RawMessage, error) {
	v, name := f.get(names)
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return checkJSON(name, v)
	case string:
		return checkJSON(name, []byte(v))
	case json.RawMessage:
		return v, nil
	}
	return nil, fmt.Errorf("%s is no JSON", name)
}

// data returns what people have attached, as JSON; a text that is none becomes
// a JSON text.
func (f fields) data(name string) (json.RawMessage, error) {
	if value, err := f.json(name); err == nil {
		return value, nil
	}
	return json.Marshal(f[name])
}

// list returns texts, from a JSON list or from a text with commas.
func (f fields) list(name string) ([]string, error) {
	var texts []string
	if raw, ok := f[name].(json.RawMessage); ok {
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("%s is no list of texts", name)
		}
		return texts, nil
	}
	text, err := f.text(name)
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			texts = append(texts, part)
		}
	}
	return texts, err
}

func checkJSON(name string, value []byte) (json.RawMessage, error) {
	if len(bytes.TrimSpace(value)) == 0 {
		return nil, nil
	}
	if !json.Valid(value) {
		return nil, fmt.Errorf("%s is not valid JSON", name)
	}
	return value, nil
}

// parseObject reads one JSON object, strictly: nothing may follow it. Members
// that are objects or lists stay as they are.
func parseObject(data []byte) (fields, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("is not valid UTF-8")
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, jsonError(err)
	}
	if raw == nil {
		return nil, errors.New("is no JSON object")
	}
	f := make(fields, len(raw))
	for name, value := range raw {
		v, err := parseValue(value)
		if err != nil {
			return nil, err
		}
		f[name] = v
	}
	return f, nil
}

func parseValue(value json.RawMessage) (any, error) {
	if value[0] == '{' || value[0] == '[' {
		return value, nil
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// jsonError says what is wrong with JSON in one sentence.
func jsonError(err error) error {
	if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
		return errors.New("is no JSON object")
	}
	if strings.Contains(err.Error(), "unexpected end") {
		return errors.New("is cut short in the middle of its JSON")
	}
	return fmt.Errorf("is not valid JSON (%w)", err)
}

// strangers counts the names that no reader knows, by the kind of record.
type strangers map[string]int

// meet counts the names of f that are not among those known.
func (s strangers) meet(where string, f fields, known ...string) {
	for name, v := range f {
		if v != nil && !slices.Contains(known, name) {
			s[fmt.Sprintf("%s: %q", where, shorten(name))]++
		}
	}
}

// report makes a note of each.
func (s strangers) report(a *Archive) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		a.note("%s is not known to skein and was left out of %s", name, count(s[name], "record"))
	}
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
