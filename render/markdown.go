package render

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// Limits on what is parsed as Markdown. The parser's time is quadratic in
// nested marks (14 s for 256 KiB of '>') and in the cells that it adds to
// short rows of wide tables, so a body over either limit is shown as plain
// text. Within them the worst case found takes 150 ms.
const (
	maxMarkdown = 32 << 10
	maxMarks    = 4096
)

// maxNesting is how deep quotes and lists are indented; what is nested deeper
// is drawn at that depth.
const maxNesting = 10

// markdown draws a body as lines that fit behind the indent of bodies.
// Everything in the body is shown: HTML, comments and link addresses too.
func (t Terminal) markdown(body string) []string {
	if len(body) > maxMarkdown || marks(body) > maxMarks {
		return strings.Split(Text(body), "\n")
	}
	md := goldmark.New(goldmark.WithExtensions(
		extension.Table, extension.Strikethrough, extension.TaskList))
	d := &document{t: t, src: []byte(body)}
	return d.blocks(md.Parser().Parse(text.NewReader(d.src)), t.room(bodyIndent), 0)
}

// Text is drawn no narrower and no wider than can be read.
const (
	minWidth = 10
	maxWidth = 100
)

// room is the width left after an indent: 0, without a limit, stays 0.
func (t Terminal) room(indent int) int {
	if t.Width <= 0 {
		return 0
	}
	return max(min(t.Width, maxWidth)-indent, minWidth)
}

// marks weighs the marks in s by what they can cost.
func marks(s string) int {
	n := 0
	for i := range len(s) {
		switch s[i] {
		case '*', '_', '[', '<', '>', '~':
			n++
		case '|':
			n += 4
		}
	}
	return n
}

// A document is one body while it is drawn.
type document struct {
	t   Terminal
	src []byte
}

// blocks draws the children of n with an empty line between them, or none in
// a tight list.
func (d *document) blocks(n ast.Node, width, depth int) []string {
	var out []string
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		lines := d.block(c, width, depth)
		if len(out) > 0 && len(lines) > 0 && !tight(n) {
			out = append(out, "")
		}
		out = append(out, lines...)
	}
	return out
}

func tight(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.List:
		return n.IsTight
	case *ast.ListItem:
		list, ok := n.Parent().(*ast.List)
		return ok && list.IsTight
	}
	return false
}

func (d *document) block(n ast.Node, width, depth int) []string {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock:
		return d.t.wrap(d.inline(n, "", nil), width)
	case *ast.Heading:
		return d.heading(n, width)
	case *ast.ThematicBreak:
		return []string{d.t.paint(dim, strings.Repeat("─", max(3, min(width, 40))))}
	case *ast.Blockquote:
		return d.nest(n, d.t.paint(dim, "│ "), d.t.paint(dim, "│ "), width, depth)
	case *ast.List:
		return d.list(n, width, depth)
	case *ast.FencedCodeBlock:
		return d.fenced(n)
	case *extast.Table:
		return d.table(n, width)
	case *ast.CodeBlock:
		return d.raw(n, code, "  ")
	}
	return d.raw(n, dim, "")
}

func (d *document) heading(n *ast.Heading, width int) []string {
	params := d.t.onBackground(heading).sgr
	spans := []span{{strings.Repeat("#", n.Level) + " ", params}}
	return d.t.wrap(d.inline(n, params, spans), width)
}

// nest draws the children of n behind a prefix: first on the first line, rest
// on the others.
func (d *document) nest(n ast.Node, first, rest string, width, depth int) []string {
	if depth >= maxNesting {
		return d.blocks(n, width, depth+1)
	}
	if width > 0 {
		width = max(width-ansi.StringWidth(first), minWidth)
	}
	lines := d.blocks(n, width, depth+1)
	if len(lines) == 0 {
		lines = []string{""}
	}
	for i, l := range lines {
		lines[i] = strings.TrimRight(rest+l, " ")
		if i == 0 {
			lines[i] = first + l
		}
	}
	return lines
}

func (d *document) list(n *ast.List, width, depth int) []string {
	var out []string
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		marker := "• "
		if n.IsOrdered() {
			marker = strconv.Itoa(number) + string(n.Marker) + " "
			number++
		}
		if len(out) > 0 && !n.IsTight {
			out = append(out, "")
		}
		indent := strings.Repeat(" ", ansi.StringWidth(marker))
		out = append(out, d.nest(item, d.t.paint(dim, marker), indent, width, depth)...)
	}
	return out
}

// fenced draws a code block, its info string above it.
func (d *document) fenced(n *ast.FencedCodeBlock) []string {
	lines := d.raw(n, code, "  ")
	if n.Info == nil {
		return lines
	}
	info := Line(string(n.Info.Segment.Value(d.src)))
	return append([]string{"  " + d.t.paint(dim, info)}, lines...)
}

// raw draws the source lines of a block as they are, neither wrapped nor
// joined, so that they can be copied.
func (d *document) raw(n ast.Node, l look, indent string) []string {
	segments := n.Lines()
	var out []string
	for i := range segments.Len() {
		segment := segments.At(i)
		out = append(out, d.rawLine(segment.Value(d.src), l, indent))
	}
	if html, ok := n.(*ast.HTMLBlock); ok && html.HasClosure() {
		out = append(out, d.rawLine(html.ClosureLine.Value(d.src), l, indent))
	}
	return out
}

func (d *document) rawLine(source []byte, l look, indent string) string {
	line := Text(string(bytes.TrimRight(source, "\r\n")))
	return indent + d.t.paint(l, strings.ReplaceAll(line, "\t", "    "))
}
