package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	"skein/gitstore"
)

// profiles writes where the processor's time and the memory go while many
// posts, looks into an inbox and searches are made in this process: for each
// NAME.cpu and NAME.mem, for `go tool pprof`.
func profiles(ctx context.Context, b *bench, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return err
	}
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: store, NoMirror: true})
	if err != nil {
		return err
	}
	post := poster(ctx, s, newCorpus(mixed(b.large)))
	for _, p := range []struct {
		name string
		n    int
		do   func() error
	}{
		{"post", 4 * b.posts, post},
		{"inbox", 10 * b.posts, func() error {
			_, err := s.Inbox(ctx, gitstore.InboxQuery{Agent: reader()})
			return err
		}},
		{"search", b.posts, func() error {
			_, err := s.Search(ctx, gitstore.SearchQuery{Text: commonWord})
			return err
		}},
	} {
		err = errors.Join(err, p.do(), profile(filepath.Join(dir, p.name), p.n, p.do)) // the first call warms up
	}
	return errors.Join(err, s.Close(), b.drop(store))
}

// profile calls do n times and writes name.cpu and name.mem.
func profile(name string, n int, do func() error) error {
	cpu, err := os.Create(name + ".cpu")
	if err != nil {
		return err
	}
	runtime.MemProfileRate = 4096
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return errors.Join(err, cpu.Close())
	}
	var took sample
	err = times(n, &took, do)
	pprof.StopCPUProfile()
	return errors.Join(err, cpu.Close(), writeAllocations(name+".mem"))
}

func writeAllocations(name string) error {
	mem, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(mem, 0), mem.Close())
}
