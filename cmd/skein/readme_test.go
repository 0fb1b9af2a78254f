package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"skein/tools/profiles"
)

// The root of the repository, as tests of this package see it.
const repository = "../.."

// TestReadmeNamesTests: each row of README's table of what other systems do
// names tests that exist, each system is there, and each of its tools.
func TestReadmeNamesTests(t *testing.T) {
	rows := featureRows(t)
	tests := namedTests(t)
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)(/[a-z]+)?`")
	for _, row := range rows {
		found := named.FindAllStringSubmatch(row[3], -1)
		if len(found) == 0 {
			t.Errorf("no test holds %q of %s", row[1], row[0])
		}
		for _, f := range found {
			if !tests[f[1]] {
				t.Errorf("%q of %s: there is no test %s", row[1], row[0], f[1])
			}
			if f[2] == "" {
				continue
			}
			if _, err := os.Stat(filepath.Join("testdata", "script", f[2]+".txtar")); err != nil {
				t.Errorf("%q of %s: %v", row[1], row[0], err)
			}
		}
	}
	for _, system := range profiles.Names {
		p, err := profiles.New(system, profiles.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range p.Tools {
			name := "`" + tool.Definition.Name + "`"
			if !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == system && strings.Contains(r[1], name) }) {
				t.Errorf("%s of %s has no row", name, system)
			}
		}
	}
}

// featureRows are the cells of the table, without its head.
func featureRows(t *testing.T) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| system | feature | in skein | test |\n| --- | --- | --- | --- |\n")
	if !ok {
		t.Fatal("README.md has no such table")
	}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n "), " | ")
		if !strings.HasPrefix(line, "|") {
			break
		}
		if len(cells) != 4 {
			t.Fatalf("this row has %d cells: %s", len(cells), line)
		}
		rows = append(rows, cells)
	}
	return rows
}

// namedTests are the names of all tests in the repository.
func namedTests(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	err := filepath.WalkDir(repository, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(source, -1) {
			names[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
