package event

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of unknown keys.
const (
	MaxExtra    = 64
	maxExtraKey = 64 // bytes
)

// checkExtras checks the unknown keys and their values.
func checkExtras(extras []Extra) error {
	if len(extras) > MaxExtra {
		return fmt.Errorf("front matter: %d unknown keys are more than %d; put the data in payload", len(extras), MaxExtra)
	}
	for i, x := range extras {
		if err := checkExtraKey(x.Key); err != nil {
			return err
		}
		for _, earlier := range extras[:i] {
			if earlier.Key == x.Key {
				return fmt.Errorf("%s: stands twice; keep one", x.Key)
			}
		}
		if err := checkExtraValue(x); err != nil {
			return fmt.Errorf("%s: %w", x.Key, err)
		}
	}
	return nil
}

func checkExtraKey(name string) error {
	switch {
	case !isExtraKey(name):
		return fmt.Errorf("front matter: %s is not a key; use a-z, 0-9, '_' and '-', at most %d, and begin with a letter or '_'", quote(name), maxExtraKey)
	case keyIndex(name, 0) >= 0:
		return fmt.Errorf("%s: is a key of skein's own; set its field", name)
	case isYAMLWord(name):
		return fmt.Errorf("%s: is no text to a YAML reader; choose another key", name)
	}
	return nil
}

func isExtraKey(name string) bool {
	if name == "" || len(name) > maxExtraKey || !isAlnum(name[0]) && name[0] != '_' || isDigit(name[0]) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isAlnum(c) && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// checkExtraValue accepts a value that a YAML reader takes for this key's and
// nothing else's: no line but the first may begin a key, and nothing but the
// newline may end a line.
func checkExtraValue(x Extra) error {
	if !utf8.ValidString(x.Raw) {
		return errors.New("is not valid UTF-8; send plain text")
	}
	for _, r := range x.Raw {
		if r != '\n' && r != '\t' && needsEscape(r) {
			return fmt.Errorf("holds the character U+%04X; escape it in double quotes", r)
		}
	}
	for i, line := range strings.Split(x.Raw, "\n") {
		if line != "" && line[0] != ' ' && (i == 0 || line[0] != '\t') {
			return errors.New("has a line that does not begin with a space; indent it")
		}
	}
	return checkYAML(x)
}

func checkYAML(x Extra) error {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(x.Key+":"+x.Raw+"\n"), &document); err != nil {
		return notYAML(err)
	}
	if len(document.Content) != 1 || len(document.Content[0].Content) != 2 || document.Content[0].Content[0].Value != x.Key {
		return errors.New("is not one YAML value; correct it")
	}
	return checkNode(document.Content[0].Content[1])
}

// notYAML makes one line of the reader's error, which may have many.
func notYAML(err error) error {
	return fmt.Errorf("is not valid YAML (%s); correct it", cutText(oneLine(err.Error()), 160))
}

// checkNode refuses what makes YAML more than data: anchors, aliases, tags
// and merge keys.
func checkNode(n *yaml.Node) error {
	if n.Anchor != "" || n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0 || n.Tag == "!!merge" {
		return errors.New("holds a YAML anchor, alias, tag or merge key; write the value out")
	}
	if n.Kind == yaml.MappingNode {
		if err := checkMapping(n); err != nil {
			return err
		}
	}
	for _, child := range n.Content {
		if err := checkNode(child); err != nil {
			return err
		}
	}
	return nil
}

// checkMapping refuses keys that stand twice and keys that are no words. The
// YAML reader finds them too, but while decoding, and it then needs minutes
// for a mapping of many equal keys.
func checkMapping(n *yaml.Node) error {
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		name := n.Content[i]
		switch {
		case name.Kind != yaml.ScalarNode:
			return errors.New("has a list or a mapping as a key; use plain words")
		case seen[name.Value]:
			return fmt.Errorf("has the key %s twice; leave one out", quote(name.Value))
		}
		seen[name.Value] = true
	}
	return nil
}
