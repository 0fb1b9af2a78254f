package gitstore

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"skein/gitstore/index"
)

// indexLog is a logger that keeps what is said about the index: nothing, as
// long as it answers.
type indexLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *indexLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(line, []byte("index")) {
		l.text.Write(line)
	}
	return len(line), nil
}

func (l *indexLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *indexLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.text.String())
}

// mustAnswer fails unless the index answers now.
func mustAnswer(tb testing.TB, s *Store) {
	tb.Helper()
	ok, err := s.fromIndex(context.Background(), func(*index.View) error { return nil })
	if !ok || err != nil {
		tb.Fatalf("the index does not answer (%v)", err)
	}
}
