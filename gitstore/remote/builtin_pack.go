package remote

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"hash/adler32"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// objects is where objects are read.
type objects = storer.EncodedObjectStorer

const (
	defaultPack = 32 << 20
	maxChain    = 50 // deltas on deltas
)

// packing makes a pack of exactly what commits add to those before them.
// Directories are written as what differs from the one before, which the
// remote has.
type packing struct {
	from  objects
	past  past
	most  int  // bytes after which no more commits are taken
	thin  bool // the remote makes a pack whole whose deltas are of objects that it has
	pack  bytes.Buffer
	z     *zlib.Writer
	count uint32
	depth map[plumbing.Hash]int // of what is in the pack
	trees map[plumbing.Hash][]byte
	held  int // bytes in trees
}

func newPacking(r *Remote, thin bool) *packing {
	p := &packing{from: r.Repository, most: r.packBytes, thin: thin, depth: map[plumbing.Hash]int{}, trees: map[plumbing.Hash][]byte{}}
	if p.most == 0 {
		p.most = defaultPack
	}
	p.z, _ = zlib.NewWriterLevel(&p.pack, zlib.BestSpeed) // the best takes ten times as long, for a tenth less
	p.pack.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x00")
	return p
}

// fill adds a branch's commits until the pack is large enough, one at least.
func (p *packing) fill(ctx context.Context, m *move) error {
	for i, commit := range m.commits {
		if i > 0 && p.pack.Len() > p.most {
			break
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := p.commit(commit); err != nil {
			return err
		}
		m.to = commit.Hash
	}
	return nil
}

func (p *packing) commit(commit *object.Commit) error {
	before := plumbing.ZeroHash
	if h := p.past.parent(commit); !h.IsZero() {
		parent, err := object.GetCommit(p.from, h)
		if err != nil {
			return err
		}
		before = parent.TreeHash
	}
	if err := p.tree(before, commit.TreeHash); err != nil {
		return err
	}
	raw, err := p.read(plumbing.CommitObject, commit.Hash)
	if err != nil {
		return err
	}
	return p.whole(plumbing.CommitObject, commit.Hash, raw)
}

// tree adds a directory with all that the one before lacks.
func (p *packing) tree(before, h plumbing.Hash) error {
	if _, there := p.depth[h]; there || h == before {
		return nil
	}
	was, err := p.readTree(before)
	if err != nil {
		return err
	}
	is, err := p.readTree(h)
	if err != nil {
		return err
	}
	err = added(was, is, func(had plumbing.Hash, e treeEntry) error {
		switch string(e.mode) {
		case moduleMode:
			return nil
		case directoryMode:
			return p.tree(had, e.hash)
		}
		return p.blob(e.hash)
	})
	if err != nil {
		return err
	}
	return p.delta(before, h, was, is)
}

const treesHeld = 16 << 20 // bytes of directories that are kept, since the next commit changes some of them again

func (p *packing) readTree(h plumbing.Hash) ([]byte, error) {
	if raw, ok := p.trees[h]; ok || h.IsZero() {
		return raw, nil
	}
	raw, err := p.read(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	if p.held += len(raw); p.held > treesHeld {
		clear(p.trees)
		p.held = len(raw)
	}
	p.trees[h] = raw
	return raw, nil
}

func (p *packing) blob(h plumbing.Hash) error {
	if _, there := p.depth[h]; there {
		return nil
	}
	raw, err := p.read(plumbing.BlobObject, h)
	if err != nil {
		return err
	}
	return p.whole(plumbing.BlobObject, h, raw)
}

// delta adds a directory as what differs from the one before, if that is much
// shorter.
func (p *packing) delta(before, h plumbing.Hash, was, is []byte) error {
	depth, packed := p.depth[before]
	if before.IsZero() || depth >= maxChain || !packed && !p.thin {
		return p.whole(plumbing.TreeObject, h, is)
	}
	d := middle(was, is)
	if len(d) > len(is)/4 { // it differs in more than one place
		d = packfile.DiffDelta(was, is)
	}
	if len(d) > len(is)/2 {
		return p.whole(plumbing.TreeObject, h, is)
	}
	p.depth[h] = depth + 1
	return p.entry(plumbing.REFDeltaObject, before[:], d)
}

func (p *packing) whole(t plumbing.ObjectType, h plumbing.Hash, raw []byte) error {
	p.depth[h] = 0
	return p.entry(t, nil, raw)
}

// entry writes an object as git's gitformat-pack describes it.
func (p *packing) entry(t plumbing.ObjectType, base, raw []byte) error {
	p.count++
	size := uint64(len(raw))
	c := byte(t)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		p.pack.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	p.pack.WriteByte(c)
	p.pack.Write(base)
	if len(raw) < compressibleFrom {
		p.stored(raw)
		return nil
	}
	p.z.Reset(&p.pack)
	if _, err := p.z.Write(raw); err != nil {
		return err
	}
	return p.z.Close()
}

const compressibleFrom = 64 // bytes; what is shorter, as a delta, is mostly ids

// stored writes a few bytes as zlib does that are not compressed.
func (p *packing) stored(raw []byte) {
	n := uint16(len(raw))
	p.pack.Write([]byte{0x78, 0x01, 1})
	p.pack.Write(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, n), ^n))
	p.pack.Write(raw)
	p.pack.Write(binary.BigEndian.AppendUint32(nil, adler32.Checksum(raw)))
}

// finish returns the pack.
func (p *packing) finish() []byte {
	pack := p.pack.Bytes()
	binary.BigEndian.PutUint32(pack[8:], p.count)
	sum := sha1.Sum(pack)
	return append(pack, sum[:]...)
}

func (p *packing) read(t plumbing.ObjectType, h plumbing.Hash) ([]byte, error) {
	o, err := p.from.EncodedObject(t, h)
	if err != nil {
		return nil, err
	}
	return content(o)
}

func content(o plumbing.EncodedObject) ([]byte, error) {
	r, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
