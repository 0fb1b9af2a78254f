package index

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
)

// SQLite notices damage to its pages' structure, not to what they hold. Every
// value that decides an answer therefore ends in a checksum over itself and
// the row's key, which also catches a value in the wrong place.

var sealTable = crc32.MakeTable(crc32.Castagnoli)

const sealSize = 4

// seal appends the checksum to a value of the row with that key.
func seal(value []byte, key ...int64) []byte {
	return binary.BigEndian.AppendUint32(value, sealOf(value, key))
}

func sealOf(value []byte, key []int64) uint32 {
	sum := crc32.Checksum(value, sealTable)
	for _, k := range key {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(k))
		sum = crc32.Update(sum, sealTable, b[:])
	}
	return sum
}

// unseal checks and removes the checksum.
func unseal(sealed []byte, key ...int64) ([]byte, error) {
	n := len(sealed) - sealSize
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != sealOf(sealed[:n], key) {
		return nil, damaged("the checksum of row %d does not fit", key)
	}
	return sealed[:n], nil
}

// sealJSON returns v as sealed JSON, for rows that are few and change shape.
func sealJSON(v any, key ...int64) ([]byte, error) {
	data, err := json.Marshal(v)
	return seal(data, key...), err
}

func unsealJSON(sealed []byte, v any, key ...int64) error {
	data, err := unseal(sealed, key...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return damaged("row %d: %w", key, err)
	}
	return nil
}
