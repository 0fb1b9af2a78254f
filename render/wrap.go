package render

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A span is a run of clean text in one style.
type span struct {
	text string
	sgr  string
}

// A wrapper fills lines with words; a word may be made of several spans.
type wrapper struct {
	t     Terminal
	width int // columns; 0: only line feeds break

	lines []string
	line  []span
	col   int
	word  []span
	wordW int
	space *span // the space before the word, drawn only if the word fits
}

// wrap breaks spans into painted lines of at most width columns. A line feed
// in the text always breaks; a word wider than a line is cut.
func (t Terminal) wrap(spans []span, width int) []string {
	w := &wrapper{t: t, width: width}
	for _, s := range spans {
		w.add(s)
	}
	w.endWord()
	w.endLine()
	return w.lines
}

func (w *wrapper) add(s span) {
	for s.text != "" {
		i := strings.IndexAny(s.text, " \t\n")
		if i < 0 {
			w.extend(span{s.text, s.sgr})
			return
		}
		if i > 0 {
			w.extend(span{s.text[:i], s.sgr})
		}
		w.endWord()
		if s.text[i] == '\n' {
			w.endLine()
		} else {
			w.space = &span{" ", s.sgr}
		}
		s.text = s.text[i+1:]
	}
}

func (w *wrapper) extend(s span) {
	w.word = append(w.word, s)
	w.wordW += ansi.StringWidth(s.text)
}

// endWord places the pending word on this line, or on the next.
func (w *wrapper) endWord() {
	if len(w.word) == 0 {
		return
	}
	if w.space != nil && w.col > 0 {
		if w.width > 0 && w.col+1+w.wordW > w.width {
			w.endLine()
		} else {
			w.line = append(w.line, *w.space)
			w.col++
		}
	}
	if w.width > 0 && w.col+w.wordW > w.width {
		w.cutWord()
	} else {
		w.line = append(w.line, w.word...)
		w.col += w.wordW
	}
	w.word, w.wordW, w.space = nil, 0, nil
}

// cutWord spreads a word that is wider than what is left over as many lines
// as it takes.
func (w *wrapper) cutWord() {
	for _, s := range w.word {
		for s.text != "" {
			cluster, width := ansi.FirstGraphemeCluster(s.text, ansi.GraphemeWidth)
			if cluster == "" {
				break
			}
			if w.col+width > w.width && w.col > 0 {
				w.endLine()
			}
			w.append(span{cluster, s.sgr})
			w.col += width
			s.text = s.text[len(cluster):]
		}
	}
}

// append adds s to the line, to its last span if the style is the same.
func (w *wrapper) append(s span) {
	if n := len(w.line); n > 0 && w.line[n-1].sgr == s.sgr {
		w.line[n-1].text += s.text
		return
	}
	w.line = append(w.line, s)
}

func (w *wrapper) endLine() {
	var b strings.Builder
	for i := 0; i < len(w.line); {
		text := w.line[i].text
		j := i + 1
		for ; j < len(w.line) && w.line[j].sgr == w.line[i].sgr; j++ {
			text += w.line[j].text
		}
		b.WriteString(w.t.sgr(w.line[i].sgr, text))
		i = j
	}
	w.lines = append(w.lines, b.String())
	w.line, w.col, w.space = nil, 0, nil
}
