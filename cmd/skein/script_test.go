package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"skein/gitstore"
)

// scriptCommands are the commands that scripts have besides testscript's own.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"status":  cmdStatus,
	"capture": cmdCapture,
	"scrub":   cmdScrub,
	"bytes":   cmdBytes,
	"fill":    cmdFill,
	"body":    cmdBody,
	"clean":   cmdClean,
	"sqlite":  cmdSQLite,
}

// status CODE PROGRAM ARGS... runs a program that must exit with the code.
func cmdStatus(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// capture NAME FILE REGEXP sets the environment variable NAME to what the
// expression's group matches in a file, or in stdout.
func cmdCapture(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if m == nil {
		ts.Fatalf("%s does not match %s", args[1], args[2])
	}
	ts.Setenv(args[0], m[1])
}

// volatile is what differs from run to run, and what takes its place.
var volatile = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`), "YYYY-MM-DD hh:mm"},
	{regexp.MustCompile(`\d{4}-\d\d/\d\d-\d{6}`), "MONTH/DAY-TIME"},
	{regexp.MustCompile(`"(older|next)": "[0-9a-z]+"`), `"$1": "CURSOR"`},
	{regexp.MustCompile(`--cursor [0-9a-z]+`), "--cursor CURSOR"},
	{regexp.MustCompile(`\b[0-9a-f]{40}\b`), "COMMIT"},
}

// scrub FILE OUT writes a file, or stdout or stderr, with what differs from
// run to run replaced, and JSON indented. Ids become id-1, id-2 … (short-1 …)
// in the order of the commits.
func cmdScrub(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(text), "", "  ") == nil {
		text = indented.String()
	}
	entries := commits(ts)
	slices.Reverse(entries)
	for i, e := range entries {
		n := strconv.Itoa(i)
		text = strings.ReplaceAll(text, e.Hash.String()[:8]+"  ", "commit-"+n+"  ")
		if e.ID != "" {
			text = strings.ReplaceAll(text, e.ID, "id-"+n)
			text = strings.ReplaceAll(text, e.ID[len(e.ID)-8:], "short--"+n)
		}
	}
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "WORK")
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.instead)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

func withStore(ts *testscript.TestScript, f func(*gitstore.Store) error) {
	s, err := gitstore.Open(context.Background(), gitstore.Options{Dir: ts.Getenv("SKEIN_STORE"), NoMirror: true})
	ts.Check(err)
	defer s.Close()
	ts.Check(f(s))
}

func commits(ts *testscript.TestScript) (entries []gitstore.LogEntry) {
	if !gitstore.Exists(ts.Getenv("SKEIN_STORE")) {
		return nil
	}
	withStore(ts, func(s *gitstore.Store) (err error) {
		entries, err = s.Log(context.Background(), 1000)
		return err
	})
	return entries
}

// bytes FILE TEXT writes a file; TEXT is what stands between the quotes of a
// Go string, and so can hold any byte.
func cmdBytes(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// fill FILE SIZE TEXT writes a file of that many bytes, TEXT over and over.
func cmdFill(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := strings.Repeat(args[2], size/len(args[2])+1)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text[:size]), 0o600))
}

// sqlite FILE SQL runs the statements in a file on a database.
func cmdSQLite(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(ts.ReadFile(args[1]))
	ts.Check(errors.Join(err, db.Close()))
}

// body FILE checks that the body of the newest message is FILE, byte for byte.
func cmdBody(ts *testscript.TestScript, _ bool, args []string) {
	want := ts.ReadFile(args[0])
	newest := commits(ts)[0].ID
	withStore(ts, func(s *gitstore.Store) error {
		m, err := s.MessageByID(context.Background(), newest)
		if err == nil && string(m.Body) != want {
			ts.Fatalf("the body has %d bytes and %s has %d, or they differ", len(m.Body), args[0], len(want))
		}
		return err
	})
}

// colours are the only escape sequences that may be printed.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// clean [-colour] checks that nothing in stdout and stderr could steer a
// terminal; with -colour there must be colours, and nothing else.
func cmdClean(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range []string{"stdout", "stderr"} {
		text := ts.ReadFile(name)
		if len(args) > 0 && name == "stdout" {
			if !colours.MatchString(text) {
				ts.Fatalf("there is no colour in %q", text)
			}
			text = colours.ReplaceAllString(text, "")
		}
		if at := hiddenAt(text); at >= 0 {
			ts.Fatalf("%s passes on what can steer a terminal: %q", name, text[max(0, at-20):min(len(text), at+20)])
		}
	}
}
