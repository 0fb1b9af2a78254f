package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// hidden lists the characters that are shown by number because they reorder
// the text around them, break the line, or cannot be seen at all: a person
// must see what an agent reads. The joiners U+200C and U+200D and the
// variation selectors are left alone; scripts and emoji need them.
var hidden = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00ad, Hi: 0x00ad, Stride: 1}, // soft hyphen
		{Lo: 0x061c, Hi: 0x061c, Stride: 1}, // Arabic letter mark
		{Lo: 0x180e, Hi: 0x180e, Stride: 1}, // Mongolian vowel separator
		{Lo: 0x200b, Hi: 0x200b, Stride: 1}, // zero-width space
		{Lo: 0x200e, Hi: 0x200f, Stride: 1}, // direction marks
		{Lo: 0x2028, Hi: 0x202e, Stride: 1}, // separators, embeddings, overrides
		{Lo: 0x2060, Hi: 0x206f, Stride: 1}, // invisible operators, isolates
		{Lo: 0xfeff, Hi: 0xfeff, Stride: 1}, // byte order mark
		{Lo: 0xfff9, Hi: 0xfffb, Stride: 1}, // annotations
	},
	R32: []unicode.Range32{
		{Lo: 0xe0000, Hi: 0xe007f, Stride: 1}, // tags
	},
	LatinOffset: 1,
}

// Text returns s with everything that could steer a terminal made visible.
// Line feeds and tabs stay; a carriage return goes if it ends a line. Bytes
// that are not UTF-8 are shown as \x9b.
func Text(s string) string {
	return clean(s, true)
}

// Line is [Text] for names, titles and error messages: the result is one
// line, with line feeds and tabs made visible too.
func Line(s string) string {
	return clean(s, false)
}

func clean(s string, multiline bool) string {
	start := firstUnsafe(s, multiline)
	if start < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:start])
	for i := start; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case multiline && strings.HasPrefix(s[i:], "\r\n"):
		case safe(r, size, multiline):
			b.WriteString(s[i : i+size])
		default:
			b.WriteString(visible(r, s[i]))
		}
		i += size
	}
	return b.String()
}

// firstUnsafe returns where cleaning must begin, or -1 if s is clean already.
func firstUnsafe(s string, multiline bool) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !safe(r, size, multiline) {
			return i
		}
		i += size
	}
	return -1
}

func safe(r rune, size int, multiline bool) bool {
	switch {
	case r == '\n' || r == '\t':
		return multiline
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return false
	case r == utf8.RuneError && size == 1:
		return false
	}
	return r < 0xad || !unicode.Is(hidden, r)
}

// visible returns the sign for an unsafe character; first is its first byte.
func visible(r rune, first byte) string {
	switch {
	case r == utf8.RuneError:
		return fmt.Sprintf(`\x%02x`, first)
	case r < 0x20:
		return string('\u2400' + r) // the control picture: ␛ for ESC
	case r == 0x7f:
		return "␡"
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// Hidden tells whether [Line] shows r by a sign in its place.
func Hidden(r rune) bool {
	return !safe(r, utf8.RuneLen(r), false)
}
