package event

import (
	"strings"
	"testing"
)

// typical is a message as most are: a few keys and some lines of text.
func typical(b *testing.B) []byte {
	b.Helper()
	e := message(b)
	e.Priority, e.RequireAck, e.Payload = "", false, nil
	e.Body = []byte(strings.Repeat("A line of text as agents write it to each other.\n", 10))
	file, err := e.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	return file
}

func BenchmarkParseHeader(b *testing.B) {
	file := typical(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseHeader(file); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	file := typical(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(file); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	e, err := Parse(typical(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Marshal(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseWithUnknownKey(b *testing.B) {
	file := []byte(strings.Replace(string(typical(b)), "\n---\n", "\nmodel: opus\n---\n", 1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(file); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClockNext(b *testing.B) {
	clock := NewClock(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := clock.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFoldThread(b *testing.B) {
	events := make([]*Event, 1000)
	for i := range events {
		e := message(b)
		e.ID = numbered(i + 1)
		events[i] = e
	}
	b.ReportAllocs()
	for b.Loop() {
		FoldThread(ThreadRef{"axon", "constraint-model"}, events)
	}
}
