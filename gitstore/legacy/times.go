package legacy

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The forms of time that the systems write: JavaScript's toISOString, Python's
// isoformat, SQLite's CURRENT_TIMESTAMP. Without a zone it is UTC.
var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999",
}

// parseTime reads a time that was written as text, or as a number of seconds
// or milliseconds since 1970, and cuts it to whole milliseconds.
func parseTime(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return checkedTime(t)
		}
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		return unixTime(number)
	}
	return time.Time{}, fmt.Errorf("%q is not a time", shorten(text))
}

// unixTime takes what lies beyond the year 5138 as seconds for milliseconds.
func unixTime(number float64) (time.Time, error) {
	if math.Abs(number) < 1e11 {
		number *= 1000
	}
	if !(number >= 0 && number < 1e15) {
		return time.Time{}, fmt.Errorf("%g is not a time", number)
	}
	return checkedTime(time.UnixMilli(int64(math.Round(number))))
}

func checkedTime(t time.Time) (time.Time, error) {
	t = t.UTC().Truncate(time.Millisecond)
	if year := t.Year(); year < 1970 || year > 9999 {
		return time.Time{}, fmt.Errorf("the time lies in the year %d", year)
	}
	return t, nil
}

// shorten shows the beginning of what was found.
func shorten(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
