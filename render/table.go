package render

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// table draws a Markdown table; cells are wrapped if it is too wide.
func (d *document) table(n *extast.Table, width int) []string {
	var rows [][][]span
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells [][]span
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, d.inline(cell, d.cellStyle(row), nil))
		}
		rows = append(rows, cells)
	}
	widths := fit(columnWidths(rows), width)
	var out []string
	for i, row := range rows {
		out = append(out, d.tableRow(row, widths, n.Alignments)...)
		if i == 0 {
			out = append(out, d.t.paint(dim, tableRule(widths)))
		}
	}
	return out
}

func (d *document) cellStyle(row ast.Node) string {
	if _, ok := row.(*extast.TableHeader); ok {
		return bold.sgr
	}
	return ""
}

func columnWidths(rows [][][]span) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 1)
			}
			w := 0
			for _, s := range cell {
				w += ansi.StringWidth(s.text)
			}
			widths[i] = max(widths[i], w)
		}
	}
	return widths
}

// columnGap is the width of what separates two columns.
const columnGap = 3

// fit narrows the widest columns until the table fits; each keeps a few
// columns, so a table of very many may still be too wide.
func fit(widths []int, width int) []int {
	if width <= 0 || len(widths) == 0 {
		return widths
	}
	const least = 4
	total := columnGap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= least {
			break
		}
		widths[widest]--
	}
	return widths
}

func (d *document) tableRow(row [][]span, widths []int, align []extast.Alignment) []string {
	cells := make([][]string, len(widths))
	height := 1
	for i := range widths {
		if i < len(row) {
			cells[i] = d.t.wrap(row[i], widths[i])
		}
		height = max(height, len(cells[i]))
	}
	lines := make([]string, height)
	for y := range lines {
		parts := make([]string, len(widths))
		for i, w := range widths {
			var s string
			if y < len(cells[i]) {
				s = cells[i][y]
			}
			parts[i] = pad(s, w, i < len(align) && align[i] == extast.AlignRight)
		}
		lines[y] = strings.TrimRight(strings.Join(parts, d.t.paint(dim, " │ ")), " ")
	}
	return lines
}

func tableRule(widths []int) string {
	parts := make([]string, len(widths))
	for i, w := range widths {
		parts[i] = strings.Repeat("─", w)
	}
	return strings.Join(parts, "─┼─")
}

// pad fills s to width columns, on the left if right-aligned.
func pad(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
	if right {
		return fill + s
	}
	return s + fill
}
