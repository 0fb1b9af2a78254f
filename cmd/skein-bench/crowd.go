package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// crowd lets many processes post to one store while git packs its refs and
// collects garbage in it without pause, and as many insert into one database
// while git does the same in a copy of the store.
func crowd(ctx context.Context, b *bench) ([]row, error) {
	p := b.places[len(b.places)-1] // with a journal, where there is one
	var skein, base sample
	var tally tally
	for range b.rounds {
		took, t, err := b.crowdOnStore(ctx, p)
		if err != nil {
			return nil, err
		}
		skein, tally = append(skein, took), t
		if took, err = b.crowdOnDatabase(ctx, p); err != nil {
			return nil, err
		}
		base = append(base, took)
	}
	return b.crowdRows(skein, base, tally, p), nil
}

func (b *bench) crowdRows(skein, base sample, t tally, p place) []row {
	total := b.writers * b.each
	load := fmt.Sprintf("%d processes × %d posts beside looping `git pack-refs --all` and `git gc`, %s", b.writers, b.each, p.fs)
	speed := float64(base.median()) / float64(skein.median())
	perSecond := func(s sample) string { return fmt.Sprintf("%.0f/s", float64(total)/s.median().Seconds()) }
	return []row{
		{
			what: load, skein: perSecond(skein), baseline: "SQLite FULL " + perSecond(base),
			ratio: number(speed) + "×", goal: "≥ 0.5×", met: met(speed >= 0.5),
		},
		{
			what: "the same: what became of the posts", baseline: "—", ratio: "—",
			skein: fmt.Sprintf("%s acknowledged, %s found, %s commits in a line, fsck clean", thousands(t.acknowledged), thousands(t.found), thousands(t.commits)),
			goal:  fmt.Sprintf("all %s", thousands(total)), met: met(t == tally{total, total, total}),
		},
	}
}

func (b *bench) crowdOnStore(ctx context.Context, p place) (time.Duration, tally, error) {
	store, err := b.store(ctx, mixture(b.middle), p.dir)
	if err != nil {
		return 0, tally{}, err
	}
	before, err := commitsInLine(ctx, store)
	if err != nil {
		return 0, tally{}, err
	}
	took, ids, err := b.stampede(ctx, "store", store, store)
	if err != nil {
		return 0, tally{}, err
	}
	t, err := count(ctx, store, ids)
	t.commits -= before
	return took, t, errors.Join(err, b.drop(store))
}

func (b *bench) crowdOnDatabase(ctx context.Context, p place) (time.Duration, error) {
	beside, err := b.store(ctx, mixture(b.middle), p.dir)
	if err != nil {
		return 0, err
	}
	path := beside + ".db"
	db, err := openDatabase(ctx, path, "FULL")
	if err != nil {
		return 0, err
	}
	if err := errors.Join(db.fill(ctx, newCorpus(mixed(b.middle)), b.middle), db.close()); err != nil {
		return 0, err
	}
	took, ids, err := b.stampede(ctx, "database", path, beside)
	if err == nil && len(ids) != b.writers*b.each {
		err = fmt.Errorf("the database took only %d", len(ids))
	}
	return took, errors.Join(err, b.drop(beside, path))
}

// stampede starts the workers, lets them all go at once with git looping in
// repository, and returns how long it took until the last post was
// acknowledged, and the ids of all.
func (b *bench) stampede(ctx context.Context, kind, path, repository string) (time.Duration, []string, error) {
	workers := make([]*worker, b.writers)
	for i := range workers {
		w, err := b.hire(ctx, kind, path, i)
		if err != nil {
			return 0, nil, err
		}
		workers[i] = w
	}
	looping, stop := context.WithCancel(ctx)
	loops := loop(looping, repository, []string{"pack-refs", "--all"}, []string{"gc", "--quiet"})
	begin := time.Now()
	err := release(workers)
	took := time.Since(begin)
	stop()
	rounds := loops()
	b.note("%s: %s for %d posts; pack-refs ran %d times, gc %d times", kind, show(took), b.writers*b.each, rounds[0], rounds[1])
	var ids []string
	for _, w := range workers {
		ids = append(ids, w.ids...)
		err = errors.Join(err, w.cmd.Wait())
	}
	return took, ids, err
}

// loop runs each git command again and again until ctx ends; see repeat. Now
// and then a command fails because the other one is at work; so it is when
// people use git.
func loop(ctx context.Context, repository string, commands ...[]string) func() []int {
	jobs := make([]func(context.Context) error, len(commands))
	for i, args := range commands {
		jobs[i] = func(ctx context.Context) error {
			_, err := git(ctx, repository, args...)
			return err
		}
	}
	return repeat(ctx, jobs...)
}

// repeat does each job again and again until ctx ends. The function that it
// returns waits for the end and says how often each was done without an error.
func repeat(ctx context.Context, jobs ...func(context.Context) error) func() []int {
	rounds := make([]int, len(jobs))
	var group errgroup.Group
	for i, job := range jobs {
		group.Go(func() error {
			for ctx.Err() == nil {
				// Killed in the middle, git gc would leave its lock behind.
				if err := job(context.WithoutCancel(ctx)); err == nil {
					rounds[i]++
				}
			}
			return nil
		})
	}
	return func() []int {
		_ = group.Wait()
		return rounds
	}
}

// worker is a process that posts.
type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	ids []string // acknowledged
}

// hire starts a worker and waits until it is ready.
func (b *bench) hire(ctx context.Context, kind, path string, number int) (*worker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &worker{cmd: exec.CommandContext(ctx, self, "worker", kind, path, strconv.Itoa(number), strconv.Itoa(b.each))}
	w.cmd.Stderr = os.Stderr
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewScanner(out)
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	if !w.out.Scan() || w.out.Text() != "ready" {
		return nil, fmt.Errorf("worker %d did not begin", number)
	}
	return w, nil
}

// release lets all workers go and returns when the last has posted everything.
func release(workers []*worker) error {
	var group errgroup.Group
	for _, w := range workers {
		if err := w.in.Close(); err != nil {
			return err
		}
		group.Go(func() error {
			for w.out.Scan() {
				if w.out.Text() == "done" {
					return nil
				}
				w.ids = append(w.ids, w.out.Text())
			}
			return errors.New("a worker ended early")
		})
	}
	return group.Wait()
}

// tally is what became of the posts.
type tally struct{ acknowledged, found, commits int }

// count asks git what is in the store. The ids are whole, or all short ones.
func count(ctx context.Context, store string, ids []string) (tally, error) {
	t := tally{acknowledged: len(ids)}
	trailers, err := git(ctx, store, "log", "--format=%(trailers:key=Skein-Id,valueonly,separator=)", "main")
	if err != nil {
		return t, err
	}
	times := map[string]int{}
	for _, id := range strings.Fields(trailers) {
		if len(ids) > 0 {
			times[id[len(id)-len(ids[0]):]]++
		}
	}
	for _, id := range ids {
		if times[id] == 1 {
			t.found++
		}
	}
	if t.commits, err = commitsInLine(ctx, store); err != nil {
		return t, err
	}
	_, err = git(ctx, store, "fsck", "--strict", "--no-dangling")
	return t, err
}

// commitsInLine counts the commits of main, and fails if one has two parents.
func commitsInLine(ctx context.Context, store string) (int, error) {
	merges, err := git(ctx, store, "rev-list", "--count", "--min-parents=2", "main")
	if err != nil {
		return 0, err
	}
	if merges != "0" {
		return 0, fmt.Errorf("%s merge commits in %s", merges, filepath.Base(store))
	}
	n, err := git(ctx, store, "rev-list", "--count", "main")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(n)
}
