package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A row is one figure of the table.
type row struct {
	what     string
	skein    string
	baseline string
	ratio    string
	goal     string
	met      string
}

// table prints rows as they come: a run takes minutes.
type table struct {
	out   io.Writer
	begun bool
}

func (t *table) add(rows ...row) {
	if !t.begun {
		t.line("what", "skein", "baseline", "ratio", "goal", "met")
		t.line("---", "---", "---", "---", "---", "---")
		t.begun = true
	}
	for _, r := range rows {
		t.line(r.what, r.skein, r.baseline, r.ratio, r.goal, r.met)
	}
}

func (t *table) line(cells ...string) {
	fmt.Fprintln(t.out, "| "+strings.Join(cells, " | ")+" |")
}

// atMost is a row whose ratio of skein's time to the baseline's is at most limit.
func atMost(what string, skein, baseline sample, name string, limit float64) row {
	r := ratio(skein, baseline)
	return row{
		what: what, skein: show(skein.median()), baseline: name + " " + show(baseline.median()),
		ratio: number(r) + "×", goal: "≤ " + number(limit) + "×", met: met(r <= limit),
	}
}

// within is a row whose slow cases, at the quantile q, take at most limit.
func within(what string, skein sample, q float64, limit time.Duration, baseline, ratio string) row {
	return row{
		what: what, skein: spread(skein, q), baseline: baseline, ratio: ratio,
		goal: fmt.Sprintf("%s ≤ %s", quantileName(q), show(limit)), met: met(skein.quantile(q) <= limit),
	}
}

// spread shows the median and a slow case.
func spread(s sample, q float64) string {
	if q == 0.5 {
		return show(s.median())
	}
	return fmt.Sprintf("p50 %s, %s %s", show(s.median()), quantileName(q), show(s.quantile(q)))
}

func quantileName(q float64) string { return fmt.Sprintf("p%.0f", 100*q) }

// absent is a row of something that this skein does not do.
func absent(what, why, goal string) row {
	return row{what: what, skein: why, baseline: "—", ratio: "—", goal: goal, met: met(false)}
}

// ungoverned is a row that informs only: no goal was set for it.
func ungoverned(what string, skein, baseline sample, name string) row {
	r := atMost(what, skein, baseline, name, 0)
	r.goal, r.met = "—", "—"
	return r
}

func ratio(skein, baseline sample) float64 {
	return float64(skein.median()) / float64(baseline.median())
}

func met(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

// number has two to three significant digits.
func number(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	case f < 0.1:
		return fmt.Sprintf("%.4f", f)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.2f", f), ".00")
}

func show(d time.Duration) string {
	switch {
	case d >= time.Second:
		return number(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return number(float64(d)/1e6) + " ms"
	}
	return number(float64(d)/1e3) + " µs"
}

func kilobytes(n int64) string { return number(float64(n)/1000) + " KB" }

func megabytes(n int64) string { return number(float64(n)/1e6) + " MB" }

// thousands writes 100000 as 100,000.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
