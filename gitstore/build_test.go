package gitstore

import (
	"context"
	"slices"
	"testing"

	"skein/gitstore/event"
	"skein/gitstore/index"
)

// inSteps opens a store once more whose index is built in small steps.
func inSteps(t *testing.T, dir string) *Store {
	t.Helper()
	s := openTest(t, Options{Dir: dir, NoSync: true, NoMirror: true, Resident: true})
	s.projection.most, s.projection.step = 5, 40
	return s
}

func indexState(t *testing.T, s *Store) index.State {
	t.Helper()
	x, err := s.projection.open()
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.View(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	return v.State()
}

// TestBuildInSteps: as long as a large index is being built the tree answers;
// a build that is interrupted goes on where it was, and afterwards the index
// answers the same.
func TestBuildInSteps(t *testing.T) {
	ctx := context.Background()
	walker := openTest(t, Options{NoSync: true, NoMirror: true, NoIndex: true})
	fill(t, walker, 130, threadName)
	want, err := walker.Inbox(ctx, InboxQuery{Agent: "ann", Limit: 200, MarkRead: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range want.Messages[:60] { // receipts take steps of their own
		if _, err := walker.Acknowledge(ctx, "ann", []string{m.ID.String()}, event.StateAcknowledged); err != nil {
			t.Fatal(err)
		}
	}

	first := inSteps(t, walker.Dir())
	for range 2 {
		if there, err := first.projection.buildOn(ctx); there || err != nil {
			t.Fatal(there, err)
		}
	}
	at := indexState(t, first)
	if plan := first.projection.plan; len(plan) < 6 || at != plan[2] {
		t.Fatalf("at %x after two steps of %x", at, plan)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := inSteps(t, walker.Dir())
	if indexState(t, second) != at {
		t.Fatal("the build begins anew")
	}
	for _, s := range []*Store{second, walker} {
		in, err := s.Inbox(ctx, InboxQuery{Agent: "ann", IncludeRead: true, Limit: 200})
		if err != nil || !slices.Equal(messageIDs(in.Messages), messageIDs(want.Messages)) {
			t.Fatalf("inbox: %+v, %v", in, err)
		}
	}
	second.background.Wait() // the build that this call began
	mustAnswer(t, second)
	w := &world{tb: t, s: second, walker: walker}
	for _, q := range []question{w.inboxQuestion(InboxQuery{Agent: "ann", IncludeRead: true, Limit: 50}), w.searchQuestion(SearchQuery{Text: "recursion", Limit: 50})} {
		w.agree(nil, q)
	}
}

// TestIndexOfLostHistory: an index that was built from commits which are not
// in the store is built anew.
func TestIndexOfLostHistory(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, quiet)
	fill(t, s, 30, threadName)
	mustAnswer(t, s)
	x, err := s.projection.open()
	if err != nil {
		t.Fatal(err)
	}
	lost := index.State{Main: [20]byte{1}, Agents: [20]byte{2}}
	if err := x.Update(ctx, indexState(t, s), lost, func(func(index.Change, error) bool) {}); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 3, threadName)
	for range 2 { // the first call notices
		if in, err := s.Inbox(ctx, InboxQuery{Agent: "ann", Limit: 100}); err != nil || len(in.Messages) != 33 || in.Total != 33 {
			t.Fatalf("inbox: %+v, %v", in, err)
		}
	}
	mustAnswer(t, s)
}

// TestCommitsOfOldMessages: the commit of a message is found from a mark near
// it, also behind a commit of another program.
func TestCommitsOfOldMessages(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, quiet)
	for range 3 {
		fill(t, s, 300, threadName)
		mustAnswer(t, s)
	}
	m := loadModel(t, s)
	tip := indexState(t, s).Main
	var near int
	for i := 0; i < len(m.messages); i += 100 {
		id := m.messages[i].ID
		got, err := s.MessageByID(ctx, id.String())
		if err != nil || got.Commit.String() != m.commits[id.String()] {
			t.Fatalf("commit of message %d: %v, %v", i, got, err)
		}
		if _, err := s.fromIndex(ctx, func(v *index.View) error {
			from, found, err := v.Since(id)
			if found && from != tip {
				near++
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if near != 6 {
		t.Errorf("%d of 9 messages are looked for from a mark, want 6", near)
	}
	git(t, s.Dir(), "update-ref", "refs/heads/main", git(t, s.Dir(), "-c", "user.name=x", "-c", "user.email=x@example.org", "commit-tree", "-p", "main", "-m", "again", "main^{tree}"))
	got, err := s.MessageByID(ctx, m.messages[0].ID.Short())
	if err != nil || got.Commit.String() != m.commits[got.ID.String()] {
		t.Errorf("after a commit of another program: %+v, %v", got, err)
	}
}

// TestServedByOthers: a call that has waited for its turn takes the index as
// others have left it, if that is what it waited for.
func TestServedByOthers(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, quiet)
	fill(t, s, 3, threadName)
	mustAnswer(t, s)
	had := indexState(t, s)
	fill(t, s, 1, threadName)
	mustAnswer(t, s)
	wanted := indexState(t, s)
	fill(t, s, 1, threadName)
	x, err := s.projection.open()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ wanted, want index.State }{
		{wanted, wanted},
		{tips(t, s), tips(t, s)}, // which nobody has brought
	} {
		v, err := s.projection.inTurn(ctx, x, had, c.wanted)
		if err != nil {
			t.Fatal(err)
		}
		if v.State() != c.want {
			t.Errorf("waited for %x, got %x", c.wanted, v.State())
		}
		v.Close()
	}
}

func tips(t *testing.T, s *Store) (at index.State) {
	t.Helper()
	heads, err := s.heads()
	if err != nil {
		t.Fatal(err)
	}
	return index.State{Main: heads[0], Agents: heads[1]}
}

// TestUnreadWalksNoTree: while the index is locked nothing is known, and an
// inbox is told from the tree all the same.
func TestUnreadWalksNoTree(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, quiet)
	fill(t, s, 3, threadName)
	if n, known, err := s.Unread(ctx, "ann"); n != 3 || !known || err != nil {
		t.Fatal(n, known, err)
	}
	_, unlock, err := lockIndex(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1, threadName)
	if n, known, err := s.Unread(ctx, "ann"); n != 0 || known || err != nil {
		t.Fatal(n, known, err)
	}
	if in, err := s.Inbox(ctx, InboxQuery{Agent: "ann"}); err != nil || in.Total != 4 {
		t.Fatalf("%+v, %v", in, err)
	}
	unlock()
	s.projection.resting.Store(0)
	if n, known, err := s.Unread(ctx, "ann"); n != 4 || !known || err != nil {
		t.Fatal(n, known, err)
	}
}
