package tools

import (
	"slices"
	"strconv"
	"strings"
)

// How many messages or entries a page has: where no limit is given, and at
// most. No page has room for more, so that more would be read in vain.
const (
	defaultLimit = 20
	maxLimit     = 200
)

func pageLimit(asked int) int {
	if asked <= 0 {
		return defaultLimit
	}
	return min(asked, maxLimit)
}

// A part is what one fetch from the store brought, as it will be shown.
type part[T any] struct {
	page  T
	items []string
	tail  bool // the page is the end of something: the last items matter most
}

// fitted fetches until the items fit a page: where they do not, it asks again
// for as many as do, so that the cursors that come with them are right. One
// item is always kept.
func fitted[T any](limit int, fetch func(limit int) (part[T], error)) (part[T], error) {
	limit = pageLimit(limit)
	for {
		p, err := fetch(limit)
		if err != nil {
			return p, err
		}
		n := fits(p.items, p.tail)
		if n == len(p.items) {
			return p, nil
		}
		limit = n
	}
}

// fits counts the items that fit a page, from the first or from the last.
func fits(items []string, tail bool) int {
	if tail {
		items = slices.Clone(items)
		slices.Reverse(items)
	}
	size := 0
	for i, it := range items {
		if size += len(it) + 1; size > maxPage && i > 0 {
			return i
		}
	}
	return len(items)
}

// A place is where a page begins: how many items came before it, and the
// store's cursor. With the number, a page can say how many are left.
type place struct {
	seen     int
	store    string
	consumed bool // what a page shows no longer counts in the next one's total
}

func parsePlace(cursor string) place {
	n, rest, found := strings.Cut(cursor, ".")
	seen, err := strconv.Atoi(n)
	if !found || err != nil {
		return place{store: cursor} // the store says what is wrong with it
	}
	return place{seen: seen, store: rest}
}

// more is the last line of a page that shows shown of total items and goes on
// at the store's cursor next; it is empty for the last page.
func (p place) more(shown, total int, next string) string {
	return more(total-p.seen-shown, p.next(shown, next))
}

// next is the cursor of the place that follows shown items; "" for none.
func (p place) next(shown int, next string) string {
	if next == "" {
		return ""
	}
	if p.consumed {
		shown = 0
	}
	return strconv.Itoa(p.seen+shown) + "." + next
}
