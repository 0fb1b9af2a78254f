package render

import "strings"

// A look is how one kind of text is drawn: by select-graphic-rendition
// parameters where there is colour, by marks around it where there is none.
type look struct {
	sgr  string
	mark string
}

// The looks of Markdown and of message heads. Colours are the sixteen that
// the terminal's own theme defines.
var (
	bold    = look{sgr: "1"}
	dim     = look{sgr: "2"}
	strong  = look{sgr: "1", mark: "**"}
	italic  = look{sgr: "3", mark: "*"}
	strike  = look{sgr: "9", mark: "~~"}
	heading = look{sgr: "1;36"}
	urgent  = look{sgr: "1;31"}
	code    = look{sgr: "33", mark: "`"}
	ident   = look{sgr: "33"}
	link    = look{sgr: "4;94"}

	lightCode = look{sgr: "35", mark: "`"}
	lightID   = look{sgr: "35"}
	lightLink = look{sgr: "4;34"}
)

// onBackground replaces the looks that are hard to read on a light ground.
func (t Terminal) onBackground(l look) look {
	if !t.Light {
		return l
	}
	switch l {
	case code:
		return lightCode
	case ident:
		return lightID
	case link:
		return lightLink
	}
	return l
}

// paint draws s in the look of l. The text must be clean.
func (t Terminal) paint(l look, s string) string {
	return t.sgr(t.onBackground(l).sgr, s)
}

func (t Terminal) sgr(params, s string) string {
	if !t.Color || params == "" || s == "" {
		return s
	}
	return "\x1b[" + params + "m" + s + "\x1b[0m"
}

// joinSGR adds the parameters of an inner style to those of an outer one.
func joinSGR(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	if strings.Contains(";"+outer+";", ";"+inner+";") {
		return outer
	}
	return outer + ";" + inner
}
