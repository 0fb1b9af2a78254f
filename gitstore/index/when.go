package index

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeLayouts are the ways of writing a time that are understood, besides a
// duration back from now. Where no zone is given it is UTC, as in the store.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02", "2006-01"}

// ParseTime reads a time, a date, or a duration back from now such as "90m",
// "2h", "3d" or "1w".
func ParseTime(text string, now time.Time) (time.Time, error) {
	if d, ok := parseAge(text); ok {
		return now.Add(-d), nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is no time; write 2026-11-21, 2026-11-21T10:15:00Z, or an age like 2h or 3d", text)
}

// parseAge reads a duration, of days and weeks too.
func parseAge(text string) (time.Duration, bool) {
	days := map[byte]int64{'d': 1, 'w': 7}
	if n := len(text); n > 1 && days[text[n-1]] > 0 {
		count, err := strconv.ParseUint(text[:n-1], 10, 16)
		return time.Duration(int64(count)*days[text[n-1]]) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0
}
