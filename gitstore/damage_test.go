package gitstore

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

// TestReadersLeaveDamageOut: files that are no events are left out of every
// answer, and every answer says so.
func TestReadersLeaveDamageOut(t *testing.T) {
	for name, break1 := range map[string]func(f *planted){
		"no event":    func(f *planted) { f.data = "just text\n" },
		"empty":       func(f *planted) { f.data = "" },
		"cut short":   func(f *planted) { f.data = f.data[:60] },
		"other id":    func(f *planted) { f.data = strings.Replace(f.data, "filler", "bob", 1) },
		"odd name":    func(f *planted) { f.path = filepath.Dir(f.path) + "/notes.md" },
		"no month":    func(f *planted) { f.path = strings.Replace(f.path, "/2026-11/", "/november/", 1) },
		"other kind":  func(f *planted) { f.path = strings.Replace(f.path, ".md", ".profile.md", 1) },
		"broken kind": func(f *planted) { f.path = strings.Replace(f.path, ".md", ".thread.md", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, atPlantTime)
			warm := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, Now: atPlantTime.Now})
			for i := range 3 {
				id := idAt(plantTime.Add(time.Duration(i)*time.Minute), byte(i))
				_, f := plantedEvent(t, id, "a sound message")
				plant(t, s, "main", trailer(id), f)
			}
			if _, err := warm.Inbox(context.Background(), InboxQuery{Agent: "bob"}); err != nil {
				t.Fatal(err)
			}
			_, f := plantedEvent(t, idAt(plantTime.Add(90*time.Second), 9), "a damaged message")
			break1(&f)
			plant(t, s, "main", "damage\n", f)
			checkLeftOut(t, s)
			checkLeftOut(t, warm)
			plant(t, s, "main", "repair\n", planted{path: f.path, remove: true})
			in, err := warm.Inbox(context.Background(), InboxQuery{Agent: "bob"})
			if err != nil || in.Total != 3 || in.Skipped != 0 {
				t.Errorf("after the repair: %+v, %v", in, err)
			}
		})
	}
}

func checkLeftOut(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	in, err := s.Inbox(ctx, InboxQuery{Agent: "bob"})
	if err != nil || in.Total != 3 || in.Skipped != 1 {
		t.Errorf("inbox: %d of %d, %d skipped, %v", len(in.Messages), in.Total, in.Skipped, err)
	}
	page, err := s.Read(ctx, ReadQuery{Thread: "axon/model"})
	if err != nil || len(page.Messages) != 3 || page.Remaining != 0 || page.Older+page.Next != "" || page.Skipped != 1 {
		t.Errorf("read: %d messages, %d remain, %d skipped, %v", len(page.Messages), page.Remaining, page.Skipped, err)
	}
	found, err := s.Search(ctx, SearchQuery{Text: "message"})
	if err != nil || found.Total != 3 {
		t.Errorf("search: %d hits, %v", found.Total, err)
	}
}

// corrupt changes a byte in the middle of the pack that holds an object.
func corrupt(tb testing.TB, dir, object string) {
	tb.Helper()
	packs, _ := filepath.Glob(filepath.Join(dir, ".git", "objects", "pack", "*.pack"))
	for _, pack := range packs {
		cmd := exec.Command("git", "-C", dir, "verify-pack", "-v", pack)
		out, err := cmd.Output()
		if err != nil {
			continue
		}
		for _, line := range lines(string(out)) {
			fields := strings.Fields(line)
			if len(fields) >= 5 && fields[0] == object {
				flipByte(tb, pack, atoi(tb, fields[4])+atoi(tb, fields[3])/2)
				return
			}
		}
	}
	tb.Fatalf("object %s is in no pack", object)
}

func atoi(tb testing.TB, s string) int64 {
	tb.Helper()
	var n int64
	for _, c := range s {
		n = n*10 + int64(c-'0')
	}
	return n
}

func flipByte(tb testing.TB, name string, at int64) {
	tb.Helper()
	if err := os.Chmod(name, 0o600); err != nil {
		tb.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	data[at] ^= 0x40
	// A new file: others may have mapped the old one.
	if err := os.Remove(name); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// TestReadersOfDamagedPacks: a damaged object costs what it held, not the rest.
func TestReadersOfDamagedPacks(t *testing.T) {
	s := openTest(t, quiet)
	for i := range 3 {
		mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: strings.Repeat("message ", 20) + string(rune('a'+i))})
	}
	mustPost(t, s, Post{From: "ann", Thread: "axon/other", Body: "sound"})
	page, err := s.Read(context.Background(), ReadQuery{Thread: "axon/model"})
	if err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, s)
	blob := git(t, s.Dir(), "rev-parse", "main:"+page.Messages[1].Path)
	month := git(t, s.Dir(), "rev-parse", "main:projects/axon/other/"+event.Month(page.Messages[0].At))
	corrupt(t, s.Dir(), blob)
	corrupt(t, s.Dir(), month)
	ctx := context.Background()
	indexed := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true})
	in, err := indexed.Inbox(ctx, InboxQuery{Agent: "bob"}) // needs no directory
	if err != nil || in.Total != 3 || len(in.Messages) != 3 || in.Skipped != 1 {
		t.Errorf("inbox from the index: %d messages, %d skipped, %v", in.Total, in.Skipped, err)
	}
	anew := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, NoIndex: true})
	in, err = anew.Inbox(ctx, InboxQuery{Agent: "bob"})
	if err != nil || in.Total != 2 || in.Skipped != 2 {
		t.Errorf("inbox: %d messages, %d skipped, %v", in.Total, in.Skipped, err)
	}
	page, err = anew.Read(ctx, ReadQuery{Thread: "axon/model"})
	if err != nil || len(page.Messages) != 2 || page.Skipped != 1 || page.Older+page.Next != "" {
		t.Errorf("read: %+v, %v", page, err)
	}
	found, err := anew.Search(ctx, SearchQuery{Text: "message"})
	if err != nil || found.Total != 2 || found.Skipped != 2 {
		t.Errorf("search: %+v, %v", found, err)
	}
	if _, err := anew.Threads(ctx, ThreadFilter{}); err != nil {
		t.Errorf("threads: %v", err)
	}
	if page, err := anew.Read(ctx, ReadQuery{Thread: "axon/other"}); err != nil || len(page.Messages) != 0 || page.Skipped != 1 {
		t.Errorf("read of a damaged directory: %+v, %v", page, err)
	}
	report, err := anew.Verify(ctx, nil)
	if err != nil || !reports(report, blob) || !reports(report, month) {
		t.Errorf("verify: %+v, %v", report, err)
	}
}

func reports(report *Report, what string) bool {
	for _, problem := range report.Problems {
		if strings.Contains(problem, what) {
			return true
		}
	}
	return false
}
