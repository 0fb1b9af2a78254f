package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"skein/render"
)

// jsonFlag gives a command the flag --json.
func (a *app) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON (skein help json)")
}

// terminal says how standard output is to be written to.
func (a *app) terminal() render.Terminal {
	tty := isTerminal(a.out)
	t := render.Terminal{Location: time.Local}
	if tty || a.cfg.Color == colorAlways {
		t.Markdown = true
		t.Width = width(a.out)
		t.Light = lightBackground(os.Getenv("COLORFGBG"))
	}
	switch a.cfg.Color {
	case colorAlways:
		t.Color = true
	case colorAuto:
		t.Color = tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && enableEscapes(a.out)
	}
	return t
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// width is that of the terminal, of $COLUMNS where there is none, or 80.
func width(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	if w, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && w > 0 {
		return w
	}
	return 80
}

// lightBackground reads $COLORFGBG, "foreground;background" by ANSI numbers.
// Asking the terminal itself would delay every command, and its answer could
// end up in what the person types.
func lightBackground(colorfgbg string) bool {
	n, err := strconv.Atoi(colorfgbg[strings.LastIndexByte(colorfgbg, ';')+1:])
	return err == nil && (n == 7 || n >= 9 && n <= 15)
}
