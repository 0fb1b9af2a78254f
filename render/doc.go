// Package render shows messages and threads to people.
//
// What it shows was written by somebody else, often by a program, so the
// package has one promise above all: nothing that comes out of it can steer a
// terminal. Escape sequences, other control characters, bidirectional
// overrides and invisible characters in bodies, titles and names are shown as
// visible signs (␛, \u202e) and never passed on. The only escape sequences in
// the output are the colours that Terminal itself adds, and only if its Color
// field says so. Text is cleaned after Markdown has been parsed, because
// Markdown can spell a control character without holding one (&#27;).
//
// [Terminal] lays text out: Markdown and colours for a person at a terminal,
// plain text for a pipe. Bodies are always indented, so that no line of a
// body can pass for the head of another message. [Text] and [Line] clean a
// string and nothing else; every other thing that a program prints about
// messages (a table of threads, an error) goes through them.
//
// Markdown is parsed by goldmark and drawn by this package. A ready-made
// renderer was measured and not taken: glamour's initialisation costs every
// process that links it 11 ms, whether it renders or not, it resolves &#27;
// into a real escape character, and it writes OSC 8 hyperlinks to addresses
// that a peer chose. Here the address of a link is shown in full after its
// text.
package render
