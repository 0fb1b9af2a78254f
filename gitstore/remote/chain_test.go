package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"

	"skein/gitstore/odb"
)

// link is the n-th object of a chain, of so many bytes.
func link(n, size int) []byte {
	data := bytes.Repeat([]byte{'x'}, size)
	binary.BigEndian.PutUint64(data, uint64(n))
	return data
}

// step makes a link from the one before.
func step(n, size int) []byte {
	d := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(size))
	d = append(append(d, 8), link(n, 8)...)
	return appendCopy(d, 8, size-8)
}

// chain adds a blob, and deltas each on the one before, in one of three forms.
func chain(t *testing.T, p *packing, form string, deltas, size int) (ids []plumbing.Hash) {
	t.Helper()
	for n := range deltas + 1 {
		ids = append(ids, plumbing.ComputeHash(plumbing.BlobObject, link(n, size)))
	}
	last := 0
	add := func(n int) {
		at := p.pack.Len()
		var err error
		switch {
		case n == 0:
			err = p.entry(plumbing.BlobObject, nil, link(0, size))
		case form == "by place":
			err = p.entry(plumbing.OFSDeltaObject, offset(at-last), step(n, size))
		default:
			err = p.entry(plumbing.REFDeltaObject, ids[n-1][:], step(n, size))
		}
		if err != nil {
			t.Fatal(err)
		}
		last = at
	}
	for n := range deltas + 1 {
		if form == "by id, base last" {
			n = deltas - n
		}
		add(n)
	}
	return ids
}

var forms = []string{"by place", "by id", "by id, base last"}

// offset writes how far back in the pack a base is, as gitformat-pack has it.
func offset(back int) []byte {
	b := []byte{byte(back & 0x7f)}
	for back >>= 7; back > 0; back >>= 7 {
		back--
		b = append(b, 0x80|byte(back&0x7f))
	}
	slices.Reverse(b)
	return b
}

const deepest = 4095 // the most that git writes

// TestALongChain of deltas, as long as git can write one, is taken apart as git
// does it, in memory and on the disk; a longer one is refused before it is.
func TestALongChain(t *testing.T) {
	for _, form := range forms {
		t.Run(form, func(t *testing.T) {
			p := newPacking(&Remote{}, true)
			ids := chain(t, p, form, deepest, 100)
			pack := p.finish()

			came, err := hold(t.Context(), pack, nil)
			if err != nil || len(came) != len(ids) {
				t.Fatal(len(came), err)
			}
			dir, theirs := repository(t), repository(t)
			if err := receive(t.Context(), filepath.Join(dir, "objects", "pack"), bytes.NewReader(pack), 1<<30, nil); err != nil {
				t.Fatal(err)
			}
			gitIn(t, theirs, bytes.NewBuffer(pack), "index-pack", "--stdin")
			list := []string{"cat-file", "--batch-all-objects", "--batch-check"}
			if got, want := git(t, dir, list...), git(t, theirs, list...); got != want || !strings.Contains(want, ids[deepest].String()) {
				t.Fatalf("%d bytes of ids, and by git %d", len(got), len(want))
			}
			git(t, dir, "fsck", "--full")
			q, err := odb.Open(dir, odb.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			for n, id := range ids {
				for _, from := range []interface {
					Get(plumbing.Hash) (plumbing.ObjectType, []byte, error)
				}{came, q} {
					if _, data, err := from.Get(id); err != nil || !bytes.Equal(data, link(n, 100)) {
						t.Fatal(n, err)
					}
				}
			}
		})
	}
}

// TestAPackThatAsksTooMuch is refused in the same words by git and without it,
// whether it is held in memory or goes to the disk.
func TestAPackThatAsksTooMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("git unpacks hundreds of megabytes before it is known what they were")
	}
	long := func(form string) func(p *packing) {
		return func(p *packing) { chain(t, p, form, deepest+1, 8) }
	}
	for name, c := range map[string]struct {
		fill func(p *packing)
		want string
	}{
		"deep, by place":          {long("by place"), "more than 4095 deltas"},
		"deep, by id":             {long("by id"), "more than 4095 deltas"},
		"deep, by id, base last":  {long("by id, base last"), "more than 4095 deltas"},
		"a wide way":              {func(p *packing) { chain(t, p, "by place", 16, 8<<20) }, "by way of more than"},
		"many of the same":        {func(p *packing) { fan(t, p, 3000, 192<<10) }, "unpacks to more than"},
		"many at the end of ways": {func(p *packing) { comb(t, p) }, "unpacks to more than"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPacking(&Remote{}, true)
			c.fill(p)
			tip := root(t, p)
			pack := p.finish()
			t.Logf("%d bytes", len(pack))
			address := hostile(t, tip, pack)
			transports(t, func(t *testing.T, by Transport) {
				ours := repository(t)
				r := &Remote{URL: address, Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours), Transport: by}
				_, _, held := r.FetchObjects(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
				_, disk := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
				for _, err := range []error{held, disk} {
					if kindOf(err) != TooLarge || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
						t.Error(err)
					}
				}
			})
		})
	}
}

// fan adds deltas that all are made from one blob.
func fan(t *testing.T, p *packing, deltas, size int) {
	t.Helper()
	base := plumbing.ComputeHash(plumbing.BlobObject, link(0, size))
	err := p.entry(plumbing.BlobObject, nil, link(0, size))
	for n := range deltas {
		err = errors.Join(err, p.entry(plumbing.REFDeltaObject, base[:], step(n+1, size)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// comb adds small objects that are made by way of large ones.
func comb(t *testing.T, p *packing) {
	t.Helper()
	const size, deltas = 1 << 20, 100
	ids := chain(t, p, "by id", deltas, size)
	for n := range 250 {
		d := binary.AppendUvarint(binary.AppendUvarint(nil, size), 8)
		d = append(append(d, 8), link(n, 8)...)
		if err := p.entry(plumbing.REFDeltaObject, ids[deltas][:], d); err != nil {
			t.Fatal(err)
		}
	}
}

// root adds a commit of nothing, and returns its id.
func root(t *testing.T, p *packing) plumbing.Hash {
	t.Helper()
	commit := fmt.Appendf(nil, "tree %s\nauthor eve <e@e> 1 +0000\ncommitter eve <e@e> 1 +0000\n\nx\n", plumbing.ComputeHash(plumbing.TreeObject, nil))
	if err := errors.Join(p.entry(plumbing.TreeObject, nil, nil), p.entry(plumbing.CommitObject, nil, commit)); err != nil {
		t.Fatal(err)
	}
	return plumbing.ComputeHash(plumbing.CommitObject, commit)
}

// hostile serves a branch main, with one pack to whoever fetches it.
func hostile(t *testing.T, tip plumbing.Hash, pack []byte) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := pktline.NewEncoder(w)
		var err error
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			err = errors.Join(out.EncodeString("# service=git-upload-pack\n"), out.Flush(),
				out.EncodeString(tip.String()+" refs/heads/main\x00ofs-delta\n"), out.Flush())
		} else {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			err = out.EncodeString("NAK\n")
			_, _ = w.Write(pack) // to whoever may be gone
		}
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/repo"
}
