package index

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"skein/gitstore/event"
)

// sampled returns the ids of some of the messages of an index of damageSize.
func sampled() (ids []event.ID) {
	c := newCorpus(damageSize)
	for i := range c.n {
		if id := c.message(i).Event.ID; i%(c.n/20) == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// answers asks an index many questions, also about these messages.
func answers(x *Index, ids []event.ID) (all []any, err error) {
	v, err := x.View(context.Background())
	if err != nil {
		return nil, err
	}
	defer v.Close()
	keep := func(answer any, e error) {
		all = append(all, answer)
		err = errors.Join(err, e)
	}
	now := testStart.Add(181 * 24 * time.Hour)
	for i := range 4 {
		for _, read := range []bool{false, true} {
			keep(v.Inbox(InboxQuery{Agent: benchAgent(i), Limit: 50, Now: now, IncludeRead: read}))
		}
	}
	for _, text := range []string{common, "the of", `"of the"`, "recurs*", "since:150d", "from:agent-03"} {
		q, e := ParseQuery(text, now)
		err = errors.Join(err, e)
		keep(v.Search(q, Place{}, 20))
	}
	keep(v.Threads(ThreadFilter{}))
	keep(v.Projects())
	keep(v.Agents())
	for _, id := range ids {
		keep(v.Find(id.String()))
		keep(v.Receipts(id))
	}
	return all, err
}

const damageSize = 1500

// sound is the file of a sound index, and its answers.
func sound(t *testing.T) (data []byte, want []any) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "index")
	build(t, dir, newCorpus(damageSize))
	x := openTest(t, dir, Options{})
	want, err := answers(x, sampled())
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(filepath.Join(dir, mustNewest(t, dir)))
	if err != nil {
		t.Fatal(err)
	}
	return data, want
}

func mustNewest(t *testing.T, dir string) string {
	t.Helper()
	name, err := newest(dir)
	if err != nil || name == "" {
		t.Fatalf("%q, %v", name, err)
	}
	return name
}

// damages are ways to spoil a file, by name.
func damages(sound []byte) map[string][]byte {
	r := rand.New(rand.NewPCG(5, 6))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	spoilt := map[string][]byte{"empty": nil, "noise": noise(len(sound)), "text": []byte("not an index\n")}
	for i := range 20 {
		if testing.Short() && i%5 != 0 {
			continue
		}
		at := len(sound) * i / 20
		spoilt[fmt.Sprintf("cut at %d", at)] = sound[:at+i%3]
		sizes := []int{16, 512, 20_000}
		if testing.Short() {
			sizes = sizes[i/5%3:][:1]
		}
		for _, n := range sizes {
			b := append([]byte(nil), sound...)
			copy(b[at+r.IntN(len(sound)/20):], noise(n))
			spoilt[fmt.Sprintf("%d bytes of noise behind %d", n, at)] = b
		}
	}
	return spoilt
}

// plant makes an index of a file, with the stamp that it was left with.
func plant(t *testing.T, data []byte) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, fileName(1, time.Now()))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	// Some systems tell times of files by clock ticks: the next change is to
	// have another time.
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	stamp, err := stampOf(path)
	if err == nil {
		err = writeStamp(path, stamp)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// TestDamage spoils files at rest, and under an index that is open and warm:
// every answer is right, or ErrDamaged, after which Reset gives an empty index.
func TestDamage(t *testing.T) {
	data, want := sound(t)
	ids := sampled()
	for name, spoilt := range damages(data) {
		for _, open := range []bool{false, true} {
			dir, path := plant(t, data)
			var x *Index
			if open {
				x = openTest(t, dir, Options{})
				if _, err := answers(x, ids); err != nil {
					t.Fatal(err)
				}
			}
			if err := overwrite(path, spoilt); err != nil {
				t.Fatal(err)
			}
			if !open {
				x = openTest(t, dir, Options{})
			}
			if !checkDamaged(t, name, x, ids, want) && !stampless {
				t.Errorf("%s was not noticed", name)
			}
			_ = x.Close()
		}
	}
}

// TestSilentDamage spoils files in a way that leaves no trace beside them, as
// a failing disk does: nothing fails but with ErrDamaged.
func TestSilentDamage(t *testing.T) {
	data, want := sound(t)
	ids := sampled()
	wrong := 0
	for name, spoilt := range damages(data) {
		dir, _ := plant(t, spoilt)
		x := openTest(t, dir, Options{})
		got, err := answers(x, ids)
		switch {
		case errors.Is(err, ErrDamaged):
			checkReset(t, name, x)
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case !reflect.DeepEqual(got, want) && viewState(t, x) != (State{}):
			wrong++
		}
		_ = x.Close()
	}
	t.Logf("%d of %d damages led to a wrong answer", wrong, len(damages(data)))
}

func viewState(t *testing.T, x *Index) State {
	t.Helper()
	v := viewTest(t, x)
	defer v.Close()
	return v.State()
}

// checkDamaged tells whether the damage was noticed.
func checkDamaged(t *testing.T, name string, x *Index, ids []event.ID, want []any) bool {
	t.Helper()
	got, err := answers(x, ids)
	switch {
	case err == nil && !reflect.DeepEqual(got, want):
		if viewState(t, x) == (State{}) {
			return true // replaced by an empty one at opening
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s: answer %d is wrong:\n%+v\nwant\n%+v", name, i, got[i], want[i])
			}
		}
	case err != nil && !errors.Is(err, ErrDamaged):
		t.Errorf("%s: %v", name, err)
	case err != nil:
		checkReset(t, name, x)
		return true
	}
	return false
}

func checkReset(t *testing.T, name string, x *Index) {
	t.Helper()
	if err := x.Reset(); err != nil {
		t.Fatalf("%s: reset: %v", name, err)
	}
	if err := x.Update(context.Background(), State{}, stepState(1), yield(batch(newCorpus(raceSteps*raceBatch), 0))); err != nil {
		t.Fatalf("%s: update after reset: %v", name, err)
	}
}

// overwrite changes a file in place.
func overwrite(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	return errors.Join(err, f.Truncate(int64(len(data))), f.Close())
}

// TestReplaced removes and resets an index under one that is open.
func TestReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	a, b := openTest(t, dir, Options{}), openTest(t, dir, Options{})
	if err := a.Update(context.Background(), State{}, stepState(1), yield(nil)); err != nil {
		t.Fatal(err)
	}
	if err := a.Reset(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.View(context.Background()); !errors.Is(err, ErrDamaged) {
		t.Fatalf("view of what was replaced: %v", err)
	}
	if err := b.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := a.Reset(); err != nil { // once more, by somebody who was slow
		t.Fatal(err)
	}
	if a.file.name != b.file.name {
		t.Errorf("%s and %s", a.file.name, b.file.name)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := a.Update(context.Background(), State{}, stepState(1), yield(nil)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("update of what was removed: %v", err)
	}
	checkReset(t, "removed", a)
}

// TestOtherVersion opens files that are no index of this version.
func TestOtherVersion(t *testing.T) {
	for name, statement := range map[string]string{
		"version":     `PRAGMA user_version = 99`,
		"application": `PRAGMA application_id = 99`,
		"tables":      `DROP TABLE messages`,
		"state":       `DELETE FROM state`,
	} {
		dir := t.TempDir()
		x := openTest(t, dir, Options{})
		if err := x.Update(context.Background(), State{}, stepState(1), yield(batches()[0])); err != nil {
			t.Fatal(err)
		}
		if _, err := x.file.db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		_ = x.Close()
		x = openTest(t, dir, Options{})
		v, err := x.View(context.Background())
		if name == "tables" {
			if _, err := v.Find(event.ID{1}.String()); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v", name, err)
			}
		} else if err != nil || v.State() != (State{}) {
			t.Errorf("%s: %v", name, err)
		}
		v.Close()
	}
}

// TestSweep removes what is of no use any more, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	old, now := time.Now().Add(-time.Hour), time.Now()
	replaced, current := fileName(1, old), fileName(2, old)
	for _, name := range []string{replaced, replaced + "-wal", current, current + "-wal", "v0-other.db", "v0-new.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := now.Add(-2 * keepForeign)
	if err := os.Chtimes(filepath.Join(dir, "v0-other.db"), long, long); err != nil {
		t.Fatal(err)
	}
	sweep(dir, current)
	entries, _ := os.ReadDir(dir)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"v0-new.db", current, current + "-wal"}; !reflect.DeepEqual(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
	fresh := fileName(3, now)
	sweep(dir, fresh)
	if entries, _ = os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("a file was removed that a process may still read")
	}
}
