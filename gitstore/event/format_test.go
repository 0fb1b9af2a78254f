package event

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestFormatDocument holds FORMAT.md against the code: the example, byte for
// byte, and the order of the known keys.
func TestFormatDocument(t *testing.T) {
	document, err := os.ReadFile("../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	e := message(t)
	file, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"\n```\n" + string(file) + "```\n",
		fmt.Sprintf("\n%d bytes, each line of which", len(file)),
		fmt.Sprintf("The body is the %d bytes `%s`.", len(e.Body), e.Body),
		"`projects/axon/constraint-model/" + Month(e.At) + "/" + FileName(e) + "`",
	} {
		if !strings.Contains(string(document), part) {
			t.Errorf("FORMAT.md lacks %q", part)
		}
	}
	if !e.ID.Time().Equal(e.At) {
		t.Errorf("the example is of %s, its id of %s", e.At, e.ID.Time())
	}
	_, section, _ := strings.Cut(string(document), "### Known keys")
	section, _, _ = strings.Cut(section, "###")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(section, -1) {
		documented = append(documented, strings.Split(strings.ReplaceAll(row[1], "`", ""), ", ")...)
	}
	var known []string
	for _, k := range keys {
		known = append(known, k.name)
	}
	if got, want := strings.Join(documented, " "), strings.Join(known, " "); got != want {
		t.Errorf("FORMAT.md has the keys\n%s, the code\n%s", got, want)
	}
}
