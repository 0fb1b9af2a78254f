package remote

import (
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// What comes and is indexed without git is told of in git's own words.

const (
	tellBytes   = 1 << 20 // after which somebody is told again
	tellObjects = 4096
)

// receiving passes on what is read, and tells how much it is so far.
type receiving struct {
	io.Reader
	tell func(string)
	n    int64
}

func (r *receiving) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if before := r.n / tellBytes; r.tell != nil && (r.n+int64(n))/tellBytes > before {
		r.tell(fmt.Sprintf("Receiving objects: %d MiB", before+1))
	}
	r.n += int64(n)
	return n, err
}

// indexing tells how many objects of a pack are indexed.
type indexing struct {
	tell     func(string)
	n, total int64
}

var _ packfile.Observer = (*indexing)(nil)

// OnHeader is told how many there are.
func (i *indexing) OnHeader(count uint32) error {
	i.total = max(int64(count), 1)
	return nil
}

// OnInflatedObjectHeader is of no use here.
func (i *indexing) OnInflatedObjectHeader(plumbing.ObjectType, int64, int64) error { return nil }

// OnInflatedObjectContent is called for each of them.
func (i *indexing) OnInflatedObjectContent(plumbing.Hash, int64, uint32, []byte) error {
	if i.n++; i.tell != nil && i.n%tellObjects == 0 {
		i.tell(fmt.Sprintf("Indexing objects: %3d%% (%d/%d)", 100*i.n/i.total, i.n, i.total))
	}
	return nil
}

// OnFooter is of no use here.
func (i *indexing) OnFooter(plumbing.Hash) error { return nil }
