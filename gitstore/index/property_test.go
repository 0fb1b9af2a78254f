package index

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"skein/gitstore/event"
)

// TestIndexAgreesWithModel applies random events in random order, in random
// batches, and takes some back; after each batch every answer is held against
// the folds of all events.
func TestIndexAgreesWithModel(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		clock := testStart
		x := openTest(t, filepath.Join(root, fmt.Sprint(n)), Options{Now: func() time.Time { return clock }})
		defer x.Close()
		tree, spare, maker := model{}, model{}, &maker{}
		var state State
		for range rapid.IntRange(1, 8).Draw(rt, "batches") {
			clock = testStart.AddDate(0, 0, rapid.IntRange(0, 60).Draw(rt, "now"))
			changes := drawBatch(rt, tree, spare, maker)
			next := State{Main: [20]byte{byte(rapid.IntRange(1, 255).Draw(rt, "state"))}}
			if err := x.Update(context.Background(), state, next, yield(changes)); err != nil {
				rt.Fatal(err)
			}
			state = next
			checkAll(rt, x, tree)
			if rapid.Bool().Draw(rt, "jump") {
				jump(t, x, rapid.Int64Range(0, 3).Draw(rt, "left"))
			}
		}
	})
}

// drawBatch changes the tree and returns how, in any order.
func drawBatch(rt *rapid.T, tree, spare model, m *maker) (changes []Change) {
	before := maps.Clone(tree)
	for range rapid.IntRange(0, 15).Draw(rt, "changes") {
		switch what := rapid.SampledFrom([]string{"new", "new", "new", "copy", "back", "remove", "hide"}).Draw(rt, "what"); {
		case what == "remove" && len(tree) > 0:
			c := drawFile(rt, tree)
			delete(tree, c.Path)
			spare[c.Path] = c
		case what == "back" && len(spare) > 0:
			c := drawFile(rt, spare)
			delete(spare, c.Path)
			tree[c.Path] = c
		case what == "copy" && len(tree) > 0:
			if c := drawFile(rt, tree); c.Event != nil && !strings.Contains(c.Path, "21d") {
				tree[copied(c).Path] = copied(c)
			}
		case what == "hide" && len(tree) > 0:
			if c := drawFile(rt, tree); c.Event != nil && c.Event.Kind == event.KindMessage {
				hidden := *c.Event
				hidden.Redact(event.Redaction{By: "ann", At: testStart})
				c.Event = &hidden
				tree[c.Path] = c
			}
		default:
			c := m.event(rt)
			tree[c.Path] = c
		}
	}
	for p, c := range before {
		if _, still := tree[p]; !still {
			c.Op = Remove
			changes = append(changes, c)
		}
	}
	for p, c := range tree {
		was, already := before[p]
		switch {
		case !already:
			changes = append(changes, c)
		case was.Event != c.Event:
			c.Op, c.Was = Reword, was.Event
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return rapid.Permutation(changes).Draw(rt, "order")
}

func drawFile(rt *rapid.T, m model) Change {
	return m[rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(rt, "file")]
}

// yield returns what Update takes.
func yield(changes []Change) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for _, c := range changes {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// jump makes the next messages the last ones of their block.
func jump(tb testing.TB, x *Index, left int64) {
	tb.Helper()
	c, err := x.get()
	if err != nil {
		tb.Fatal(err)
	}
	defer c.put()
	s, err := readState(c)
	if err != nil {
		tb.Fatal(err)
	}
	if s.next%blockSize == 0 {
		return
	}
	s.next = max(s.next, (s.next/blockSize+1)*blockSize-left)
	if err := c.exec(writeStateSQL, s.encode()); err != nil {
		tb.Fatal(err)
	}
}

func openTest(tb testing.TB, dir string, o Options) *Index {
	tb.Helper()
	x, err := Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = x.Close() })
	return x
}

// fataler is what *rapid.T and testing.TB have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func same(t fataler, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Fatalf("%s differs (-want +got):\n%s", what, diff)
	}
}

func must[T any](t fataler) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
		return v
	}
}

func checkAll(rt *rapid.T, x *Index, tree model) {
	v, err := x.View(context.Background())
	if err != nil {
		rt.Fatal(err)
	}
	defer v.Close()
	checkInboxes(rt, v, tree)
	checkThreads(rt, v, tree)
	checkAgents(rt, v, tree)
	checkIDs(rt, v, tree)
	checkSearches(rt, v, tree)
}

func checkInboxes(rt *rapid.T, v *View, tree model) {
	for _, agent := range append([]string{"nobody"}, testAgents...) {
		q := InboxQuery{Agent: agent, Now: testStart.AddDate(0, 0, rapid.IntRange(0, 60).Draw(rt, "asked"))}
		checkInbox(rt, v, tree, q)
		q.IncludeRead = true
		checkInbox(rt, v, tree, q)
		q.IncludeRead = rapid.Bool().Draw(rt, "all")
		q.From = rapid.SampledFrom(append([]string{""}, testAgents...)).Draw(rt, "from")
		q.Tag = rapid.SampledFrom([]string{"", "Question", "über UNS", "no"}).Draw(rt, "tag")
		q.Thread = rapid.SampledFrom(append([]event.ThreadRef{{}}, testThreads...)).Draw(rt, "thread")
		checkInbox(rt, v, tree, q)
		q.Open = !q.IncludeRead
		if day := rapid.IntRange(-1, 40).Draw(rt, "since"); day >= 0 {
			q.Since = testStart.AddDate(0, 0, day).Add(time.Millisecond)
		}
		if day := rapid.IntRange(-1, 40).Draw(rt, "before"); day >= 0 {
			q.Before = testStart.AddDate(0, 0, day).Add(time.Millisecond)
		}
		checkInbox(rt, v, tree, q)
		checkNewest(rt, v, tree, q)
	}
}

func checkNewest(rt *rapid.T, v *View, tree model, q InboxQuery) {
	want := tree.inbox(q)
	q.Newest, q.Limit = true, rapid.IntRange(1, 9).Draw(rt, "newest")
	in := must[*Inbox](rt)(v.Inbox(q))
	if n := len(in.Messages); n != min(q.Limit, len(want)) || in.Total != len(want) || in.More != (n < len(want)) {
		rt.Fatalf("inbox %+v: %d of %d, more: %t; want %d", q, n, in.Total, in.More, len(want))
	}
	got, all := ids(tree, tree.paths(rt, in.Messages)), ids(tree, want)
	same(rt, fmt.Sprintf("newest of inbox %+v", q), all[len(all)-len(got):], got)
}

func checkInbox(rt *rapid.T, v *View, tree model, q InboxQuery) {
	want := tree.inbox(q)
	var got []string
	q.Limit = rapid.IntRange(1, 9).Draw(rt, "limit")
	for {
		in := must[*Inbox](rt)(v.Inbox(q))
		if in.Total != len(want) || in.Broken != tree.broken() {
			rt.Fatalf("inbox %+v: total %d, broken %d; want %d, %d", q, in.Total, in.Broken, len(want), tree.broken())
		}
		got = append(got, tree.paths(rt, in.Messages)...)
		if !in.More {
			break
		}
		q.After = in.Messages[len(in.Messages)-1].ID
	}
	// A page ends between two files of the same id, of which the second is
	// then not shown.
	same(rt, fmt.Sprintf("inbox %+v", q), ids(tree, want), ids(tree, got))
}

// ids returns the ids of files, each once.
func ids(tree model, paths []string) (all []string) {
	for _, p := range paths {
		all = append(all, tree[p].Event.ID.String())
	}
	return slices.Compact(all)
}

func (m model) broken() (n int) {
	for _, c := range m {
		if c.Event == nil {
			n++
		}
	}
	return n
}

// paths finds the files of messages by what the index says of them.
func (m model) paths(rt *rapid.T, messages []Message) (paths []string) {
	for _, msg := range messages {
		found := ""
		for p, c := range m {
			if c.Event != nil && c.Event.Kind == event.KindMessage && c.Event.ID == msg.ID && path.Dir(p) == msg.Dir && c.Blob == msg.Blob && c.Thread == msg.Thread {
				found = p
			}
		}
		if found == "" {
			rt.Fatalf("no file is %+v", msg)
		}
		paths = append(paths, found)
	}
	return paths
}

func checkThreads(rt *rapid.T, v *View, tree model) {
	var want []event.Thread
	for _, ref := range tree.threads() {
		want = append(want, tree.fold(ref))
		got, own, found, err := v.Thread(ref)
		if err != nil || !found {
			rt.Fatalf("thread %s: %t, %v", ref, found, err)
		}
		same(rt, "thread "+ref.String(), tree.fold(ref), got)
		same(rt, "events of "+ref.String(), len(tree.in(ref, event.KindThread)), len(own))
	}
	slices.SortFunc(want, func(a, b event.Thread) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return strings.Compare(a.Ref.String(), b.Ref.String())
	})
	same(rt, "threads", want, must[[]event.Thread](rt)(v.Threads(ThreadFilter{})))
	f := ThreadFilter{Project: rapid.SampledFrom([]string{"", "axon"}).Draw(rt, "project"),
		Status: rapid.SampledFrom([]string{"", event.StatusResolved}).Draw(rt, "status"),
		Member: rapid.SampledFrom([]string{"", "ann", "cy"}).Draw(rt, "member"), Limit: 2}
	want = slices.DeleteFunc(want, func(t event.Thread) bool {
		return f.Project != "" && t.Ref.Project != f.Project || f.Status != "" && t.Status != f.Status || f.Member != "" && !slices.Contains(t.Members, f.Member)
	})
	got := must[[]event.Thread](rt)(v.Threads(f))
	same(rt, fmt.Sprintf("threads %+v", f), slices.Concat(want[:min(len(want), 2)]), slices.Concat(got))
	checkProjects(rt, v, tree)
}

func checkProjects(rt *rapid.T, v *View, tree model) {
	want := map[string]event.Project{}
	for _, name := range []string{"axon", "hall"} {
		var threads []event.Thread
		for _, ref := range tree.threads() {
			if ref.Project == name {
				threads = append(threads, tree.fold(ref))
			}
		}
		own := tree.in(event.ThreadRef{Project: name}, event.KindProject)
		if len(threads)+len(own) > 0 {
			want[name] = event.FoldProject(name, events(own), threads...)
		}
	}
	got := map[string]event.Project{}
	for _, p := range must[[]event.Project](rt)(v.Projects()) {
		got[p.Name] = p
	}
	same(rt, "projects", want, got)
}

func checkAgents(rt *rapid.T, v *View, tree model) {
	var want []Agent
	for _, name := range testAgents {
		if a := tree.agent(name); !a.Joined.IsZero() {
			want = append(want, Agent{a, tree.wrote(name)})
		}
	}
	same(rt, "agents", want, must[[]Agent](rt)(v.Agents()))
}

func checkIDs(rt *rapid.T, v *View, tree model) {
	for _, c := range tree.kind(event.KindMessage) {
		id := c.Event.ID
		for _, abbrev := range []string{id.String(), id.Short(), id.Short()[:rapid.IntRange(4, 7).Draw(rt, "cut")]} {
			var want []string
			for _, other := range tree.kind(event.KindMessage) {
				if other.Event.ID.Matches(abbrev) {
					want = append(want, other.Path)
				}
			}
			got := tree.paths(rt, must[[]Message](rt)(v.Find(abbrev)))
			slices.Sort(want)
			slices.Sort(got)
			same(rt, "messages "+abbrev, want, got)
		}
		var lines []string
		for _, r := range must[map[event.ID][]Receipt](rt)(v.Receipts(id))[id] {
			lines = append(lines, r.Agent+" "+r.State+" "+r.At.Format(exactTime))
		}
		slices.Sort(lines)
		same(rt, "receipts of "+id.String(), tree.receiptsOf(id), lines)
	}
	if got := must[[]Message](rt)(v.Find("zzzzzzzz")); len(got) > 0 {
		rt.Fatalf("found %v", got)
	}
}

func checkSearches(rt *rapid.T, v *View, tree model) {
	parts := []string{"recursion", "BOUND", "rec*", `"the the"`, `"the recursion"`, "c++", "a_b", "世界", "strasse", "STRASSE*", "the",
		"from:bob@axon", "to:ann", "to:*", "tag:QUESTION", `tag:"über uns"`, "thread:model", "thread:axon/build", "project:axon",
		"status:resolved", "since:2026-03-20", "before:2026-03-25T09:00:00.001Z", "since:2026-03-05"}
	for range 5 {
		text := strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom(parts), 1, 3, rapid.ID).Draw(rt, "parts"), " ")
		q, err := ParseQuery(text, testStart)
		if err != nil {
			continue // such as thread:axon/build project:hall
		}
		q.Member = rapid.SampledFrom([]string{"", "", "ann"}).Draw(rt, "member")
		checkSearch(rt, v, tree, q, text)
	}
}

func checkSearch(rt *rapid.T, v *View, tree model, q *Query, text string) {
	all := tree.matches(q)
	var from Place
	var want, got []string
	for {
		limit := rapid.IntRange(1, 9).Draw(rt, "limit")
		page, next, err := Page(q, from, limit, sourceOf(all))
		if err != nil {
			rt.Fatal(err)
		}
		for _, c := range page {
			want = append(want, fmt.Sprint(c.ID, c.Tier))
		}
		found := must[*Found](rt)(v.Search(q, from, limit))
		if found.Total != len(all) {
			rt.Fatalf("search %s: total %d, want %d", text, found.Total, len(all))
		}
		for _, h := range found.Hits {
			tree.paths(rt, []Message{h.Message})
			got = append(got, fmt.Sprint(h.ID, h.Tier))
		}
		same(rt, "page of "+text, want, got)
		same(rt, "place in "+text, next, found.Next)
		if next == nil {
			break
		}
		from = must[Place](rt)(ParsePlace(next.Bytes()))
	}
}

// sourceOf is a Source over all matches, newest first.
func sourceOf(all []Candidate[string]) Source[string] {
	return func(tier Tier, below event.ID, n int) (found []Candidate[string], err error) {
		for _, c := range all {
			if c.Tier >= tier && c.ID.Compare(below) < 0 && len(found) < n {
				found = append(found, c)
			}
		}
		return found, nil
	}
}
