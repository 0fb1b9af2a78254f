package gitstore

import (
	"fmt"
	"slices"
	"strings"
)

// UnknownError says that nothing of that name is in the store.
type UnknownError struct {
	What    string   // "agent", "thread", "project", "message"
	Name    string   // as it was given
	Nearest []string // names that are there and look like it, nearest first; may be empty
	Hint    string   // what else can be done, without a full stop; may be empty
}

func (e *UnknownError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no %s named %.60q in this store", e.What, e.Name)
	if len(e.Nearest) > 0 {
		quoted := make([]string, len(e.Nearest))
		for i, name := range e.Nearest {
			quoted[i] = fmt.Sprintf("%q", name)
		}
		fmt.Fprintf(&b, " (did you mean %s?)", strings.Join(quoted, " or "))
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// AmbiguousError says that an abbreviation fits more than one thing.
type AmbiguousError struct {
	Abbrev     string
	Candidates []string // each unique and good in place of Abbrev
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%.60q fits more than one: give one of %s", e.Abbrev, strings.Join(e.Candidates, ", "))
}

// FormatError says that the store was written by a newer skein, whose layout
// this one would misread.
type FormatError struct {
	Dir    string
	Format int // of the store
	Known  int // the newest that this skein reads
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("the store %s has format %d and this skein reads formats up to %d: update skein", e.Dir, e.Format, e.Known)
}

// maxNearest is how many names an UnknownError suggests.
const maxNearest = 3

// mostNear is how long a name may be for others to look like it.
const mostNear = 200

// nearest returns up to three of the names that look like name, nearest first:
// those within a third of its length in edits, and those that begin with it.
func nearest(name string, from []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	if len(name) > mostNear {
		return nil
	}
	limit := max(1, (len(name)+1)/3)
	var near []candidate
	for _, other := range from {
		d := editDistance(name, other)
		if d > limit && strings.HasPrefix(other, name) && len(name) > 2 {
			d = limit
		}
		if d <= limit {
			near = append(near, candidate{other, d})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	near = near[:min(len(near), maxNearest)]
	names := make([]string, len(near))
	for i, c := range near {
		names[i] = c.name
	}
	return names
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours between two names of ASCII letters.
func editDistance(a, b string) int {
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(last[j]+1, next[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}
