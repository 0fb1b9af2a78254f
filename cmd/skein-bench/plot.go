package main

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// A curve is what something costs at several sizes of the store.
type curve struct {
	name   string
	points []point
}

type point struct {
	n    int // messages
	took time.Duration
}

// add appends a point, if anything was measured.
func (c *curve) add(n int, s sample) {
	if len(s) > 0 {
		c.points = append(c.points, point{n, s.median()})
	}
}

// The picture, in pixels. The names of the curves stand at their right ends.
const (
	plotWidth, plotHeight         = 780, 400
	plotLeft, plotRight           = 80, 250
	plotTop, plotBottom           = 44, 48
	plotInner                     = plotWidth - plotLeft - plotRight
	plotTall                      = plotHeight - plotTop - plotBottom
	labelDistance         float64 = 15
)

// colors are told apart by people who see few of them as well.
var colors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"}

// axes map sizes and durations to pixels, both on logarithmic scales whose
// ends are powers of ten.
type axes struct{ minN, maxN, minT, maxT float64 }

func axesOf(curves []curve) axes {
	a := axes{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, c := range curves {
		for _, p := range c.points {
			n, t := math.Log10(float64(p.n)), math.Log10(float64(p.took))
			a.minN, a.maxN = min(a.minN, n), max(a.maxN, n)
			a.minT, a.maxT = min(a.minT, math.Floor(t)), max(a.maxT, math.Ceil(t))
		}
	}
	if a.maxT == a.minT {
		a.maxT++
	}
	if a.maxN == a.minN {
		a.maxN++
	}
	return a
}

func (a axes) x(n int) float64 {
	return plotLeft + plotInner*(math.Log10(float64(n))-a.minN)/(a.maxN-a.minN)
}

func (a axes) y(t time.Duration) float64 {
	return plotTop + plotTall*(a.maxT-math.Log10(float64(t)))/(a.maxT-a.minT)
}

// plot draws curves as an SVG picture.
func plot(title string, curves []curve) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="15" font-weight="bold">%s</text>`+"\n", plotLeft, html.EscapeString(title))
	a := axesOf(curves)
	a.grid(&b, curves)
	labels := a.labels(curves)
	for i, c := range curves {
		a.line(&b, c, colors[i%len(colors)], labels[i])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (a axes) grid(b *strings.Builder, curves []curve) {
	const right = plotLeft + plotInner
	for e := a.minT; e <= a.maxT; e++ {
		t := time.Duration(math.Round(math.Pow(10, e)))
		y := a.y(t)
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", plotLeft, right, y, y)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="#555">%s</text>`+"\n", plotLeft-8, y+4, tick(t))
	}
	drawn := map[int]bool{}
	for _, c := range curves {
		for _, p := range c.points {
			if !drawn[p.n] {
				drawn[p.n] = true
				fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555">%s</text>`+"\n", a.x(p.n), plotHeight-plotBottom+20, thousands(p.n))
			}
		}
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="#555">messages in the store</text>`+"\n", plotLeft+plotInner/2, plotHeight-8)
}

// tick writes a power of ten of a duration, as in "10 ms".
func tick(t time.Duration) string {
	switch {
	case t >= time.Second:
		return fmt.Sprintf("%d s", t/time.Second)
	case t >= time.Millisecond:
		return fmt.Sprintf("%d ms", t/time.Millisecond)
	case t >= time.Microsecond:
		return fmt.Sprintf("%d µs", t/time.Microsecond)
	}
	return fmt.Sprintf("%d ns", t)
}

// labels places the names of the curves so that none covers another.
func (a axes) labels(curves []curve) []float64 {
	y := make([]float64, len(curves))
	for i, c := range curves {
		if len(c.points) == 0 {
			continue
		}
		y[i] = a.y(c.points[len(c.points)-1].took)
		for moved := true; moved; {
			moved = false
			for j := range i {
				if len(curves[j].points) > 0 && math.Abs(y[i]-y[j]) < labelDistance-0.5 {
					y[i], moved = y[j]+labelDistance, true
				}
			}
		}
	}
	return y
}

func (a axes) line(b *strings.Builder, c curve, color string, label float64) {
	if len(c.points) == 0 {
		return
	}
	var at []string
	for _, p := range c.points {
		at = append(at, fmt.Sprintf("%.1f,%.1f", a.x(p.n), a.y(p.took)))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"><title>%s, %s messages: %s</title></circle>`+"\n",
			a.x(p.n), a.y(p.took), color, html.EscapeString(c.name), thousands(p.n), show(p.took))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(at, " "), color)
	last := c.points[len(c.points)-1]
	cost := show(last.took)
	if a.x(last.n) < plotLeft+plotInner {
		cost += " at " + thousands(last.n)
	}
	fmt.Fprintf(b, `<text x="%d" y="%.1f" fill="%s">%s, %s</text>`+"\n",
		plotLeft+plotInner+10, label+4, color, html.EscapeString(c.name), cost)
}
