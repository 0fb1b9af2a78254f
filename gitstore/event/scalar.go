package event

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// place says where a scalar stands: alone behind its key, or in a list, where
// fewer characters are safe without quotes.
type place bool

const (
	alone  place = false
	inList place = true
)

// appendScalar writes s plain where no YAML reader can mistake it, else as a
// double-quoted string that YAML and JSON read alike.
func appendScalar(b []byte, s string, at place) []byte {
	if isPlain(s, at) {
		return append(b, s...)
	}
	return appendQuoted(b, s)
}

// readScalar is the inverse of appendScalar; whether plain text should have
// been quoted is not its business (Parse compares the bytes).
func readScalar(v string) (string, error) {
	if v == "" || v[0] != '"' {
		return v, nil
	}
	n := quotedLen(v)
	if n != len(v) {
		return "", errors.New("is not one double-quoted string; close the quotes at the end of the line")
	}
	return unquote(v[1 : n-1])
}

// isPlain tells whether s may stand without quotes. It errs on the side of
// quotes: YAML 1.1 and 1.2 readers differ in what they take for a number.
func isPlain(s string, at place) bool {
	if s == "" || len(s) <= 5 && isYAMLWord(s) {
		return false
	}
	c := s[0]
	if !isLetter(c) && !isDigit(c) && c != '_' && c != '/' && c != '(' && c < utf8.RuneSelf {
		return false
	}
	if isDigit(c) && !holdsWordLetter(s) || s[len(s)-1] == ' ' || s[len(s)-1] == ':' {
		return false
	}
	return hasPlainBytes(s, at)
}

func hasPlainBytes(s string, at place) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return hasPlainRunes(s[i:], at)
		case c < 0x20, c == 0x7f,
			c == ':' && i+1 < len(s) && s[i+1] == ' ',
			c == '#' && i > 0 && s[i-1] == ' ',
			at == inList && !isListByte(c):
			return false
		}
	}
	return true
}

// hasPlainRunes continues hasPlainBytes from the first character beyond ASCII.
func hasPlainRunes(s string, at place) bool {
	before := rune(0)
	for _, r := range s {
		switch {
		case needsEscape(r),
			before == ':' && r == ' ',
			before == ' ' && r == '#',
			at == inList && r < utf8.RuneSelf && !isListByte(byte(r)):
			return false
		}
		before = r
	}
	return true
}

// isListByte tells what is safe in `[a, b]`, where , ? [ ] { } end a scalar.
func isListByte(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("._@/+- ", c) >= 0
}

// isYAMLWord tells whether some YAML reader takes s for something else than
// a string.
func isYAMLWord(s string) bool {
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return true
	}
	return false
}

// holdsWordLetter tells whether s holds a letter that occurs in no number
// (0x1f, 0o17, 1e5, 1p3) and in no date (2026-11-21T10:15:03Z).
func holdsWordLetter(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c >= 'g' && c <= 'y' && c != 'o' && c != 'p' && c != 't' && c != 'x' {
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { c |= 0x20; return c >= 'a' && c <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// needsEscape tells which characters YAML does not take literally: controls,
// line separators, the byte order mark and non-characters.
func needsEscape(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return true
	}
	return false
}

// appendQuoted writes s, which must be valid UTF-8, between double quotes,
// with as few escapes as possible. All of them fit \uXXXX: beyond the basic
// plane nothing needs an escape, so that no surrogate pair, which YAML readers
// refuse, is ever written.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case !needsEscape(r):
			b = utf8.AppendRune(b, r)
		default:
			b = appendEscape(b, r)
		}
	}
	return append(b, '"')
}

func appendEscape(b []byte, r rune) []byte {
	switch r {
	case '\b':
		return append(b, `\b`...)
	case '\t':
		return append(b, `\t`...)
	case '\n':
		return append(b, `\n`...)
	case '\f':
		return append(b, `\f`...)
	case '\r':
		return append(b, `\r`...)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

// quotedLen returns the length of the double-quoted string with which s
// begins, or 0 if it is not closed.
func quotedLen[T string | []byte](s T) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// unquote resolves the escapes of JSON in s, the inside of a double-quoted
// string.
func unquote(s string) (string, error) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for ; i >= 0; i = strings.IndexByte(s, '\\') {
		b = append(b, s[:i]...)
		r, n := readEscape(s[i:])
		if n == 0 {
			return "", errors.New(`holds a \ that begins no escape of JSON; write \\ for the character itself`)
		}
		b = utf8.AppendRune(b, r)
		s = s[i+n:]
	}
	return string(append(b, s...)), nil
}

// readEscape reads the escape with which s begins and returns its length, 0 if
// it is none. A surrogate pair is one character; half of one is none.
func readEscape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	if s[1] != 'u' {
		if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
			return rune("\"\\/\b\f\n\r\t"[i]), 2
		}
		return 0, 0
	}
	high, ok := readHex(s)
	if !ok || high >= 0xdc00 && high < 0xe000 {
		return 0, 0
	}
	if high < 0xd800 || high >= 0xe000 {
		return high, 6
	}
	low, ok := readHex(s[6:])
	if !ok || low < 0xdc00 || low >= 0xe000 {
		return 0, 0
	}
	return 0x10000 + (high-0xd800)<<10 + (low - 0xdc00), 12
}

// readHex reads \uXXXX at the beginning of s.
func readHex(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
