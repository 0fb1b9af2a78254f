package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// checker checks a call's arguments against the tool's definition, which is
// the only place where they are written down. What a model meant but did not
// say in the right type is put right ("5" for 5, "a" for ["a"]); everything
// else is refused in one sentence that names the argument and the valid ones.
type checker struct {
	tool     string
	names    []string // in the definition's order
	props    map[string]map[string]any
	required []string
}

func newChecker(def mcp.Tool) checker {
	c := checker{
		tool:     def.Name,
		names:    def.InputSchema.PropertyOrder,
		props:    make(map[string]map[string]any),
		required: def.InputSchema.Required,
	}
	for name, p := range def.InputSchema.Properties {
		if prop, ok := p.(map[string]any); ok {
			c.props[name] = prop
		}
	}
	return c
}

// decode checks raw, the call's arguments as they came, and stores them in
// params, a pointer to the tool's parameter struct. An argument that is null
// or empty counts as left out: some models send every parameter they know.
func (c checker) decode(raw json.RawMessage, params any) error {
	given, err := c.object(raw)
	if err != nil {
		return err
	}
	clean := make(map[string]any, len(given))
	for _, name := range sortedKeys(given) {
		if c.props[name] == nil {
			return c.unknown(name)
		}
		v, problem := coerce(name, c.props[name], given[name])
		if problem != "" {
			return fmt.Errorf("%s: %q must be %s; %s", c.tool, name, problem, c.usage())
		}
		if v != nil {
			clean[name] = v
		}
	}
	for name, prop := range c.props {
		if clean[name] == nil && prop["default"] != nil {
			clean[name] = prop["default"]
		}
	}
	for _, name := range c.required {
		if clean[name] == nil {
			return fmt.Errorf("%s needs %q; %s", c.tool, name, c.usage())
		}
	}
	fixed, err := json.Marshal(clean)
	if err != nil {
		return fmt.Errorf("%s: %w", c.tool, err)
	}
	return json.Unmarshal(fixed, params)
}

// object reads raw as a JSON object, or a string that holds one.
func (c checker) object(raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var inner string
	if json.Unmarshal(raw, &inner) == nil {
		raw = json.RawMessage(inner)
	}
	var m map[string]any
	if err := decodeNumbers(string(raw), &m); err != nil {
		return nil, fmt.Errorf("%s: the arguments must be one JSON object; %s", c.tool, c.usage())
	}
	return m, nil
}

// usage lists the tool's arguments.
func (c checker) usage() string {
	names := slices.Clone(c.names)
	for i, n := range names {
		if slices.Contains(c.required, n) {
			names[i] += " (required)"
		}
	}
	return "its arguments are " + strings.Join(names, ", ")
}

func (c checker) unknown(name string) error {
	hint := ""
	if n := nearest(name, c.names); n != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", n)
	}
	return fmt.Errorf("%s has no argument %q%s; %s", c.tool, clip(oneLine(name), 60), hint, c.usage())
}

// coerce makes v what the property asks for. It returns nil for a value that
// says nothing, and a description of what was wanted for one that cannot be
// understood.
func coerce(name string, prop map[string]any, v any) (_ any, problem string) {
	if prop["type"] == nil { // any value at all, null and "" included
		return json.RawMessage(show(v)), ""
	}
	if v == nil || v == "" {
		return nil, ""
	}
	switch prop["type"] {
	case "boolean":
		return toBool(v)
	case "integer":
		return toInt(prop, v)
	case "number":
		return toNumber(prop, v)
	case "array":
		return toList(v)
	case "object":
		return toObject(v)
	}
	if slices.Contains(jsonNames, name) && plain(v) == "" {
		return show(v), ""
	}
	s, problem := toText(prop, v)
	if problem != "" || s == "" {
		return nil, problem
	}
	return s, ""
}

func toBool(v any) (any, string) {
	switch strings.ToLower(strings.TrimSpace(plain(v))) {
	case "true", "1", "yes":
		return true, ""
	case "false", "0", "no":
		return false, ""
	}
	return nil, "true or false, not " + clip(show(v), 60)
}

func toInt(prop map[string]any, v any) (any, string) {
	least := minimum(prop, 1)
	f, err := strconv.ParseFloat(strings.TrimSpace(plain(v)), 64)
	if n := int(f); err == nil && float64(n) == f && f >= least && n <= 1<<30 {
		return n, ""
	}
	return nil, fmt.Sprintf("a whole number from %g, not %s", least, clip(show(v), 60))
}

func toNumber(prop map[string]any, v any) (any, string) {
	least := minimum(prop, 0)
	f, err := strconv.ParseFloat(strings.TrimSpace(plain(v)), 64)
	if err == nil && f >= least && f <= 1<<30 {
		return f, ""
	}
	return nil, fmt.Sprintf("a number from %g, not %s", least, clip(show(v), 60))
}

// minimum is the least value that the definition allows.
func minimum(prop map[string]any, otherwise float64) float64 {
	if least, ok := prop["minimum"].(float64); ok {
		return least
	}
	return otherwise
}

// toObject accepts an object, and one written as JSON in a string.
func toObject(v any) (any, string) {
	object := v
	if s, ok := v.(string); ok && decodeNumbers(s, &object) != nil {
		object = nil
	}
	if m, ok := object.(map[string]any); ok {
		return m, ""
	}
	return nil, "a JSON object, not " + clip(show(v), 60)
}

// The parameters that carry JSON in a string; an object or a list is accepted
// for them, since that is how most models send it.
const (
	payloadName  = "payload"
	valueName    = "value"
	metadataName = "metadata"
)

var jsonNames = []string{payloadName, valueName, metadataName}

func toText(prop map[string]any, v any) (string, string) {
	s := plain(v)
	if s == "" {
		return "", "a string, not " + clip(show(v), 60)
	}
	if values, ok := prop["enum"].([]string); ok {
		s = strings.ToLower(strings.TrimSpace(s))
		if !slices.Contains(values, s) {
			return "", "one of " + strings.Join(values, ", ") + ", not " + clip(show(v), 60)
		}
	}
	return s, ""
}

// toList accepts a list, a list written as JSON in a string, names divided by
// commas, and a single value.
func toList(v any) (any, string) {
	var out []string
	for _, e := range elements(v) {
		if e == nil || e == "" {
			continue
		}
		s := strings.TrimSpace(plain(e))
		if s == "" {
			return nil, "a list of strings, not " + clip(show(v), 60)
		}
		out = append(out, s)
	}
	if out == nil {
		return nil, ""
	}
	return out, ""
}

func elements(v any) []any {
	var out []any
	switch v := v.(type) {
	case []any:
		return v
	case string:
		if decodeNumbers(v, &out) == nil && out != nil {
			return out
		}
		for f := range strings.SplitSeq(v, ",") {
			out = append(out, strings.TrimSpace(f))
		}
		return out
	}
	return []any{v}
}

// decodeNumbers decodes JSON and keeps the digits of its numbers, so that one
// that becomes text is what was sent.
func decodeNumbers(s string, v any) error {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more follows the value")
	}
	return nil
}

// plain is a string, number or boolean as text, "" for anything else.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// show is v as JSON.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
