package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// A push looks at directories as they are stored: decoding them would cost more
// than all the rest.

// treeEntry is a line of a directory.
type treeEntry struct {
	raw, mode, name []byte
	hash            plumbing.Hash
}

const (
	directoryMode = "40000"
	moduleMode    = "160000"
)

var errTree = errors.New("a directory of this store is not well formed; see what \"skein verify\" says")

// firstEntry returns the first entry of a directory; the zero entry is none.
func firstEntry(raw []byte) (e treeEntry, err error) {
	if len(raw) == 0 {
		return e, nil
	}
	space, end := bytes.IndexByte(raw, ' '), bytes.IndexByte(raw, 0)
	size := end + 1 + len(e.hash)
	if space < 0 || end < space || len(raw) < size {
		return e, errTree
	}
	copy(e.hash[:], raw[end+1:])
	e.raw, e.mode, e.name = raw[:size], raw[:space], raw[space+1:end]
	return e, nil
}

// compare orders entries as git does; the zero entry comes last.
func (e treeEntry) compare(f treeEntry) int {
	switch {
	case f.raw == nil:
		return -1
	case e.raw == nil:
		return 1
	}
	return strings.Compare(e.key(), f.key())
}

// key is what git sorts an entry by.
func (e treeEntry) key() string {
	if string(e.mode) == directoryMode {
		return string(e.name) + "/"
	}
	return string(e.name)
}

// added visits the entries of a directory that are not in the one before, with
// the id that a directory of the same name had there.
func added(was, is []byte, visit func(had plumbing.Hash, e treeEntry) error) error {
	for len(is) > 0 {
		e, err := firstEntry(is)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(was, e.raw) {
			was, is = was[len(e.raw):], is[len(e.raw):]
			continue
		}
		had, err := firstEntry(was)
		if err != nil {
			return err
		}
		order := e.compare(had)
		if order >= 0 {
			was = was[len(had.raw):]
		}
		if order > 0 {
			continue // it was removed
		}
		is = is[len(e.raw):]
		if order < 0 {
			had.hash = plumbing.ZeroHash
		}
		if err := visit(had.hash, e); err != nil {
			return err
		}
	}
	return nil
}

// middle is a delta, as gitformat-pack describes it, that keeps the beginning
// and the end of something and puts what is new between them.
func middle(was, is []byte) []byte {
	begin := commonLength(was, is, func(b []byte, i int) byte { return b[i] })
	end := commonLength(was[begin:], is[begin:], func(b []byte, i int) byte { return b[len(b)-1-i] })
	d := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(was))), uint64(len(is)))
	d = appendCopy(d, 0, begin)
	for fresh := is[begin : len(is)-end]; len(fresh) > 0; {
		n := min(len(fresh), mostInserted)
		d = append(append(d, byte(n)), fresh[:n]...)
		fresh = fresh[n:]
	}
	return appendCopy(d, len(was)-end, end)
}

const (
	mostInserted = 127       // bytes by one instruction of a delta
	mostCopied   = 1<<16 - 1 // the same
)

func commonLength(a, b []byte, at func([]byte, int) byte) (n int) {
	for n < min(len(a), len(b)) && at(a, n) == at(b, n) {
		n++
	}
	return n
}

// appendCopy adds the instruction to copy size bytes from an offset.
func appendCopy(d []byte, offset, size int) []byte {
	for size > 0 {
		n := min(size, mostCopied)
		d = append(d, 0x80|0x0f|0x30)
		d = binary.LittleEndian.AppendUint32(d, uint32(offset))
		d = binary.LittleEndian.AppendUint16(d, uint16(n))
		offset, size = offset+n, size-n
	}
	return d
}
