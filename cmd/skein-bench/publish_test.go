package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReplaceBlock(t *testing.T) {
	const text = "a\n<!-- bench: x -->\nold\n<!-- end -->\nb\n<!-- bench: y -->\nkept\n<!-- end -->\n"
	got, err := replaceBlock(text, "x", "new\n\n")
	if want := strings.Replace(text, "old", "new", 1); err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	for _, broken := range []string{"", "<!-- bench: x -->\nno end", "<!-- end -->"} {
		if _, err := replaceBlock(broken, "x", "new"); err == nil {
			t.Errorf("%q was taken", broken)
		}
	}
}

// TestPublish: the documents of this source tree have the blocks that -update
// fills.
func TestPublish(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{readme, benchmarks} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name), "bench"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	front, back := row{what: "in both"}, row{what: "only in the long one"}
	r := report{head: "- head\n", sizes: "sizes", peers: "peers", pictures: map[string]string{"post.svg": "<svg/>"}}
	r.add(group{readme: true}, []row{front})
	r.add(group{}, []row{back})
	if err := r.publish(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]bool{readme: {true, false}, benchmarks: {true, true}} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{strings.Contains(string(text), front.what), strings.Contains(string(text), back.what)}; got != want {
			t.Errorf("%s has the rows %v, want %v", name, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, pictures, "post.svg")); err != nil {
		t.Error(err)
	}
}

// TestSizesTable: a line for each curve, a dash for what was not measured.
func TestSizesTable(t *testing.T) {
	got := sizesTable([]*scale{
		{n: 1000, post: sample{time.Millisecond}, gitCommit: sample{8 * time.Millisecond}},
		{n: 1_000_000, post: sample{2 * time.Millisecond}},
	})
	for _, want := range []string{
		"| median | 1,000 | 1,000,000 |\n", "| A durable post: skein | 1 ms | 2 ms |\n", "| A durable post: git add && commit | 8 ms | — |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

// TestPackSize: what was replaced is counted apart, and can be dropped.
func TestPackSize(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"pack-a.pack": 100, "pack-a.idx": 10, "pack-b.pack": 1000, "pack-b.idx": 1, "pack-b.replaced-1-77": 0, "pack-b.keep": 0} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if used, replaced, err := packSize(dir); used != 110 || replaced != 1001 || err != nil {
		t.Errorf("%d bytes used, %d replaced: %v", used, replaced, err)
	}
	if err := dropReplaced(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); len(left) != 2 || err != nil {
		t.Errorf("%v is left: %v", left, err)
	}
}

// TestPlot: every point and name is in the picture, inside of it, and no two
// names cover each other; what was not measured leaves no trace.
func TestPlot(t *testing.T) {
	curves := []curve{
		{"a < b", []point{{1000, time.Millisecond}, {100_000, 2 * time.Millisecond}}},
		{"near", []point{{1000, time.Second}, {100_000, 2100 * time.Microsecond}}},
		{"alone", []point{{1000, 50 * time.Microsecond}}},
		{"nothing", nil},
	}
	svg := plot("Costs & sizes", curves)
	d := xml.NewDecoder(strings.NewReader(svg))
	circles := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 5 || strings.Contains(svg, "nothing") || !strings.Contains(svg, "a &lt; b, 2 ms") {
		t.Errorf("%d circles in\n%s", circles, svg)
	}
	a := axesOf(curves)
	for _, c := range curves {
		for _, p := range c.points {
			if x, y := a.x(p.n), a.y(p.took); x < plotLeft || x > plotLeft+plotInner || y < plotTop || y > plotTop+plotTall {
				t.Errorf("%v is drawn at %.0f, %.0f", p, x, y)
			}
		}
	}
	if y := a.labels(curves); y[1]-y[0] < labelDistance-1 && y[0]-y[1] < labelDistance-1 {
		t.Errorf("the names stand at %v", y)
	}
}
