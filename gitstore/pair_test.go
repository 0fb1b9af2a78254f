package gitstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestPairLimit stops two agents who write to each other too fast, tells
// people once, and lets them go on when a person writes or time passes.
func TestPairLimit(t *testing.T) {
	s, pass := guardedTest(t, Options{PairLimit: 6})
	person := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, Now: s.now, PairLimit: 6, Person: true})
	mustJoin(t, person, "mary")
	talk := func(n int) (err error) {
		for i := range n {
			p := Post{From: "ann", Thread: "axon/x", Body: fmt.Sprint("thank you ", i)}
			if i%2 == 1 {
				p.From, p.To = "bob", []string{"ann"}
			}
			if _, err = s.Post(t.Context(), p); err != nil {
				return err
			}
		}
		return nil
	}
	if err := talk(6); err != nil {
		t.Fatal(err)
	}
	before := git(t, s.Dir(), "rev-parse", "main")
	err := talk(1)
	var limit *PairLimitError
	if !errors.As(err, &limit) || limit.Other != "bob" || limit.Messages != 6 || !strings.Contains(err.Error(), "6 messages in axon/x within 10 minutes") {
		t.Fatalf("message 7: %v", err)
	}
	if after := git(t, s.Dir(), "rev-parse", "main~1"); after != before {
		t.Error("more than a notice was written")
	}
	if err := talk(1); !errors.As(err, &limit) {
		t.Errorf("message 8: %v", err)
	}
	in, err := s.Inbox(t.Context(), InboxQuery{Agent: "mary", Tag: "pair-limit"})
	if err != nil || in.Total != 1 || !strings.Contains(string(in.Messages[0].Body), "ann and bob have exchanged 6 messages in axon/x") {
		t.Errorf("people were told %d times: %v", in.Total, err)
	}
	other := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, Now: s.now, PairLimit: 6})
	if _, err := other.Post(t.Context(), Post{From: "bob", Thread: "axon/x", Body: "me too"}); !errors.As(err, &limit) || limit.Other != "ann" {
		t.Errorf("the other agent's process: %v", err)
	}
	if in, err := s.Inbox(t.Context(), InboxQuery{Agent: "mary", Tag: "pair-limit"}); err != nil || in.Total != 1 {
		t.Errorf("two processes told people %d times: %v", in.Total, err)
	}
	mustPost(t, s, Post{From: "ann", Thread: "axon/x", To: []string{"carol"}, Queue: true, Body: "to somebody else"})
	if err := talk(1); err == nil {
		t.Error("a message to somebody else made room")
	}
	mustPost(t, person, Post{From: "mary", Thread: "axon/x", Body: "go on"})
	if err := talk(6); err != nil {
		t.Errorf("after a person has written: %v", err)
	}
	if err := talk(1); err == nil {
		t.Error("there is no limit any more")
	}
	pass(pairWindow + time.Second)
	if err := talk(6); err != nil {
		t.Errorf("ten minutes later: %v", err)
	}
}

// TestPairLimitIsForAgents: a person may write as fast as they like, and so may
// whoever answers one, and who writes alone.
func TestPairLimitIsForAgents(t *testing.T) {
	s, _ := guardedTest(t, Options{PairLimit: 3})
	person := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, Now: s.now, PairLimit: 3, Person: true})
	for i := range 10 {
		mustPost(t, person, Post{From: "mary", Thread: "axon/x", Body: fmt.Sprint(i)})
		mustPost(t, s, Post{From: "ann", Thread: "axon/x", Body: fmt.Sprint(i)})
		mustPost(t, s, Post{From: "bob", Thread: "axon/log", Body: fmt.Sprint(i)})
	}
}

// TestPairLimitWithOthers: what other agents write in between does not make
// room for a pair, and a group in which everybody talks has no pair.
func TestPairLimitWithOthers(t *testing.T) {
	for _, c := range []struct {
		name    string
		to      bool // the two name each other
		between int  // messages of others after each
		stopped int  // at which message of the two; 0: never
	}{
		{"two alone", false, 0, 11},
		{"another writes as much as one of them", false, 1, 11},
		{"others write most", false, 4, 0},
		{"others write most, but the two name each other", true, 4, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := guardedTest(t, Options{PairLimit: 10})
			mustJoin(t, s, "ann", "bob")
			if got := stoppedAt(t, s, c.to, c.between); got != c.stopped {
				t.Errorf("stopped at message %d, not %d", got, c.stopped)
			}
		})
	}
}

// stoppedAt lets ann and bob answer each other, with others in between.
func stoppedAt(t *testing.T, s *Store, to bool, between int) int {
	t.Helper()
	free := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, Now: s.now})
	for i := range 20 {
		p := Post{From: "ann", To: []string{"bob"}, Thread: "axon/x", Body: fmt.Sprint(i)}
		if i%2 == 1 {
			p.From, p.To[0] = "bob", "ann"
		}
		if !to {
			p.To = nil
		}
		if _, err := s.Post(t.Context(), p); err != nil {
			if !errors.As(err, new(*PairLimitError)) {
				t.Fatal(err)
			}
			return i + 1
		}
		for j := range between {
			mustPost(t, free, Post{From: fmt.Sprint("other", j), Thread: "axon/x", Body: fmt.Sprint(i)})
		}
	}
	return 0
}

// TestPairLimitIsNoLimitOfReports: who is answered now and then may go on.
func TestPairLimitIsNoLimitOfReports(t *testing.T) {
	s, _ := guardedTest(t, Options{PairLimit: 6})
	for i := range 20 {
		mustPost(t, s, Post{From: "ann", Thread: "axon/x", Body: fmt.Sprint(i)})
		if i == 10 {
			mustPost(t, s, Post{From: "bob", Thread: "axon/x", Body: "good"})
		}
	}
}
