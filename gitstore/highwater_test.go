package gitstore

import (
	"testing"
	"time"
)

// TestIDsOnlyGrow: what is written after a sync sorts after all that came with
// it, though the newest commit is not the newest event, in a process that was
// there before as in one that comes later.
func TestIDsOnlyGrow(t *testing.T) {
	depot := newDepot()
	ahead, behind := quiet, quiet
	ahead.Now = func() time.Time { return time.Now().Add(time.Hour) }
	a, b := openTest(t, ahead), openTest(t, behind)
	newest := say(t, a, "mary", "from an hour ahead")
	say(t, b, "bob", "from now")
	mustSync(t, newDepotWire(a, depot), SyncOptions{})
	mustSync(t, newDepotWire(b, depot), SyncOptions{})

	for _, late := range []struct {
		name string
		open func(early *Store, o Options) *Store
	}{
		{"a process that was there before", func(early *Store, _ Options) *Store { return early }},
		{"a process that comes later", func(_ *Store, o Options) *Store { return openTest(t, o) }},
	} {
		c, o := openTest(t, quiet), quiet
		o.Dir = c.Dir()
		early := openTest(t, o)
		say(t, early, "carl", "I was here")
		mustSync(t, newDepotWire(c, depot.clone()), SyncOptions{})
		if tip, err := c.tipState(mainRef); err != nil || tip.id.Compare(newest.ID) >= 0 {
			t.Fatalf("the newest commit is of %s, the newest event is %s (%v)", tip.id, newest.ID, err)
		}
		if m := say(t, late.open(early, o), "carl", "later"); m.ID.Compare(newest.ID) <= 0 {
			t.Errorf("%s writes %s after %s", late.name, m.ID, newest.ID)
		}
	}
}
