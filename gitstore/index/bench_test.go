package index

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"flag"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"skein/gitstore/event"
)

// benchSize is the number of messages that the benchmarks index. A million
// take a minute to build.
var benchReceipts = flag.Bool("receipts", true, "whether the agents of the benchmarks have read anything")

var benchSize = flag.Int("messages", 100_000, "how many messages the benchmarks of the index are made on")

// corpus draws the events of a store: 50 agents who have read everything,
// 10,000 threads in 100 projects whose lengths a Zipf distribution gives, half
// of the messages to one agent and the rest to everyone, half a year; a third
// with a title, bodies log-normal around 350 bytes.
type corpus struct {
	r     *rand.Rand
	vocab []string
	zipf  *rand.Zipf
	topic *rand.Zipf
	n     int
}

const (
	benchAgents = 50
	// common stands in a third of the messages, rare in one.
	common, rare = "recursion", "needle"
)

var frequent = strings.Fields(`the a of and to in that is was for on as with it at by from this be are not have
	recursion bound solver constraint model rule cycle depth parser token grammar branch commit merge rebase
	review test fuzz corpus failure timeout retry lock journal pack index tree blob ref fetch push queue worker`)

func newCorpus(n int) *corpus {
	c := &corpus{r: rand.New(rand.NewPCG(1, 2)), n: n, vocab: slices.Clone(frequent)}
	for len(c.vocab) < 20_000 {
		c.vocab = append(c.vocab, fmt.Sprintf("%s%c%c", frequent[c.r.IntN(len(frequent))], 'a'+c.r.IntN(26), 'a'+c.r.IntN(26)))
	}
	c.zipf = rand.NewZipf(c.r, 1.2, 8, uint64(len(c.vocab)-1))
	c.topic = rand.NewZipf(c.r, 1.1, 4, 9_999)
	return c
}

func benchAgent(i int) string { return fmt.Sprintf("agent-%02d", i%benchAgents) }

// benchID is the id of the i-th message of n.
func (c *corpus) benchID(i int) event.ID {
	id := firstID(testStart.UnixMilli() + int64(float64(i)*float64(180*24*time.Hour.Milliseconds())/float64(c.n)))
	binary.BigEndian.PutUint64(id[8:], c.r.Uint64())
	return id
}

func (c *corpus) text(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(c.vocab[c.zipf.Uint64()])
		b.WriteByte(' ')
	}
	fmt.Fprintf(&b, "`%08x`", c.r.Uint32())
	return b.String()
}

func (c *corpus) message(i int) Change {
	k := c.topic.Uint64()
	e := &event.Event{ID: c.benchID(i), From: benchAgent(c.r.IntN(benchAgents))}
	e.At = e.ID.Time()
	if to := benchAgent(c.r.IntN(benchAgents)); c.r.IntN(2) == 0 && to != e.From {
		e.To = []string{to}
	}
	if c.r.IntN(3) == 0 {
		e.Title = c.text(30)
	}
	e.Body = []byte(c.text(min(20_000, int(350*math.Exp(0.8*c.r.NormFloat64())))))
	if i == c.n/3 {
		e.Body = append(e.Body, " a "+rare+" here"...)
	}
	return filedFast(Change{Event: e, Thread: event.ThreadRef{Project: fmt.Sprintf("project-%02d", k%100), Thread: fmt.Sprintf("topic-%04d", k)}})
}

func filedFast(c Change) Change {
	c.Path = fmt.Sprintf("projects/%s/%s/%s", c.Thread, event.Month(c.Event.At), event.FileName(c.Event))
	c.Blob = sha1.Sum(c.Event.ID[:])
	return c
}

func profile(i int, c *corpus) Change {
	e := &event.Event{Kind: event.KindProfile, ID: c.benchID(0), From: benchAgent(i), At: testStart}
	return filed1(Change{Event: e})
}

// read is a receipt of one agent.
func (c *corpus) read(agent int, at event.ID, messages []event.ID) Change {
	e := &event.Event{Kind: event.KindReceipt, ID: c.benchID(c.n), From: benchAgent(agent), At: at.Time(), State: event.StateRead, Messages: messages}
	return Change{Event: e, Path: fmt.Sprintf("agents/%s/%s/%s", benchAgent(agent), event.Month(e.At), event.FileName(e))}
}

// all yields the events of a store: messages, profiles, and receipts by which
// every agent has read every 10th message, and agent-00 all but the last
// three that are for it.
func (c *corpus) all() iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		var ids []event.ID
		for i := range c.n {
			m := c.message(i)
			ids = append(ids, m.Event.ID)
			if !yield(m, nil) {
				return
			}
		}
		for i := range benchAgents {
			if !yield(profile(i, c), nil) {
				return
			}
		}
		if *benchReceipts {
			c.receipts(ids, yield)
		}
	}
}

func (c *corpus) receipts(ids []event.ID, yield func(Change, error) bool) {
	for hour := range slices.Chunk(ids, 1000) {
		for i := range benchAgents {
			var mine []event.ID
			for k, id := range hour {
				if i == 0 || k%10 == i%10 {
					mine = append(mine, id)
				}
			}
			for part := range slices.Chunk(mine, 20) {
				if !yield(c.read(i, part[len(part)-1], part), nil) {
					return
				}
			}
		}
	}
}

var benchState = State{Main: [20]byte{1}}

// build makes an index of the corpus and returns how long that took.
func build(tb testing.TB, dir string, c *corpus) time.Duration {
	tb.Helper()
	x := openTest(tb, dir, Options{})
	started := time.Now()
	if err := x.Update(context.Background(), State{}, benchState, c.all()); err != nil {
		tb.Fatal(err)
	}
	took := time.Since(started)
	if err := x.Close(); err != nil {
		tb.Fatal(err)
	}
	return took
}

func diskUsage(tb testing.TB, dir string) (n int64) {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			tb.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// peak is the greatest resident memory of this process, where the system tells.
func peak() (kb float64) {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscan(after, &kb)
	return kb
}

// BenchmarkIndex measures one index from being built to being asked.
func BenchmarkIndex(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "index")
	c := newCorpus(*benchSize)
	took := build(b, dir, c)
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(float64(*benchSize)/took.Seconds(), "messages/s")
		b.ReportMetric(float64(diskUsage(b, dir))/float64(*benchSize), "B/message")
		b.ReportMetric(peak()/1024, "MB-peak")
		b.ReportMetric(0, "ns/op")
	})
	x := openTest(b, dir, Options{})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			x, err := Open(dir, Options{})
			if err != nil {
				b.Fatal(err)
			}
			v := viewTest(b, x)
			v.Close()
			_ = x.Close()
		}
	})
	benchReaders(b, x)
	benchUpdates(b, x, c)
	benchCold(b, dir)
}

func viewTest(tb testing.TB, x *Index) *View {
	tb.Helper()
	v, err := x.View(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func benchReaders(b *testing.B, x *Index) {
	now := testStart.Add(181 * 24 * time.Hour)
	inbox := func(agent string, limit int) func(*View) error {
		return func(v *View) error {
			_, err := v.Inbox(InboxQuery{Agent: agent, Limit: limit, Now: now})
			return err
		}
	}
	calls := map[string]func(*View) error{
		"inbox-all-read": inbox(benchAgent(0), 20),
		"inbox-backlog":  inbox(benchAgent(1), 20),
		"inbox-stranger": inbox("stranger", 20),
		"threads-20":     func(v *View) error { _, err := v.Threads(ThreadFilter{Limit: 20}); return err },
		"projects":       func(v *View) error { _, err := v.Projects(); return err },
		"agents":         func(v *View) error { _, err := v.Agents(); return err },
	}
	for name, text := range map[string]string{
		"rare": rare, "common": common, "two-common": common + " solver", "the": "the", "prefix": "recurs*", "short-prefix": "re*",
		"phrase": `"the recursion"`, "from": common + " from:agent-07", "since": common + " since:3d", "thread": "thread:project-01/topic-0001 " + common,
	} {
		q, err := ParseQuery(text, now)
		if err != nil {
			b.Fatal(err)
		}
		calls["search-"+name] = func(v *View) error { _, err := v.Search(q, Place{}, 20); return err }
	}
	for name, call := range calls {
		b.Run(name, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				started := time.Now()
				v := viewTest(b, x)
				err := call(v)
				v.Close()
				if times = append(times, time.Since(started)); err != nil {
					b.Fatal(err)
				}
			}
			reportTimes(b, times)
		})
	}
}

func reportTimes(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(times[0].Microseconds())/1000, "least-ms")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "p95-ms")
}

// benchCold measures whole processes that open the index and search: one that
// does nothing is what starting a process costs.
func benchCold(b *testing.B, dir string) {
	for name, args := range map[string][]string{
		"cold-idle": {"idle"}, "cold-rare": {"search", dir, rare}, "cold-common": {"search", dir, common},
	} {
		b.Run(name, func(b *testing.B) {
			var times []time.Duration
			var opened, searched float64
			for b.Loop() {
				started := time.Now()
				out, err := inRole(b, args[0], args[1:]...).Output()
				if err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(started))
				var open, search float64
				_, _ = fmt.Sscan(string(out), &open, &search)
				opened, searched = opened+open, searched+search
			}
			reportTimes(b, times)
			b.ReportMetric(opened/1000/float64(len(times)), "open-ms")
			b.ReportMetric(searched/1000/float64(len(times)), "search-ms")
		})
	}
}

// benchUpdates measures catching up with one message, and asking for three.
func benchUpdates(b *testing.B, x *Index, c *corpus) {
	state, i := benchState, c.n
	add := func(b *testing.B, changes ...Change) {
		next := State{Main: [20]byte{2}}
		binary.BigEndian.PutUint32(next.Main[4:], uint32(i))
		if err := x.Update(context.Background(), state, next, yield(changes)); err != nil {
			b.Fatal(err)
		}
		state = next
	}
	message := func() Change {
		i++
		return c.message(i)
	}
	b.Run("update-one", func(b *testing.B) {
		var times []time.Duration
		for b.Loop() {
			m := message()
			started := time.Now()
			add(b, m)
			times = append(times, time.Since(started))
		}
		reportTimes(b, times)
	})
	b.Run("inbox-three-new", func(b *testing.B) {
		var times []time.Duration
		for b.Loop() {
			b.StopTimer()
			var ids []event.ID
			for range 3 {
				m := message()
				m.Event.From, m.Event.To = benchAgent(1), []string{benchAgent(0)}
				ids = append(ids, m.Event.ID)
				add(b, m)
			}
			b.StartTimer()
			started := time.Now()
			v := viewTest(b, x)
			in, err := v.Inbox(InboxQuery{Agent: benchAgent(0), Limit: 20, Now: testStart.Add(181 * 24 * time.Hour)})
			v.Close()
			times = append(times, time.Since(started))
			b.StopTimer()
			if err != nil || len(in.Messages) < 3 {
				b.Fatalf("%d messages, %v", len(in.Messages), err)
			}
			i++
			add(b, c.read(0, ids[2], idsIn(in.Messages)))
			b.StartTimer()
		}
		reportTimes(b, times)
	})
	runtime.GC()
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(peak()/1024, "MB-peak")
	})
}

func idsIn(messages []Message) (ids []event.ID) {
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}

// BenchmarkFind looks up the messages of receipts: each in the table, in blocks
// that are in memory, and with the reading of a block.
func BenchmarkFind(b *testing.B) {
	x := openTest(b, filepath.Join(b.TempDir(), "index"), Options{Now: func() time.Time { return testStart }})
	if err := x.Update(context.Background(), State{}, benchState, newCorpus(2*blockSize).all()); err != nil {
		b.Fatal(err)
	}
	v := viewTest(b, x)
	defer v.Close()
	w, err := newWriter(context.Background(), v.c, v.state)
	if err != nil {
		b.Fatal(err)
	}
	places, err := w.placesOf(0)
	if err != nil {
		b.Fatal(err)
	}
	id := places[len(places)/2].id
	look := func(b *testing.B, find func() ([]int64, error)) {
		for b.Loop() {
			if found, err := find(); err != nil || len(found) != 1 {
				b.Fatal(found, err)
			}
		}
	}
	b.Run("table", func(b *testing.B) {
		look(b, func() ([]int64, error) { w.finds = 0; return w.find(id) })
	})
	b.Run("blocks", func(b *testing.B) {
		look(b, func() ([]int64, error) { return w.findInBlocks(id) })
	})
	b.Run("block to read", func(b *testing.B) {
		look(b, func() ([]int64, error) { clear(w.places); return w.findInBlocks(id) })
	})
}
