package main

import (
	"fmt"
	"io"
)

// progress returns a function that shows how far a long task is, and one that
// wipes the line when it has ended. Only a terminal is shown anything. The
// functions must not be called at once.
func (a *app) progress(what string) (update func(done, total int), end func()) {
	if a.json || !isTerminal(a.err) {
		return func(int, int) {}, func() {}
	}
	return progressOn(a.err, what)
}

func progressOn(w io.Writer, what string) (update func(done, total int), end func()) {
	shown := -1
	update = func(done, total int) {
		percent := 100
		if total > 0 {
			percent = int(int64(done) * 100 / int64(total))
		}
		if percent != shown {
			shown = percent
			fmt.Fprintf(w, "\r%s %3d %%", what, percent)
		}
	}
	end = func() {
		if shown >= 0 {
			fmt.Fprint(w, "\r\x1b[K")
		}
	}
	return update, end
}
