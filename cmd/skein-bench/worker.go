package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"skein/gitstore"
)

// work is one process of the crowd: worker KIND PATH NUMBER POSTS. It says
// that it is ready, waits until its standard input ends, posts, prints the id
// of each message once it is acknowledged, and says when it is done. The worker
// sync PATH syncs a store.
func work(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == syncer {
		return syncOnce(ctx, args[1])
	}
	if len(args) != 4 {
		return errors.New("worker needs a kind, a path, a number and how many posts")
	}
	number, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	posts, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	post, done, err := openSink(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	c := newCorpus(mixed(1000))
	for range number * posts { // so that no two workers post the same
		c.post()
	}
	return errors.Join(postTo(ctx, post, c, posts), done())
}

// A sink takes a message and returns its id once it is durable.
type sink func(context.Context, gitstore.Post) (string, error)

func openSink(ctx context.Context, kind, path string) (sink, func() error, error) {
	if kind == "database" {
		db, err := openDatabase(ctx, path, "FULL")
		if err != nil {
			return nil, nil, err
		}
		return db.post, db.close, nil
	}
	s, err := gitstore.Open(ctx, gitstore.Options{Dir: path})
	if err != nil {
		return nil, nil, err
	}
	post := func(ctx context.Context, p gitstore.Post) (string, error) {
		m, err := s.Post(ctx, p)
		if err != nil {
			return "", err
		}
		return m.ID.String(), nil
	}
	return post, s.Close, nil
}

func postTo(ctx context.Context, post sink, c *corpus, posts int) error {
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "ready")
	if err := out.Flush(); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	for range posts {
		id, err := post(ctx, c.post())
		if err != nil {
			return err
		}
		fmt.Fprintln(out, id)
	}
	fmt.Fprintln(out, "done")
	return out.Flush()
}
