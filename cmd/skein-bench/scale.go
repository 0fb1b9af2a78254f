package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"skein/gitstore"
)

// scale is what was measured of a store of one size, and of its baselines with
// the same messages. The store has no Markdown files beside the repository: a
// million of them say more about the file system than about skein.
type scale struct {
	n   int
	err error // the first; what was measured before it stands

	catchUp, one        sample // the index: from nothing, and by one message
	cold, coldCommon    sample // a whole `skein search`
	start               sample // of a server until its first inbox
	post, inbox         sample
	rare, common        sample // searches of a warm server
	resident, anonymous int64  // its memory, in bytes
	shared              int64  // its memory with pages shared by several counted in parts

	dbPost, dbInbox, dbRare, dbCommon sample // SQLite with FTS5
	gitGrep, gitCommit                sample
}

// unmirrored is the environment of a skein that writes no files beside .git.
const unmirrored = "SKEIN_MIRROR=false"

// scaled measures a store of n messages, once a run.
func (b *bench) scaled(ctx context.Context, n int) (*scale, error) {
	if s := b.scales[n]; s != nil {
		return s, s.err
	}
	s := &scale{n: n}
	b.scales[n] = s
	store, err := b.store(ctx, mixture(n), b.home)
	if err != nil {
		s.err = err
		return s, err
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, *bench, string) error
	}{
		{"index", s.measureIndex}, {"cold search", s.measureCold}, {"start", s.measureStart},
		{"warm server", s.measureServer}, {"posts and SQLite", s.measureDatabase}, {"git", s.measureGit},
	} {
		b.note("  %s messages: %s", thousands(n), step.name)
		if err := step.do(ctx, b, store); err != nil {
			s.err = fmt.Errorf("%s messages, %s: %w", thousands(n), step.name, err)
			break
		}
	}
	s.err = errors.Join(s.err, b.drop(store))
	return s, s.err
}

// measureIndex times a server that makes the index, from its start.
func (s *scale) measureIndex(ctx context.Context, b *bench, store string) error {
	return errors.Join(s.catchUp.take(func() error { return b.rebuildIndex(ctx, store) }), settle(ctx))
}

// searchOnce is a whole `skein search` for the top 20.
func (b *bench) searchOnce(ctx context.Context, store, word string) error {
	cmd := exec.CommandContext(ctx, b.skein, "search", word, "--limit", "20", "--store", store, "--agent", "bench")
	cmd.Env = append(os.Environ(), unmirrored)
	out, err := cmd.Output()
	return found("skein search", string(out), word, err)
}

// found makes sure that a search has found something.
func found(who, out, word string, err error) error {
	if err == nil && !strings.Contains(strings.ToLower(out), word) {
		err = fmt.Errorf("%q is not in its output", word)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	return nil
}

// wordsFor leaves out the rare word in stores that are too small to have it.
func wordsFor(n int) (rare string) {
	if n < rareEvery {
		return commonWord
	}
	return rareWord
}

func (s *scale) measureCold(ctx context.Context, b *bench, store string) error {
	return errors.Join(
		times(b.runs, &s.cold, func() error { return b.searchOnce(ctx, store, wordsFor(s.n)) }),
		times(b.runs, &s.coldCommon, func() error { return b.searchOnce(ctx, store, commonWord) }))
}

// reader is the agent of the servers that are measured, writer the one whose
// messages they find.
func reader() string { return agents[0] }
func writer() string { return agents[1] }

func (s *scale) measureStart(ctx context.Context, b *bench, store string) error {
	return times(b.runs, &s.start, func() error {
		srv, err := b.serve(ctx, store, reader(), unmirrored)
		if err != nil {
			return err
		}
		_, err = srv.tool("check_inbox", struct{}{})
		return errors.Join(err, srv.stop())
	})
}

// measureServer looks into the inbox of a warm server each time that three
// messages have come, searches, and looks at its memory in the end.
func (s *scale) measureServer(ctx context.Context, b *bench, store string) (err error) {
	srv, err := b.serve(ctx, store, reader(), unmirrored)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	other, err := gitstore.Open(ctx, gitstore.Options{Dir: store, NoMirror: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	if _, err := srv.tool("check_inbox", map[string]any{"mark_read": true}); err != nil {
		return err
	}
	for i := range b.looks {
		if err := errors.Join(newMail(ctx, srv, other, &s.inbox, i, 3), newMail(ctx, srv, other, &s.one, i, 1)); err != nil {
			return err
		}
	}
	for range b.looks {
		if err := errors.Join(search(srv, &s.rare, wordsFor(s.n)), search(srv, &s.common, commonWord)); err != nil {
			return err
		}
	}
	return s.measureMemory(ctx, b, srv)
}

// newMail posts messages to the reader from another process, then times the
// server's look into the inbox, which must show exactly these.
func newMail(ctx context.Context, srv *server, other *gitstore.Store, into *sample, round, count int) error {
	token := fmt.Sprintf("mail-%d-%d-", count, round)
	for i := range count {
		p := gitstore.Post{From: writer(), To: []string{reader()}, Thread: "axon/mail", Body: token + strconv.Itoa(i) + "."}
		if _, err := other.Post(ctx, p); err != nil {
			return err
		}
	}
	var text string
	err := into.take(func() (err error) {
		text, err = srv.tool("check_inbox", struct{}{})
		return err
	})
	if err == nil && strings.Count(text, token) != count {
		err = fmt.Errorf("the inbox should show %d messages %q: %s", count, token, text)
	}
	if err == nil {
		_, err = srv.tool("check_inbox", map[string]any{"mark_read": true})
	}
	return err
}

func search(srv *server, into *sample, word string) error {
	var text string
	err := into.take(func() (err error) {
		text, err = srv.tool("search", map[string]any{"query": word, "limit": 20})
		return err
	})
	return found("search", text, word, err)
}

// measureMemory makes as many calls as an agent makes in a long session.
func (s *scale) measureMemory(ctx context.Context, b *bench, srv *server) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	r := rand.New(rand.NewPCG(1, 4))
	for i := range b.calls {
		if err := anyCall(srv, r, i); err != nil {
			return err
		}
	}
	var err error
	if s.resident, s.anonymous, err = settled(ctx, srv.cmd.Process.Pid); err != nil {
		return err
	}
	s.shared, err = procNumber(fmt.Sprintf("/proc/%d/smaps_rollup", srv.cmd.Process.Pid), "Pss:")
	s.shared *= 1024
	return err
}

// anyCall is one of the things that an agent does: in ten calls four looks
// into the inbox, three threads read, two searches and a post.
func anyCall(srv *server, r *rand.Rand, number int) error {
	var err error
	switch k := r.IntN(10); {
	case k < 4:
		_, err = srv.tool("check_inbox", struct{}{})
	case k < 7:
		_, err = srv.tool("read_thread", map[string]any{"thread": "axon/mail"})
	case k < 9:
		_, err = srv.tool("search", map[string]any{"query": pick(r, common[20:60])})
	default:
		_, err = postTool(srv, "axon/notes", fmt.Sprintf("call %d of many", number))
	}
	return err
}

// postTool posts through a server and returns the short id of the message.
func postTool(srv *server, thread, body string) (string, error) {
	text, err := srv.tool("post_message", map[string]any{"thread": thread, "body": body})
	if err != nil {
		return "", err
	}
	words := strings.Fields(text)
	if len(words) < 2 || words[0] != "posted" {
		return "", fmt.Errorf("post_message answers %q", text)
	}
	return words[1], nil
}

// measureDatabase takes turns posting to the store and inserting into SQLite,
// both durably, then asks SQLite what was asked of skein.
func (s *scale) measureDatabase(ctx context.Context, b *bench, store string) (err error) {
	path, err := b.textDatabase(ctx, s.n)
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, path, "FULL")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(), b.drop(path)) }()
	other, err := gitstore.Open(ctx, gitstore.Options{Dir: store, NoMirror: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	s.post, s.dbPost, err = alternate(ctx, b.posts, block,
		poster(ctx, other, newCorpus(mixed(s.n))), db.inserter(ctx, newCorpus(mixed(s.n))))
	if err != nil {
		return err
	}
	for range b.looks {
		if err := s.askDatabase(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

func (s *scale) askDatabase(ctx context.Context, db *database) error {
	last := ""
	for i := range 4 {
		id, err := db.post(ctx, gitstore.Post{From: writer(), To: []string{reader()}, Thread: "axon/mail", Body: "mail"})
		if err != nil {
			return err
		}
		if i == 0 {
			last = id
		}
	}
	ask := func(into *sample, want int, do func() (int, error)) error {
		n := 0
		err := into.take(func() (err error) {
			n, err = do()
			return err
		})
		if err == nil && n < want {
			err = fmt.Errorf("SQLite finds %d instead of %d", n, want)
		}
		return err
	}
	return errors.Join(
		ask(&s.dbInbox, 3, func() (int, error) { return db.inbox(ctx, reader(), last) }),
		ask(&s.dbRare, 1, func() (int, error) { return db.search(ctx, wordsFor(s.n)) }),
		ask(&s.dbCommon, 1, func() (int, error) { return db.search(ctx, commonWord) }))
}

// textDatabase returns a copy of a database with n messages and a full-text
// index; the original is kept from run to run.
func (b *bench) textDatabase(ctx context.Context, n int) (string, error) {
	original := filepath.Join(b.made, fmt.Sprintf("texts-%d-v%d.db", n, generatorVersion))
	if _, err := os.Stat(original); err != nil {
		if err := b.makeDatabase(ctx, original, n); err != nil {
			return "", err
		}
	}
	b.copies++
	path := filepath.Join(b.home, fmt.Sprintf("texts-%d.db", b.copies))
	return path, copyFile(original, path)
}

func (b *bench) makeDatabase(ctx context.Context, path string, n int) error {
	temp := path + ".new"
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	db, err := openDatabase(ctx, temp, "OFF")
	if err != nil {
		return err
	}
	begin := time.Now()
	err = errors.Join(db.withText(ctx), db.fill(ctx, newCorpus(mixed(n)), n), db.close())
	b.note("made a database of %s messages in %s", thousands(n), show(time.Since(begin)))
	return errors.Join(err, os.Rename(temp, path))
}

// measureGit asks git grep what was asked of skein; one look at a store this
// large is enough.
func (s *scale) measureGit(ctx context.Context, b *bench, store string) error {
	runs := 3
	if s.n > b.large {
		runs = 1
	}
	err := times(runs, &s.gitGrep, func() error {
		out, err := git(ctx, store, "grep", "-i", "-w", commonWord, "main")
		return found("git grep", out, commonWord, err)
	})
	if s.n > mirrored || err != nil {
		return err
	}
	files, err := b.original(ctx, mixture(s.n))
	if err != nil {
		return err
	}
	tree, err := newWorktree(ctx, files, store+"-worktree")
	if err != nil {
		return err
	}
	return errors.Join(times(7, &s.gitCommit, tree.committer(ctx)), b.drop(tree.dir))
}
