package gitstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/remote"
)

// overtaken is a wire on which somebody else pushes between the first fetch and
// the push that follows it.
type overtaken struct {
	wire
	by func() // nil: nobody does
}

func (o *overtaken) push(ctx context.Context, a *arrival, updates []remote.Update) (map[plumbing.ReferenceName]error, error) {
	if by := o.by; a != nil && by != nil {
		o.by = nil
		by()
	}
	return o.wire.push(ctx, a, updates)
}

// TestWhatIsToldAfterALostRace: a report says what was done, also by an attempt
// that then came too late, and says it once.
func TestWhatIsToldAfterALostRace(t *testing.T) {
	for name, c := range map[string]struct {
		o       SyncOptions
		prepare func(t *testing.T, s *Store, d *depot) // what s, whose first sync comes next, finds
		want    string                                 // the note; "" for none
	}{
		"a replay": {prepare: func(*testing.T, *Store, *depot) {}},
		"a rewritten history": {
			prepare: func(t *testing.T, s *Store, d *depot) {
				mustSync(t, newDepotWire(s, d), SyncOptions{})
				c, err := parseCommit(d.objects[d.tips[mainRef]].data)
				if err != nil {
					t.Fatal(err)
				}
				d.tips[mainRef] = c.parent
				d.advance(d.treeOf(c.parent))
			},
			want: "the remote's history was rewritten: ours as it was is kept",
		},
		"a clock that is ahead": {
			prepare: func(t *testing.T, _ *Store, d *depot) {
				o := quiet
				o.Now = func() time.Time { return time.Now().Add(100 * time.Hour) }
				early := newDepotWire(openTest(t, o), d)
				mustSync(t, early, SyncOptions{})
				say(t, early.s, "mary", "tomorrow")
				mustSync(t, early, SyncOptions{})
			},
			want: "1 events of branch main come from a machine whose clock",
		},
		"what waited in an inbox": {
			o: SyncOptions{Fold: true},
			prepare: func(t *testing.T, _ *Store, d *depot) {
				own := d.clone()
				barred := newDepotWire(openTest(t, quiet), own)
				say(t, barred.s, "john", "for main, if I may")
				mustSync(t, barred, SyncOptions{})
				d.objects, d.tips[inboxRef("inbox/1234abcd")] = own.objects, own.tips[mainRef]
			},
			want: "1 of what came waited in branch inbox/1234abcd",
		},
		"a branch that was replaced": {
			o: SyncOptions{Repair: true},
			prepare: func(_ *testing.T, _ *Store, d *depot) {
				d.advance(d.set(d.treeOf(d.tips[mainRef]), []string{"link"}, "120000", d.blob("/etc/passwd")))
			},
			want: "the remote's branch main was replaced by this store's",
		},
		"older commits": {
			o: SyncOptions{Unshallow: true},
			prepare: func(t *testing.T, s *Store, d *depot) {
				mustSync(t, newDepotWire(s, d), SyncOptions{Depth: 1})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			alone := toldAfter(t, c.o, c.prepare, false)
			raced := toldAfter(t, c.o, c.prepare, true)
			dry := c.o
			dry.DryRun = true
			foreseen := toldAfter(t, dry, c.prepare, false)
			if got, want := foretold(foreseen), foretold(alone); got != want {
				t.Errorf("a dry run says %s, and then it is %s", got, want)
			}
			if raced.Pushes <= alone.Pushes {
				t.Fatalf("there was no race: %+v", raced)
			}
			if n := strings.Count(strings.Join(raced.Notes, "\n"), c.want); c.want != "" && n != 1 {
				t.Errorf("it is told %d times in %q", n, raced.Notes)
			}
			if got, want := counts(raced), counts(alone); got != want {
				t.Errorf("with a race %s, without %s: %q and %q", got, want, raced.Notes, alone.Notes)
			}
			if raced.Replayed != alone.Replayed && !c.o.Fold { // what was taken in is put on top as well
				t.Errorf("with a race %d are put on top, without %d", raced.Replayed, alone.Replayed)
			}
		})
	}
}

// counts are what a race with somebody who has one more message does not change.
func counts(r *SyncReport) string {
	return fmt.Sprintf("%d notes, %d refused, %d rescued, %d older, %d held", len(r.Notes), len(r.Refused), len(r.Rescued), r.Older, len(r.Held))
}

// foretold is what a dry run is to say as it will be.
func foretold(r *SyncReport) string {
	return fmt.Sprintf("%d fetched, %d pushed, %d refused, %d older, %d held, %d notes", r.Fetched, r.Pushed, len(r.Refused), r.Older, len(r.Held), len(r.Notes))
}

// toldAfter is what a sync reports, of a store and a remote that were prepared.
func toldAfter(t *testing.T, o SyncOptions, prepare func(*testing.T, *Store, *depot), races bool) *SyncReport {
	t.Helper()
	d, s := newDepot(), openTest(t, quiet)
	other := newDepotWire(openTest(t, quiet), d)
	say(t, other.s, "bob", "first")
	say(t, other.s, "bob", "second")
	mustSync(t, other, SyncOptions{})
	prepare(t, s, d)
	say(t, s, "zoe", "mine")
	w := &overtaken{wire: newDepotWire(s, d)}
	if races {
		w.by = func() {
			say(t, other.s, "late", "third")
			mustSync(t, other, SyncOptions{})
		}
	}
	o.pause = atOnce
	r, err := s.syncOver(t.Context(), w, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
