package index

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"skein/gitstore/event"
)

// Tier tells how prominent what was looked for is in a message. A word is
// prominent in a message if it stands in its title, or three times in its body
// (in a long one, once in 200 words).
type Tier uint8

// The tiers.
const (
	Mentioned       Tier = iota // no term is prominent
	PartlyProminent             // some terms are
	Prominent                   // all are
)

// rankedSet is how many messages of each tier are ranked: the newest. What is
// older follows behind them, the newest first.
const rankedSet = 200

// score ranks by tier and age: a prominent message ranks like a mention that
// is eight times as young, in weeks and one.
func score(tier Tier, id, newest event.ID) float64 {
	const week = 7 * 24 * time.Hour
	age := max(0, newest.Time().Sub(id.Time()).Hours()/week.Hours())
	return 1.5*float64(tier) - math.Log2(1+age)
}

// Candidate is a match, and what its finder knows of it.
type Candidate[T any] struct {
	ID    event.ID
	Tier  Tier
	Value T
}

// Place is a place in the list of a query's hits, behind the last one shown.
// The zero Place is the beginning.
type Place struct {
	Newest event.ID // of the hits when the list was begun: newer ones are not in it
	At     event.ID // the hit shown last
	Tier   Tier     // of that hit
	Rest   bool     // it was behind the ranked ones
}

// Bytes returns a form of the place that ParsePlace reads: 33 bytes.
func (p Place) Bytes() []byte {
	last := byte(p.Tier) << 1
	if p.Rest {
		last |= 1
	}
	return append(slices.Concat(p.Newest[:], p.At[:]), last)
}

// ParsePlace is the inverse of Place.Bytes.
func ParsePlace(b []byte) (p Place, err error) {
	if len(b) != 33 || b[32]>>1 > byte(Prominent) {
		return p, errors.New("it is no place in a list of hits")
	}
	copy(p.Newest[:], b)
	copy(p.At[:], b[16:])
	p.Tier, p.Rest = Tier(b[32]>>1), b[32]&1 != 0
	return p, nil
}

// Source returns the newest n matches of at least a tier whose ids are less
// than below, the newest first.
type Source[T any] func(tier Tier, below event.ID, n int) ([]Candidate[T], error)

// maxID is greater than every id.
var maxID = event.ID(slices.Repeat([]byte{0xff}, len(event.ID{})))

// tiers are those that make a difference to the query, the highest first.
func (q *Query) tiers() []Tier {
	switch len(q.terms) {
	case 0:
		return []Tier{Mentioned}
	case 1:
		return []Tier{Prominent, Mentioned}
	}
	return []Tier{Prominent, PartlyProminent, Mentioned}
}

// Page returns at most limit hits from a place on, ranked, and the next place,
// nil at the end. It asks the source for no more than it needs. The index and
// a walk through the tree both use it, and so show the same.
func Page[T any](q *Query, place Place, limit int, source Source[T]) ([]Candidate[T], *Place, error) {
	r := ranking[T]{place: place, source: source, known: make(map[event.ID]bool)}
	if err := r.fill(q); err != nil || len(r.ranked) == 0 {
		return nil, nil, err
	}
	hits := r.behind()
	if place.Rest {
		hits = nil
	}
	if len(hits) <= limit {
		rest, err := r.rest(limit + 1 - len(hits))
		if err != nil {
			return nil, nil, err
		}
		for _, c := range rest {
			c.Tier = unranked
			hits = append(hits, c)
		}
	}
	if len(hits) <= limit {
		return ranks(hits), nil, nil
	}
	hits = hits[:limit]
	next := place
	if limit > 0 {
		last := hits[limit-1]
		next = Place{Newest: r.place.Newest, At: last.ID, Tier: last.Tier, Rest: last.Tier == unranked}
		if next.Rest {
			next.Tier = Mentioned
		}
	}
	return ranks(hits), &next, nil
}

// unranked stands for the tier of what is behind the ranked ones.
const unranked Tier = 0x7f

func ranks[T any](hits []Candidate[T]) []Candidate[T] {
	for i := range hits {
		if hits[i].Tier == unranked {
			hits[i].Tier = Mentioned
		}
	}
	return hits
}

// ranking is the list of a query's hits under way.
type ranking[T any] struct {
	place  Place
	source Source[T]
	ranked []Candidate[T]    // best first
	known  map[event.ID]bool // the ids of ranked
	floor  event.ID          // the rest is older; zero if there is none
}

// fill finds what is ranked.
func (r *ranking[T]) fill(q *Query) error {
	below := maxID
	if !r.place.Newest.IsZero() {
		below = following(r.place.Newest)
	}
	for _, tier := range q.tiers() {
		found, err := r.source(tier, below, rankedSet)
		if err != nil {
			return err
		}
		r.add(tier, found)
	}
	if r.place.Newest.IsZero() {
		for _, c := range r.ranked {
			if c.ID.Compare(r.place.Newest) > 0 {
				r.place.Newest = c.ID
			}
		}
	}
	slices.SortStableFunc(r.ranked, r.compare)
	return nil
}

// add takes in those of a tier that are not in a higher one.
func (r *ranking[T]) add(tier Tier, found []Candidate[T]) {
	fresh := len(r.ranked)
	for _, c := range found {
		if !r.known[c.ID] {
			c.Tier = tier
			r.ranked = append(r.ranked, c)
		}
	}
	for _, c := range r.ranked[fresh:] {
		r.known[c.ID] = true
	}
	if len(found) == rankedSet {
		r.floor = found[rankedSet-1].ID // of the lowest tier at last
	} else {
		r.floor = event.ID{}
	}
}

func (r *ranking[T]) compare(a, b Candidate[T]) int {
	x, y := score(a.Tier, a.ID, r.place.Newest), score(b.Tier, b.ID, r.place.Newest)
	return cmp.Or(cmp.Compare(y, x), b.ID.Compare(a.ID))
}

// behind returns the ranked ones behind the place.
func (r *ranking[T]) behind() []Candidate[T] {
	if r.place.At.IsZero() {
		return r.ranked
	}
	at := Candidate[T]{ID: r.place.At, Tier: r.place.Tier}
	n := slices.IndexFunc(r.ranked, func(c Candidate[T]) bool { return r.compare(at, c) < 0 })
	if n < 0 {
		return nil
	}
	return r.ranked[n:]
}

// rest returns up to n of those behind the ranked ones.
func (r *ranking[T]) rest(n int) ([]Candidate[T], error) {
	if r.floor.IsZero() {
		return nil, nil
	}
	below := r.floor
	if r.place.Rest {
		below = r.place.At
	}
	skip := 0
	for id := range r.known {
		if id.Compare(below) < 0 {
			skip++
		}
	}
	found, err := r.source(Mentioned, below, n+skip)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(c Candidate[T]) bool { return r.known[c.ID] })
	return found[:min(n, len(found))], nil
}
