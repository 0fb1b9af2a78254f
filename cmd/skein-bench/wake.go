package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"skein/gitstore"
)

// wakeLimit is how long an agent that waits for mail may sleep on after the
// post of another process was acknowledged.
const wakeLimit = 100 * time.Millisecond

// beforeWake lets a check_inbox begin to wait before the post comes.
const beforeWake = 50 * time.Millisecond

// wake measures how soon a waiting check_inbox shows what another process has
// posted, from the moment at which that was durable.
func wake(ctx context.Context, b *bench) (rows []row, err error) {
	store, err := b.store(ctx, mixture(b.large), b.home)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.buildIndex(ctx, store), settle(ctx)); err != nil {
		return nil, err
	}
	srv, err := b.serve(ctx, store, reader(), unmirrored)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop(), b.drop(store)) }()
	other, err := gitstore.Open(ctx, gitstore.Options{Dir: store, NoMirror: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	if _, err := srv.tool("check_inbox", map[string]any{"mark_read": true}); err != nil {
		return nil, err
	}
	var woken sample
	for i := range b.looks {
		if err := wakeOnce(ctx, srv, other, &woken, fmt.Sprintf("wake-%d.", i)); err != nil {
			return nil, err
		}
	}
	what := fmt.Sprintf("wake of a waiting check_inbox by another process's post, %s messages", thousands(b.large))
	return []row{within(what, woken, 0.95, wakeLimit, "—", "—")}, nil
}

func wakeOnce(ctx context.Context, srv *server, other *gitstore.Store, woken *sample, body string) error {
	answered := make(chan error, 1)
	go func() {
		text, err := srv.tool("check_inbox", map[string]any{"wait_seconds": 20, "mark_read": true})
		if err == nil && !strings.Contains(text, body) {
			err = fmt.Errorf("the inbox should show %q: %s", body, text)
		}
		answered <- err
	}()
	select {
	case <-time.After(beforeWake):
	case err := <-answered:
		return errors.Join(err, errors.New("check_inbox did not wait"))
	}
	if _, err := other.Post(ctx, gitstore.Post{From: writer(), To: []string{reader()}, Thread: "axon/mail", Body: body}); err != nil {
		return err
	}
	return woken.take(func() error { return <-answered })
}
