package odb

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// damaged is a repository with a merged pack, batches that only the journal
// vouches for, a packed ref, and packs of every kind.
type damaged struct {
	dir         string
	main, other []string
	merged      string // a pack whose objects the journal does not have any more
	small       string // one that it has
}

func newDamaged(t *testing.T) damaged {
	d := damaged{dir: newRepo(t)}
	s := open(t, d.dir, Options{Boot: "boot"})
	defer s.Close()
	d.main = names("m", smallPacks+3)
	for _, id := range d.main[:smallPacks] {
		mustPost(t, s, mainRef, 3000, id)
	}
	if err := errors.Join(s.Maintain(t.Context()), s.reap(0)); err != nil {
		t.Fatal(err)
	}
	packs, err := filepath.Glob(filepath.Join(s.packDir(), "*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	d.merged = strings.TrimSuffix(packs[0], ".pack")
	if err := withLock(s, func() error { return errors.Join(s.journal.catchUp(), s.checkpoint()) }); err != nil {
		t.Fatal(err)
	}
	for _, id := range d.main[smallPacks:] {
		mustPost(t, s, mainRef, 3000, id)
	}
	d.other = []string{"o1", "o2"}
	for _, id := range d.other {
		mustPost(t, s, otherRef, 0, id)
	}
	records, err := s.journal.records()
	if err != nil {
		t.Fatal(err)
	}
	d.small = s.packPath(records[2].packName())
	return d
}

// copy returns a copy of it, to be damaged.
func (d damaged) copy(t *testing.T) damaged {
	to := copyRepo(t, d.dir)
	move := func(path string) string { return filepath.Join(to, strings.TrimPrefix(path, d.dir)) }
	return damaged{dir: to, main: d.main, other: d.other, merged: move(d.merged), small: move(d.small)}
}

const (
	repaired = "repaired" // everything is there, and the next batch works
	ours     = "ours"     // the same, but for what only git reads
	refused  = "refused"  // an error that says what to do
	lost     = "lost"     // an error: the object is not there
)

func TestDamage(t *testing.T) {
	whole := newDamaged(t)
	ref, packed, journal := "refs/heads/main", "packed-refs", "skein/journal"
	dangling := []byte(strings.Repeat("1", 40) + "\n")
	both := func(change ...func(damaged)) func(damaged) {
		return func(d damaged) {
			for _, c := range change {
				c(d)
			}
		}
	}
	in := func(name string, change func(t *testing.T, path string)) func(damaged) {
		return func(d damaged) { change(t, filepath.Join(d.dir, name)) }
	}
	pack := func(which func(damaged) string, ending string, change func(t *testing.T, path string)) func(damaged) {
		return func(d damaged) { change(t, which(d)+ending) }
	}
	merged, small := func(d damaged) string { return d.merged }, func(d damaged) string { return d.small }
	pruned := func(d damaged) { git(t, d.dir, "pack-refs", "--all", "--prune") }

	for _, c := range []struct {
		name   string
		damage func(damaged)
		want   string
	}{
		{"ref empty", in(ref, write(nil)), repaired},
		{"ref of zeros", in(ref, write(make([]byte, 41))), repaired},
		{"ref garbage", in(ref, write([]byte("what is this?\n"))), repaired},
		{"ref cut short", in(ref, truncate(20)), repaired},
		{"ref missing", in(ref, missing), repaired},
		{"ref dangling", in(ref, write(dangling)), repaired},
		{"ref symbolic to nowhere", in(ref, write([]byte("ref: refs/heads/nowhere\n"))), repaired},
		{"ref a directory", in(ref, func(t *testing.T, path string) { missing(t, path); must(t, os.Mkdir(path, 0o700)) }), repaired},
		{"all refs missing", func(d damaged) { must(t, os.RemoveAll(filepath.Join(d.dir, "refs", "heads"))) }, repaired},
		{"ref empty, no journal", both(in(ref, write(nil)), in(journal, missing)), refused},
		{"ref dangling, no journal", both(in(ref, write(dangling)), in(journal, missing)), refused},
		{"packed refs garbage", both(pruned, in(packed, write([]byte("garbage\n")))), ours},
		{"packed refs empty", both(pruned, in(packed, write(nil))), repaired},
		{"packed refs missing", both(pruned, in(packed, missing)), repaired},
		{"packed refs cut short", both(pruned, in(packed, truncate(60))), ours},
		{"packed refs flipped", both(pruned, in(packed, flip(100))), ours},
		{"packed refs garbage, no journal", both(pruned, in(packed, write([]byte("garbage\n"))), in(journal, missing)), refused},

		{"merged pack cut short", pack(merged, ".pack", truncate(5000)), refused},
		{"merged pack empty", pack(merged, ".pack", write(nil)), refused},
		{"merged pack flipped", pack(merged, ".pack", flip(5000)), refused},
		{"merged pack missing", pack(merged, ".pack", missing), refused},
		{"merged pack's index missing", pack(merged, ".idx", missing), repaired},
		{"merged pack's index empty", pack(merged, ".idx", write(nil)), repaired},
		{"merged pack's index cut short", pack(merged, ".idx", truncate(2000)), repaired},
		{"merged pack's index flipped", pack(merged, ".idx", flip(1500)), repaired},
		{"merged pack's fan-out flipped", pack(merged, ".idx", flip(600)), repaired},
		{"merged pack's offsets flipped", pack(merged, ".idx", flipBehind(60)), repaired},
		{"merged pack's index garbage", pack(merged, ".idx", write([]byte("garbage"))), repaired},
		{"merged pack and index missing", both(pack(merged, ".idx", missing), pack(merged, ".pack", missing)), lost},
		{"merged pack and index damaged", both(pack(merged, ".idx", flip(1500)), pack(merged, ".pack", flip(900))), refused},
		{"small pack cut short", pack(small, ".pack", truncate(100)), repaired},
		{"small pack empty", pack(small, ".pack", write(nil)), repaired},
		{"small pack flipped", pack(small, ".pack", flip(700)), repaired},
		{"small pack missing", pack(small, ".pack", missing), repaired},
		{"small pack's index missing", pack(small, ".idx", missing), repaired},
		{"small pack's index flipped", pack(small, ".idx", flip(1090)), repaired},
		{"small pack and index missing", both(pack(small, ".idx", missing), pack(small, ".pack", missing)), repaired},
		{"small pack missing, no journal", both(pack(small, ".pack", missing), in(journal, missing)), refused},
		{"small pack flipped, no journal", both(pack(small, ".pack", flip(700)), in(journal, missing)), refused},
		{"all packs missing", in("objects/pack", func(t *testing.T, path string) { must(t, os.RemoveAll(path)) }), lost},

		{"config missing", in("config", missing), repaired},
		{"config empty", in("config", write(nil)), repaired},
		{"config of zeros", in("config", write(make([]byte, 100))), repaired},
		{"config garbage", in("config", write([]byte("[core\nwhat"))), refused},
		{"config newer", in("config", write([]byte("[core]\nrepositoryformatversion = 1\n"))), refused},
		{"config of SHA-256", in("config", write([]byte("[core]\nrepositoryformatversion = 0\n[extensions]\nobjectformat = sha256\n"))), refused},
		{"HEAD missing", in("HEAD", missing), repaired},
		{"HEAD empty", in("HEAD", write(nil)), repaired},
		{"HEAD garbage", in("HEAD", write([]byte("garbage"))), repaired},
		{"objects borrowed", in("objects/info/alternates", write([]byte("/elsewhere\n"))), refused},
		{"no objects", in("objects", func(t *testing.T, path string) { must(t, os.RemoveAll(path)) }), refused},

		{"journal missing", in(journal, missing), repaired},
		{"journal empty", in(journal, write(nil)), repaired},
		{"journal cut short", in(journal, truncate(5000)), repaired},
		{"journal cut in its first record", in(journal, truncate(30)), repaired},
		{"journal garbage", in(journal, write(bytes.Repeat([]byte("garbage SKJ1 "), 400_000))), repaired},
		{"journal of zeros", in(journal, write(make([]byte, journalSize))), repaired},
		{"journal a directory", in(journal, func(t *testing.T, path string) { missing(t, path); must(t, os.Mkdir(path, 0o700)) }), refused},
		{"nothing of this machine", in("skein", func(t *testing.T, path string) { must(t, os.RemoveAll(path)) }), repaired},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, boot := range []string{"boot", "another"} {
				d := whole.copy(t)
				c.damage(d)
				d.check(t, boot, c.want)
			}
		})
	}
}

// check opens the repository and holds what can be read against what was
// there: all of it, or an error that says what is wrong; never less.
func (d damaged) check(t *testing.T, boot, want string) {
	t.Helper()
	s, err := Open(d.dir, Options{Boot: boot, Logger: quiet()})
	if err != nil {
		d.loud(t, want, err)
		return
	}
	defer s.Close()
	for ref, ids := range map[plumbing.ReferenceName][]string{mainRef: d.main, otherRef: d.other} {
		got, err := history(s, ref)
		if err != nil {
			d.loud(t, want, err)
			return
		}
		if !slices.Equal(got, ids) {
			t.Fatalf("%s has %d commits, not %d", ref, len(got), len(ids))
		}
	}
	if want == refused || want == lost {
		t.Error("nothing is said")
	}
	mustPost(t, s, mainRef, 0, "next")
	mustPost(t, s, otherRef, 0, "next")
	s.Close()
	again := open(t, d.dir, Options{Boot: boot + " after", Logger: quiet()})
	wantHistory(t, again, mainRef, append(slices.Clone(d.main), "next")...)
	wantHistory(t, again, otherRef, append(slices.Clone(d.other), "next")...)
	if want != ours {
		fsck(t, d.dir)
	}
}

// loud says whether an error tells of damage and what to do about it.
func (d damaged) loud(t *testing.T, want string, err error) {
	t.Helper()
	if want == repaired || want == ours {
		t.Fatalf("not repaired: %v", err)
	}
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		t.Errorf("taken for a ref that never was: %v", err)
	}
	if want == lost && errors.Is(err, plumbing.ErrObjectNotFound) {
		return
	}
	advice := []string{"restore", "git fsck", "keeps", "run git", "not a git directory", "is a directory"}
	if !slices.ContainsFunc(advice, func(a string) bool { return strings.Contains(err.Error(), a) }) {
		t.Errorf("it does not say what to do: %v", err)
	}
}

// TestJournalFlipped damages every record of the journal, in every part of it.
func TestJournalFlipped(t *testing.T) {
	whole := newDamaged(t)
	data, err := os.ReadFile(filepath.Join(whole.dir, "skein", "journal"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := scanRecords(data)
	if err != nil || len(records) != 6 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	off := 0
	for i, r := range records {
		size := int(recordSize(r.moves, r.pack))
		for _, at := range []int{0, 5, 20, 41, recordHeader + 1, size - 1} {
			t.Run(fmt.Sprintf("record %d at %d", i, at), func(t *testing.T) {
				for _, boot := range []string{"boot", "another"} {
					d := whole.copy(t)
					flip(off+at)(t, filepath.Join(d.dir, "skein", "journal"))
					d.check(t, boot, repaired)
				}
			})
		}
		off += size
	}
}

// TestJournalHole loses in a power loss both a record in the middle of the
// journal and files that it vouched for.
func TestJournalHole(t *testing.T) {
	whole := newDamaged(t)
	data, err := os.ReadFile(filepath.Join(whole.dir, "skein", "journal"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := scanRecords(data)
	if err != nil {
		t.Fatal(err)
	}
	hole := int(recordSize(records[0].moves, records[0].pack)) // the first batch
	lose := func(d damaged, records []record) {
		for _, r := range records {
			missing(t, filepath.Join(d.dir, "objects", "pack", r.packName()+".pack"))
			missing(t, filepath.Join(d.dir, "objects", "pack", r.packName()+".idx"))
		}
		old := records[0].moves[0].old.String() + "\n"
		write([]byte(old))(t, filepath.Join(d.dir, "refs", "heads", "main"))
		missing(t, filepath.Join(d.dir, "refs", "heads", "agents"))
	}
	t.Run("the lost record's pack is there", func(t *testing.T) {
		d := whole.copy(t)
		flip(hole+recordHeader+100)(t, filepath.Join(d.dir, "skein", "journal"))
		lose(d, records[2:])
		d.check(t, "another", repaired)
	})
	t.Run("it is not", func(t *testing.T) {
		d := whole.copy(t)
		flip(hole+recordHeader+100)(t, filepath.Join(d.dir, "skein", "journal"))
		lose(d, records[1:])
		d.check(t, "another", refused)
	})
}

// TestCutWhileMapped cuts files short under the eyes of a process that has
// them mapped.
func TestCutWhileMapped(t *testing.T) {
	dir := newRepo(t)
	ids := names("big", smallPacks)
	writer := open(t, dir, Options{})
	for _, id := range ids {
		mustPost(t, writer, mainRef, 40_000, id)
	}
	for i := range 2000 { // for an index that is large enough to be mapped
		if i%500 == 0 {
			mustPost(t, writer, otherRef, 0, names(fmt.Sprint("many", i, "."), 500)...)
		}
	}
	if err := writer.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, ending := range []string{".pack", ".idx"} {
		d := copyRepo(t, dir)
		missing(t, filepath.Join(d, "skein", "journal"))
		s := open(t, d, Options{Logger: quiet()})
		if _, err := history(s, mainRef); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(s.packDir(), "*"+ending))
		cut := 0
		for _, f := range files {
			if info, err := os.Stat(f); err == nil && info.Size() > smallFile {
				cut++
				truncate(4096)(t, f)
			}
		}
		if cut == 0 {
			t.Fatal("no file was large enough")
		}
		_, err := history(s, mainRef)
		if err == nil && ending == ".pack" || errors.Is(err, plumbing.ErrObjectNotFound) {
			t.Errorf("%s cut short: %v", ending, err)
		}
		if _, err := s.Objects(); err != nil {
			t.Errorf("%s cut short: listing the objects: %v", ending, err)
		}
	}
}

func write(data []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		_ = os.Chmod(path, 0o600)
		must(t, os.WriteFile(path, data, 0o600))
	}
}

func truncate(n int64) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		must(t, os.Chmod(path, 0o600))
		must(t, os.Truncate(path, n))
	}
}

func flip(at int) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		data, err := os.ReadFile(path)
		must(t, err)
		data[at] ^= 1 << rand.IntN(8)
		write(data)(t, path)
	}
}

func flipBehind(back int) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		info, err := os.Stat(path)
		must(t, err)
		flip(int(info.Size())-back)(t, path)
	}
}

func missing(t *testing.T, path string) { must(t, os.Remove(path)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
