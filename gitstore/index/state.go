package index

import (
	"encoding/binary"
)

// State names what an index has seen: a commit or a tree of each branch, by
// hash, as the caller likes. The zero State is that of an empty index.
type State struct{ Main, Agents [20]byte }

// state is State and what else the index counts.
type state struct {
	State
	next  int64 // the number of the next message
	swept int64 // Unix milliseconds: what expired by then is marked in blocks
}

const stateSize = 2*20 + 2*8

func (s state) encode() []byte {
	b := make([]byte, 0, stateSize+sealSize)
	b = append(b, s.Main[:]...)
	b = append(b, s.Agents[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.next))
	b = binary.BigEndian.AppendUint64(b, uint64(s.swept))
	return seal(b)
}

func decodeState(sealed []byte) (s state, err error) {
	b, err := unseal(sealed)
	if err != nil {
		return s, err
	}
	if len(b) != stateSize {
		return s, damaged("the state has %d bytes", len(b))
	}
	copy(s.Main[:], b)
	copy(s.Agents[:], b[20:])
	s.next = int64(binary.BigEndian.Uint64(b[40:]))
	s.swept = int64(binary.BigEndian.Uint64(b[48:]))
	return s, nil
}

const (
	readStateSQL  = `SELECT data FROM state WHERE one = 1`
	writeStateSQL = `INSERT OR REPLACE INTO state(one, data) VALUES(1, ?)`
)

func readState(c *conn) (s state, err error) {
	var data []byte
	found, err := c.row(readStateSQL, nil, &data)
	if err != nil {
		return s, err
	}
	if !found {
		return s, damaged("it holds no state")
	}
	return decodeState(data)
}

// lastBlock is the block of the message written last, -1 if there is none. The
// next message may open another.
func (s state) lastBlock() int64 {
	if s.next == 0 {
		return -1
	}
	return (s.next - 1) / blockSize
}
