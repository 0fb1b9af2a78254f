package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// named are the shapes that the documentation of --json writes out once.
var named = []any{jsonMessage{}, jsonThread{}, jsonChange{}, jsonProject{}, jsonAgent{}}

// shape writes a struct as the documentation does: {key, list: [{key}]}.
func shape(t reflect.Type) string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && !isNamed(f.Type.Elem()) {
			key += ": [" + shape(f.Type.Elem()) + "]"
		}
		keys = append(keys, key)
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

func isNamed(t reflect.Type) bool {
	return slices.ContainsFunc(named, func(v any) bool { return reflect.TypeOf(v) == t })
}

func TestJSONIsDocumented(t *testing.T) {
	help := strings.Join(strings.Fields(jsonHelp), " ")
	shapes := append(slices.Clone(named), jsonCommit{}, jsonPage{}, jsonInbox{}, jsonAck{}, jsonSearch{},
		jsonInit{}, jsonReport{}, jsonExport{}, jsonImport{}, jsonConfig{}, jsonVersion{})
	for _, v := range shapes {
		if s := shape(reflect.TypeOf(v)); !strings.Contains(help, s) {
			t.Errorf("skein help json does not have %T as %s", v, s)
		}
	}
}

func TestJSONHidesNothingAndShowsAll(t *testing.T) {
	want := "<a> & é 日本 👩‍💻 \x00\x1b\x7f\u0085\u009b\u202e\u2028\ufeff\u200b\U000e0041 \\u202e \"\\"
	var b bytes.Buffer
	if err := writeJSON(&b, map[string]string{"s": want}); err != nil {
		t.Fatal(err)
	}
	line := b.String()
	checkHidden(t, strings.TrimSuffix(line, "\n"))
	if !strings.Contains(line, "<a> & é 日本 👩‍💻") {
		t.Errorf("what can be seen is escaped: %s", line)
	}
	var got map[string]string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["s"] != want {
		t.Errorf("got %q, want %q", got["s"], want)
	}
}
