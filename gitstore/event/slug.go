package event

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest names, in bytes. With them the path of an event in a directory
// that is not full has at most 180 bytes, so that a clone fits below Windows'
// 260; a full directory adds up to 55.
const (
	MaxSlug      = 48 // a project's or a thread's
	MaxAgentName = 36
)

const (
	slugHash     = 6  // hex digits that tell apart names which look the same
	slugOnlyHash = 12 // hex digits of a name of which nothing else is left
)

// Slug turns the name of a project or a thread into its id, the directory's
// name: 1 to 48 of [a-z0-9._-] that begin and end with a letter or a digit.
// Names that differ only in case, spaces or punctuation are the same name. A
// slug is its own slug. Names that could leave their directory, hide in it, or
// that Windows reserves are refused.
func Slug(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("name %s is not valid UTF-8; give plain text", quote(name))
	}
	lower := strings.ToLower(strings.TrimSpace(name))
	if err := checkRawName(lower); err != nil {
		return "", fmt.Errorf("name %s %w", quote(name), err)
	}
	slug, lost := squeeze(lower)
	slug = distinguish(strings.Trim(slug, "._-"), lower, lost)
	if isWindowsDevice(slug) {
		return "", fmt.Errorf("name %s is reserved on Windows; choose another", quote(name))
	}
	return slug, nil
}

func checkRawName(lower string) error {
	switch {
	case lower == "":
		return errors.New("is empty; give at least one letter or digit")
	case strings.ContainsFunc(lower, unicode.IsControl):
		return errors.New("holds a control character; leave it out")
	case lower[0] == '.' || lower[0] == '/':
		return errors.New("begins with '.' or '/'; begin with a letter or a digit")
	case strings.Contains(lower, ".."):
		return errors.New("holds '..'; leave it out")
	case !strings.ContainsFunc(lower, isLetterOfName):
		return errors.New("holds no letter or digit; give at least one")
	}
	return nil
}

// squeeze replaces each run of what a slug cannot hold, with the hyphens
// around it, by one hyphen. lost tells whether letters went with it.
func squeeze(lower string) (slug string, lost bool) {
	var b strings.Builder
	for rest := lower; rest != ""; {
		n := strings.IndexFunc(rest, func(r rune) bool { return r == '-' || !isSlugRune(r) })
		if n < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:n])
		rest = rest[n:]
		end := strings.IndexFunc(rest, func(r rune) bool { return r != '-' && isSlugRune(r) })
		if end < 0 {
			end = len(rest)
		}
		run := rest[:end]
		rest = rest[end:]
		lost = lost || strings.ContainsFunc(run, isLostRune)
		if strings.Trim(run, "-") != "" {
			run = "-"
		}
		b.WriteString(run)
	}
	return b.String(), lost
}

// distinguish appends a piece of the hash of lower to a slug that is too long
// or has lost letters, because different names must stay different.
func distinguish(slug, lower string, lost bool) string {
	sum := sha256.Sum256([]byte(lower))
	digest := hex.EncodeToString(sum[:])
	switch {
	case slug == "":
		return digest[:slugOnlyHash]
	case lost || len(slug) > MaxSlug:
		return slug[:min(len(slug), MaxSlug-1-slugHash)] + "-" + digest[:slugHash]
	}
	return slug
}

func isSlugRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
}

func isLetterOfName(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || isLostRune(r)
}

// isLostRune tells whether a name loses something that distinguishes it if r
// is dropped: everything beyond ASCII but spaces, dashes, quotes and the like.
// The ranges are spelled out so that they are the same in every Unicode version.
func isLostRune(r rune) bool {
	switch {
	case r < 0xC0, // ASCII, Latin-1 punctuation
		r >= 0x2000 && r <= 0x206F, // general punctuation
		r >= 0x3000 && r <= 0x303F, // CJK punctuation
		r >= 0xFE00 && r <= 0xFE0F, // variation selectors
		r == 0xFEFF:
		return false
	}
	return true
}

// isWindowsDevice tells what Windows takes for a device, whatever the extension.
func isWindowsDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt") && base[3] >= '0' && base[3] <= '9'
}
