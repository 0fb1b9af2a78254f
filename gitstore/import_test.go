package gitstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skein/gitstore/event"
	"skein/gitstore/legacy"
)

// bringIn imports an archive and returns how many events were new.
func bringIn(tb testing.TB, s *Store, a *legacy.Archive) int {
	tb.Helper()
	p := PlanImport(a, time.Now())
	if len(p.Problems) > 0 {
		tb.Fatal(p.Problems)
	}
	added, err := s.ImportPlanned(context.Background(), p, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return added
}

// someArchive draws a past: some agents, threads with and without members,
// messages of which several may be of one moment, and who has seen them.
func someArchive(t *rapid.T) *legacy.Archive {
	names := []string{"web_app", "API", "My Project", "api", "größe"}
	name := rapid.SampledFrom(names)
	second := rapid.IntRange(0, 5000)
	at := func(s int) time.Time { return past.Add(time.Duration(s) * 500 * time.Millisecond) }
	a := &legacy.Archive{System: "duo", Projects: []legacy.Project{{ID: "duo", Name: "duo"}}}
	for _, n := range names {
		a.Agents = append(a.Agents, legacy.Agent{Name: n, Joined: past, Seen: at(6000), Status: "busy with\nit"})
	}
	for i, title := range []string{"Release team", "release-team", "../x"} {
		a.Threads = append(a.Threads, legacy.Thread{ID: fmt.Sprint("group_", i), Project: "duo", Title: title, By: names[i], Created: past,
			Members: []legacy.Member{{Agent: names[0]}, {Agent: names[1], Joined: at(10)}, {Agent: names[2]}}})
	}
	for i := range rapid.IntRange(1, 60).Draw(t, "messages") {
		m := legacy.Message{ID: fmt.Sprint(i), Order: uint32(i), From: name.Draw(t, "from"), At: at(second.Draw(t, "at")), Body: fmt.Sprint("message ", i)}
		to := rapid.SampledFrom([]string{"", "group_0", "group_1", "group_2"}).Draw(t, "thread")
		if m.Thread = to; to == "" {
			m.To = []string{name.Draw(t, "to")}
		}
		if rapid.Bool().Draw(t, "read") {
			m.Seen = []legacy.Seen{{Agent: name.Draw(t, "reader"), At: at(6000), Acknowledged: rapid.Bool().Draw(t, "acked")}}
		}
		a.Messages = append(a.Messages, m)
	}
	a.States = []legacy.State{{Key: "build", Value: json.RawMessage(`{"ok": true}`), By: "API", At: at(1)}}
	return a
}

// copyArchive keeps the first n messages of an archive.
func copyArchive(a *legacy.Archive, n int) *legacy.Archive {
	c := *a
	c.Messages = slices.Clone(a.Messages[:n])
	c.Threads = slices.Clone(a.Threads)
	return &c
}

// content is what a store says, however it came to say it: every event but
// receipts, and who has seen what.
func content(tb testing.TB, s *Store) string {
	tb.Helper()
	var all []string
	for _, branch := range []string{"main", "agents"} {
		for path, e := range gitEvents(tb, s, branch) {
			if e.Kind == event.KindReceipt {
				for _, id := range e.Messages {
					all = append(all, fmt.Sprintf("%s by %s %s", id, e.From, e.State))
				}
				continue
			}
			file, err := e.Marshal()
			if err != nil {
				tb.Fatal(err)
			}
			dirs := strings.Split(path, "/")
			all = append(all, strings.Join(dirs[:min(len(dirs)-1, 3)], "/")+"\n"+string(file))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// Twice is once, half and then all is all, and the messages keep their order,
// dates, authors and bodies.
func TestImportProperties(t *testing.T) {
	rapidly(t, "8", func(rt *rapid.T) {
		a := someArchive(rt)
		once, parts := openTest(t, quiet), openTest(t, quiet)
		added := bringIn(t, once, copyArchive(a, len(a.Messages)))
		tips := git(t, once.Dir(), "rev-parse", "main", "agents")
		if again := bringIn(t, once, copyArchive(a, len(a.Messages))); again != 0 || git(t, once.Dir(), "rev-parse", "main", "agents") != tips {
			rt.Fatalf("%d events the first time, %d the second", added, again)
		}
		bringIn(t, parts, copyArchive(a, rapid.IntRange(0, len(a.Messages)).Draw(rt, "first")))
		bringIn(t, parts, copyArchive(a, len(a.Messages)))
		whole := content(t, once)
		if halves := content(t, parts); whole != halves {
			rt.Fatalf("at once\n%s\n\nin two parts\n%s", whole, halves)
		}
		if n := strings.Count(whole, "\n\nmessage "); n != len(a.Messages) {
			rt.Fatalf("%d messages of %d", n, len(a.Messages))
		}
	})
}

func TestImportIsSound(t *testing.T) {
	s := openTest(t, quiet)
	a := someArchive2()
	bringIn(t, s, a)
	report, err := s.Verify(context.Background(), nil)
	if err != nil || len(report.Problems) > 0 {
		t.Fatal(err, report.Problems)
	}
	checkQuiet(t, s)
	page, err := s.Read(context.Background(), ReadQuery{Thread: "duo/release-team", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, m := range page.Messages {
		said = append(said, fmt.Sprint(m.From, " ", m.At.Format(time.DateTime), " ", string(m.Body)))
	}
	want := []string{"web-app 2024-03-31 23:30:01 one", "api 2024-03-31 23:30:01 two", "web-app 2024-03-31 23:30:02 three"}
	if !slices.Equal(said, want) {
		t.Errorf("the thread says %q, want %q", said, want)
	}
	if th := page.Thread; th.Title != "Release team" || th.Status != event.StatusArchived || !slices.Equal(th.Members, []string{"api", "web-app"}) {
		t.Errorf("the thread is %+v", th)
	}
	if got := git(t, s.Dir(), "log", "-1", "--format=%an %aI", "main", "--", "projects/direct"); got != "api 2024-03-31T23:30:03+00:00" {
		t.Errorf("the direct message was committed by %s", got)
	}
	direct, err := s.Read(context.Background(), ReadQuery{Thread: "direct/api--web-app"})
	if err != nil || len(direct.Messages) != 2 || direct.Messages[1].ReplyTo != direct.Messages[0].ID {
		t.Fatal(err, direct)
	}
	if x := direct.Messages[0].Extra; len(x) != 1 || x[0].Raw != ` {"from":"web_app","id":"4","system":"duo"}` {
		t.Errorf("where it came from: %q", x)
	}
	state, err := s.State(context.Background(), "build")
	if err != nil || string(state.Value) != `{"ok":true}` || state.By != "api" {
		t.Errorf("the state is %+v: %v", state, err)
	}
}

// someArchive2 is a past that is told by hand.
func someArchive2() *legacy.Archive {
	second := func(n int) time.Time { return past.Add(time.Duration(n) * time.Second) }
	return &legacy.Archive{System: "duo",
		Agents:   []legacy.Agent{{Name: "web_app", Joined: past, Status: "busy"}, {Name: "api", Joined: past}, {Name: "away", Joined: past}},
		Projects: []legacy.Project{{ID: "duo", Name: "duo"}},
		Threads: []legacy.Thread{{ID: "g1", Project: "duo", Title: "Release team", Status: "archived", By: "api", Created: past,
			Members: []legacy.Member{{Agent: "web_app"}, {Agent: "api"}}}, {ID: "g2", Project: "duo", Title: "left by all", Created: past}},
		Messages: []legacy.Message{
			{ID: "1", Order: 1, Thread: "g1", From: "web_app", At: second(1), Body: "one", Seen: []legacy.Seen{{Agent: "api"}}},
			{ID: "2", Order: 2, Thread: "g1", From: "api", At: second(1), Body: "two"},
			{ID: "3", Order: 3, Thread: "g1", From: "web_app", At: second(2), Body: "three", Seen: []legacy.Seen{{Agent: "api", At: second(9)}, {Agent: "web_app", At: second(9)}}},
			{ID: "4", Order: 4, From: "web_app", To: []string{"api"}, At: second(3), Body: "four"},
			{ID: "5", Order: 5, From: "api", To: []string{"web_app"}, At: second(3), Body: "five", ReplyTo: "4"},
			{ID: "6", Order: 6, Thread: "g2", From: "away", At: second(4), Body: "six"},
		},
		States: []legacy.State{{Key: "build", Value: json.RawMessage(`{"ok": true}`), By: "api", At: past}},
	}
}

// Nobody finds in the inbox what the other system did not have for them, and
// whoever is known here has not joined years ago.
func TestImportAndInboxes(t *testing.T) {
	s := openTest(t, quiet)
	ctx := context.Background()
	mustJoin(t, s, "mary", "api")
	bringIn(t, s, someArchive2())
	mustJoin(t, s, "late")
	for agent, want := range map[string][]string{"mary": nil, "late": nil, "away": nil, "web-app": {"two", "five"}, "api": {"four"}} {
		inbox, err := s.Inbox(ctx, InboxQuery{Agent: agent})
		if err != nil {
			t.Fatal(err)
		}
		var bodies []string
		for _, m := range inbox.Messages {
			bodies = append(bodies, string(m.Body))
		}
		slices.Sort(bodies)
		slices.Sort(want)
		if !slices.Equal(bodies, want) {
			t.Errorf("for %s wait %q, want %q", agent, bodies, want)
		}
	}
	m, err := s.Show(ctx, PlanImport(someArchive2(), time.Now()).byBody("three").String())
	if err != nil || len(m.Receipts) != 1 || m.Receipts[0].Agent != "api" || !m.Receipts[0].At.Equal(past.Add(9*time.Second)) {
		t.Errorf("the receipts are %+v: %v", m, err)
	}
	agents, err := s.Agents(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range agents {
		if old := g.Joined.Equal(past); old != (g.Name == "web-app" || g.Name == "away") {
			t.Errorf("%s has joined at %s", g.Name, g.Joined)
		}
		if g.Name == "web-app" && g.Status != "busy" {
			t.Errorf("%s has the status %q", g.Name, g.Status)
		}
	}
}

// byBody finds a message of a plan.
func (p *ImportPlan) byBody(body string) event.ID {
	for _, r := range p.talk {
		if string(r.Event.Body) == body {
			return r.Event.ID
		}
	}
	return event.ID{}
}

// What cannot be kept is named, and the rest is planned.
func TestPlanImportProblems(t *testing.T) {
	a := someArchive2()
	for i, spoil := range []func(m *legacy.Message){
		func(m *legacy.Message) { m.At = time.Now().AddDate(1, 0, 0) },
		func(m *legacy.Message) { m.Body = strings.Repeat("x", event.MaxBody+1) },
		func(m *legacy.Message) { m.Thread = "gone" },
		func(m *legacy.Message) { m.Payload = json.RawMessage(`{"a":1,"a":2}`) },
		func(m *legacy.Message) { m.Tags = []string{"two\nlines"} },
	} {
		a.Messages[i].Place = fmt.Sprint("row ", i)
		spoil(&a.Messages[i])
	}
	a.States[0].Key, a.States[0].Place = strings.Repeat("k", 300), "state"
	p := PlanImport(a, time.Now())
	if p.Messages != 1 || p.States != 0 || len(p.Problems) != 6 {
		t.Fatalf("%d messages, problems %q", p.Messages, p.Problems)
	}
	text := fmt.Sprint(p.Problems)
	for _, want := range []string{"row 0: is dated", "in the future", "row 1: cannot be kept here: body: ", "row 2: belongs to a thread that is not there",
		"row 3: payload has the key", "row 4: cannot be kept here: tag", "state: cannot be kept here: key"} {
		if !strings.Contains(text, want) {
			t.Errorf("no problem says %q: %s", want, text)
		}
	}
}

func hashOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:3])
}

func TestImportNames(t *testing.T) {
	a := &legacy.Archive{System: "c2c"}
	for _, name := range []string{"my-app", "My_App", "claude_app", "con", "日本", strings.Repeat("long-", 20), "Bob"} {
		a.Agents = append(a.Agents, legacy.Agent{Name: name, Joined: past})
	}
	p := PlanImport(a, time.Now())
	var got []string
	for _, r := range p.profiles {
		got = append(got, r.Event.From)
	}
	want := []string{"my-app", "my-app-" + hashOf("My_App"), "claude-app", "con-agent", "agent-" + hashOf("日本"), "long-long-long-long-long-long-long-l", "bob"}
	if !slices.Equal(got, want) {
		t.Errorf("they are called %q, want %q", got, want)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], `"My_App" is called "my-app-`) {
		t.Errorf("notes %q", p.Notes)
	}
}

// TestImportNamesStay: whoever comes later does not change under what names the
// earlier ones were imported, or their messages would be brought in again.
func TestImportNamesStay(t *testing.T) {
	a := &legacy.Archive{System: "c2c", Agents: []legacy.Agent{{Name: "My_App", Joined: past}, {Name: "api", Joined: past}},
		Messages: []legacy.Message{{ID: "1", From: "My_App", To: []string{"api"}, At: past, Body: "one"}}}
	s := openTest(t, quiet)
	bringIn(t, s, a)
	a.Agents = append(a.Agents, legacy.Agent{Name: "my-app", Joined: past.Add(time.Hour)})
	a.Messages = append(a.Messages, legacy.Message{ID: "2", From: "my-app", To: []string{"api"}, At: past.Add(time.Hour), Body: "two"})
	plan := PlanImport(a, time.Now())
	if added, here, err := s.CountNew(t.Context(), plan); err != nil || added != 2 || here != 1 {
		t.Errorf("%d would come in, %d are here, %v", added, here, err)
	}
	bringIn(t, s, a)
	page, err := s.Search(t.Context(), SearchQuery{Text: "to:api"})
	if err != nil || page.Total != 2 {
		t.Errorf("there are %d messages, %v", page.Total, err)
	}
	if added, here, err := s.CountNew(t.Context(), plan); err != nil || added != 0 || here != 2 {
		t.Errorf("then %d would come in, %d are here, %v", added, here, err)
	}
}

// Messages of one moment keep the order that they had, and threads that are
// called the same stay apart, the oldest with the name.
func TestImportOrderAndThreads(t *testing.T) {
	a := &legacy.Archive{System: "duo", Projects: []legacy.Project{{ID: "duo", Name: "duo"}}}
	for i, title := range []string{"Release team", "release-team", "../x"} {
		a.Threads = append(a.Threads, legacy.Thread{ID: fmt.Sprint("g", i), Project: "duo", Title: title, Created: past.Add(-time.Duration(i) * time.Hour)})
	}
	for i := range 60 {
		a.Messages = append(a.Messages, legacy.Message{ID: fmt.Sprint(i), Order: uint32(i), Thread: fmt.Sprint("g", i%3), From: "api", At: past, Body: fmt.Sprint(i)})
	}
	s := openTest(t, quiet)
	bringIn(t, s, a)
	for i, thread := range []string{"release-team-" + hashOf("g0"), "release-team", "imported-" + hashOf("g2")} {
		page, err := s.Read(context.Background(), ReadQuery{Thread: "duo/" + thread, Limit: 100})
		if err != nil || len(page.Messages) != 20 {
			t.Fatalf("%s: %v, %+v", thread, err, page)
		}
		for n, m := range page.Messages {
			if want := fmt.Sprint(i + 3*n); string(m.Body) != want {
				t.Errorf("%s: message %d is %s, want %s", thread, n, m.Body, want)
			}
		}
	}
}
