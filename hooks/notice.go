package hooks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The marks between which notices stand, as Claude Duo has them.
const (
	noticeStart = "<!-- CLAUDE-DUO-NOTIFICATIONS -->"
	noticeEnd   = "<!-- /CLAUDE-DUO-NOTIFICATIONS -->"
	noticeTitle = "## Unread messages"
)

// noComment keeps a line from holding a mark.
var noComment = strings.NewReplacer("<!--", "<! --", "-->", "-- >")

// mostNoticed is how large a file may be that gets a notice.
const mostNoticed = 1 << 20

// SetNotice puts a line for an agent between the marks in a file, in place of
// the one that it had there; "" takes it away. Lines of other agents stay. The
// file need not be there: it is made, and removed with its last line if nothing
// else is in it.
func SetNotice(path, agent, line string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	old, mode, err := readNoticed(path)
	if err != nil {
		return err
	}
	before, lines, after, err := cutNotices(path, old)
	if err != nil {
		return err
	}
	mine := "- " + agent + ": "
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, mine) })
	if line != "" {
		lines = append(lines, mine+noComment.Replace(strings.Join(strings.Fields(line), " ")))
	}
	now := before + notices(lines) + after
	switch {
	case now == string(old):
		return nil
	case now == "":
		return os.Remove(path)
	}
	return replaceFile(path, []byte(now), mode)
}

// readNoticed reads a file that may not be there.
func readNoticed(path string) ([]byte, fs.FileMode, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0o644, nil
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular() || info.Size() > mostNoticed:
		return nil, 0, fmt.Errorf("%s is no place for a notice: it is no file, or larger than %d bytes", path, mostNoticed)
	}
	data, err := os.ReadFile(path)
	return data, info.Mode().Perm(), err
}

// cutNotices returns what stands before and behind the notices, and the lines
// of these.
func cutNotices(path string, data []byte) (before string, lines []string, after string, err error) {
	starts, ends := bytes.Count(data, []byte(noticeStart)), bytes.Count(data, []byte(noticeEnd))
	if starts == 0 && ends == 0 {
		return string(data), nil, "", nil
	}
	before, rest, _ := strings.Cut(string(data), noticeStart)
	inside, after, closed := strings.Cut(rest, noticeEnd)
	if starts != 1 || ends != 1 || !closed {
		return "", nil, "", fmt.Errorf("%s has %d of %s and %d of %s; leave one of each, or none", path, starts, noticeStart, ends, noticeEnd)
	}
	for line := range strings.Lines(inside) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "- ") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSuffix(before, "\n"), lines, strings.TrimPrefix(after, "\n"), nil
}

// notices is what stands in the file for some lines, with the ends of lines
// that cutNotices takes away.
func notices(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "\n" + noticeStart + "\n" + noticeTitle + "\n\n" + strings.Join(lines, "\n") + "\n" + noticeEnd + "\n"
}

// replaceFile writes a file beside path and renames it.
func replaceFile(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
