package main

import (
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"skein/gitstore"
	"skein/gitstore/event"
)

// span is how much time the messages of a store cover. They end at a fixed
// moment, so that the same seed gives the same store on any day.
const span = 180 * 24 * time.Hour

var endOfHistory = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const mostReceipts = 500 // messages that one receipt names

// history draws everything that happens in a store, oldest first: who joins,
// the threads that are opened, the messages, and who has read them.
type history struct {
	corpus  *corpus
	rand    *rand.Rand // of all but the messages, which stay those of the corpus
	clock   *event.Clock
	at      time.Time
	step    time.Duration // from one message to the next, on average
	last    map[string]event.ID
	waiting map[string][]event.ID // for each agent, what it has not read
}

// newHistory draws n messages of a shape over a time that ends at end.
func newHistory(s shape, seed uint64, n int, length time.Duration, end time.Time) *history {
	h := &history{
		corpus: seededCorpus(s, seed), rand: rand.New(rand.NewPCG(seed, 3)),
		at: end.Add(-length), step: length / time.Duration(n),
		last: map[string]event.ID{}, waiting: map[string][]event.ID{},
	}
	var key [32]byte
	for i := range key {
		key[i] = byte(seed >> (i % 8 * 8))
	}
	h.clock = &event.Clock{Now: func() time.Time { return h.at }, Entropy: rand.NewChaCha8(key)}
	return h
}

// records yields the history of n messages; the time between two of them is
// exponentially distributed.
func (h *history) records(n int) iter.Seq[gitstore.Record] {
	return func(yield func(gitstore.Record) bool) {
		more := true
		emit := func(ref event.ThreadRef, e *event.Event) event.ID {
			if more {
				e.ID, _ = h.clock.Next() // fails only in the year 10889
				more = yield(gitstore.Record{Thread: ref, Event: e})
			}
			return e.ID
		}
		for _, a := range agents {
			emit(event.ThreadRef{}, &event.Event{Kind: event.KindProfile, From: a})
		}
		for i := 0; i < n && more; i++ {
			h.at = h.at.Add(time.Duration(h.rand.ExpFloat64() * float64(h.step)))
			h.message(emit)
		}
		for _, a := range agents {
			h.read(a, emit)
		}
	}
}

// emitter hands an event on and returns the id that it was given.
type emitter func(event.ThreadRef, *event.Event) event.ID

// message draws a message, and before it the opening of its thread if it is
// the first. Three in ten answer the thread's last one. An eighth of the time
// the sender then reads what waits for it.
func (h *history) message(emit emitter) {
	p, t := h.corpus.draw()
	ref, _ := event.ParseThreadRef(p.Thread) // made in corpus.go
	if !t.begun && t.members != nil {
		emit(ref, &event.Event{Kind: event.KindThread, From: p.From, Title: h.corpus.sentence(4), Add: t.members})
	}
	t.begun = true
	e := &event.Event{From: p.From, To: p.To, Title: p.Title, Tags: p.Tags, Body: []byte(p.Body)}
	if h.rand.IntN(10) < 3 {
		e.ReplyTo = h.last[p.Thread]
	}
	if h.rand.IntN(30) == 0 {
		e.Priority = event.PriorityUrgent
	}
	e.RequireAck = h.rand.IntN(50) == 0
	id := emit(ref, e)
	h.last[p.Thread] = id
	h.deliver(t, e, id)
	if h.rand.IntN(8) == 0 {
		h.read(p.From, emit)
	}
}

// deliver remembers whom a message reaches, where that is not everyone.
func (h *history) deliver(t *topic, e *event.Event, id event.ID) {
	to := e.To
	if to == nil {
		to = t.members
	}
	for _, a := range to {
		if a != e.From {
			h.waiting[a] = append(h.waiting[a], id)
		}
	}
}

// read lets an agent read, or a quarter of the time acknowledge, what waits.
func (h *history) read(agent string, emit emitter) {
	state := event.StateRead
	if h.rand.IntN(4) == 0 {
		state = event.StateAcknowledged
	}
	for ids := range slices.Chunk(h.waiting[agent], mostReceipts) {
		emit(event.ThreadRef{}, &event.Event{Kind: event.KindReceipt, From: agent, State: state, Messages: slices.Clone(ids)})
	}
	h.waiting[agent] = h.waiting[agent][:0]
}
