package render

import (
	"bufio"
	"bytes"
	"html"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	gmhtml "github.com/yuin/goldmark/renderer/html"
)

// inline appends the inline children of n, drawn within the style params.
func (d *document) inline(n ast.Node, params string, out []span) []span {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		out = d.inlineNode(c, params, out)
	}
	return out
}

func (d *document) inlineNode(n ast.Node, params string, out []span) []span {
	switch n := n.(type) {
	case *ast.Text:
		return d.text(n, params, out)
	case *ast.String:
		return append(out, span{Text(string(n.Value)), params})
	case *ast.CodeSpan:
		return d.codeSpan(n, params, out)
	case *ast.Emphasis:
		if n.Level == 2 {
			return d.marked(n, strong, params, out)
		}
		return d.marked(n, italic, params, out)
	case *extast.Strikethrough:
		return d.marked(n, strike, params, out)
	case *ast.Link:
		out = d.marked(n, link, params, out)
		return d.address(n.Destination, n.Title, params, out)
	case *ast.Image:
		out = append(d.inline(n, params, append(out, span{"[image: ", params})), span{"]", params})
		return d.address(n.Destination, n.Title, params, out)
	case *ast.AutoLink:
		return append(out, span{Line(string(n.Label(d.src))), d.inner(params, link)})
	case *ast.RawHTML:
		return append(out, span{Text(string(n.Segments.Value(d.src))), d.inner(params, dim)})
	case *extast.TaskCheckBox:
		return append(out, span{checkBox(n.IsChecked), params})
	}
	return d.inline(n, params, out)
}

// text resolves escapes and character references, then cleans the result:
// the order matters, because &#27; is a control character only afterwards.
func (d *document) text(n *ast.Text, params string, out []span) []span {
	raw := n.Value(d.src)
	s := string(raw)
	if !n.IsRaw() && bytes.ContainsAny(raw, "&\\") {
		s = unescape(raw)
	}
	out = append(out, span{Text(s), params})
	if n.SoftLineBreak() || n.HardLineBreak() {
		// A writer's line break is kept: messages are written like mail.
		out = append(out, span{"\n", params})
	}
	return out
}

// unescape returns the text that Markdown source stands for. goldmark writes
// it as HTML, which the standard library turns back exactly.
func unescape(raw []byte) string {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	gmhtml.DefaultWriter.Write(w, raw)
	_ = w.Flush() // a bytes.Buffer takes everything
	return html.UnescapeString(b.String())
}

func (d *document) codeSpan(n *ast.CodeSpan, params string, out []span) []span {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Value(d.src))
		}
	}
	s := strings.ReplaceAll(Text(b.String()), "\n", " ")
	mark := d.mark(code)
	return append(out, span{mark + s + mark, d.inner(params, code)})
}

// marked draws the children of n in a look.
func (d *document) marked(n ast.Node, l look, params string, out []span) []span {
	params = d.inner(params, l)
	mark := d.mark(l)
	if mark == "" {
		return d.inline(n, params, out)
	}
	out = d.inline(n, params, append(out, span{mark, params}))
	return append(out, span{mark, params})
}

// address shows where a link leads, unless its text says so already.
func (d *document) address(destination, title []byte, params string, out []span) []span {
	address := Line(unescape(destination))
	if len(title) > 0 {
		address += ` "` + Line(unescape(title)) + `"`
	}
	if len(out) > 0 && out[len(out)-1].text == address {
		return out
	}
	return append(out, span{" (" + address + ")", d.inner(params, dim)})
}

// mark is what stands for a look where there is no colour.
func (d *document) mark(l look) string {
	if d.t.Color {
		return ""
	}
	return l.mark
}

func (d *document) inner(params string, l look) string {
	return joinSGR(params, d.t.onBackground(l).sgr)
}

func checkBox(checked bool) string {
	if checked {
		return "[x] "
	}
	return "[ ] "
}
