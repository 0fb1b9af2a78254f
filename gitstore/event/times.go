package event

import (
	"errors"
	"fmt"
	"time"
)

// timeLayout is RFC 3339 in UTC with three decimals, always 24 bytes.
const timeLayout = "2006-01-02T15:04:05.000Z"

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, timeLayout)
}

// readTime reads timeLayout and nothing else, several times faster than
// time.Parse.
func readTime(s string) (time.Time, error) {
	bad := func() (time.Time, error) {
		return time.Time{}, fmt.Errorf("%s is not a time like 2026-11-21T10:15:03.123Z (UTC, with milliseconds)", quote(s))
	}
	if len(s) != len(timeLayout) {
		return bad()
	}
	for i := range len(s) {
		if c := timeLayout[i]; isDigit(c) != isDigit(s[i]) || !isDigit(c) && s[i] != c {
			return bad()
		}
	}
	year, month, day := number(s[0:4]), number(s[5:7]), number(s[8:10])
	hour, minute, second := number(s[11:13]), number(s[14:16]), number(s[17:19])
	t := time.Date(year, time.Month(month), day, hour, minute, second, number(s[20:23])*1e6, time.UTC)
	if hour > 23 || minute > 59 || second > 59 || t.Day() != day || int(t.Month()) != month {
		return bad()
	}
	return t, nil
}

// number reads decimal digits.
func number(digits string) int {
	n := 0
	for i := range len(digits) {
		n = 10*n + int(digits[i]-'0')
	}
	return n
}

func checkTime(t time.Time) error {
	switch year := t.UTC().Year(); {
	case year < 1970 || year > 9999:
		return fmt.Errorf("lies in the year %d; want 1970 to 9999", year)
	case t.Nanosecond()%int(time.Millisecond) != 0:
		return errors.New("holds fractions of a millisecond; truncate it")
	}
	return nil
}
