package gitstore

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// benchSize is the number of messages in the store that readers are measured
// on: 200 threads in 10 projects, one message a minute.
const benchSize = 100_000

// BenchmarkReaders measures the readers. "cold" is one call on a store that
// has just been opened, as by a command; "warm" is one in a server.
func BenchmarkReaders(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "store")
	start := time.Now().Add(-benchSize * time.Minute)
	s := openAt(b, Options{Dir: dir, NoSync: true, NoMirror: true, Now: ticking(start, time.Minute)})
	fill(b, s, benchSize, threadName)
	needle, err := s.Post(context.Background(), Post{From: "ann", Thread: threadName(0), Body: "a needle in the hay"})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for name, call := range map[string]func(ctx context.Context, s *Store) (got, want int, err error){
		"read": func(ctx context.Context, s *Store) (int, int, error) {
			page, err := s.Read(ctx, ReadQuery{Thread: threadName(7)})
			return len(page.Messages), 20, err
		},
		"inbox": func(ctx context.Context, s *Store) (int, int, error) {
			in, err := s.Inbox(ctx, InboxQuery{Agent: "bob"})
			return len(in.Messages), 20, err
		},
		"search-rare": func(ctx context.Context, s *Store) (int, int, error) {
			found, err := s.Search(ctx, SearchQuery{Text: "needle hay"})
			return found.Total, 1, err
		},
		"search-common": func(ctx context.Context, s *Store) (int, int, error) {
			found, err := s.Search(ctx, SearchQuery{Text: "recurs* constraints"})
			return found.Total, benchSize, err
		},
		"search-thread": func(ctx context.Context, s *Store) (int, int, error) {
			found, err := s.Search(ctx, SearchQuery{Text: "recurs* thread:" + threadName(7)})
			return found.Total, benchSize / 200, err
		},
		"threads": func(ctx context.Context, s *Store) (int, int, error) {
			threads, err := s.Threads(ctx, ThreadFilter{})
			return len(threads), 200, err
		},
		"id": func(ctx context.Context, s *Store) (int, int, error) {
			found, err := s.resolveMessages(ctx, []string{needle.ID.Short()})
			return len(found), 1, err
		},
		"agents": func(ctx context.Context, s *Store) (int, int, error) {
			agents, err := s.Agents(ctx)
			return len(agents), 1, err
		},
		"verify": func(ctx context.Context, s *Store) (int, int, error) {
			report, err := s.Verify(ctx, nil)
			return report.Messages - len(report.Problems), benchSize + 1, err
		},
	} {
		check := func(b *testing.B, s *Store) {
			if got, want, err := call(context.Background(), s); err != nil || got != want {
				b.Fatalf("got %d, want %d: %v", got, want, err)
			}
		}
		b.Run(name+"/cold", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := openAt(b, Options{Dir: dir, NoSync: true, NoMirror: true})
				b.StartTimer()
				check(b, s)
				b.StopTimer()
				_ = s.Close()
				b.StartTimer()
			}
		})
		b.Run(name+"/warm", func(b *testing.B) {
			s := openTest(b, Options{Dir: dir, NoSync: true, NoMirror: true})
			check(b, s)
			for b.Loop() {
				check(b, s)
			}
		})
	}
	b.Run("commit-of-oldest", func(b *testing.B) { benchCommitOf(b, dir) })
	b.Run("view-memory", func(b *testing.B) { benchViewMemory(b, dir) })
	b.Run("inbox/after-post", func(b *testing.B) { benchInboxAfterPost(b, dir) })
}

func openAt(b *testing.B, o Options) *Store {
	b.Helper()
	s, err := Open(context.Background(), o)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// benchInboxAfterPost is what check_inbox costs in a server when a message has
// come.
func benchInboxAfterPost(b *testing.B, dir string) {
	s := openTest(b, Options{Dir: dir, NoSync: true, NoMirror: true})
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		if _, err := s.Post(ctx, Post{From: "ann", Thread: threadName(i), Body: sampleBody}); err != nil {
			b.Fatal(err)
		}
		if i == 0 {
			if _, err := s.Inbox(ctx, InboxQuery{Agent: "bob"}); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if _, err := s.Inbox(ctx, InboxQuery{Agent: "bob"}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchViewMemory reports the bytes that the view keeps of a message.
func benchViewMemory(b *testing.B, dir string) {
	for b.Loop() {
		s := openTest(b, Options{Dir: dir, NoSync: true, NoMirror: true})
		before := heapInUse()
		if _, err := s.Inbox(context.Background(), InboxQuery{Agent: "bob"}); err != nil {
			b.Fatal(err)
		}
		s.trees = treeCache{}
		b.ReportMetric(float64(heapInUse()-before)/benchSize, "B/message")
		runtime.KeepAlive(s)
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// benchCommitOf looks for the commit of the first message.
func benchCommitOf(b *testing.B, dir string) {
	s := openTest(b, Options{Dir: dir, NoSync: true, NoMirror: true})
	page, err := s.Read(context.Background(), ReadQuery{Thread: threadName(0), Since: "2000-01-01", Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h, err := s.commitOf(context.Background(), page.Messages[0].ID)
		if err != nil || h.IsZero() {
			b.Fatalf("commit %s: %v", h, err)
		}
	}
}
