package main

import (
	"context"
	"fmt"
	"time"
)

// inboxes holds a look into the inbox, after three messages have come, against
// its bound, and the largest store against the one a tenth its size.
func inboxes(ctx context.Context, b *bench) ([]row, error) {
	large, err := b.scaled(ctx, b.large)
	if err != nil {
		return nil, err
	}
	huge, err := b.scaled(ctx, b.huge)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, s := range []*scale{large, huge} {
		what := fmt.Sprintf("check_inbox with 3 new messages, warm server, %s messages", thousands(s.n))
		rows = append(rows, within(what, s.inbox, 0.95, 5*time.Millisecond,
			"SQLite "+show(s.dbInbox.median()), number(ratio(s.inbox, s.dbInbox))+"×"))
	}
	r := atMost(fmt.Sprintf("check_inbox, %s against %s messages", thousands(huge.n), thousands(large.n)),
		huge.inbox, large.inbox, "skein, at "+thousands(large.n), 1.5)
	return append(rows, r), nil
}

// searches holds searches against their bounds, SQLite's and git's.
func searches(ctx context.Context, b *bench) ([]row, error) {
	s, err := b.scaled(ctx, b.large)
	if err != nil {
		return nil, err
	}
	at := thousands(s.n) + " messages"
	rows := []row{
		within("search, rare word, top 20, warm server, "+at, s.rare, 0.95, 5*time.Millisecond,
			"SQLite FTS5 "+show(s.dbRare.median()), number(ratio(s.rare, s.dbRare))+"×"),
		within("search, word in every second message, top 20, warm server, "+at, s.common, 0.95, 50*time.Millisecond,
			"SQLite FTS5 "+show(s.dbCommon.median()), number(ratio(s.common, s.dbCommon))+"×"),
		within("`skein search`, rare word, whole process, "+at, s.cold, 0.5, 60*time.Millisecond, "—", "—"),
		within("`skein search`, common word, whole process, "+at, s.coldCommon, 0.5, 60*time.Millisecond, "—", "—"),
	}
	r := atMost("`skein search`, common word, whole process, "+at, s.coldCommon, s.gitGrep, "git grep", 1.0/20)
	r.ratio, r.goal = fmt.Sprintf("1/%.0f", 1/ratio(s.coldCommon, s.gitGrep)), "≤ 1/20"
	return append(rows, r), nil
}

// catchUps holds the making of the index against its bounds.
func catchUps(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	for _, n := range []int{b.large, b.huge} {
		s, err := b.scaled(ctx, n)
		if err != nil {
			return rows, err
		}
		speed := float64(n) / s.catchUp.median().Seconds()
		rows = append(rows, row{
			what:     fmt.Sprintf("index from nothing, %s messages, with the start of the server that makes it", thousands(n)),
			skein:    fmt.Sprintf("%s messages/s (%s)", thousands(int(speed)), show(s.catchUp.median())),
			baseline: "—", ratio: "—", goal: "≥ 20,000/s", met: met(speed >= 20_000),
		}, within(fmt.Sprintf("index by 1 new message, with the check_inbox that asks for it, %s messages", thousands(n)),
			s.one, 0.95, 5*time.Millisecond, "—", "—"))
	}
	return rows, nil
}

// firstInbox holds the start of a server against its bound.
func firstInbox(ctx context.Context, b *bench) ([]row, error) {
	s, err := b.scaled(ctx, b.huge)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("start of `skein serve` to the first check_inbox, %s messages", thousands(s.n))
	return []row{within(what, s.start, 0.5, 100*time.Millisecond, "—", "—")}, nil
}

// maxLongMemory is how much memory a server may hold after a long session.
const maxLongMemory = 80_000_000

func longMemory(ctx context.Context, b *bench) ([]row, error) {
	s, err := b.scaled(ctx, b.huge)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("memory of `skein serve` after %s mixed calls, %s messages", thousands(b.calls), thousands(s.n))
	if s.resident == 0 {
		return []row{onlyLinux(what)}, nil
	}
	return []row{{
		what: what, baseline: "—", ratio: "—",
		skein: fmt.Sprintf("%s resident, %s of it anonymous (PSS %s)", megabytes(s.resident), megabytes(s.anonymous), megabytes(s.shared)),
		goal:  "≤ " + megabytes(maxLongMemory) + " resident", met: met(s.resident <= maxLongMemory),
	}}, nil
}
