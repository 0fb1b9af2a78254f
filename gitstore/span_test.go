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

func TestParseWhen(t *testing.T) {
	for text, want := range map[string]time.Time{
		"90m":                       testDay.Add(-90 * time.Minute),
		"1h30m":                     testDay.Add(-90 * time.Minute),
		"3d":                        testDay.AddDate(0, 0, -3),
		"2w":                        testDay.AddDate(0, 0, -14),
		"2026-11":                   time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-20":                testDay.AddDate(0, 0, -1),
		"2026-11-20t10:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20 10:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00+01:00": time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00.5Z":    time.Date(2026, 11, 20, 10, 0, 0, 5e8, time.UTC),
	} {
		if got, err := parseWhen(text, testDay); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-2h", "-3d", "0h", "99999999d", "2026", "soon", "2026-02-30"} {
		if got, err := parseWhen(text, testDay); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
