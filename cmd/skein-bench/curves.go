package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"
)

// curves measures stores of four sizes, for the pictures and the table of
// costs against sizes; no row comes of it.
func curves(ctx context.Context, b *bench) ([]row, error) {
	var scales []*scale
	for _, n := range []int{b.small, b.middle, b.large, b.huge} {
		s, err := b.scaled(ctx, n)
		if err != nil {
			return nil, err
		}
		scales = append(scales, s)
	}
	b.report.sizes = sizesTable(scales)
	b.report.pictures = map[string]string{}
	for _, d := range drawings {
		b.report.pictures[d.file] = plot(d.title, d.curves(scales))
		b.report.sizes += fmt.Sprintf("\n![%s](%s/%s)\n", d.title, path.Base(pictures), d.file)
	}
	fmt.Fprintln(os.Stdout, "\n"+b.report.sizes)
	return nil, nil
}

// A drawing is a picture: which curves it has.
type drawing struct {
	file, title string
	series      []series
}

type series struct {
	name string
	of   func(*scale) sample
}

var drawings = []drawing{
	{"post.svg", "A durable post", []series{
		{"skein", func(s *scale) sample { return s.post }},
		{"SQLite with FTS5", func(s *scale) sample { return s.dbPost }},
		{"git add && commit", func(s *scale) sample { return s.gitCommit }},
	}},
	{"inbox.svg", "check_inbox with 3 new messages", []series{
		{"skein, over MCP", func(s *scale) sample { return s.inbox }},
		{"SQLite, in process", func(s *scale) sample { return s.dbInbox }},
	}},
	{"search.svg", "Search for a word in every second message, top 20", []series{
		{"skein, over MCP", func(s *scale) sample { return s.common }},
		{"skein search, cold", func(s *scale) sample { return s.coldCommon }},
		{"SQLite FTS5", func(s *scale) sample { return s.dbCommon }},
		{"git grep", func(s *scale) sample { return s.gitGrep }},
	}},
	{"rare.svg", "Search for a rare word, top 20", []series{
		{"skein, over MCP", func(s *scale) sample { return s.rare }},
		{"skein search, cold", func(s *scale) sample { return s.cold }},
		{"SQLite FTS5", func(s *scale) sample { return s.dbRare }},
	}},
}

func (d drawing) curves(scales []*scale) []curve {
	var all []curve
	for _, one := range d.series {
		c := curve{name: one.name}
		for _, s := range scales {
			c.add(s.n, one.of(s))
		}
		all = append(all, c)
	}
	return all
}

// sizesTable lists the medians of what the pictures show.
func sizesTable(scales []*scale) string {
	var b strings.Builder
	t := table{out: &b}
	header, rule := []string{"median"}, []string{"---"}
	for _, s := range scales {
		header, rule = append(header, thousands(s.n)), append(rule, "---")
	}
	t.line(header...)
	t.line(rule...)
	for _, d := range drawings {
		for _, one := range d.series {
			cells := []string{fmt.Sprintf("%s: %s", d.title, one.name)}
			for _, s := range scales {
				cells = append(cells, orDash(one.of(s)))
			}
			t.line(cells...)
		}
	}
	return b.String()
}

func orDash(s sample) string {
	if len(s) == 0 {
		return "—"
	}
	return show(s.median())
}
