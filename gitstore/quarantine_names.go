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
	bad, folded := map[string]string{}, make(map[string]string, len(raw)/shortEntry)
	var last []byte
	lastDir := false
	for len(raw) > 0 {
		mode, name, _, rest, ok := nextEntry(raw)
		text := string(name)
		if !ok || last != nil && compareEntries(last, lastDir, text, isDirMode(mode)) >= 0 {
			return nil, errors.New("its list of files is not in order, or not complete")
		}
		lower := strings.ToLower(text)
		other, there := folded[lower]
		switch m := string(mode); {
		case m != "100644" && m != "40000":
			bad[text] = "its mode is " + m + ", where only files (100644) and directories (40000) belong"
		case there:
			bad[text], bad[other] = collides, collides // whichever of the two is the new one
		case !harmless(lower):
			bad[text] = "some systems take its name for something else"
		}
		folded[lower] = text
		last, lastDir, raw = name, isDirMode(mode), rest
	}
	return bad, nil
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
