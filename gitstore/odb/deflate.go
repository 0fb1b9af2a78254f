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

var inflaters = sync.Pool{New: func() any { return nil }}

// inflate returns the size bytes of the zlib stream at the start of src.
func inflate(src []byte, size int) ([]byte, error) {
	if data, _, ok := readStored(src, size); ok {
		return data, nil
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
