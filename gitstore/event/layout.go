package event

import (
	"crypto/sha256"
	"strings"
	"time"
)

// ProjectDir is the directory, beside a project's threads, that holds the
// project's own events. No slug begins with '_'.
const ProjectDir = "_project"

// The directories of main that hold the shared state, one directory a key,
// and the redactions.
const (
	StateDir      = "state"
	RedactionsDir = "redactions"
)

// KeyDir names the directory of a key of the shared state. A key that is a
// slug names its own; any other is made one, with a hash that tells it apart.
// Two keys may still share a directory, so that a reader compares keys.
func KeyDir(key string) string {
	slug, _ := squeeze(strings.ToLower(key))
	slug = strings.Trim(slug, "._-")
	if slug == key && key != "" && len(slug) <= MaxSlug && isPlainSlug(slug) {
		return key
	}
	slug = distinguish(slug, key, true)
	if !isPlainSlug(slug) {
		slug = distinguish("", key, true)
	}
	return slug
}

func isPlainSlug(slug string) bool { return !strings.Contains(slug, "..") && !isWindowsDevice(slug) }

// Month names the directory of a month, such as "2026-11", in UTC.
func Month(t time.Time) string { return t.UTC().Format("2006-01") }

// Splits returns the sub-directories, each within the one before, into which
// e goes while the directory above is full: day, hour, minute and second of
// its time, then one character of its short id after another: "21d",
// "21-10h", "21-1015m", "21-101503s", "_7", "_k" and so on. Each name sorts,
// as git sorts a tree, after the files that it continues. e must be valid.
func Splits(e *Event) []string {
	at := e.At.UTC()
	splits := []string{at.Format("02") + "d", at.Format("02-15") + "h", at.Format("02-1504") + "m", at.Format("02-150405") + "s"}
	for _, c := range e.ID.Short() {
		splits = append(splits, "_"+string(c))
	}
	return splits
}

// MaxFanOut is the number of levels that FanOut tells apart.
const MaxFanOut = sha256.Size * 8 / 5

// FanOut returns the directory at that level, 0 to MaxFanOut-1, in which a
// slug or an agent's directory is looked for while the one above is full:
// "_" and the level's five bits of the slug's SHA-256, in base 32.
func FanOut(slug string, level int) string {
	sum := sha256.Sum256([]byte(slug))
	value := 0
	for bit := 5 * level; bit < 5*level+5; bit++ {
		value = value<<1 | int(sum[bit/8]>>(7-bit%8))&1
	}
	return "_" + base32Lower[value:value+1]
}
