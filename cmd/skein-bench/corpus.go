package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"skein/gitstore"
)

// agents take part in every store.
var agents = []string{
	"claude-code", "desktop", "codex", "gemini-cli", "cursor", "windsurf",
	"claude-code@axon", "claude-code@solver", "codex@parser", "reviewer", "mary", "tom",
}

// words make up titles and bodies.
var words = strings.Fields(`the a of and to in that is was for on as with it at by from this be are not have
	recursion bound solver constraint model rule cycle depth parser token grammar branch commit merge rebase
	review test fuzz corpus failure timeout retry lock journal pack index tree blob ref fetch push queue worker
	server client session agent thread message inbox receipt search query cursor page limit schema field value
	should could must might please look again before after while until since whether because instead however
	done open blocked waiting fixed broken slow fast small large first last next previous every another`)

// A shape draws the i-th message's thread.
type shape func(i int, r *rand.Rand) string

// mixed is a store as use makes it: a message in forty opens a thread, and
// threads get messages as a Zipf distribution has it (the longest has about a
// tenth of all), over twenty projects.
func mixed(n int) shape {
	threads := max(10, n/40)
	return func(_ int, r *rand.Rand) string {
		k := rand.NewZipf(r, 1.1, 4, uint64(threads-1)).Uint64()
		return fmt.Sprintf("project-%02d/topic-%05d", k%20, k)
	}
}

// single puts every message into one thread.
func single(int, *rand.Rand) string { return "axon/constraint-model" }

// scattered opens a thread for every message, in one project.
func scattered(i int, _ *rand.Rand) string { return fmt.Sprintf("axon/topic-%05d", i) }

// wider posts to the n threads that scattered opened, and every second time to
// a new one.
func wider(n int) shape {
	return func(i int, r *rand.Rand) string {
		if i%2 == 0 {
			return scattered(r.IntN(n), r)
		}
		return scattered(n+i, r)
	}
}

// corpus draws messages; the same seed gives the same ones.
type corpus struct {
	rand  *rand.Rand
	shape shape
	next  int
}

func newCorpus(s shape) *corpus {
	return &corpus{rand: rand.New(rand.NewPCG(1, 2)), shape: s}
}

// post draws a message: about half of them to one agent, a third with a title, a
// fifth with a tag, the body log-normal around 350 bytes and at most 20,000.
func (c *corpus) post() gitstore.Post {
	r := c.rand
	p := gitstore.Post{From: c.pick(agents), Thread: c.shape(c.next, r)}
	c.next++
	if to := c.pick(agents); r.IntN(2) == 0 && to != p.From {
		p.To = []string{to}
	}
	if r.IntN(3) == 0 {
		p.Title = c.sentence(5)
	}
	if r.IntN(5) == 0 {
		p.Tags = []string{c.pick([]string{"question", "status", "handoff", "error"})}
	}
	p.Body = c.body(min(20_000, int(350*math.Exp(r.NormFloat64()))))
	return p
}

func (c *corpus) pick(from []string) string { return from[c.rand.IntN(len(from))] }

func (c *corpus) sentence(n int) string {
	picked := make([]string, n)
	for i := range picked {
		picked[i] = c.pick(words)
	}
	return strings.ToUpper(picked[0][:1]) + strings.Join(picked, " ")[1:]
}

// body is Markdown of about n bytes. A number in each paragraph keeps texts
// apart that would otherwise compress too well.
func (c *corpus) body(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%s, see `%08x`.\n\n", c.sentence(8+c.rand.IntN(20)), c.rand.Uint32())
	}
	return strings.TrimSpace(b.String())
}

// A clock runs through a stretch of the past while a store is made.
type clock struct {
	at   time.Time
	step time.Duration
}

// halfYear spreads n messages over the last 180 days.
func halfYear(n int) *clock {
	const span = 180 * 24 * time.Hour
	return &clock{at: time.Now().Add(-span), step: span / time.Duration(n)}
}

// oneDay spreads n messages over yesterday, and leaves it an hour for more.
func oneDay(n int) *clock {
	yesterday := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	return &clock{at: yesterday, step: 23 * time.Hour / time.Duration(n)}
}
