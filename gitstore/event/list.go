package event

import (
	"errors"
	"strings"
)

// appendList writes `[a, b]`.
func appendList[T any](b []byte, items []T, put func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = put(b, item)
	}
	return append(b, ']')
}

var errList = errors.New("is not a list like [a, b] of plain or double-quoted words; write at least one")

// readList is the inverse of appendList.
func readList[T any](v string, parse func(string) (T, error)) ([]T, error) {
	if len(v) < 3 || v[0] != '[' || v[len(v)-1] != ']' {
		return nil, errList
	}
	v = v[1 : len(v)-1]
	items := make([]T, 0, 1+strings.Count(v, ", "))
	for {
		n := itemLen(v)
		if n <= 0 {
			return nil, errList
		}
		text, err := readScalar(v[:n])
		if err != nil {
			return nil, err
		}
		item, err := parse(text)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if n == len(v) {
			return items, nil
		}
		v = v[n+len(", "):]
	}
}

// itemLen returns the length of the scalar with which v begins, which ends at
// ", " or with v; 0 or -1 if there is none.
func itemLen(v string) int {
	if v == "" || v[0] != '"' {
		if n := strings.Index(v, ", "); n >= 0 {
			return n
		}
		return len(v)
	}
	n := quotedLen(v)
	if n < len(v) && !strings.HasPrefix(v[n:], ", ") {
		return -1
	}
	return n
}
