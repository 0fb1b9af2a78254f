package gitstore

import (
	"strconv"
	"strings"
	"time"
)

// span is the time in which what a directory holds was written, as far as its
// name tells: Unix seconds, both included.
type span struct{ from, to int64 }

// monthSpan reads a directory such as "2026-11".
func monthSpan(name string) (span, bool) {
	t, err := time.Parse("2006-01", name)
	if err != nil || len(name) != len("2006-01") {
		return span{}, false
	}
	return span{t.Unix(), t.AddDate(0, 1, 0).Unix() - 1}, true
}

// Seconds of the units by which a full directory is split.
var splitUnits = map[string]int64{
	"00d":        24 * 60 * 60,
	"00-00h":     60 * 60,
	"00-0000m":   60,
	"00-000000s": 1,
}

// splitSpan reads a directory into which a full one was split, such as "21d"
// or "21-1015m". What is split further, by characters of ids, lies in the time
// of its parent.
func splitSpan(month int64, parent span, name string) span {
	n := len(name)
	if n < 3 {
		return parent
	}
	for shape, seconds := range splitUnits {
		if len(shape) != n || shape[n-1] != name[n-1] {
			continue
		}
		// Up to the letter the name is the beginning of a file's name.
		from, ok := nameSecond(month, name[:n-1]+"00-000000"[n-1:])
		if ok {
			return span{from, from + seconds - 1}
		}
	}
	return parent
}

// pathSpan returns the time in which what lies at the end of a path was
// written that begins with a month, and when that month began.
func pathSpan(rest string) (month int64, in span, ok bool) {
	name, rest, more := strings.Cut(rest, "/")
	in, ok = monthSpan(name)
	month = in.from
	for ok && more {
		name, rest, more = strings.Cut(rest, "/")
		in = splitSpan(month, in, name)
	}
	return month, in, ok
}

// nameSecond returns the second at which the event was written whose file's
// name begins with, for example, "21-101503" in the month that began at month.
func nameSecond(month int64, name string) (int64, bool) {
	if len(name) < len("21-101503") || name[2] != '-' {
		return 0, false
	}
	day, err := strconv.ParseUint(name[:2], 10, 8)
	if err != nil || day == 0 {
		return 0, false
	}
	clock, err := strconv.ParseUint(name[3:9], 10, 32)
	if err != nil {
		return 0, false
	}
	h, m, sec := clock/10000, clock/100%100, clock%100
	if day > 31 || h > 23 || m > 59 || sec > 59 {
		return 0, false
	}
	return month + int64(((day-1)*24+h)*3600+m*60+sec), true
}
