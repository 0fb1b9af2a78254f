package gitstore

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"skein/gitstore/event"
)

func TestPathSpan(t *testing.T) {
	const layout = "2006-01-02T15:04:05"
	for path, want := range map[string][2]string{
		"2026-02":                                {"2026-02-01T00:00:00", "2026-02-28T23:59:59"},
		"2026-11/21d":                            {"2026-11-21T00:00:00", "2026-11-21T23:59:59"},
		"2026-11/21d/21-10h":                     {"2026-11-21T10:00:00", "2026-11-21T10:59:59"},
		"2026-11/21d/21-10h/21-1015m":            {"2026-11-21T10:15:00", "2026-11-21T10:15:59"},
		"2026-11/21d/21-10h/21-1015m/21-101503s": {"2026-11-21T10:15:03", "2026-11-21T10:15:03"},
		"2026-11/21d/_7":                         {"2026-11-21T00:00:00", "2026-11-21T23:59:59"},
		"2026-11/99d":                            {"2026-11-01T00:00:00", "2026-11-30T23:59:59"},
		"2026-11/notes":                          {"2026-11-01T00:00:00", "2026-11-30T23:59:59"},
	} {
		_, in, ok := pathSpan(path)
		got := [2]string{time.Unix(in.from, 0).UTC().Format(layout), time.Unix(in.to, 0).UTC().Format(layout)}
		if !ok || got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	for _, path := range []string{"", "2026", "2026-13", "2026-1", "notes", "02026-01"} {
		if _, _, ok := pathSpan(path); ok {
			t.Errorf("%q is taken for a month", path)
		}
	}
}

// TestSpansHoldTheirEvents: an event lies within the time of every directory
// on its way, and its name tells its second.
func TestSpansHoldTheirEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "at")).UTC()
		id := idAt(at, 7)
		e := &event.Event{ID: id, At: id.Time(), From: "ann"}
		second := at.Truncate(time.Second).Unix()
		path := event.Month(at)
		for _, sub := range append([]string{""}, event.Splits(e)...) {
			if sub != "" {
				path += "/" + sub
			}
			month, in, ok := pathSpan(path)
			if !ok || second < in.from || second > in.to {
				t.Fatalf("%s does not hold %s: %v", path, at, in)
			}
			if named, _, ok := nameOf(month, event.FileName(e)); !ok || named != second {
				t.Fatalf("%s tells %d, want %d", event.FileName(e), named, second)
			}
		}
	})
}
