package event

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// ID names an event: a ULID, that is 48 bits of Unix milliseconds and 80 bits
// of entropy, so that IDs sort by time as bytes and as text. The zero ID names
// nothing.
type ID [16]byte

const (
	idLen    = ulid.EncodedSize
	shortLen = 8
	// minAbbreviation is the least that a person or an agent has to type.
	minAbbreviation = 4
	// base32Lower is Crockford's alphabet as skein writes it.
	base32Lower = "0123456789abcdefghjkmnpqrstvwxyz"
)

// ParseID reads the 26 characters of an ID, in upper or lower case.
func ParseID(s string) (ID, error) {
	u, err := ulid.ParseStrict(s)
	if err != nil || ID(u).IsZero() {
		return ID{}, fmt.Errorf("%s is not an id; want 26 characters 0-9 and a-z without i, l, o and u", quote(s))
	}
	return ID(u), nil
}

// String returns the 26 lower-case characters of id, and "" for the zero ID.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	var text [idLen]byte
	id.encode(&text)
	return string(text[:])
}

func (id ID) encode(text *[idLen]byte) {
	// The buffer has the right size, which is the only thing that can fail.
	_ = ulid.ULID(id).MarshalTextTo(text[:])
	for i, c := range text {
		if c >= 'A' {
			text[i] = c | 0x20
		}
	}
}

// Short returns the last 8 characters of id, which people and agents see and
// file names carry; "" for the zero ID. They are random, not unique.
func (id ID) Short() string {
	if id.IsZero() {
		return ""
	}
	return id.String()[idLen-shortLen:]
}

// Time returns the millisecond at which id was made, in UTC. A clock that is
// behind an id already seen makes ids with that id's time (see Clock).
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(id.ms())).UTC()
}

func (id ID) ms() uint64 { return ulid.ULID(id).Time() }

// IsZero tells whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders ids by time, then by entropy: -1, 0 or 1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText writes id as String does, so that JSON shows ids as text.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText has written.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Abbreviation checks what was typed for an id and returns it in lower case:
// the first 4 to 8 characters of the short form, or all 26 of the id.
func Abbreviation(s string) (string, error) {
	abbrev := strings.ToLower(strings.TrimSpace(s))
	if n := len(abbrev); n < minAbbreviation || n > shortLen && n != idLen {
		return "", fmt.Errorf("%s is not a message id; give at least 4 of its 8 characters", quote(s))
	}
	if !isBase32(abbrev) {
		return "", fmt.Errorf("%s is not a message id; ids hold only 0-9 and a-z without i, l, o and u", quote(s))
	}
	return abbrev, nil
}

// Matches tells whether abbrev, as returned by Abbreviation, stands for id:
// whether it begins the short form or is the whole id.
func (id ID) Matches(abbrev string) bool {
	if id.IsZero() || len(abbrev) < minAbbreviation {
		return false
	}
	text := id.String()
	return text == abbrev || strings.HasPrefix(text[idLen-shortLen:], abbrev)
}

// quote shows at most 40 characters of what somebody typed.
func quote(s string) string {
	const most = 40
	if runes := []rune(s[:min(len(s), 4*most+4)]); len(runes) > most {
		return fmt.Sprintf("%q…", string(runes[:most]))
	}
	return fmt.Sprintf("%q", s)
}
