package remote

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// directory writes entries, "mode name" each, as git stores them.
func directory(entries map[string]plumbing.Hash) (raw []byte) {
	key := func(entry string) string {
		mode, name, _ := strings.Cut(entry, " ")
		if mode == directoryMode {
			name += "/"
		}
		return name
	}
	sorted := slices.SortedFunc(maps.Keys(entries), func(a, b string) int { return strings.Compare(key(a), key(b)) })
	for _, entry := range sorted {
		h := entries[entry]
		raw = append(append(append(raw, entry...), 0), h[:]...)
	}
	return raw
}

// TestDirectoriesAreCompared: of two directories, exactly what is new in the
// second is found, and a delta makes the second of the first.
func TestDirectoriesAreCompared(t *testing.T) {
	names := []string{"a", "a-b", "a.b", "a0", "ab", "b", "b.md", "c"}
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(into map[string]plumbing.Hash, n int) map[string]plumbing.Hash {
		for range n {
			entry := []string{"100644 ", "40000 "}[random.IntN(2)] + names[random.IntN(len(names))]
			into[entry] = plumbing.Hash{byte(random.IntN(3)), 0, ' ', byte(random.IntN(256))}
			delete(into, map[bool]string{true: "40000 ", false: "100644 "}[strings.HasPrefix(entry, "1")]+entry[strings.Index(entry, " ")+1:])
		}
		return into
	}
	for range 2000 {
		before := draw(map[string]plumbing.Hash{}, 1+random.IntN(6))
		after := draw(maps.Clone(before), random.IntN(4))
		for range random.IntN(3) {
			delete(after, slices.Sorted(maps.Keys(after))[0])
			if len(after) == 0 {
				break
			}
		}
		want := maps.Clone(after)
		maps.DeleteFunc(want, func(entry string, h plumbing.Hash) bool { return before[entry] == h })
		was, is := directory(before), directory(after)
		err := added(was, is, func(had plumbing.Hash, e treeEntry) error {
			entry := string(e.mode) + " " + string(e.name)
			if want[entry] != e.hash || had != before[entry] {
				t.Fatalf("%q: %s instead of %s, and %s before that", entry, e.hash, want[entry], had)
			}
			delete(want, entry)
			return nil
		})
		if err != nil || len(want) > 0 {
			t.Fatal(err, want)
		}
		if got, err := packfile.PatchDelta(was, middle(was, is)); err != nil || !bytes.Equal(got, is) {
			t.Fatalf("%q: %v", got, err)
		}
	}
	if added(nil, []byte("100644 a\x00short"), nil) == nil {
		t.Error("half an entry is taken")
	}
}
