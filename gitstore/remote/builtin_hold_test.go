package remote

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// history makes a branch of n commits, each of which adds a file to a directory
// that is large enough for a delta to be worth it. The last may be incompressible.
func history(t *testing.T, dir string, n, last int) (tips []string) {
	t.Helper()
	fill(t, dir, n, last)
	return strings.Fields(git(t, dir, "rev-list", "--reverse", "main"))
}

func fill(tb testing.TB, dir string, n, last int) {
	tb.Helper()
	var in bytes.Buffer
	for i := range n {
		text := fmt.Sprintf("file %d\n", i)
		if i == n-1 && last > 0 {
			noise := make([]byte, last)
			for j := range noise {
				noise[j] = byte(rand.Uint32())
			}
			text = string(noise)
		}
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 1\nx\nM 644 inline d/%d\ndata %d\n%s\n", i, i, len(text), text)
	}
	cmd := exec.Command("git", "-C", dir, "fast-import", "--quiet")
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
}

// questions notes what is asked of a server's upload-pack.
func questions(t *testing.T, dir string, asked *[]string) (address string) {
	return server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				*asked = append(*asked, string(body))
			}
			next.ServeHTTP(w, r)
		})
	}) + "/repo"
}

// TestASmallFetchIsHeld in memory, as deltas on what is here; what is too large
// is asked for once more, whole, and goes to the disk.
func TestASmallFetchIsHeld(t *testing.T) {
	for name, last := range map[string]int{"small": 0, "large": maxHeldPack + 1} {
		t.Run(name, func(t *testing.T) {
			dir, ours := repository(t), repository(t)
			recent := named[len(named)-1]
			tips := history(t, dir, recent+10, last)
			git(t, ours, "fetch", "-q", dir, tips[recent+5]+":refs/heads/main")
			var asked []string
			r := &Remote{URL: questions(t, dir, &asked), Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours), Transport: BuiltIn}
			into := filepath.Join(t.TempDir(), "q")
			got, came, err := r.FetchObjects(t.Context(), into, mainBranch)
			tip := tips[len(tips)-1]
			if err != nil || got[mainBranch].String() != tip {
				t.Fatal(got, err)
			}
			if len(asked) == 0 || !strings.Contains(asked[0], "thin-pack") {
				t.Fatalf("%q", asked)
			}
			if last > 0 {
				if len(asked) != 2 || strings.Contains(asked[1], "thin-pack") || came != nil {
					t.Fatalf("%d requests, %d objects in memory", len(asked), len(came))
				}
				git(t, into, "cat-file", "-e", tip+":d") // whole, where a delta would build on what is not there
				return
			}
			want := strings.Fields(git(t, dir, "rev-list", "--objects", "--no-object-names", tip, "^"+tips[recent+5]))
			if len(came) != len(want) || len(asked) != 1 {
				t.Fatalf("%d of %d objects, after %d requests", len(came), len(want), len(asked))
			}
			for _, id := range want {
				kind, data, err := came.Get(plumbing.NewHash(id))
				if err != nil || plumbing.ComputeHash(kind, data).String() != id || kind.String() != git(t, dir, "cat-file", "-t", id) {
					t.Fatal(id, kind, err)
				}
			}
			if packs, _ := filepath.Glob(filepath.Join(into, "objects", "pack", "*")); len(packs) > 0 {
				t.Fatal(packs)
			}
		})
	}
}

// TestOfOtherBranchesNothingIsNamed, since a server would walk through their
// histories for nothing; all is named where a branch is new.
func TestOfOtherBranchesNothingIsNamed(t *testing.T) {
	dir, ours := repository(t), repository(t)
	tips := history(t, dir, 5, 0)
	git(t, dir, "update-ref", "refs/heads/agents", commit(t, dir, "another history").String())
	git(t, dir, "branch", "inbox", "main")
	git(t, ours, "fetch", "-q", dir, tips[3]+":refs/remotes/origin/main", "agents:refs/remotes/origin/agents")
	agents := git(t, dir, "rev-parse", "agents")
	for branch, all := range map[plumbing.ReferenceName]bool{mainBranch: false, "refs/heads/inbox": true} {
		var asked []string
		r := &Remote{URL: questions(t, dir, &asked), Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours), Transport: BuiltIn}
		if _, _, err := r.FetchObjects(t.Context(), filepath.Join(t.TempDir(), "q"), branch); err != nil {
			t.Fatal(err)
		}
		if len(asked) != 1 || !strings.Contains(asked[0], "have "+tips[3]) || strings.Contains(asked[0], "have "+agents) != all {
			t.Errorf("%s: %q", branch, asked)
		}
	}
}

// TestADeltaBeforeItsBase is made when the base has come, whatever the order.
func TestADeltaBeforeItsBase(t *testing.T) {
	texts := [][]byte{[]byte("one, two, three, four"), []byte("one, two, 3, three, four"), []byte("one, two, 3, 3, three, four")}
	var ids []plumbing.Hash
	for _, text := range texts {
		ids = append(ids, plumbing.ComputeHash(plumbing.BlobObject, text))
	}
	p := newPacking(&Remote{}, true)
	err := errors.Join(p.entry(plumbing.REFDeltaObject, ids[1][:], middle(texts[1], texts[2])), p.entry(plumbing.REFDeltaObject, ids[0][:], middle(texts[0], texts[1])),
		p.entry(plumbing.BlobObject, nil, texts[0]))
	if err != nil {
		t.Fatal(err)
	}
	came, err := hold(t.Context(), p.finish(), opened(t, repository(t)))
	if err != nil || len(came) != 3 {
		t.Fatal(len(came), err)
	}
	for i, id := range ids {
		if _, data, err := came.Get(id); err != nil || !bytes.Equal(data, texts[i]) {
			t.Fatalf("%q, %v", data, err)
		}
	}
	p = newPacking(&Remote{}, true)
	if err := p.entry(plumbing.REFDeltaObject, ids[1][:], middle(texts[1], texts[2])); err != nil {
		t.Fatal(err)
	}
	if came, err := hold(t.Context(), p.finish(), opened(t, repository(t))); err == nil {
		t.Fatalf("without the base there are %d objects", len(came))
	}
}

// TestALargeObjectIsRefusedAlone: the rest of what came with it is there.
func TestALargeObjectIsRefusedAlone(t *testing.T) {
	huge := make([]byte, maxObject+1)
	small := []byte("0123456789abcdef")
	base := plumbing.ComputeHash(plumbing.BlobObject, small)
	bomb := append([]byte{16, 0x80, 0x80, 0x80, 0x20}, bytes.Repeat([]byte{0x90, 16}, 1000)...) // says that it makes 2^26 bytes
	p := newPacking(&Remote{}, true)
	err := errors.Join(p.entry(plumbing.BlobObject, nil, huge), p.entry(plumbing.BlobObject, nil, small), p.entry(plumbing.REFDeltaObject, base[:], bomb))
	if err != nil {
		t.Fatal(err)
	}
	came, err := hold(t.Context(), p.finish(), opened(t, repository(t)))
	if err != nil || len(came) != 2 {
		t.Fatal(len(came), err)
	}
	if weight, err := came.Weigh(plumbing.ComputeHash(plumbing.BlobObject, huge)); err != nil || weight.Most != maxObject+1 {
		t.Fatal(weight, err)
	}
	if _, _, err := came.Get(plumbing.ComputeHash(plumbing.BlobObject, huge)); err == nil {
		t.Fatal("it is held")
	}
	if _, data, err := came.Get(base); err != nil || !bytes.Equal(data, small) {
		t.Fatal(err)
	}
}

// TestNothingElseIsTakenForAPack: one that is cut is refused; one in which a bit
// is another though its sum is right harms nobody.
func TestNothingElseIsTakenForAPack(t *testing.T) {
	text, more := []byte(strings.Repeat("hello ", 20)), []byte(strings.Repeat("hello ", 20)+"you")
	id := plumbing.ComputeHash(plumbing.BlobObject, text)
	p := newPacking(&Remote{}, true)
	err := errors.Join(p.entry(plumbing.BlobObject, nil, text), p.entry(plumbing.REFDeltaObject, id[:], middle(text, more)), p.entry(plumbing.TreeObject, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	whole, from := p.finish(), opened(t, repository(t))
	if came, err := hold(t.Context(), whole, from); err != nil || len(came) != 3 {
		t.Fatal(len(came), err)
	}
	for n := range whole {
		if _, err := hold(t.Context(), whole[:n], from); err == nil || kindOfFailure(err, err.Error()) != Network {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	body := whole[:len(whole)-sha1.Size]
	for i := range body {
		for bit := range 8 {
			broken := bytes.Clone(body)
			broken[i] ^= 1 << bit
			sum := sha1.Sum(broken)
			came, err := hold(t.Context(), append(broken, sum[:]...), from)
			if err != nil && came != nil {
				t.Fatal("an error, and objects")
			}
			for id, o := range came {
				if int64(len(o.data)) == o.Size && plumbing.ComputeHash(o.Type, o.data) != id {
					t.Fatalf("bit %d of byte %d: %s is another object", bit, i, id)
				}
			}
		}
	}
}
