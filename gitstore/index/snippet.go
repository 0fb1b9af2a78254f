package index

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// snippetRadius is how many characters a snippet shows on either side of what
// was found.
const snippetRadius = 80

// Snippet returns one line of a body around the first of the query's terms
// that is found in it, else its beginning. What could fool a terminal is left
// out.
func (q *Query) Snippet(body []byte) string {
	start, end := q.first(body)
	return around(body, start, end)
}

// first returns where the first match in a body begins and ends.
func (q *Query) first(body []byte) (start, end int) {
	folded := []byte{' '}
	type place struct{ at, start, end int }
	var places []place // of each word in folded and in body
	words(body, func(w word) bool {
		places = append(places, place{len(folded), w.start, w.end})
		folded = append(append(folded, w.text...), ' ')
		return true
	})
	first, size := -1, 0
	for _, t := range q.terms {
		if i := t.find(folded); i >= 0 && (first < 0 || i < first) {
			first, size = i, len(t.words)
		}
	}
	if first < 0 {
		return 0, 0
	}
	n, _ := slices.BinarySearchFunc(places, first+1, func(p place, at int) int { return p.at - at })
	return places[n].start, places[n+size-1].end
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
