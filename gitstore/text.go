package gitstore

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Search compares folded text: lower case, and one space for each run of
// space, so that a phrase is found across a line break.

// fold appends the folded form of text to dst.
func fold(dst, text []byte) []byte {
	return foldFrom(dst, text, nil)
}

// foldFrom is fold. If at is not nil it receives, for each byte appended, from
// where in text it comes.
func foldFrom(dst, text []byte, at *[]int) []byte {
	space := false
	for i := 0; i < len(text); {
		start, wasSpace := i, space
		if c := text[i]; c < utf8.RuneSelf {
			i++
			c, space = foldASCII(c)
			if !space || !wasSpace {
				dst = append(dst, c)
			}
		} else {
			r, size := utf8.DecodeRune(text[i:])
			i += size
			if space = unicode.IsSpace(r); space {
				r = ' '
			}
			if !space || !wasSpace {
				dst = utf8.AppendRune(dst, unicode.ToLower(r))
			}
		}
		for at != nil && len(*at) < len(dst) {
			*at = append(*at, start)
		}
	}
	return dst
}

// foldASCII returns c folded, and whether it is space.
func foldASCII(c byte) (folded byte, space bool) {
	switch {
	case c == ' ' || c >= '\t' && c <= '\r':
		return ' ', true
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A', false
	}
	return c, false
}

// term is a word or a phrase that is looked for.
type term struct {
	text   []byte // folded
	prefix bool   // what is found may go on after it
}

// find returns where the term first stands in folded text as words of their
// own, -1 if it does not.
func (t term) find(text []byte) int {
	for from := 0; ; {
		n := bytes.Index(text[from:], t.text)
		if n < 0 {
			return -1
		}
		start := from + n
		end := start + len(t.text)
		if boundary(text, start) && (t.prefix || boundary(text, end)) {
			return start
		}
		_, size := utf8.DecodeRune(text[start:])
		from = start + size
	}
}

// boundary tells whether a word may begin or end at i: not between two
// characters of the same word.
func boundary(text []byte, i int) bool {
	if i == 0 || i == len(text) {
		return true
	}
	before, _ := utf8.DecodeLastRune(text[:i])
	after, _ := utf8.DecodeRune(text[i:])
	return !inWord(before) || !inWord(after) || unspaced(before) || unspaced(after)
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// unspaced tells the scripts that do not put spaces between words.
func unspaced(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// snippetRadius is how many characters a snippet shows on either side of what
// was found.
const snippetRadius = 80

// snippet returns one line of text around the first of the terms that is found
// in it, else its beginning. What could fool a terminal is left out.
func snippet(text []byte, terms []term) string {
	at := make([]int, 0, len(text))
	folded := foldFrom(make([]byte, 0, len(text)), text, &at)
	first, size := -1, 0
	for _, t := range terms {
		if i := t.find(folded); i >= 0 && (first < 0 || i < first) {
			first, size = i, len(t.text)
		}
	}
	start, end := 0, 0
	if first >= 0 {
		start = at[first]
		end = len(text)
		if first+size < len(at) {
			end = at[first+size]
		}
	}
	return around(text, start, end)
}

// around cuts text to snippetRadius characters before start and after end.
func around(text []byte, start, end int) string {
	from, to := start, end
	for n := 0; n < snippetRadius && from > 0; n++ {
		_, size := utf8.DecodeLastRune(text[:from])
		from -= size
	}
	for n := 0; n < snippetRadius && to < len(text); n++ {
		_, size := utf8.DecodeRune(text[to:])
		to += size
	}
	line := plainLine(text[from:to])
	if from > 0 {
		line = "…" + line
	}
	if to < len(text) {
		line += "…"
	}
	return line
}

// plainLine joins the words of text by single spaces and drops characters that
// are not shown, such as those that turn the direction of writing around.
func plainLine(text []byte) string {
	shown := bytes.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
	return string(bytes.Join(bytes.Fields(shown), []byte(" ")))
}
