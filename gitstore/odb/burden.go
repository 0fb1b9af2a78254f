package odb

import "fmt"

// Whoever packs objects decides what reading them takes: a few bytes of deltas on
// one another make gigabytes, or have each object read by way of thousands of
// others. This file says how much of that is taken from somebody else.

// Chain is the way from an object that is whole to one that is made of it.
type Chain struct {
	Deltas int   // from one to the next
	Bytes  int64 // of all objects on the way, both ends included
}

// On returns the way to an object of so many bytes that a delta makes.
func (c Chain) On(size int64) Chain { return Chain{c.Deltas + 1, c.Bytes + size} }

// Work returns what reading an object at the end of the way takes, in bytes that
// are unpacked, hashed and looked at. What is passed on the way is only copied.
func (c Chain) Work(size int64) int64 {
	return size + c.Bytes/copiesAByte + int64(c.Deltas)*deltaWork
}

const (
	maxDeltas   = 4095      // in a row; git can write no more, and by itself writes 50
	maxWay      = 128 << 20 // bytes of all objects on a way, which are in memory at once at worst
	freeWork    = 256 << 20 // that any pack may ask for,
	workAByte   = 1024      // and for each byte of it: a store asks for a part of that, since its directories are small
	copiesAByte = 64        // bytes that are copied while one is unpacked, hashed and looked at
	deltaWork   = 16        // of applying a delta, however small
)

// Burden adds up what it takes to read every object of a pack, each by itself.
type Burden struct {
	Packed int64 // bytes of the pack
	Work   int64
}

// BurdenError says that a pack asks too much of whoever reads it.
type BurdenError struct{ Reason string }

func (e *BurdenError) Error() string { return e.Reason }

// Add counts an object and the way to it, before it is read. Its error, of a pack
// that must not be read, is a *BurdenError.
func (b *Burden) Add(c Chain, size int64) error {
	b.Work += c.Work(size)
	most := freeWork + workAByte*b.Packed
	switch {
	case c.Deltas > maxDeltas:
		return &BurdenError{fmt.Sprintf("its pack has an object of more than %d deltas, each on the next, and git writes no more", maxDeltas)}
	case c.Deltas > 0 && c.Bytes > maxWay:
		return &BurdenError{fmt.Sprintf("its pack has an object that is made by way of more than %d bytes of others", maxWay)}
	case b.Work > most:
		return &BurdenError{fmt.Sprintf("its pack of %d bytes unpacks to more than %d, or takes as long to read as so many would", b.Packed, most)}
	}
	return nil
}
