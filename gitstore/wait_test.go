package gitstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// postOnLineRole posts a message to bob for each line of its input, and prints
// the time at which it was acknowledged.
func postOnLineRole(args []string) error {
	s, err := Open(context.Background(), quietAt(args[0]))
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if _, err := s.Post(context.Background(), Post{From: "ann", To: []string{"bob"}, Queue: true, Body: lines.Text()}); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, time.Now().UnixNano())
	}
	return s.Close()
}

// BenchmarkWake measures how long after another process's post was acknowledged
// a waiting reader has the message.
func BenchmarkWake(b *testing.B) {
	s := openTest(b, quiet)
	p := start(b, "post-on-line", s.Dir())
	b.Cleanup(p.kill)
	var late []time.Duration
	q := InboxQuery{Agent: "bob"}
	for i := range b.N {
		woken := make(chan time.Time, 1)
		go func() {
			in, err := s.AwaitInbox(context.Background(), q, nil)
			woken <- time.Now()
			if err == nil {
				q.Cursor = in.End
			} else {
				b.Error(err)
			}
		}()
		time.Sleep(5 * time.Millisecond) // the reader waits by now
		if _, err := io.WriteString(p.stdin, fmt.Sprintln("message", i)); err != nil {
			b.Fatal(err)
		}
		at := <-woken
		p.waitFor(i + 1)
		acknowledged, err := strconv.ParseInt(p.line(i), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		late = append(late, at.Sub(time.Unix(0, acknowledged)))
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds()), "µs-p50")
	b.ReportMetric(float64(late[len(late)*95/100].Microseconds()), "µs-p95")
}

// TestAwaitInbox returns what is there at once, what comes when it comes, and
// nothing when the time is up.
func TestAwaitInbox(t *testing.T) {
	s := openTest(t, quiet)
	q := InboxQuery{Agent: "bob"}
	up := make(chan struct{})
	close(up)
	in, err := s.AwaitInbox(t.Context(), q, up)
	if err != nil || len(in.Messages) != 0 || in.End == "" {
		t.Fatalf("an empty inbox: %+v, %v", in, err)
	}
	p := start(t, "post-on-line", s.Dir())
	t.Cleanup(p.kill)
	for i := range 3 {
		if _, err := fmt.Fprintln(p.stdin, i); err != nil {
			t.Fatal(err)
		}
		q.Cursor = in.End
		if in, err = s.AwaitInbox(t.Context(), q, nil); err != nil || len(in.Messages) != 1 || string(in.Messages[0].Body) != fmt.Sprint(i) {
			t.Fatalf("message %d: %+v, %v", i, in, err)
		}
	}
	if in, err = s.AwaitInbox(t.Context(), InboxQuery{Agent: "bob"}, nil); err != nil || len(in.Messages) != 3 {
		t.Errorf("what was there: %+v, %v", in, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.AwaitInbox(ctx, InboxQuery{Agent: "carol"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was cancelled: %v", err)
	}
	if _, err := s.AwaitInbox(t.Context(), InboxQuery{Agent: "no/one"}, nil); err == nil {
		t.Error("nobody waits")
	}
	if s.waits.n != 0 {
		t.Errorf("%d still wait", s.waits.n)
	}
}
