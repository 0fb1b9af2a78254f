package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableEscapes switches a console's escape sequences on and tells whether it
// has them.
func enableEscapes(f *os.File) bool {
	console := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
