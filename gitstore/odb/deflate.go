package odb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// storedCost is how many bytes a zlib stream of one stored block adds.
const storedCost = 11

// appendStored writes a zlib stream of stored blocks (RFC 1950, RFC 1951).
func appendStored(b, data []byte) []byte {
	sum := adler32.Checksum(data)
	b = append(b, 0x78, 0x01)
	for {
		n := min(len(data), 0xffff)
		final := byte(0)
		if n == len(data) {
			final = 1
		}
		b = append(b, final, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		b = append(b, data[:n]...)
		if data = data[n:]; final == 1 {
			return binary.BigEndian.AppendUint32(b, sum)
		}
	}
}

// maxRatio is more than the bytes that deflate can make of one.
const maxRatio = 1100

var inflaters = sync.Pool{New: func() any { return nil }}

// inflate returns the size bytes of the zlib stream at the start of src.
func inflate(src []byte, size int) ([]byte, error) {
	if data, _, ok := readStored(src, size); ok {
		return data, nil
	}
	if size > maxRatio*len(src) {
		return nil, fmt.Errorf("%w: an object cannot have the size that its header says", errDamaged)
	}
	r, err := inflater(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	defer inflaters.Put(r)
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("inflate: %w", err)
	}
	// Reading past the end makes the reader check the Adler-32 checksum.
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return nil, fmt.Errorf("%w: an object longer than its header says", errDamaged)
	}
	return data, nil
}

func inflater(src io.Reader) (io.ReadCloser, error) {
	r, ok := inflaters.Get().(interface {
		io.ReadCloser
		zlib.Resetter
	})
	if !ok {
		return zlib.NewReader(src)
	}
	if err := r.Reset(src, nil); err != nil {
		return nil, err
	}
	return r, nil
}

// viewStored returns what is in a zlib stream of one stored block, without a
// copy and without a check of its sum.
func viewStored(src []byte, size int) ([]byte, bool) {
	if len(src) < 7+size || size > 0xffff || src[0] != 0x78 || src[2] != 1 ||
		int(src[3])|int(src[4])<<8 != size || src[5] != ^src[3] || src[6] != ^src[4] {
		return nil, false
	}
	return src[7 : 7+size : 7+size], true
}

// stored says whether a zlib stream is not compressed, as far as its beginning
// tells.
func stored(stream []byte) bool { return len(stream) > 2 && stream[2]&6 == 0 }

// readStored is the short way for what appendStored wrote: it returns the data
// and the length of the stream. ok is false for anything else.
func readStored(src []byte, size int) (data []byte, n int, ok bool) {
	if len(src) < 2 || src[0] != 0x78 || src[1] != 0x01 {
		return nil, 0, false
	}
	data = make([]byte, 0, min(size, len(src)))
	n = 2
	for final := false; !final; {
		if len(src) < n+5 || src[n] > 1 {
			return nil, 0, false
		}
		final = src[n] == 1
		length := int(src[n+1]) | int(src[n+2])<<8
		n += 5
		if len(src) < n+length {
			return nil, 0, false
		}
		data = append(data, src[n:n+length]...)
		n += length
	}
	if len(data) != size || len(src) < n+4 || adler32.Checksum(data) != binary.BigEndian.Uint32(src[n:]) {
		return nil, 0, false
	}
	return data, n + 4, true
}
