package event

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func genID(t *rapid.T) ID {
	raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")
	return ID(raw)
}

func TestIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := genID(t)
		if id.IsZero() {
			return
		}
		for _, text := range []string{id.String(), strings.ToUpper(id.String())} {
			if back, err := ParseID(text); err != nil || back != id {
				t.Fatalf("ParseID(%q) = %v, %v", text, back, err)
			}
		}
		if s := id.String(); s != strings.ToLower(s) || !strings.HasSuffix(s, id.Short()) || len(id.Short()) != 8 {
			t.Fatalf("String %q, Short %q", s, id.Short())
		}
		data, err := json.Marshal(map[ID]ID{id: id})
		if err != nil {
			t.Fatal(err)
		}
		back := map[ID]ID{}
		if err := json.Unmarshal(data, &back); err != nil || back[id] != id {
			t.Fatalf("JSON %s: %v, %v", data, back, err)
		}
	})
}

func TestIDOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genID(t), genID(t)
		if a.IsZero() || b.IsZero() {
			return
		}
		if a.Compare(b) != strings.Compare(a.String(), b.String()) {
			t.Fatalf("%s and %s order otherwise as bytes than as text", a, b)
		}
	})
}

func TestParseIDRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "01kajxr3k3q8v7n2m5x7k3q9x", "01kajxr3k3q8v7n2m5x7k3q9x22", "01kajxr3k3q8v7n2m5x7k3q9xu",
		"01kajxr3k3q8v7n2m5x7k3q9xl", "81kajxr3k3q8v7n2m5x7k3q9x2", "00000000000000000000000000",
		"01kajxr3k3q8v7n2m5x7k3q9x\x00", "../../../../../../etc/passw", strings.Repeat("0", 10000), "日本語日本語日本語日本語日本",
	} {
		_, err := ParseID(bad)
		wantError(t, err, "is not an id")
	}
}

func TestZeroID(t *testing.T) {
	var id ID
	if id.String() != "" || id.Short() != "" || id.Matches("0000") || id.Matches("") {
		t.Errorf("the zero id shows as %q, %q", id.String(), id.Short())
	}
	if data, err := json.Marshal(id); err != nil || string(data) != `""` {
		t.Errorf("JSON %s, %v", data, err)
	}
	back := numbered(1)
	if err := json.Unmarshal([]byte(`""`), &back); err != nil || !back.IsZero() {
		t.Errorf("read back %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`"x"`), &back); err == nil {
		t.Error("JSON accepts a bad id")
	}
}

func TestAbbreviation(t *testing.T) {
	id := mustID(t, "01kajxr3k3q8v7n2m5x7k3q9x2")
	for in, matches := range map[string]bool{
		"x7k3": false, "7k3q": false, "5x7k": false, "k3q9": false,
		"5X7K3Q9X": false, " m5x7 ": false,
		id.String(): true, strings.ToUpper(id.String()): true,
		id.Short(): true, id.Short()[:4]: true, strings.ToUpper(id.Short()[:6]) + " ": true,
	} {
		abbrev, err := Abbreviation(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if id.Matches(abbrev) != matches {
			t.Errorf("%q matches %s: %v", in, id, !matches)
		}
	}
	for _, bad := range []string{"", "7k3", "abcdefghj", "7k3u", "7k3-", "日本語日", strings.Repeat("7", 25), strings.Repeat("7", 27)} {
		_, err := Abbreviation(bad)
		wantError(t, err, "is not a message id")
	}
}

func TestIDTime(t *testing.T) {
	if got := numbered(1700000000).Time().Format("2006-01-02T15:04:05Z07:00"); got != "2023-11-14T22:13:20Z" {
		t.Errorf("time %s", got)
	}
}
