package odb

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// span is an object's bytes in one of the packs to be merged.
type span struct {
	entry
	from *pack
	end  int64 // in from
}

// merge writes the objects of these packs into one, durably, and removes them.
// Entries are copied byte by byte. Packs with deltas are git's own and are
// left alone: their entries depend on their places. It says whether it merged
// anything.
//
// The merged pack has a .keep file until its sources are gone. Without it a git
// repack that runs beside us would leave out what is also in a source that has
// one, and then remove the merged pack, and we the source.
func (s *Storage) merge(ctx context.Context, sources []*pack) (bool, error) {
	spans, sources, err := s.packs.spansOf(sources)
	if err != nil || len(sources) < 2 {
		return false, err
	}
	base, err := s.writeMerged(ctx, spans)
	if err != nil {
		return false, err
	}
	if err := s.packs.replace(sources, base); err != nil {
		return false, err
	}
	gone := true
	for _, p := range sources {
		if p.path == base {
			continue
		}
		if err := s.removePack(p.path); err != nil {
			gone = false
			s.packs.leave(p.path)
			s.opts.Logger.Warn("a merged pack cannot be removed; it only takes space", "pack", p.path, "error", err)
		}
	}
	if gone {
		err = s.fs().Remove(base + ".keep")
	}
	return true, err
}

// removePack removes a pack whose objects are elsewhere, the index first, so
// that nobody finds it any more. Readers that have it open keep reading, but
// on Windows they keep it from being removed.
func (s *Storage) removePack(base string) error {
	for _, ending := range []string{".idx", ".pack", ".keep", ".rev"} {
		if err := s.fs().Remove(base + ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// spansOf lists the objects of packs, each once, and returns which packs they
// are from.
func (s *packSet) spansOf(packs []*pack) (spans []span, from []*pack, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	seen := map[plumbing.Hash]bool{}
	for _, p := range packs {
		part, err := p.spans()
		if err != nil {
			p.foreign.Store(true)
			s.log.Warn("a pack is left out of merging", "pack", p.path, "reason", err)
			continue
		}
		from = append(from, p)
		for _, sp := range part {
			if !seen[sp.hash] {
				seen[sp.hash] = true
				spans = append(spans, sp)
			}
		}
	}
	return spans, from, nil
}

// spans lists a pack's objects in the order of their places after checking
// each against its CRC, so that damage is not handed on. It refuses a pack
// with deltas.
func (p *pack) spans() (spans []span, err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	data, err := p.content()
	if err != nil {
		return nil, err
	}
	for i := range p.count {
		off, err := p.offset(i)
		if err != nil {
			return nil, err
		}
		spans = append(spans, span{entry: entry{hash: p.hash(i), crc: p.crc(i), offset: off}, from: p})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.offset - b.offset) })
	for i := range spans {
		sp := &spans[i]
		sp.end = int64(len(data) - packTrailer)
		if i+1 < len(spans) {
			sp.end = spans[i+1].offset
		}
		e, err := p.entryAt(sp.offset)
		if err != nil {
			return nil, err
		}
		if e.kind == plumbing.OFSDeltaObject || e.kind == plumbing.REFDeltaObject {
			return nil, errors.New("it holds deltas")
		}
		if sp.end <= sp.offset || crc32.ChecksumIEEE(data[sp.offset:sp.end]) != sp.crc {
			return nil, fmt.Errorf("%w: the checksum of %s differs", errDamaged, sp.hash)
		}
	}
	return spans, nil
}

// writeMerged writes the spans as one pack with its index, durably, and
// returns its path without ending.
func (s *Storage) writeMerged(ctx context.Context, spans []span) (base string, err error) {
	temp := tempName(filepath.Join(s.packDir(), "merged"))
	sum, entries, err := s.writeSpans(ctx, temp, spans)
	if err != nil {
		_ = s.fs().Remove(temp)
		return "", err
	}
	base = s.packPath(packBase(sum))
	if err := s.writeKeep(base); err != nil {
		_ = s.fs().Remove(temp)
		return "", err
	}
	if err := s.fs().Rename(temp, base+".pack"); err != nil {
		_ = s.fs().Remove(temp)
		return "", err
	}
	if err := writeAtomic(s.fs(), base+".idx", packMode, true, encodeIndex(entries, sum)); err != nil {
		return "", err
	}
	return base, s.fs().SyncDir(s.packDir())
}

func (s *Storage) writeKeep(base string) error {
	err := writeFile(s.fs(), base+".keep", 0o600, false, nil)
	if errors.Is(err, fs.ErrExist) {
		return nil // left by a merge that was cut short, or the pack's own
	}
	return err
}

// writeSpans writes the spans as one pack, durably but for its name.
func (s *Storage) writeSpans(ctx context.Context, name string, spans []span) (sum []byte, entries []entry, err error) {
	f, err := s.fs().OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, packMode)
	if err != nil {
		return nil, nil, err
	}
	sum, entries, err = s.copySpans(ctx, f, spans)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return sum, entries, err
}

func (s *Storage) copySpans(ctx context.Context, f io.Writer, spans []span) (sum []byte, entries []entry, err error) {
	s.packs.mu.RLock()
	defer s.packs.mu.RUnlock()
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	digest := sha1.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, digest), 1<<20)
	head := []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00")
	binary.BigEndian.PutUint32(head[8:], uint32(len(spans)))
	_, _ = w.Write(head) // an error stays with w until Flush
	at := int64(packHeader)
	for i, sp := range spans {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		data, err := sp.from.content()
		if err != nil {
			return nil, nil, err
		}
		if int64(len(data)) < sp.end {
			return nil, nil, fmt.Errorf("%s.pack went away while it was merged", sp.from.path)
		}
		n, _ := w.Write(data[sp.offset:sp.end])
		entries = append(entries, entry{sp.hash, sp.crc, at})
		at += int64(n)
	}
	if err := w.Flush(); err != nil {
		return nil, nil, err
	}
	sum = digest.Sum(nil)
	_, err = f.Write(sum)
	return sum, entries, err
}

// leave has a pack not merged again.
func (s *packSet) leave(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck[path] = true
}

// replace takes a merged pack in place of its sources.
func (s *packSet) replace(sources []*pack, base string) error {
	merged, err := openPack(base)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs = slices.DeleteFunc(s.packs, func(p *pack) bool {
		gone := slices.Contains(sources, p)
		if gone {
			_ = p.close() // a mapping that cannot be unmapped costs address space only
		}
		return gone
	})
	s.packs = append(s.packs, merged)
	return nil
}
