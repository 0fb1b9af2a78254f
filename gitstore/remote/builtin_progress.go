package remote

import (
	"fmt"
	"io"
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
