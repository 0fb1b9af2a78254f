package render

import (
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Terminal says how text is laid out. The zero value is for a pipe: no
// colours, bodies as they were written, nothing wrapped or cut. A Terminal is
// a value and safe for concurrent use.
type Terminal struct {
	Width    int            // columns; 0: nothing is wrapped or cut
	Color    bool           // add escape sequences for colour
	Light    bool           // the background is light
	Markdown bool           // draw bodies as Markdown
	Location *time.Location // of the times shown; nil: UTC
}

// When shows a point in time to the minute, "-" for the zero time.
func (t Terminal) When(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	location := t.Location
	if location == nil {
		location = time.UTC
	}
	return at.In(location).Format("2006-01-02 15:04")
}

// A Cell is one entry of a table.
type Cell struct {
	text string
	look look
}

// Plain makes a cell of a text that may hold anything.
func Plain(s string) Cell { return Cell{text: Line(s)} }

// Strong is Plain for what the row is about.
func Strong(s string) Cell { return Cell{Line(s), bold} }

// Ident is Plain for what is typed to name a thing: ids and hashes.
func Ident(s string) Cell { return Cell{Line(s), ident} }

// Dim is Plain for what matters less.
func Dim(s string) Cell { return Cell{Line(s), dim} }

// Table lays rows out in columns, two spaces apart, a line each. The last
// column is cut at the terminal's width.
func (t Terminal) Table(rows [][]Cell) string {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(c.text))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(t.row(row, widths))
		b.WriteByte('\n')
	}
	return b.String()
}

func (t Terminal) row(row []Cell, widths []int) string {
	var b strings.Builder
	col := 0
	for i, c := range row {
		last := i == len(row)-1
		if last && t.Width > 0 {
			c.text = ansi.Truncate(c.text, max(t.Width-col, minWidth), "…")
		}
		if last && c.text == "" {
			break
		}
		b.WriteString(t.paint(c.look, c.text))
		if !last {
			b.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(c.text)+2))
			col += widths[i] + 2
		}
	}
	return strings.TrimRight(b.String(), " ")
}
