package remote

import (
	"bufio"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// What is too large to be held in memory goes to the disk as a pack with its
// index.

// receive keeps a pack with its index, once all of it has come and is sound.
func receive(ctx context.Context, dir string, from io.Reader, most int64, tell func(string)) (err error) {
	pack, err := os.CreateTemp(dir, "tmp_pack_")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pack.Close()) }()
	size, err := io.Copy(pack, io.LimitReader(&receiving{Reader: from, tell: tell}, most+1))
	if err != nil {
		return err
	}
	if size > most {
		return fmt.Errorf("%w at %d bytes", errTooLarge, size)
	}
	sum, err := checkSum(ctx, pack, size)
	if err != nil {
		return err
	}
	entries, err := identify(ctx, pack, size, tell)
	if err != nil || len(entries) == 0 {
		return errors.Join(err, os.Remove(pack.Name()))
	}
	base := filepath.Join(dir, "pack-"+sum)
	if err := index(ctx, pack, size, entries, sum, base+".idx"); err != nil {
		return err
	}
	return os.Rename(pack.Name(), base+".pack")
}

// checkSum checks that a pack is whole, and returns the sum at its end.
func checkSum(ctx context.Context, pack io.ReadSeeker, size int64) (string, error) {
	if size < sha1.Size {
		return "", io.ErrUnexpectedEOF
	}
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	sum, end := sha1.New(), make([]byte, sha1.Size)
	if _, err := io.CopyN(sum, checked{ctx, pack}, size-sha1.Size); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(pack, end); err != nil {
		return "", err
	}
	if string(sum.Sum(nil)) != string(end) {
		return "", fmt.Errorf("%w: its sum is another", packfile.ErrMalformedPackFile)
	}
	return fmt.Sprintf("%x", end), nil
}

// maxObject is the size in bytes of the largest object that is unpacked: it is in
// memory then, whole, with those that it is made from.
const maxObject = 32 << 20

// errLargeObject says that an object is larger.
var errLargeObject = fmt.Errorf("%w at an object of more than %d bytes", errTooLarge, maxObject)

// identify finds out what the objects of a pack are.
func identify(ctx context.Context, pack io.ReaderAt, size int64, tell func(string)) ([]packEntry, error) {
	u := newUnpacking(ctx, pack, size, nil)
	u.made = func(int, made) error {
		if tell != nil && u.done%tellObjects == 0 {
			tell(fmt.Sprintf("Indexing objects: %3d%% (%d/%d)", 100*u.done/u.count, u.done, u.count))
		}
		return nil
	}
	err := u.run()
	return u.entries, err
}

// index writes the index of a pack of so many bytes.
func index(ctx context.Context, pack io.ReaderAt, size int64, entries []packEntry, sum, name string) error {
	w := &idxfile.Writer{}
	if err := w.OnHeader(uint32(len(entries))); err != nil {
		return err
	}
	in := bufio.NewReader(checked{ctx, io.NewSectionReader(pack, packHeader, size)})
	for n, e := range entries {
		end := size - packTrailer
		if n+1 < len(entries) {
			end = entries[n+1].at
		}
		crc := crc32.NewIEEE()
		if _, err := io.CopyN(crc, in, end-e.at); err != nil {
			return err
		}
		w.Add(e.id, uint64(e.at), crc.Sum32())
	}
	if err := w.OnFooter(plumbing.NewHash(sum)); err != nil {
		return err
	}
	idx, err := w.Index()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = idxfile.NewEncoder(file).Encode(idx)
	return errors.Join(err, file.Close())
}
