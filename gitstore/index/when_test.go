package index

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"90m":                       day.Add(-90 * time.Minute),
		"1h30m":                     day.Add(-90 * time.Minute),
		"3d":                        day.AddDate(0, 0, -3),
		"2w":                        day.AddDate(0, 0, -14),
		"2026-11":                   time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-20":                day.AddDate(0, 0, -1),
		"2026-11-20t10:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20 10:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00+01:00": time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00.5Z":    time.Date(2026, 11, 20, 10, 0, 0, 5e8, time.UTC),
	} {
		if got, err := ParseTime(text, day); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-2h", "-3d", "0h", "99999999d", "2026", "soon", "2026-02-30"} {
		if got, err := ParseTime(text, day); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
