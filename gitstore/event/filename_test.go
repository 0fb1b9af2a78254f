package event

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFileName(t *testing.T) {
	e := message(t)
	for kind, suffix := range map[Kind]string{
		KindMessage: ".md", KindThread: ".thread.md", KindProject: ".project.md", KindReceipt: ".receipt.md", KindProfile: ".profile.md",
	} {
		e.Kind = kind
		if got, want := FileName(e), "21-101503-claude-code-7k3q9x2m"+suffix; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	e.Kind, e.From, e.At = KindMessage, "claude-code@axon", e.At.In(time.FixedZone("", 20*3600))
	if got := FileName(e); got != "21-101503-claude-code_axon-7k3q9x2m.md" {
		t.Errorf("got %s", got)
	}
	if got := Month(e.At); got != "2026-11" {
		t.Errorf("month %s", got)
	}
}

func TestParseFileName(t *testing.T) {
	for in, want := range map[string]Name{
		"21-101503-claude-code-7k3q9x2m.md":            {21, "101503", "claude-code", "7k3q9x2m", KindMessage},
		"01-000000-a-00000000.thread.md":               {1, "000000", "a", "00000000", KindThread},
		"31-235959-claude-code_axon-zzzzzzzz.md":       {31, "235959", "claude-code@axon", "zzzzzzzz", KindMessage},
		"21-101503-x.thread-7k3q9x2m.md":               {21, "101503", "x.thread", "7k3q9x2m", KindMessage},
		"21-101503-x-7k3q9x2m-7k3q9x2m.receipt.md":     {21, "101503", "x-7k3q9x2m", "7k3q9x2m", KindReceipt},
		"21-101503-21-101503-a-7k3q9x2m.profile.md":    {21, "101503", "21-101503-a", "7k3q9x2m", KindProfile},
		"21-101503-a.project.md.b-7k3q9x2m.project.md": {21, "101503", "a.project.md.b", "7k3q9x2m", KindProject},
	} {
		got, err := ParseFileName(in)
		if err != nil || got != want || got.String() != in {
			t.Errorf("%s: got %+v (%s), %v", in, got, got, err)
		}
	}
	for _, bad := range []string{
		"", ".md", "README.md", ".skein", "21-101503-7k3q9x2m.md", "21-101503--7k3q9x2m.md", "21-101503-a-7k3q9x2m", "21-101503-a-7k3q9x2m.txt",
		"21-101503-a-7k3q9x2m.foo.md", "21-101503-a-7k3q9x2u.md", "21-101503-a-7K3Q9X2M.md", "21-101503-A-7k3q9x2m.md", "00-101503-a-7k3q9x2m.md",
		"32-101503-a-7k3q9x2m.md", "21-241503-a-7k3q9x2m.md", "21-106003-a-7k3q9x2m.md", "21-101560-a-7k3q9x2m.md", "1-101503-a-7k3q9x2m.md",
		"21_101503_a_7k3q9x2m.md", "21-10150a-a-7k3q9x2m.md", "21-101503-a@b-7k3q9x2m.md", "21-101503-../x-7k3q9x2m.md", "21-101503-con-7k3q9x2m.md",
		"+1-101503-a-7k3q9x2m.md", "21-101503-a-7k3q9x2m.md\x00", "21-101503-a\n-7k3q9x2m.md", "21-101503-日-7k3q9x2m.md",
		"21-101503-" + strings.Repeat("a", 65) + "-7k3q9x2m.md", strings.Repeat("21-101503-a-", 1000) + "7k3q9x2m.md",
	} {
		_, err := ParseFileName(bad)
		wantError(t, err, "is not the name of an event's file")
	}
}

func FuzzParseFileName(f *testing.F) {
	f.Add("21-101503-claude-code_axon-7k3q9x2m.md")
	f.Add("21-101503-x.thread-7k3q9x2m.thread.md")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseFileName(s)
		if err != nil {
			return
		}
		if n.String() != s {
			t.Fatalf("%q became %q", s, n)
		}
		if name, err := AgentName(n.Agent); err != nil || name != n.Agent {
			t.Fatalf("%q has the agent %q: %v", s, n.Agent, err)
		}
	})
}

// genPlaced draws an event with all that decides about its place.
func genPlaced(t *rapid.T) *Event {
	at := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "at")).UTC()
	return &Event{
		ID:   genID(t),
		Kind: rapid.SampledFrom([]Kind{KindMessage, KindThread, KindProject, KindReceipt, KindProfile}).Draw(t, "kind"),
		From: rapid.StringMatching(`[a-z][a-z0-9]{0,5}([.@-][a-z0-9]{1,5}){0,3}`).Filter(func(s string) bool { return checkAgentName(s) == nil }).Draw(t, "from"),
		At:   at,
	}
}

func TestFileNameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genPlaced(t)
		if e.ID.IsZero() {
			return
		}
		n, err := ParseFileName(FileName(e))
		if err != nil || n.String() != FileName(e) {
			t.Fatalf("%s: %v", FileName(e), err)
		}
		want := Name{e.At.Day(), e.At.Format("150405"), e.From, e.ID.Short(), e.Kind}
		if n != want {
			t.Fatalf("got %+v, want %+v", n, want)
		}
	})
}

func TestSplits(t *testing.T) {
	e := message(t)
	want := []string{"21d", "21-10h", "21-1015m", "21-101503s", "_7", "_k", "_3", "_q", "_9", "_x", "_2", "_m"}
	if got := Splits(e); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSplitsSortAfterTheFilesTheyContinue compares as git does in a tree: a
// directory's name ends with '/'.
func TestSplitsSortAfterTheFilesTheyContinue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, other := genPlaced(t), genPlaced(t)
		if e.ID.IsZero() || other.ID.IsZero() {
			return
		}
		// A directory at level n holds what shares the first n splits.
		level := rapid.IntRange(0, 11).Draw(t, "level")
		units := []time.Duration{31 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second}
		unit := units[min(level, len(units)-1)]
		other.At = e.At.Truncate(unit).Add(other.At.Sub(other.At.Truncate(unit)))
		if Month(other.At) != Month(e.At) {
			return
		}
		split, file := Splits(e)[level], FileName(other)
		continues := level >= 4 || Splits(other)[level] == split
		if continues && file >= split+"/" {
			t.Fatalf("%s sorts after %s/", file, split)
		}
		if !continues && other.At.After(e.At) && file <= split+"/" {
			t.Fatalf("%s sorts before %s/ of an earlier time", file, split)
		}
	})
}

func TestFanOut(t *testing.T) {
	// printf axon | sha256sum begins 99a2ac, in bits 10011 00110 10001 01010…
	for level, want := range []string{"_k", "_6", "_h", "_a"} {
		if got := FanOut("axon", level); got != want {
			t.Errorf("level %d: got %s, want %s", level, got, want)
		}
	}
	seen := map[string]bool{}
	for level := range MaxFanOut {
		seen[FanOut("axon", level)] = true
	}
	if len(seen) < 16 {
		t.Errorf("%d levels have only %d names", MaxFanOut, len(seen))
	}
}
