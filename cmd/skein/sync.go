package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newSyncCmd(a *app) *cobra.Command {
	var o gitstore.SyncOptions
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Bring the store and its remote together",
		Long: `Fetch what other machines have written, check it, put what is only here on top
of it, and push. "skein serve" does the same by itself; this is for a machine
where none is running, and to see what goes on. It may be interrupted and
repeated. Add a remote first: "skein remote add URL".

A message that the remote's rules refuse, such as one with a secret in it, stays
on this machine, and the rest is pushed without it; "skein remote show" lists
such messages. They are tried again by themselves after an hour, then less often.

If the remote does not let this machine push to main or to agents, what is new goes
to branches of its own, inbox/ and an id, until "skein sync --fold" is run where that
is allowed.

A store that was begun with "skein init --from URL --depth N" lacks older commits;
--unshallow brings them.

The exit code is 1 if it fails, or if not everything is pushed.`,
		Example: `  skein sync
  skein sync --dry-run`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Depth > 0 && o.Unshallow {
				return usage(cmd, "--depth leaves older commits away, and --unshallow brings them: give one of them")
			}
			return runSync(cmd.Context(), a, o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.DryRun, "dry-run", false, "fetch, say what would be done, and change nothing")
	flags.BoolVar(&o.Restore, "restore", false, "put branches back onto a remote that has lost them")
	flags.BoolVar(&o.Repair, "repair", false, "replace branches of the remote that hold what skein refuses")
	flags.BoolVar(&o.Retry, "retry", false, "try again to push what the remote has refused before")
	flags.BoolVar(&o.Fold, "fold", false, "take in what waits in the inboxes of machines that may not push to main or agents")
	flags.BoolVar(&o.Unshallow, "unshallow", false, "bring the older commits that a depth has left away")
	numberFlag(flags, &o.Depth, "depth", "", 1, 0, "bring no more than this many `commits` of each branch; the first sync only")
	a.jsonFlag(cmd)
	return cmd
}

type jsonSync struct {
	Remote   string             `json:"remote"`
	DryRun   bool               `json:"dry_run"`
	Fetched  int                `json:"fetched"`
	Replayed int                `json:"replayed"`
	Pushed   int                `json:"pushed"`
	Pushes   int                `json:"pushes"`
	Refused  []gitstore.Refusal `json:"refused"`
	Held     []string           `json:"held"`
	Notes    []string           `json:"notes"`
	Rescued  []string           `json:"rescued"`
	Older    int                `json:"older,omitempty"` // commits, with --unshallow
	Moved    string             `json:"moved,omitempty"`
}

func runSync(ctx context.Context, a *app, o gitstore.SyncOptions) error {
	var report *gitstore.SyncReport
	tell, end := a.stages()
	o.Progress = tell
	err := a.tending(ctx, func(s *gitstore.Store) (err error) {
		report, err = s.Sync(ctx, o)
		return err
	})
	end()
	if report == nil || err != nil && !tells(report) {
		return err
	}
	if shown := a.showSync(report, o.DryRun); err == nil {
		err = shown
	}
	return err
}

// tells tells whether a sync that failed has got somewhere before.
func tells(r *gitstore.SyncReport) bool {
	return r.Fetched+r.Pushed+len(r.Refused)+len(r.HeldBack)+len(r.Notes) > 0
}

// showSync prints a report. What was held back makes the command fail.
func (a *app) showSync(r *gitstore.SyncReport, dry bool) error {
	r.Held = append(r.Held, convert(r.HeldBack, gitstore.Held.String)...)
	result := jsonSync{r.Remote, dry, r.Fetched, r.Replayed, r.Pushed, r.Pushes, list(r.Refused), list(r.Held), list(r.Notes), list(r.Rescued), r.Older, r.Moved}
	if err := a.show(result, func(render.Terminal) string { return syncText(r, dry) }); err != nil {
		return err
	}
	return unpushed(r)
}

// unpushed is the error of a sync that has left something behind.
func unpushed(r *gitstore.SyncReport) error {
	if len(r.Held) > 0 {
		return errors.New("not everything is pushed")
	}
	return nil
}

func syncText(r *gitstore.SyncReport, dry bool) string {
	var b strings.Builder
	verb := ""
	if dry {
		verb = "would have "
	}
	fmt.Fprintf(&b, "%s%d fetched, %d pushed", verb, r.Fetched, r.Pushed)
	if r.Replayed > 0 {
		fmt.Fprintf(&b, ", %d of them put on top of what came", r.Replayed)
	}
	if r.Older > 0 {
		b.WriteString(", " + render.Count(r.Older, "older commit"))
	}
	b.WriteString(" (" + render.Line(r.Remote) + ")\n")
	return b.String() + remarks(r)
}

// remarks are what a report has to say beside its numbers, a line each.
func remarks(r *gitstore.SyncReport) string {
	var b strings.Builder
	for _, refused := range r.Refused {
		b.WriteString("refused: " + render.Line(refused.String()) + "\n")
	}
	for _, held := range r.Held {
		b.WriteString("held back: " + render.Line(held) + "\n")
	}
	for _, note := range r.Notes {
		b.WriteString("note: " + render.Line(note) + "\n")
	}
	return b.String()
}

// stages returns a function that shows on a terminal what is going on, in place
// of what was shown before, and one that wipes it.
func (a *app) stages() (tell func(string), end func()) {
	if a.json || !isTerminal(a.err) {
		return nil, func() {}
	}
	return func(text string) { fmt.Fprint(a.err, "\r\x1b[K"+render.Line(text)) },
		func() { fmt.Fprint(a.err, "\r\x1b[K") }
}

// syncer keeps stores in sync with their remotes while a command runs.
type syncer struct {
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
}

func newSyncer(ctx context.Context) *syncer {
	k := &syncer{}
	k.ctx, k.stop = context.WithCancel(ctx)
	return k
}

func (k *syncer) keep(s *gitstore.Store, p gitstore.Pace) {
	k.work.Go(func() { s.KeepSynced(k.ctx, p) })
}

// end waits until what is left is pushed, for some seconds at most. The stores
// must still be open.
func (k *syncer) end() {
	k.stop()
	k.work.Wait()
}
