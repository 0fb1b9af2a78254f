package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"skein/gitstore"
)

// agents take part in every store: each client in ten projects.
var agents = func() []string {
	var names []string
	for _, place := range []string{"axon", "solver", "parser", "index", "web", "docs", "infra", "tests", "tools", "review"} {
		for _, client := range []string{"claude-code", "codex", "desktop", "gemini-cli", "cursor"} {
			names = append(names, client+"@"+place)
		}
	}
	return names
}()

// common are the words of titles and bodies; each is as likely as the others.
var common = strings.Fields(`the a of and to in that is was for on as with it at by from this be are not have
	recursion bound solver constraint model rule cycle depth parser token grammar branch commit merge rebase
	review test fuzz corpus failure timeout retry lock journal pack index tree blob ref fetch push queue worker
	server client session agent thread message inbox receipt search query cursor page limit schema field value
	should could must might please look again before after while until since whether because instead however
	done open blocked waiting fixed broken slow fast small large first last next previous every another`)

const (
	// commonWord stands in about every second body.
	commonWord = "solver"
	// rareWord stands in one message of rareEvery.
	rareWord  = "quokka"
	rareEvery = 5000
)

const projects = 100

// A topic is a thread while messages come to it.
type topic struct {
	ref     string
	members []string // nil: everyone
	left    int      // messages still to come
	begun   bool
}

// A shape draws the thread of the next message.
type shape func(r *rand.Rand) *topic

// mixed is a store as use makes it: see doc.go for the distributions.
func mixed(n int) shape {
	var open []*topic
	opened := 0
	window := min(200, max(4, n/50))
	return func(r *rand.Rand) *topic {
		open = slices.DeleteFunc(open, func(t *topic) bool { return t.left <= 0 })
		if len(open) < window {
			open = append(open, newTopic(r, opened))
			opened++
		}
		t := open[r.IntN(len(open))]
		t.left--
		return t
	}
}

// newTopic draws a thread: its length Pareto distributed (α = 1.2, from 22 to
// 20,000, mean about 100), its project and its members by Zipf.
func newTopic(r *rand.Rand, number int) *topic {
	const shortest, longest, alpha = 22, 20_000, 1.2
	length := shortest * math.Pow(1-r.Float64(), -1/alpha)
	t := &topic{left: int(min(length, longest)), members: make([]string, 0, 8)}
	t.ref = fmt.Sprintf("project-%02d/topic-%05d", zipf(r, projects), number)
	for range 2 + r.IntN(7) {
		if a := pickAgent(r); !slices.Contains(t.members, a) {
			t.members = append(t.members, a)
		}
	}
	return t
}

// zipf draws from 0 to n-1, the small ones more often.
func zipf(r *rand.Rand, n int) int { return int(rand.NewZipf(r, 1.2, 4, uint64(n-1)).Uint64()) }

func pickAgent(r *rand.Rand) string { return agents[zipf(r, len(agents))] }

// single puts every message into one thread.
func single() shape {
	t := &topic{ref: "axon/constraint-model"}
	return func(*rand.Rand) *topic { return t }
}

// scattered opens a thread for every message, in one project.
func scattered() shape {
	n := 0
	return func(*rand.Rand) *topic {
		n++
		return scatteredTopic(n - 1)
	}
}

func scatteredTopic(i int) *topic { return &topic{ref: fmt.Sprintf("axon/topic-%05d", i)} }

// wider posts to the n threads that scattered opened, and every second time to
// a new one.
func wider(n int) shape {
	i := 0
	return func(r *rand.Rand) *topic {
		i++
		if i%2 == 0 {
			return scatteredTopic(r.IntN(n))
		}
		return scatteredTopic(n + i)
	}
}

// corpus draws messages; the same seed gives the same ones.
type corpus struct {
	rand  *rand.Rand
	shape shape
	drawn int
}

func newCorpus(s shape) *corpus { return seededCorpus(s, 1) }

func seededCorpus(s shape, seed uint64) *corpus {
	return &corpus{rand: rand.New(rand.NewPCG(seed, 2)), shape: s}
}

// post draws a message.
func (c *corpus) post() gitstore.Post {
	p, _ := c.draw()
	return p
}

// draw draws a message and tells which thread it goes to: about half of them
// to one agent, a third with a title, a fifth with a tag, the body log-normal
// with a median of 350 bytes and at most 20,000.
func (c *corpus) draw() (gitstore.Post, *topic) {
	r := c.rand
	t := c.shape(r)
	p := gitstore.Post{From: c.member(t), Thread: t.ref}
	if to := c.member(t); r.IntN(2) == 0 && to != p.From {
		p.To = []string{to}
	}
	if r.IntN(3) == 0 {
		p.Title = c.sentence(5)
	}
	if r.IntN(5) == 0 {
		p.Tags = []string{pick(r, []string{"question", "status", "handoff", "error"})}
	}
	p.Body = c.body(min(20_000, int(350*math.Exp(r.NormFloat64()))))
	if c.drawn++; c.drawn%rareEvery == rareEvery/2 {
		p.Body += "\n\nAsk the " + rareWord + "."
	}
	return p, t
}

// member is an agent who writes to a thread.
func (c *corpus) member(t *topic) string {
	if len(t.members) == 0 {
		return pickAgent(c.rand)
	}
	return pick(c.rand, t.members)
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

func (c *corpus) sentence(n int) string {
	picked := make([]string, n)
	for i := range picked {
		picked[i] = pick(c.rand, common)
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
