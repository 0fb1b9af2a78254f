package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newRemoteCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remote",
		Short: "Say with which git repository the store is synced",
		Long: `A store may have one remote: any git repository that git can reach from here,
empty, or one that another machine's skein has pushed to. Whoever can read it
can read every message, so make it a private one.`,
		Example: `  skein remote add git@github.com:mary/talk.git
  skein remote show`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, c := range []*cobra.Command{newRemoteAddCmd(a), newRemoteShowCmd(a), newRemoteRemoveCmd(a)} {
		a.jsonFlag(c)
		cmd.AddCommand(c)
	}
	return cmd
}

func newRemoteAddCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "add URL",
		Short: "Give the store a remote",
		Long: `Give the store a remote, in place of the one it may have. Nothing is sent yet:
"skein sync" does that, and "skein serve" by itself.`,
		Example: `  skein remote add git@github.com:mary/talk.git
  skein remote add /media/stick/talk.git`,
		Args:              takes(1, 1, "the address of a git repository"),
		ValidArgsFunction: completeDirs,
		RunE:              func(cmd *cobra.Command, args []string) error { return runRemoteAdd(cmd, a, args[0]) },
	}
}

func newRemoteShowCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show the remote and how far it is",
		Long:    `Show the remote's address, when the store was last synced, what the remote does not have yet, and what keeps it from that.`,
		Example: `  skein remote show --json`,
		Args:    takes(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runRemoteShow(cmd.Context(), a) },
	}
}

func newRemoteRemoveCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "remove",
		Short:   "Sync with nothing any more",
		Long:    `Forget the remote. Neither it nor the store loses anything.`,
		Example: `  skein remote remove`,
		Args:    takes(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runRemoteRemove(cmd.Context(), a) },
	}
}

// remoteAddress checks an address. A path becomes absolute, since git runs
// elsewhere.
func remoteAddress(cmd *cobra.Command, given string) (string, error) {
	if given == "" || strings.HasPrefix(given, "-") || strings.Contains(given, "::") || strings.ContainsFunc(given, func(r rune) bool { return r <= ' ' }) {
		return "", usage(cmd, "%q is no address of a git repository", given)
	}
	if !isPath(given) {
		return given, nil
	}
	return abs(given, ".")
}

// isPath tells a path from the other addresses that git knows: URLs, and
// host:path. What is there is a path whatever it looks like, as with git.
func isPath(address string) bool {
	_, err := os.Stat(address)
	host, _, colon := strings.Cut(address, ":")
	return err == nil || !colon || strings.ContainsAny(host, `/\`) || filepath.VolumeName(address) != ""
}

func runRemoteAdd(cmd *cobra.Command, a *app, given string) error {
	address, err := remoteAddress(cmd, given)
	if err != nil {
		return err
	}
	if err := a.mustExist(); err != nil {
		return hint(err, `"skein init --from URL" makes one that begins with what is there`)
	}
	return a.changeRemote(cmd.Context(), address, `; "skein sync" sends what there is`)
}

func runRemoteRemove(ctx context.Context, a *app) error { return a.changeRemote(ctx, "", "") }

func (a *app) changeRemote(ctx context.Context, address, next string) error {
	var state *gitstore.RemoteState
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		if err := s.SetRemote(ctx, address); err != nil {
			return err
		}
		state, err = s.RemoteState(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return a.show(toJSONRemote(state), func(render.Terminal) string {
		if state.URL == "" {
			return "the store has no remote\n"
		}
		return "the remote is " + render.Line(state.URL) + next + "\n"
	})
}

type jsonRemote struct {
	URL      string     `json:"url,omitempty"`
	Unpushed int        `json:"unpushed"`
	LastTry  string     `json:"last_try,omitempty"`
	LastSync string     `json:"last_sync,omitempty"`
	Problem  string     `json:"problem,omitempty"`
	Moved    string     `json:"moved,omitempty"`
	Held     []jsonHeld `json:"held,omitempty"`
	Barred   []jsonBar  `json:"barred,omitempty"`
}

type jsonBar struct {
	Branch string `json:"branch"`
	Inbox  string `json:"inbox,omitempty"`
	Reason string `json:"reason"`
	Again  string `json:"again"`
}

type jsonHeld struct {
	ID     string `json:"id"`
	From   string `json:"from"`
	What   string `json:"what"`
	Reason string `json:"reason"`
	Since  string `json:"since"`
	Again  string `json:"again"`
}

func toJSONRemote(r *gitstore.RemoteState) jsonRemote {
	return jsonRemote{r.URL, r.Unpushed, stampOrNone(r.LastTry), stampOrNone(r.LastSync), r.Problem, r.Moved,
		convert(r.Held, func(h gitstore.Held) jsonHeld {
			return jsonHeld{h.ID.String(), h.From, h.What, h.Reason, stampOrNone(h.Since), stampOrNone(h.Again)}
		}),
		convert(r.Barred, func(b gitstore.Bar) jsonBar {
			return jsonBar{b.Branch, b.Inbox, b.Reason, stampOrNone(b.Again)}
		})}
}

func stampOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func runRemoteShow(ctx context.Context, a *app) error {
	var state *gitstore.RemoteState
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		state, err = s.RemoteState(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if state.URL == "" && !a.json {
		return gitstore.ErrNoRemote
	}
	return a.show(toJSONRemote(state), func(render.Terminal) string { return remoteText(state) })
}

func remoteText(r *gitstore.RemoteState) string {
	var b strings.Builder
	b.WriteString(render.Line(r.URL) + "\n")
	if r.LastSync.IsZero() {
		b.WriteString("never synced\n")
	} else {
		fmt.Fprintf(&b, "synced %s\n", r.LastSync.Local().Format("2006-01-02 15:04"))
	}
	if r.Unpushed > 0 {
		fmt.Fprintf(&b, "%s not pushed yet\n", render.Count(r.Unpushed, "event"))
	}
	if r.Moved != "" {
		b.WriteString("moved: " + render.Line(gitstore.MovedSentence(r.Moved)) + "\n")
	}
	if r.Problem != "" {
		b.WriteString("problem: " + render.Line(r.Problem) + "\n")
	}
	for _, bar := range r.Barred {
		b.WriteString("barred: " + render.Line(bar.String()) + "\n")
	}
	for _, held := range r.Held {
		b.WriteString("held back: " + render.Line(held.String()) + "\n")
	}
	return b.String()
}
