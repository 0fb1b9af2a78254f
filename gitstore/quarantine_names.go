package gitstore

import (
	"errors"
	"regexp"
	"strings"

	"skein/gitstore/event"
)

// This file looks at the names in directories that a remote sends.

// badEntries lists the entries of a directory that came which are neither files
// nor directories, or whose names are not harmless on every system, with what
// is wrong. An error means that the directory itself is not well formed.
func badEntries(raw []byte) (bad map[string]string, err error) {
	bad = map[string]string{}
	names := make([]string, 0, len(raw)/shortEntry)
	var files fileNames
	text, last, lastDir := string(raw), []byte(nil), false
	for len(raw) > 0 {
		mode, name, _, rest, ok := nextEntry(raw)
		if !ok || last != nil && compareEntries(last, lastDir, name, isDirMode(mode)) >= 0 {
			return nil, errors.New("its list of files is not in order, or not complete")
		}
		start := len(text) - len(raw) + len(mode) + 1
		is := text[start : start+len(name)]
		twice := files.hold(is, isDirMode(mode))
		switch m := string(mode); {
		case m != "100644" && m != "40000":
			bad[is] = "its mode is " + m + ", where only files (100644) and directories (40000) belong"
		case twice:
			bad[is] = "it is the name of a file and of a directory"
		case !harmless(strings.ToLower(is)):
			bad[is] = "some systems take its name for something else"
		}
		names = append(names, is)
		last, lastDir, raw = name, isDirMode(mode), rest
	}
	noteCollisions(names, bad)
	return bad, nil
}

// fileNames are the names of files, in git's order, of which directories may
// come yet: everything between a file and the directory of its name begins with
// that name.
type fileNames []string

// hold tells whether a directory has a file's name.
func (f *fileNames) hold(name string, dir bool) bool {
	n := len(*f)
	for n > 0 && !strings.HasPrefix(name, (*f)[n-1]) {
		n--
	}
	*f = (*f)[:n]
	if dir {
		return n > 0 && (*f)[n-1] == name
	}
	*f = append(*f, name)
	return false
}

// noteCollisions notes names that differ in capitals alone, both, whichever is
// the new one.
func noteCollisions(names []string, bad map[string]string) {
	capital := map[string]string{} // by what they are in small letters
	for _, name := range names {
		if lower := strings.ToLower(name); lower != name {
			if other, there := capital[lower]; there {
				bad[name], bad[other] = collides, collides
			}
			capital[lower] = name
		}
	}
	if len(capital) == 0 {
		return
	}
	for _, name := range names {
		if other, there := capital[name]; there {
			bad[name], bad[other] = collides, collides
		}
	}
}

const (
	collides   = "its name is another's but for capitals"
	shortEntry = 40 // bytes of an entry with a short name
)

// shortName is how Windows shortens names, as GIT~1 for .git.
var shortName = regexp.MustCompile(`~[0-9]`)

// harmless tells whether a name is one that no system treats apart.
func harmless(lower string) bool {
	stem, _, _ := strings.Cut(lower, ".")
	switch {
	case strings.Trim(lower, ". ") != lower && !strings.HasPrefix(lower, "."), strings.HasSuffix(lower, "."), strings.HasSuffix(lower, " "):
		return false
	case lower == ".", lower == "..", lower == ".gitmodules", strings.Contains(lower, "~") && shortName.MatchString(lower), isDevice(stem):
		return false
	case strings.HasPrefix(lower, ".git") && !strings.HasPrefix(lower, ".gita") && !strings.HasPrefix(lower, ".gith") && lower != ".gitignore":
		return false
	}
	return !strings.ContainsAny(lower, `\/:*?"<>|`) && !strings.ContainsFunc(lower, func(r rune) bool { return r < ' ' || r > '~' })
}

// isDevice tells whether Windows takes a name for a device.
func isDevice(stem string) bool {
	if len(stem) < 3 || len(stem) > 4 || strings.Trim(stem, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return false
	}
	_, err := event.AgentName(stem)
	return err != nil
}
