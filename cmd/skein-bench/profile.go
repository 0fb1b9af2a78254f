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
// NAME.cpu, and NAME.before and NAME.mem with all that was allocated before and
// after, for `go tool pprof`.
func profiles(ctx context.Context, b *bench, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return err
	}
	if err := b.buildIndex(ctx, store); err != nil {
		return err
	}
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: store, NoMirror: true})
	if err != nil {
		return err
	}
	err = errors.Join(b.profileStore(ctx, s, dir), s.Close())
	return errors.Join(err, b.drop(store))
}

// profileStore begins with three messages in the inbox and everything else
// read, as an agent finds it.
func (b *bench) profileStore(ctx context.Context, s *gitstore.Store, dir string) error {
	for range 3 {
		p := gitstore.Post{From: writer(), To: []string{reader()}, Thread: "axon/mail", Body: "Three of these wait."}
		if _, err := s.Post(ctx, p); err != nil {
			return err
		}
	}
	for _, p := range []struct {
		name string
		n    int
		do   func() error
	}{
		{"inbox", 10 * b.posts, func() error {
			_, err := s.Inbox(ctx, gitstore.InboxQuery{Agent: reader()})
			return err
		}},
		{"search", b.posts, func() error {
			_, err := s.Search(ctx, gitstore.SearchQuery{Text: commonWord})
			return err
		}},
		{"post", 4 * b.posts, poster(ctx, s, newCorpus(mixed(b.large)))},
	} {
		var warm sample
		err := times(3, &warm, p.do)
		if err = errors.Join(err, profile(filepath.Join(dir, p.name), p.n, p.do)); err != nil {
			return err
		}
	}
	return nil
}

// profile calls do n times and writes the profiles of that.
func profile(name string, n int, do func() error) error {
	runtime.MemProfileRate = 4096
	if err := writeAllocations(name + ".before"); err != nil {
		return err
	}
	cpu, err := os.Create(name + ".cpu")
	if err != nil {
		return err
	}
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
