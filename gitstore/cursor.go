package gitstore

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"path/filepath"
	"strings"

	"skein/gitstore/event"
)

// Kinds of cursors: which list, and in which direction it goes on.
const (
	cursorOlder  = 'o' // a thread, backwards
	cursorNewer  = 'n' // a thread, forwards
	cursorInbox  = 'i'
	cursorSearch = 's'
)

// A cursor is the kind, the place behind the last message shown, and a check:
// the beginning of a hash over these, the query and the store. So a cursor
// that was cut, made up, or belongs to another list is not taken for a place.
// A place is the message's id; among hits, an index.Place.
const cursorCheck = 4

// base32Digits are the digits of ids and cursors.
const base32Digits = "0123456789abcdefghjkmnpqrstvwxyz"

var cursorText = base32.NewEncoding(base32Digits).WithPadding(base32.NoPadding)

// cursor returns letters and digits that stand for a place in the list that
// the query gives.
func (s *Store) cursor(kind byte, query string, place []byte) string {
	data := append([]byte{kind}, place...)
	return cursorText.EncodeToString(append(data, s.cursorSum(data, query)...))
}

// cursorAt is cursor for the place behind a message.
func (s *Store) cursorAt(kind byte, query string, at event.ID) string {
	return s.cursor(kind, query, at[:])
}

func (s *Store) cursorSum(data []byte, query string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s", data, s.realDir(), query))
	return sum[:cursorCheck]
}

// realDir is the store's directory, whatever links lead to it.
func (s *Store) realDir() string {
	if real, err := filepath.EvalSymlinks(s.dir); err == nil {
		return real
	}
	return s.dir
}

// parseCursor reads what cursor made for one of these kinds and that query.
func (s *Store) parseCursor(text, kinds, query string) (kind byte, place []byte, err error) {
	data, err := cursorText.DecodeString(strings.ToLower(strings.TrimSpace(text)))
	split := len(data) - cursorCheck
	if err != nil || split < 1 || strings.IndexByte(kinds, data[0]) < 0 ||
		string(s.cursorSum(data[:split], query)) != string(data[split:]) {
		return 0, nil, foreignCursor(text)
	}
	return data[0], data[1:split], nil
}

// parseCursorAt reads what cursorAt made.
func (s *Store) parseCursorAt(text, kinds, query string) (kind byte, at event.ID, err error) {
	kind, place, err := s.parseCursor(text, kinds, query)
	if err == nil && copy(at[:], place) != len(place) {
		err = foreignCursor(text)
	}
	return kind, at, err
}

func foreignCursor(text string) error {
	return fmt.Errorf("cursor %.40q is not one of this list; leave it out to begin again, or repeat the query it came from", text)
}
