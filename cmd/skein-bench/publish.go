package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where -update writes, seen from the top of the source tree.
const (
	readme     = "README.md"
	benchmarks = "gitstore/BENCHMARKS.md"
	pictures   = "gitstore/bench"
)

// report gathers what a run has to publish.
type report struct {
	head     string // on what it was measured
	rows     []row  // all
	chosen   []row  // those of the README
	sizes    string // a table of costs against sizes
	pictures map[string]string
	peers    string
}

func (r *report) add(g group, rows []row) {
	r.rows = append(r.rows, rows...)
	if g.readme {
		r.chosen = append(r.chosen, rows...)
	}
}

// publish puts the report into the documents below dir. Blocks of what was not
// measured stay as they are.
func (r *report) publish(dir string) error {
	var all, chosen strings.Builder
	(&table{out: &all}).add(r.rows...)
	(&table{out: &chosen}).add(r.chosen...)
	long := filepath.Join(dir, benchmarks)
	var errs []error
	if len(r.rows) > 0 {
		errs = append(errs, rewrite(filepath.Join(dir, readme), "figures", r.head+"\n"+chosen.String()),
			rewrite(long, "figures", r.head+"\n"+all.String()))
	}
	if r.sizes != "" {
		errs = append(errs, rewrite(long, "sizes", r.sizes))
	}
	if r.peers != "" {
		errs = append(errs, rewrite(long, "peers", r.peers))
	}
	return errors.Join(append(errs, r.draw(dir))...)
}

func (r *report) draw(dir string) error {
	if len(r.pictures) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(dir, pictures), 0o750); err != nil {
		return err
	}
	for name, svg := range r.pictures {
		if err := os.WriteFile(filepath.Join(dir, pictures, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func rewrite(path, block, with string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed, err := replaceBlock(string(text), block, with)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(changed), 0o644)
}

// replaceBlock replaces what stands between the comments that open and close
// a block of a document.
func replaceBlock(text, block, with string) (string, error) {
	begin, end := "<!-- bench: "+block+" -->\n", "<!-- end -->"
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("there is no block from %q to %q", strings.TrimSpace(begin), end)
	}
	return before + begin + strings.TrimSpace(with) + "\n" + end + after, nil
}
