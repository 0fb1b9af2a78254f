package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skein/gitstore/event"
)

// threeDays is a store with a message in axon/model at noon of three days, and
// one in general/hall; now is an hour after the last.
func threeDays(t *testing.T) (s *Store, model []*Message) {
	now := testDay
	s = openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return now }})
	for day := range 3 {
		now = testDay.AddDate(0, 0, day).Add(12 * time.Hour)
		model = append(model, mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: fmt.Sprint("day ", day)}))
	}
	mustPost(t, s, Post{From: "ann", Thread: "general/hall", Body: "hello"})
	now = now.Add(time.Hour)
	return s, model
}

func bodies(messages []*Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, string(m.Body))
	}
	return strings.Join(all, ", ")
}

func TestReadSince(t *testing.T) {
	s, model := threeDays(t)
	for since, want := range map[string]string{
		"":                                   "day 0, day 1, day 2",
		model[0].ID.String():                 "day 1, day 2",
		strings.ToUpper(model[1].ID.Short()): "day 2",
		model[1].ID.Short()[:6]:              "day 2",
		"2026-11-22":                         "day 1, day 2",
		"2026-11-22T12:00:00.000Z":           "day 1, day 2",
		"2026-11-22T12:00:00.001Z":           "day 2",
		"2026-11-22T15:00:00+02:00":          "day 2",
		"90m":                                "day 2",
		"25h":                                "day 1, day 2",
		"2d":                                 "day 1, day 2",
		"1w":                                 "day 0, day 1, day 2",
		"1m":                                 "",
	} {
		page, err := s.Read(context.Background(), ReadQuery{Thread: "axon/model", Since: since})
		if err != nil {
			t.Errorf("since %q: %v", since, err)
			continue
		}
		if got := bodies(page.Messages); got != want || page.Remaining != 0 || page.Next != "" {
			t.Errorf("since %q: got %q and %d more, cursor %q; want %q", since, got, page.Remaining, page.Next, want)
		}
		if (page.Older == "") != (len(page.Messages) == 3) {
			t.Errorf("since %q: %d messages and the cursor back is %q", since, len(page.Messages), page.Older)
		}
	}
}

func TestReadErrors(t *testing.T) {
	s, _ := threeDays(t)
	mustPost(t, s, Post{From: "ann", Thread: "bureau/model", Body: "another model"})
	full, err := s.Read(context.Background(), ReadQuery{Thread: "axon/model", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    ReadQuery
		want string
	}{
		{ReadQuery{Thread: "axon/modell"}, `no thread named "axon/modell" in this store (did you mean "axon/model"?)`},
		{ReadQuery{Thread: "hal"}, `no thread named "hal" in this store (did you mean "general/hall"?)`},
		{ReadQuery{Thread: "model"}, `"model" fits more than one: give one of axon/model, bureau/model`},
		{ReadQuery{Thread: "a/b/c"}, `has more than one "/"`},
		{ReadQuery{Thread: "axon/model", Since: "yesterday-ish"}, `"yesterday-ish" is no time; write 2026-11-21, 2026-11-21T10:15:00Z, or an age like 2h or 3d; or give a message's id`},
		{ReadQuery{Thread: "axon/model", Since: "zzzzzzzz"}, `no message named "zzzzzzzz"`},
		{ReadQuery{Thread: "axon/model", Cursor: "abc"}, `cursor "abc" is not one of this list; leave it out to begin again`},
		{ReadQuery{Thread: "general/hall", Cursor: full.Older}, "is not one of this list"},
		{ReadQuery{Thread: "axon/model", Cursor: flip(full.Older)}, "is not one of this list"},
	} {
		_, err := s.Read(context.Background(), c.q)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.q, err, c.want)
		}
	}
	var unknown *UnknownError
	if _, err := s.Thread(context.Background(), "axon/modell"); !errors.As(err, &unknown) || unknown.What != "thread" {
		t.Errorf("a thread that is not there is %v", err)
	}
	other, _ := threeDays(t)
	if _, err := other.Read(context.Background(), ReadQuery{Thread: "axon/model", Cursor: full.Older}); err == nil {
		t.Error("a cursor of another store is taken")
	}
}

func flip(cursor string) string {
	c := byte('0')
	if cursor[10] == c {
		c = '1'
	}
	return cursor[:10] + string(c) + cursor[11:]
}

func TestCursorsAreShort(t *testing.T) {
	s := openTest(t, quiet)
	for _, kind := range []byte{cursorOlder, cursorNewer, cursorInbox, cursorSearch} {
		text := s.cursorAt(kind, strings.Repeat("long query ", 100), maxID)
		if len(text) > 40 || strings.ToLower(text) != text {
			t.Errorf("cursor %q has %d characters", text, len(text))
		}
		got, at, err := s.parseCursorAt(strings.ToUpper(" "+text), string([]byte{kind}), strings.Repeat("long query ", 100))
		if err != nil || got != kind || at != maxID {
			t.Errorf("%q reads as %c %v, %v", text, got, at, err)
		}
	}
}

func TestReadBareThread(t *testing.T) {
	s, _ := threeDays(t)
	page, err := s.Read(context.Background(), ReadQuery{Thread: "Hall"})
	if err != nil {
		t.Fatal(err)
	}
	if page.Thread.Ref.String() != "general/hall" || bodies(page.Messages) != "hello" {
		t.Errorf("read %s: %s", page.Thread.Ref, bodies(page.Messages))
	}
}

// TestReadWhileMessagesArrive pages to the end of a thread in which somebody
// goes on writing: every message is seen exactly once.
func TestReadWhileMessagesArrive(t *testing.T) {
	s := openTest(t, quiet)
	fill(t, s, 200, func(int) string { return "axon/model" })
	q := ReadQuery{Thread: "axon/model", Since: "2000-01-01", Limit: 17}
	var seen []event.ID
	for n := 0; ; n++ {
		page, err := s.Read(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, messageIDs(page.Messages)...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
		if n < 10 {
			fill(t, s, 3, func(int) string { return "axon/model" })
		}
	}
	same(t, "what was read", loadModel(t, s).thread(event.ThreadRef{Project: "axon", Thread: "model"}), seen)
}

// TestReadUnion reads a thread that lies at two places, as after two machines
// have opened it while the project was crowded on one of them.
func TestReadUnion(t *testing.T) {
	s := openTest(t, atPlantTime)
	e1, f1 := plantedEvent(t, idAt(plantTime, 1), "first")
	e2, f2 := plantedEvent(t, idAt(plantTime.Add(time.Second), 2), "second")
	e3, f3 := plantedEvent(t, idAt(plantTime.Add(time.Hour), 3), "third")
	projectFan, threadFan := event.FanOut("axon", 0), event.FanOut("model", 0)
	f2.path = strings.Replace(f2.path, "projects/axon/", "projects/axon/"+threadFan+"/", 1)
	f3.path = strings.Replace(f3.path, "projects/axon/", "projects/"+projectFan+"/axon/"+threadFan+"/"+event.FanOut("model", 1)+"/", 1)
	for i, f := range []planted{f3, f1, f2} {
		plant(t, s, "main", trailer([]event.ID{e3.ID, e1.ID, e2.ID}[i]), f)
	}
	page, err := s.Read(context.Background(), ReadQuery{Thread: "model", Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got := bodies(page.Messages); got != "second, third" || page.Remaining != 1 || page.Thread.Messages != 3 {
		t.Errorf("read %q of %d, %d remain", got, page.Thread.Messages, page.Remaining)
	}
	all := everything(t, s, InboxQuery{Agent: "bob", Limit: 2})
	same(t, "inbox", []event.ID{e1.ID, e2.ID, e3.ID}, all)
	projects, err := s.Projects(context.Background())
	if err != nil || len(projects) != 1 || projects[0].Threads != 1 || projects[0].Messages != 3 {
		t.Errorf("projects %+v, %v", projects, err)
	}
}

// TestReadSameSecond orders by id what the names of files cannot.
func TestReadSameSecond(t *testing.T) {
	s := openTest(t, atPlantTime)
	var files []planted
	var want []event.ID
	for n := byte(0); n < 9; n++ {
		// The short ids, and so the names, go the other way than the ids.
		id := idAt(plantTime.Add(time.Duration(n)*time.Millisecond), 200-n)
		_, f := plantedEvent(t, id, fmt.Sprint(n))
		files, want = append(files, f), append(want, id)
	}
	plant(t, s, "main", "nine at once\n", files...)
	same(t, "backwards", want, readBack(t, s, "axon/model", 2))
	same(t, "forwards", want, readOn(t, s, "axon/model", 2))
}

func TestReadLimits(t *testing.T) {
	s := openTest(t, quiet)
	fill(t, s, 25, func(int) string { return "axon/model" })
	for limit, want := range map[int]int{0: 20, -1: 20, 7: 7, 1 << 30: 25} {
		page, err := s.Read(context.Background(), ReadQuery{Thread: "axon/model", Limit: limit})
		if err != nil || len(page.Messages) != want {
			t.Errorf("limit %d: %d messages, %v", limit, len(page.Messages), err)
		}
	}
}

func TestReadShowsReceiptsAndEvents(t *testing.T) {
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: ticking(testDay, time.Second)})
	ctx := context.Background()
	m := mustPost(t, s, Post{From: "ann", Thread: "axon/model", Body: "look"})
	mustJoin(t, s, "bob", "cy")
	title := "The model"
	if _, err := s.UpdateThread(ctx, ThreadUpdate{From: "bob", Thread: "axon/model", Title: &title, Add: []string{"cy"}}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct{ agent, state string }{{"bob", event.StateRead}, {"cy", event.StateRead}, {"bob", event.StateAcknowledged}} {
		if _, err := s.Acknowledge(ctx, r.agent, []string{m.ID.Short()}, r.state); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string) {
		page, err := s.Read(ctx, ReadQuery{Thread: "model"})
		if err != nil {
			t.Fatal(err)
		}
		got := page.Messages[0].Receipts
		if len(got) != 2 || got[0].Agent != "cy" || got[1].Agent != "bob" || got[1].State != event.StateAcknowledged || !got[0].At.Before(got[1].At) {
			t.Errorf("%s: receipts %+v", what, got)
		}
		if page.Thread.Title != title || !slices.Equal(page.Thread.Members, []string{"cy"}) || len(page.Events) != 1 || page.Events[0].Title != title {
			t.Errorf("%s: thread %+v with %d events", what, page.Thread, len(page.Events))
		}
	}
	check("without the view")
	if _, err := s.Inbox(ctx, InboxQuery{Agent: "bob"}); err != nil {
		t.Fatal(err)
	}
	check("with the view")
}

// TestReceiptsOfTheSameSecond finds the receipt in a directory that begins and
// ends with the message's second.
func TestReceiptsOfTheSameSecond(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 15, 59, 0, time.UTC)
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return at.AddDate(0, 1, 0) }})
	m, f := plantedEvent(t, idAt(at, 1), "look")
	plant(t, s, "main", trailer(m.ID), f)
	e := &event.Event{ID: idAt(at.Add(999*time.Millisecond), 2), Kind: event.KindReceipt, From: "bob", State: event.StateRead, Messages: []event.ID{m.ID}}
	e.At = e.ID.Time()
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	path := strings.Join(append([]string{"agents/bob/2026-11"}, event.Splits(e)[:4]...), "/")
	plant(t, s, "agents", trailer(e.ID), planted{path: path + "/" + event.FileName(e), data: string(data)})
	got, err := s.MessageByID(context.Background(), m.ID.String())
	if err != nil || len(got.Receipts) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	s := openTest(t, quiet)
	fill(t, s, 100, threadName)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, call := range map[string]func() error{
		"Read":    func() error { _, err := s.Read(ctx, ReadQuery{Thread: threadName(0)}); return err },
		"Inbox":   func() error { _, err := s.Inbox(ctx, InboxQuery{Agent: "bob"}); return err },
		"Search":  func() error { _, err := s.Search(ctx, SearchQuery{Text: "bound"}); return err },
		"Threads": func() error { _, err := s.Threads(ctx, ThreadFilter{}); return err },
		"Verify":  func() error { _, err := s.Verify(ctx, nil); return err },
		"Log":     func() error { _, err := s.Log(ctx, 3); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if in, err := s.Inbox(context.Background(), InboxQuery{Agent: "bob"}); err != nil || in.Total != 100 {
		t.Errorf("after a call that was given up the inbox is %+v, %v", in, err)
	}
}

// TestReadersAtOnce calls every reader of one Store at the same time, while it
// and another process write.
func TestReadersAtOnce(t *testing.T) {
	s := openTest(t, quiet)
	other := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true})
	fill(t, s, 100, threadName)
	ctx := context.Background()
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for _, w := range []*Store{s, other} {
		writers.Go(func() {
			for i := range 60 {
				if _, err := w.Post(ctx, Post{From: "ann", Thread: threadName(i), Body: "recursion"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for name, call := range map[string]func() (count int, err error){
		"inbox": func() (int, error) {
			in, err := s.Inbox(ctx, InboxQuery{Agent: "bob"})
			return in.Total + in.Skipped<<20, err
		},
		"read": func() (int, error) {
			page, err := s.Read(ctx, ReadQuery{Thread: threadName(0)})
			return page.Thread.Messages + page.Skipped<<20, err
		},
		"search": func() (int, error) {
			found, err := s.Search(ctx, SearchQuery{Text: "recurs*"})
			return found.Total + found.Skipped<<20, err
		},
		"agents": func() (int, error) { agents, err := s.Agents(ctx); return len(agents), err },
	} {
		readers.Go(func() {
			for last := 0; ; {
				n, err := call()
				if err != nil || n < last || n > 1<<20 {
					t.Errorf("%s: %d after %d, %v", name, n, last, err)
					return
				}
				last = n
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if in, err := s.Inbox(ctx, InboxQuery{Agent: "bob"}); err != nil || in.Total != 220 {
		t.Errorf("%+v, %v", in, err)
	}
}
