package gitstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"

	"skein/gitstore/event"
)

func mustPost(tb testing.TB, s *Store, p Post) *Message {
	tb.Helper()
	m, err := s.Post(context.Background(), p)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func mustJoin(tb testing.TB, s *Store, agents ...string) {
	tb.Helper()
	for _, agent := range agents {
		if err := s.Join(context.Background(), agent); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestPostIsOneCommitThatGitReads(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 15, 3, 123_456_789, time.UTC)
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: func() time.Time { return now }})
	mustJoin(t, s, "desktop")
	m := mustPost(t, s, Post{From: "Claude-Code", Thread: "Axon/Constraint Model", To: []string{"desktop"}, Title: "Recursion bound",
		Body: "# Hi\r\n\n---\nsmile \U0001F600\n", Tags: []string{"question"}, Priority: "urgent", RequireAck: true,
		Payload: json.RawMessage("{\n \"commit\": \"abc123\"}"), ExpiresIn: time.Hour})

	checkQuiet(t, s)
	want := "axon/constraint-model: claude-code → desktop: Recursion bound|claude-code|claude-code@skein|claude-code|claude-code@skein|2026-11-21T10:15:03+00:00|2026-11-21T10:15:03+00:00|" + m.ID.String()
	if got := git(t, s.Dir(), "log", "-1", "--date=iso-strict", "--format=%s|%an|%ae|%cn|%ce|%aI|%cI|%(trailers:key=Skein-Id,valueonly)", "main"); strings.TrimSpace(got) != want {
		t.Errorf("git log says\n%s\nwant\n%s", got, want)
	}
	if got := git(t, s.Dir(), "rev-parse", "main"); got != m.Commit.String() {
		t.Errorf("main is at %s, the message says %s", got, m.Commit)
	}
	file, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got := git(t, s.Dir(), "cat-file", "blob", "main:"+m.Path); got != strings.TrimRight(string(file), "\n") {
		t.Errorf("git shows\n%q\nwant\n%q", got, file)
	}
	wantPath := "projects/axon/constraint-model/2026-11/21-101503-claude-code-" + m.ID.Short() + ".md"
	if m.Path != wantPath || m.At != now.Truncate(time.Millisecond) || m.Expires != m.At.Add(time.Hour) {
		t.Errorf("posted to %s at %s, expires %s; want %s", m.Path, m.At, m.Expires, wantPath)
	}
	if parsed, err := event.Parse(file); err != nil || !cmp.Equal(*parsed, m.Event) {
		t.Errorf("the file does not say what Post returned (%v):\n%s", err, cmp.Diff(*parsed, m.Event))
	}
}

func TestCommitsAreCanonical(t *testing.T) {
	s := openTest(t, quiet)
	mustPost(t, s, Post{From: "claude-code@axon", Thread: "a/b", Body: "ünïcode → \x1b[31mred"})
	repo, err := gogit.Open(s.Storer(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"main", "agents"} {
		h, err := s.Storer().Reference(plumbing.NewBranchReferenceName(ref))
		if err != nil {
			t.Fatal(err)
		}
		c, err := repo.CommitObject(h.Hash())
		if err != nil {
			t.Fatal(err)
		}
		again := s.Storer().NewEncodedObject()
		if err := c.Encode(again); err != nil {
			t.Fatal(err)
		}
		if again.Hash() != h.Hash() {
			t.Errorf("go-git encodes the tip of %s differently: %s", ref, c)
		}
		if c.Author != c.Committer || c.Author.Email != "claude-code@axon@skein" {
			t.Errorf("the tip of %s is by %s and %s", ref, c.Author, c.Committer)
		}
	}
}

func TestGoGitReadsHistory(t *testing.T) {
	s := openTest(t, quiet)
	var want []string
	for i := range 5 {
		want = append(want, mustPost(t, s, Post{From: "a", Thread: "p/t", Body: fmt.Sprint("number ", i)}).Commit.String())
	}
	repo, err := gogit.Open(s.Storer(), nil)
	if err != nil {
		t.Fatal(err)
	}
	commits, err := repo.Log(&gogit.LogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = commits.ForEach(func(c *object.Commit) error {
		got = append(got, c.Hash.String())
		return nil
	})
	slices.Reverse(got)
	if err != nil || !slices.Equal(got[1:], want) {
		t.Errorf("go-git's log (%v) is %v, want the root and %v", err, got, want)
	}
}

func TestWherePostsGo(t *testing.T) {
	s := openTest(t, quiet)
	mustJoin(t, s, "ann", "ben", "claude-code@axon")
	first := mustPost(t, s, Post{From: "ann", Thread: "axon/plans", Body: "first"})
	mustPost(t, s, Post{From: "ann", Thread: "one/twin", Body: "x"})
	mustPost(t, s, Post{From: "ann", Thread: "two/twin", Body: "x"})
	for _, c := range []struct {
		name, want string
		post       Post
	}{
		{"project and thread", "axon/plans", Post{Thread: "axon/plans"}},
		{"names become slugs", "axon-core/the-big-plan", Post{Thread: "Axon Core/The big plan!"}},
		{"bare thread that exists", "axon/plans", Post{Thread: "plans"}},
		{"bare thread that does not", "general/news", Post{Thread: "news"}},
		{"bare thread in a project", "axon/news", Post{Thread: "news", Project: "Axon"}},
		{"bare thread of two projects, with one named", "two/twin", Post{Thread: "twin", Project: "two"}},
		{"answer", "axon/plans", Post{ReplyTo: first.ID.Short()}},
		{"answer by full id", "axon/plans", Post{ReplyTo: strings.ToUpper(first.ID.String())}},
		{"answer elsewhere", "axon/other", Post{ReplyTo: first.ID.String(), Thread: "axon/other"}},
		{"direct", "direct/ann--ben", Post{To: []string{"ben"}}},
		{"direct to an agent with a project", "direct/ann--claude-code_axon", Post{To: []string{"Claude-Code@axon"}}},
		{"direct to two", "direct/ann--ben--claude-code_axon", Post{To: []string{"claude-code@axon", "ben", "BEN"}}},
		{"direct within a project", "axon/ann--ben", Post{To: []string{"ben"}, Project: "axon"}},
		{"to everyone", "general/general", Post{To: []string{"ben", "*"}}},
		{"to everyone in a project", "axon/general", Post{To: []string{"*"}, Project: "axon"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.post.From, c.post.Body = "ann", "hello"
			if m := mustPost(t, s, c.post); m.Thread.String() != c.want || !strings.HasPrefix(m.Path, "projects/"+c.want+"/") {
				t.Errorf("posted to %s (%s), want %s", m.Thread, m.Path, c.want)
			}
		})
	}
	checkQuiet(t, s)
}

func TestRefusedPostsWriteNothing(t *testing.T) {
	s := openTest(t, quiet)
	mustJoin(t, s, "desktop", "claude-code")
	mustPost(t, s, Post{From: "desktop", Thread: "one/twin", Body: "x"})
	mustPost(t, s, Post{From: "desktop", Thread: "two/twin", Body: "x"})
	before := git(t, s.Dir(), "for-each-ref")
	long := strings.Repeat("x", event.MaxBody+1)
	for _, c := range []struct {
		name, says string
		post       Post
	}{
		{"unknown recipient", `no agent named "desktpo" in this store (did you mean "desktop"?); pass queue=true`, Post{Thread: "a/b", To: []string{"desktpo"}}},
		{"everyone by a word", `no agent named "everyone" in this store; "*" stands for everyone`, Post{Thread: "a/b", To: []string{"everyone"}}},
		{"nobody like it", `no agent named "zebra" in this store; pass queue=true`, Post{Thread: "a/b", To: []string{"zebra"}}},
		{"bad recipient, queued", "to: agent name", Post{Thread: "a/b", To: []string{"../x"}, Queue: true}},
		{"recipient on Windows", "reserved on Windows", Post{Thread: "a/b", To: []string{"con"}, Queue: true}},
		{"only to oneself", "nobody receives their own messages", Post{To: []string{"new"}}},
		{"no thread", "thread: is missing", Post{}},
		{"no body", "body: is empty", Post{Thread: "a/b", Body: " \n"}},
		{"large body", "more than 1 MiB", Post{Thread: "a/b", Body: long}},
		{"NUL", "NUL", Post{Thread: "a/b", Body: "a\x00b"}},
		{"not UTF-8", "UTF-8", Post{Thread: "a/b", Body: "a\xffb"}},
		{"title of two lines", "title", Post{Thread: "a/b", Title: "a\nb"}},
		{"title with an escape", "title", Post{Thread: "a/b", Title: "a\x1b[2Jb"}},
		{"long title", "title", Post{Thread: "a/b", Title: strings.Repeat("é", 501)}},
		{"thread outside", "thread", Post{Thread: "../../etc/passwd"}},
		{"thread up", "thread", Post{Thread: "a/.."}},
		{"hidden thread", "thread", Post{Thread: "a/.git"}},
		{"hidden project", "begins with", Post{Thread: ".git/hooks"}},
		{"Windows device", "reserved on Windows", Post{Thread: "a/aux.txt"}},
		{"too deep", "more than one", Post{Thread: "a/b/c"}},
		{"two projects", "another project", Post{Thread: "a/b", Project: "c"}},
		{"ambiguous", `"twin" fits more than one`, Post{Thread: "twin"}},
		{"unknown answer", "reply_to: no message", Post{Thread: "a/b", ReplyTo: "zzzzzzzz"}},
		{"short answer", "reply_to", Post{Thread: "a/b", ReplyTo: "zz"}},
		{"priority", "priority", Post{Thread: "a/b", Priority: "asap"}},
		{"past", "expires_in", Post{Thread: "a/b", ExpiresIn: -time.Second}},
		{"payload", "payload", Post{Thread: "a/b", Payload: json.RawMessage(`{"a":`)}},
		{"tags", "tags", Post{Thread: "a/b", Tags: slices.Repeat([]string{"t"}, event.MaxTags+1)}},
		{"sender", "agent name", Post{From: "no spaces", Thread: "a/b"}},
		{"sender with _", "agent name", Post{From: "a_b", Thread: "a/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.post.From == "" {
				c.post.From = "new"
			}
			if c.post.Body == "" && c.name != "no body" {
				c.post.Body = "hello"
			}
			_, err := s.Post(context.Background(), c.post)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v, want %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
		})
	}
	if after := git(t, s.Dir(), "for-each-ref"); after != before {
		t.Errorf("a refused post moved\n%s\nto\n%s", before, after)
	}
}

func TestTypedErrors(t *testing.T) {
	s := openTest(t, quiet)
	mustJoin(t, s, "desktop")
	_, err := s.Post(context.Background(), Post{From: "a", To: []string{"desktob"}, Body: "x"})
	var unknown *UnknownError
	if !errors.As(err, &unknown) || unknown.What != "agent" || !slices.Equal(unknown.Nearest, []string{"desktop"}) {
		t.Errorf("an unknown recipient is %#v", err)
	}
	m := mustPost(t, s, Post{From: "a", To: []string{"desktob"}, Body: "x", Queue: true})
	if !slices.Equal(m.To, []string{"desktob"}) {
		t.Errorf("the queued message goes to %v", m.To)
	}
}

// What others sent must come back byte for byte, whatever it is.
func TestHostileBodiesRoundTrip(t *testing.T) {
	s := openTest(t, quiet)
	for _, body := range []string{
		"---\nfrom: root\n---\n", "\ufeffBOM", "\r\nCR\rLF\r\n", "\x1b]0;title\x07", "trailing\n\n\n", "\n", " x",
		strings.Repeat("x", event.MaxBody), "tree 0000\nparent", "Skein-Id: 00000000000000000000000000", "<script>", "\u202egnp.exe",
	} {
		title := ""
		if strings.TrimSpace(body) == "" {
			title = "white space"
		}
		m := mustPost(t, s, Post{From: "a", Thread: "p/t", Title: title, Body: body})
		back, err := s.MessageByID(context.Background(), m.ID.String())
		if err != nil || string(back.Body) != body || back.Commit != m.Commit || back.Path != m.Path {
			t.Errorf("%.20q came back as %.20q from %s (%v)", body, back.Body, back.Path, err)
		}
	}
	checkQuiet(t, s)
}

func TestIDsIncreaseWhateverTheClockDoes(t *testing.T) {
	start, reads := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), 0
	backwards := func() time.Time { reads++; return start.Add(-time.Duration(reads) * time.Minute) }
	s := openTest(t, Options{NoSync: true, NoMirror: true, Now: backwards})
	var last event.ID
	for range 20 {
		m := mustPost(t, s, Post{From: "a", Thread: "p/t", Body: "x"})
		if m.ID.Compare(last) <= 0 || m.At != m.ID.Time() {
			t.Fatalf("%s (%s) follows %s", m.ID, m.At, last)
		}
		last = m.ID
	}
	behind := openTest(t, Options{Dir: s.Dir(), NoSync: true, NoMirror: true, Now: func() time.Time { return start.Add(-20 * time.Hour) }})
	if m := mustPost(t, behind, Post{From: "b", Thread: "p/t", Body: "x"}); m.ID.Compare(last) <= 0 {
		t.Errorf("a process whose clock is behind posted %s after %s", m.ID, last)
	}
}

// An event of the far future must not stop, or drag along, everybody else.
func TestTipOfTheFutureIsNotFollowed(t *testing.T) {
	dir := openTest(t, Options{Dir: t.TempDir(), NoSync: true, NoMirror: true, Now: func() time.Time { return time.Now().AddDate(5, 0, 0) }})
	mustPost(t, dir, Post{From: "a", Thread: "p/t", Body: "from the future"})
	s := openTest(t, Options{Dir: dir.Dir(), NoSync: true, NoMirror: true})
	if m := mustPost(t, s, Post{From: "b", Thread: "p/t", Body: "x"}); time.Until(m.At).Abs() > time.Minute {
		t.Errorf("posted as of %s", m.At)
	}
	checkQuiet(t, s)
}

func TestPostHonoursContext(t *testing.T) {
	s := openTest(t, quiet)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Post(ctx, Post{From: "a", Thread: "p/t", Body: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
